// A handler group: the calls that wait for JavaScript, taken in common by the isolates that share the group.
// That common queue is request-level work stealing: an isolate that is free takes, one that is blocked does
// not.
//
// A lane is a bounded MPMC ring after Dmitry Vyukov ("Bounded MPMC queue", 1024cores): each cell carries the
// turn in which it may be written or read, so producers and consumers meet in one cell only when the ring is
// full or empty. A group has a lane for each priority that its methods use, mostly one. Go's per-P queues
// were rejected here: a JS call can run on any isolate of its group and on no other thread.
//
// Who is woken. An isolate that has found the group empty parks its seat; a push takes one parked seat and
// wakes that isolate, as Go's wakep wakes one M: an isolate that is at work needs no wake, because it looks
// again before it parks. Rejected: to wake all (each call would cost n - 1 threads a trip for nothing); to
// wake one that has not parked (it may be at work on one slow call while others sleep). An isolate whose loop
// is blocked by other work than ours is parked all the same, so the P that feeds a shared group calls
// notify() again a few milliseconds later for as long as calls wait (Server::calls_pushed).
#pragma once

#include <atomic>
#include <cstdint>

#include "memory/cache.h"
#include "server/record.h"

namespace tailrace::server {

/** Told that calls wait. Implemented by the binding (uv_async_send); called from any thread that owns a P. */
class GroupListener {
 public:
  virtual void calls_wait() noexcept = 0;

 protected:
  ~GroupListener() = default;
};

class HandlerGroup {
 public:
  static constexpr uint32_t kMaxIsolates = 1024;
  static constexpr uint32_t kMaxLanes = 3;
  /** An isolate's place in the group; see join(). */
  using Seat = uint32_t;
  static constexpr Seat kNoSeat = UINT32_MAX;

  /**
   * A group that holds at most `bound` calls (1 to 2^24) in `lanes` lanes, with one reference; null when
   * memory is out. `p` feeds it and is kept from being used again as long as the group lives, so that a late
   * answer finds it (null: the owner of the P outlives the group, as in tests).
   */
  static HandlerGroup* create(memory::Cache& cache, sched::P* p, uint32_t bound, uint32_t lanes = 1) noexcept;
  void retain() noexcept;
  /** The last one frees the group; calls still inside are the caller's to take first (give_back_all). */
  void release(memory::Cache& cache) noexcept;

  /** Puts a call at the end of its lane; false when the bound is reached: the caller sheds the request. With
   * several lanes and several producers a few calls more than the bound may get in. */
  [[nodiscard]] bool push(Call& call) noexcept;
  /** The oldest call of the highest lane that has one, or null. Any isolate of the group. */
  [[nodiscard]] Call* pop() noexcept;
  /** Takes all calls out and gives them back unanswered: the server is gone. */
  void give_back_all() noexcept;
  /** Calls waiting; a snapshot. */
  uint32_t size() const noexcept;
  uint32_t bound() const noexcept { return bound_; }
  bool full() const noexcept { return size() >= bound_; }
  /** The lane of a call that has no priority. */
  uint8_t normal_lane() const noexcept { return lane_count_ > 1 ? 1 : 0; }
  /** The P that feeds the group. */
  sched::P* p() const noexcept { return p_; }

  /** A seat for an isolate, not parked; kNoSeat when all are taken. */
  Seat join(GroupListener& listener) noexcept;
  /** After it returns the listener is not called any more: waits for a notify() that is under way. */
  void leave(Seat seat) noexcept;
  /**
   * The isolate found nothing: from now on a push wakes it. `open` calls of its own are under way (their
   * timers and continuations would wait for a slow one). False: something came meanwhile, look again.
   */
  [[nodiscard]] bool park(Seat seat, uint32_t open = 0) noexcept;
  /** The isolate is about to look. */
  void unpark(Seat seat) noexcept;

  /** After push(): of the isolates that have parked, if any, wakes one that has the fewest calls under way.
   */
  void notify() noexcept;
  /** Wakes all, parked or not: there is news that is not a call. */
  void alert() noexcept;
  /** A peer went away or a deadline passed: those who hold AbortSignals look (and are woken). */
  void cancelled() noexcept;
  /** Moves with each cancelled(). */
  // relaxed: a hint; what was cancelled says the record
  uint32_t cancellations() const noexcept { return cancellations_.load(std::memory_order_relaxed); }

 private:
  struct Cell {
    std::atomic<uint32_t> turn;
    Call* call;
  };
  struct Lane {
    Cell* cells = nullptr;
    alignas(64) std::atomic<uint32_t> tail{0};
    alignas(64) std::atomic<uint32_t> head{0};
  };
  struct Place {
    std::atomic<GroupListener*> listener{nullptr};
    std::atomic<bool> parked{false};
    std::atomic<uint32_t> open{0};
  };

  HandlerGroup(sched::P* p, uint32_t capacity, uint32_t bound, uint32_t lanes) noexcept;
  ~HandlerGroup() = default;
  bool push(Lane& lane, Call& call) noexcept;
  Call* pop(Lane& lane) noexcept;
  static uint32_t size(const Lane& lane) noexcept;
  /** False: nobody sits there any more. */
  bool ring(Place& place) noexcept;

  sched::P* p_;
  uint32_t mask_;
  uint32_t bound_;
  uint32_t lane_count_;
  Lane lanes_[kMaxLanes];
  alignas(64) std::atomic<uint32_t> seats_{0};  // ever used
  std::atomic<uint32_t> next_{0};               // where notify() begins to look
  std::atomic<uint32_t> cancellations_{0};
  std::atomic<uint32_t> ringing_{0};
  std::atomic<uint32_t> references_{1};
  Place places_[kMaxIsolates];
};

}  // namespace tailrace::server
