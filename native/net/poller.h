// The poller: one epoll set, edge-triggered, that returns a list of what became ready and calls nobody back.
//
// A descriptor stands in a slot, and a slot is never unmapped and carries a sequence number: an event may
// arrive after its descriptor was closed, in the same batch even, and must then find a place that can say
// "too late" (as Go's pollDesc with fdseq). The slots are reserved address space, committed as they are
// needed.
//
// Its eventfd (wake) and timerfd (deadline) stand in the same set: they are the only ways to wake the owner,
// and both are edge-triggered, so that neither is ever read: a new write, a new expiry is a new edge.
//
// Only the owner of the P calls these, but for wake() and has_ready(), which any thread may call.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/status.h"
#include "base/waiter.h"

namespace tailrace::net {

/** Names a registered descriptor. A stale one is recognised: remove() of it does nothing. */
struct Slot {
  uint32_t index = UINT32_MAX;
  uint32_t sequence = 0;
  bool valid() const noexcept { return index != UINT32_MAX; }
};

/** What a wait brought. Whoever sees `woken` must look into its inbox after the wait, not only before it. */
struct WaitResult {
  uint32_t events = 0;    // Waiters that were put on the list, or had events added
  bool woken = false;     // wake() was called since the last wait
  bool deadline = false;  // the deadline passed; it is disarmed now
  bool full = false;      // the batch was full: there may be more, poll again before you block
};

class Poller {
 public:
  static constexpr uint32_t kMaxSlots = 1u << 20;
  static constexpr uint64_t kNoDeadline = UINT64_MAX;

  Poller() noexcept = default;
  ~Poller();
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  /** Makes the epoll set, the eventfd and the timerfd. On failure nothing is left open. */
  Status open() noexcept;
  /** Closes them. Descriptors that are still registered are their owner's. Nobody may be in wake() any more.
   */
  void close() noexcept;
  bool is_open() const noexcept { return epoll_ >= 0; }

  /**
   * Registers `fd`, edge-triggered, for reading, writing and the peer's end. What is already ready is
   * reported by the next wait. Error::limit_exceeded when all slots are taken; system errors as epoll_ctl has
   * them.
   */
  Result<Slot> add(int fd, Waiter& waiter) noexcept;
  /** Same for reading only: a listener, a pipe. */
  Result<Slot> add_readable(int fd, Waiter& waiter) noexcept;
  /** Takes the descriptor out; call it before closing the descriptor. The Waiter may still stand on a ready
   * list. */
  void remove(Slot slot) noexcept;
  uint32_t registered() const noexcept { return registered_; }

  /** The epoll descriptor: readable when something is ready. For a host loop to watch, never to wait on. */
  int fd() const noexcept { return epoll_; }

  /** Waits at most timeout_ms (0: not at all, negative: for ever) and appends what is ready to `ready`. */
  Result<WaitResult> wait(int timeout_ms, WaiterList& ready) noexcept;

  /** Any thread: makes a wait return, now or next. Calls that come before that wait are one write. */
  void wake() noexcept;
  /** Any thread: true when wait(0) would bring something. Consumes nothing. */
  bool has_ready() const noexcept;

  /**
   * Arms the timerfd for a monotonic time, or disarms it (kNoDeadline). No system call when it is already
   * armed for that time, or for an earlier one: then the earlier one fires, and the owner arms again.
   */
  Status set_deadline(uint64_t at_ns) noexcept;
  uint64_t deadline_ns() const noexcept { return deadline_ns_; }

 private:
  struct Entry;
  Result<Slot> add_with(int fd, Waiter& waiter, uint32_t interest) noexcept;
  bool grow() noexcept;

  int epoll_ = -1;
  int event_ = -1;
  int timer_ = -1;
  uint32_t registered_ = 0;
  uint32_t free_ = UINT32_MAX;  // index of the first free slot
  uint32_t committed_ = 0;      // slots that are backed by memory
  Entry* entries_ = nullptr;
  uint64_t deadline_ns_ = kNoDeadline;
  std::atomic<bool> wake_pending_{false};
};

}  // namespace tailrace::net
