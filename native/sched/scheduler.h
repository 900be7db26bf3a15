// The scheduler of compute Gs: native Ps, each bound to one native M (a Worker), the global queue, stealing,
// parking and waking.
//
// An M and its P stay together (as in tokio, unlike Go): our Gs do not make blocking system calls, which is
// what Go's M without a P is for; and a timer wheel whose M sleeps needs nobody else to look after it.
//
// Internal to sched, but for procs().
#pragma once

#include <atomic>
#include <cstdint>

#include "base/lock.h"
#include "base/status.h"
#include "sched/p.h"
#include "sched/runtime.h"

namespace tailrace::memory {
class Cache;
}

namespace tailrace::sched {

/** A native M and its native P. Never freed. */
struct Worker {
  P* p = nullptr;
  uint32_t index = 0;
  uint32_t random = 1;
  std::atomic<uint32_t> token{0};  // 1: wake up
  bool spinning = false;           // counted in Scheduler::spinning_; own, or under the lock while idle
  bool idle = false;               // in the idle list; under the lock
};

class Scheduler {
 public:
  constexpr Scheduler() noexcept = default;

  /** How many native Ps may run Gs at once; the CPUs of this process (cgroup-aware) unless set. */
  uint32_t procs() noexcept;
  /** Sets it: 1 … kMaxProcs (clamped). Takes effect while running; returns what it was before. */
  uint32_t set_procs(uint32_t count) noexcept;

  /** New work was made visible in some queue: if nobody looks for work and somebody could, wakes or starts
   * one. */
  void wake() noexcept;
  /** Wakes the M that may sleep with this P. */
  void wake_owner(P& p) noexcept;

  void push_global(G* first, G* last, uint32_t count) noexcept;
  G* pop_global() noexcept;
  /** All Gs of a P that stops running them go to the global queue. Its owner. */
  void take_over(P& p) noexcept;
  /** Makes sure that there is at least one worker. */
  bool ensure_worker() noexcept;
  /** A native P that lives for ever; null before ensure_worker(). */
  P* any_native_p() noexcept;

  /** For threads that run no P: the frame of a new G. */
  void* allocate_shared(size_t bytes) noexcept;
  uint64_t next_ids(uint32_t count) noexcept {
    return ids_.fetch_add(count, std::memory_order_relaxed);  // a number, nothing more
  }
  SharedCounter gs_made_elsewhere;

  struct Counts {
    uint32_t workers, idle, spinning, global;
  };
  Counts counts() const noexcept;

  static bool retired(const Worker& worker) noexcept;

 private:
  static void main(void* worker) noexcept;
  void run(Worker& worker) noexcept;
  bool find_work(Worker& worker) noexcept;
  bool steal(Worker& worker) noexcept;
  bool grab_global(Worker& worker) noexcept;
  bool may_spin() const noexcept;
  void stop_spinning(Worker& worker) noexcept;
  void park(Worker& worker) noexcept;
  bool any_work() const noexcept;
  bool start_worker(bool spinning) noexcept;
  void remove_idle(Worker& worker) noexcept;  // under the lock
  static void unpark(Worker& worker) noexcept;

  Mutex lock_{LockRank::sched_global};
  G* global_first_ = nullptr;
  G* global_last_ = nullptr;
  Worker* workers_[kMaxProcs] = {};  // under the lock
  uint32_t idle_[kMaxProcs] = {};
  bool starting_ = false;
  memory::Cache* shared_cache_ = nullptr;
  Mutex shared_cache_lock_{LockRank::sched_sleep};
  std::atomic<uint64_t> ids_{1};
  std::atomic<uint32_t> procs_{0};  // 0: not asked yet
  std::atomic<uint32_t> cores_{0};
  alignas(64) std::atomic<uint32_t> spinning_{0};
  std::atomic<uint32_t> idle_count_{0};
  std::atomic<uint32_t> started_{0};
  std::atomic<uint32_t> global_size_{0};
};

Scheduler& scheduler() noexcept;

}  // namespace tailrace::sched
