// A handler group: the calls that wait for JavaScript, taken in common by the isolates that share the group.
// That common queue is request-level work stealing: an isolate that is free takes, one that is blocked does
// not.
//
// A bounded MPMC ring after Dmitry Vyukov ("Bounded MPMC queue", 1024cores): each cell carries the turn in
// which it may be written or read, so producers and consumers meet in one cell only when the ring is full or
// empty. Go's per-P queues were rejected here: a JS call can run on any isolate of its group and on no other
// thread.
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
  static constexpr uint32_t kMaxIsolates = 64;

  /** A group that holds at most `bound` calls (1 to 2^24); null when memory is out. */
  static HandlerGroup* create(memory::Cache& cache, uint32_t bound) noexcept;
  /** Once no P pushes and no isolate listens any more; calls still inside are the caller's to take first. */
  void destroy(memory::Cache& cache) noexcept;

  /** Puts a call at the end; false when the bound is reached: the caller sheds the request. */
  [[nodiscard]] bool push(Call& call) noexcept;
  /** The oldest call, or null. Any isolate of the group. */
  [[nodiscard]] Call* pop() noexcept;
  /** Calls waiting; a snapshot. */
  uint32_t size() const noexcept;
  uint32_t bound() const noexcept { return bound_; }

  /** Wakes the isolates, once until one of them has called `listening`. */
  void notify() noexcept;
  /** An isolate is about to drain: the next push after this wakes it again. */
  void listening() noexcept;
  /** A peer went away or a deadline passed: those who hold AbortSignals look (and are woken). */
  void cancelled() noexcept;
  /** Moves with each cancelled(). */
  // relaxed: a hint; what was cancelled says the record
  uint32_t cancellations() const noexcept { return cancellations_.load(std::memory_order_relaxed); }
  bool add_listener(GroupListener& listener) noexcept;
  /** After it returns the listener is not called any more: waits for a `notify` that is under way. */
  void remove_listener(GroupListener& listener) noexcept;

 private:
  struct Cell {
    std::atomic<uint32_t> turn;
    Call* call;
  };

  HandlerGroup(Cell* cells, uint32_t capacity, uint32_t bound) noexcept;
  ~HandlerGroup() = default;

  Cell* cells_;
  uint32_t mask_;
  uint32_t bound_;
  alignas(64) std::atomic<uint32_t> tail_{0};
  alignas(64) std::atomic<uint32_t> head_{0};
  alignas(64) std::atomic<bool> notified_{false};
  std::atomic<uint32_t> cancellations_{0};
  std::atomic<uint32_t> notifying_{0};
  std::atomic<GroupListener*> listeners_[kMaxIsolates] = {};
};

}  // namespace tailrace::server
