// Parking and waking, the order of the barriers (the model is model/park.pml). Go's protocol, with its fix of
// 2022 (needspinning) in the shape of one rule: spinning_ goes down under the lock or before a fence and a
// look.
//
//   submitter (wake):   make the work visible in a queue ; FENCE ; if spinning_ > 0 or nobody is idle, done ;
//                       CAS spinning_ 0 -> 1 ; LOCK, pop an idle worker, or start one, or (none) spinning_ -
//                       1
//   worker (park):      LOCK, push itself to the idle list, spinning_ - 1 if it spun ; FENCE ; look at all
//   queues ;
//                       if there is work, take itself out of the list and spin ; else sleep
//   spinner with work:  spinning_ - 1 ; if it was the last, wake() another one: there may be more
//
// The fences are partners: if the submitter read "someone spins" or "nobody idle" of a worker that was about
// to sleep, that worker's fence came later, and it sees the work. A submitter that won the CAS and then finds
// nobody must give the count back *inside* the lock: otherwise a second submitter can see its count after the
// last worker has looked for the last time, and its work lies there until something else happens (found in
// Go 1.18).
//
// Rejected: waking one worker for each G (they wake to find nothing), a handover of the G to the woken M (its
// data is in the submitter's cache, and the submitter is often out of work a moment later), timed spinning
// (three spinners on two cores ruin the latency: a spinner makes four rounds over the queues and then
// sleeps).
#include "sched/scheduler.h"

#include <new>

#include "base/check.h"
#include "base/fence.h"
#include "base/os.h"
#include "base/timer_wheel.h"
#include "base/trace.h"
#include "memory/cache.h"
#include "net/poller.h"
#include "sched/g.h"

namespace tailrace::sched {

namespace {
constinit Scheduler the_scheduler;
constexpr uint32_t kStealRounds = 4;
}  // namespace

Scheduler& scheduler() noexcept { return the_scheduler; }

// ------------------------------------------------------------------ procs

uint32_t Scheduler::procs() noexcept {
  uint32_t procs = procs_.load(std::memory_order_relaxed);  // a number, nothing more; so below
  if (procs) return procs;
  uint32_t cores = os::cpu_count();
  cores_.store(cores, std::memory_order_relaxed);
  if (cores > kMaxProcs) cores = kMaxProcs;
  uint32_t none = 0;
  procs_.compare_exchange_strong(none, cores, std::memory_order_relaxed);
  return procs_.load(std::memory_order_relaxed);
}

bool Scheduler::retired(const Worker& worker) noexcept { return worker.index >= scheduler().procs(); }

uint32_t Scheduler::set_procs(uint32_t count) noexcept {
  const uint32_t before = procs();
  if (count < 1) count = 1;
  if (count > kMaxProcs) count = kMaxProcs;
  Worker* wake_up[kMaxProcs];
  uint32_t to_wake = 0;
  {
    LockGuard guard(lock_);
    procs_.store(count, std::memory_order_relaxed);
    const uint32_t started = started_.load(std::memory_order_relaxed);
    // Those that retire give away what they have; those that return look for work.
    for (uint32_t i = count < before ? count : before; i < started; i++) {
      if (workers_[i]->idle) remove_idle(*workers_[i]);
      wake_up[to_wake++] = workers_[i];
    }
  }
  for (uint32_t i = 0; i < to_wake; i++) unpark(*wake_up[i]);
  wake();
  return before;
}

// ------------------------------------------------------------------ waking

void Scheduler::unpark(Worker& worker) noexcept {
  // release: partner of the acquire in park
  worker.token.store(1, std::memory_order_release);
  os::futex_wake(worker.token, 1);
}

void Scheduler::wake_owner(P& p) noexcept {
  if (p.worker_) {
    unpark(*p.worker_);
  } else {
    p.poller_->wake();
  }
}

void Scheduler::wake() noexcept {
  fence_seq_cst();  // partner: park
  if (spinning_.load(std::memory_order_relaxed) != 0) return;
  const uint32_t procs_now = procs();
  if (idle_count_.load(std::memory_order_relaxed) == 0 &&
      started_.load(std::memory_order_relaxed) >= procs_now) {
    return;
  }
  uint32_t none = 0;
  // acq_rel: one waker at a time; ordered against park by the lock below
  if (!spinning_.compare_exchange_strong(none, 1, std::memory_order_acq_rel, std::memory_order_relaxed))
    return;
  Worker* worker = nullptr;
  bool start = false;
  {
    LockGuard guard(lock_);
    const uint32_t idle = idle_count_.load(std::memory_order_relaxed);
    if (idle != 0) {
      worker = workers_[idle_[idle - 1]];
      remove_idle(*worker);
      worker->spinning = true;
    } else if (started_.load(std::memory_order_relaxed) < procs_now && !starting_) {
      starting_ = start = true;
    } else {
      spinning_.fetch_sub(1, std::memory_order_relaxed);  // inside the lock: see above
    }
  }
  if (worker) {
    unpark(*worker);
  } else if (start) {
    (void)start_worker(true);
  }
}

bool Scheduler::start_worker(bool spinning) noexcept {
  Worker* worker = new (std::nothrow) Worker();
  bool ok = worker != nullptr;
  if (ok) {
    auto p = runtime().take_p(false);
    ok = p.ok();
    if (ok) {
      worker->p = *p;
      worker->spinning = spinning;
      worker->p->worker_ = worker;
      (void)worker->p->word_.change(worker->p->word_.load(), PStatus::running, kIsolateOwner - 1);
    }
  }
  if (ok) {
    {
      LockGuard guard(lock_);
      const uint32_t index = started_.load(std::memory_order_relaxed);
      worker->index = index;
      worker->random = index * 2654435761u + 1;
      workers_[index] = worker;
      started_.store(index + 1,
                     std::memory_order_relaxed);  // readers hold the lock, or only compare the number
      starting_ = false;
    }
    if (os::thread_start(&Scheduler::main, worker, "tailrace-g").ok()) return true;
    LockGuard guard(lock_);
    // Nobody else starts one before starting_ is seen false, so it is still the last.
    if (started_.load(std::memory_order_relaxed) == worker->index + 1) {
      started_.store(worker->index, std::memory_order_relaxed);
      workers_[worker->index] = nullptr;
    }
    if (spinning) spinning_.fetch_sub(1, std::memory_order_relaxed);
    return false;  // the P and the Worker stay: 30 KB, once in a process that can start no thread
  }
  delete worker;
  LockGuard guard(lock_);
  starting_ = false;
  if (spinning) spinning_.fetch_sub(1, std::memory_order_relaxed);
  return false;
}

bool Scheduler::ensure_worker() noexcept {
  if (started_.load(std::memory_order_relaxed) != 0) return true;
  (void)procs();
  {
    LockGuard guard(lock_);
    if (started_.load(std::memory_order_relaxed) != 0) return true;
    if (starting_) return true;  // somebody is at it
    starting_ = true;
  }
  return start_worker(false);
}

P* Scheduler::any_native_p() noexcept {
  LockGuard guard(lock_);
  return workers_[0] ? workers_[0]->p : nullptr;
}

// ------------------------------------------------------------------ the global queue

void Scheduler::push_global(G* first, G* last, uint32_t count) noexcept {
  LockGuard guard(lock_);
  last->next = nullptr;
  (global_last_ ? global_last_->next : global_first_) = first;
  global_last_ = last;
  // relaxed: looked at without the lock only as a hint, or behind a fence (park)
  global_size_.store(global_size_.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
}

G* Scheduler::pop_global() noexcept {
  if (global_size_.load(std::memory_order_relaxed) == 0) return nullptr;
  LockGuard guard(lock_);
  G* g = global_first_;
  if (!g) return nullptr;
  global_first_ = g->next;
  if (!global_first_) global_last_ = nullptr;
  g->next = nullptr;
  global_size_.store(global_size_.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
  return g;
}

bool Scheduler::grab_global(Worker& worker) noexcept {
  if (global_size_.load(std::memory_order_relaxed) == 0) return false;
  LockGuard guard(lock_);
  uint32_t size = global_size_.load(std::memory_order_relaxed);
  uint32_t count = size / procs() + 1;
  if (count > size) count = size;
  if (count > kRunQueueSlots / 2) count = kRunQueueSlots / 2;
  uint32_t taken = 0;
  while (taken < count && global_first_) {
    G* g = global_first_;
    if (!worker.p->queue_.push(*g)) break;
    global_first_ = g->next;  // still ours to read: thieves do not touch `next`
    if (!global_first_) global_last_ = nullptr;
    taken++;
  }
  global_size_.store(size - taken, std::memory_order_relaxed);
  return taken != 0;
}

void Scheduler::take_over(P& p) noexcept {
  uint32_t moved = 0;
  while (G* g = p.queue_.pop()) {
    push_global(g, g, 1);
    moved++;
  }
  if (G* g = p.queue_.take_slot()) {
    push_global(g, g, 1);
    moved++;
  }
  if (!moved) return;
  (void)ensure_worker();
  wake();
}

void* Scheduler::allocate_shared(size_t bytes) noexcept {
  LockGuard guard(shared_cache_lock_);
  if (!shared_cache_) shared_cache_ = new (std::nothrow) memory::Cache();
  return shared_cache_ ? shared_cache_->allocate(bytes) : nullptr;
}

// ------------------------------------------------------------------ a worker

void Scheduler::main(void* worker) noexcept { scheduler().run(*static_cast<Worker*>(worker)); }

void Scheduler::run(Worker& worker) noexcept {
  P& p = *worker.p;
  P::set_current(&p);
  trace(TraceKind::m_start, worker.index);
  while (true) {
    if (worker.spinning) {
      if (!find_work(worker)) park(worker);
      continue;
    }
    const TurnResult result = p.turn(Budget{});
    if (result.more) continue;
    if (retired(worker) || !find_work(worker)) park(worker);
  }
}

bool Scheduler::may_spin() const noexcept {
  const uint32_t spinning = spinning_.load(std::memory_order_relaxed);
  const uint32_t busy =
      started_.load(std::memory_order_relaxed) - idle_count_.load(std::memory_order_relaxed) - spinning;
  const uint32_t cores = cores_.load(std::memory_order_relaxed);
  // Half as many as work (Go's bound), and never more than there are cores that do not.
  return 2 * spinning < busy + 1 && (spinning == 0 || spinning + busy < cores);
}

void Scheduler::stop_spinning(Worker& worker) noexcept {
  worker.spinning = false;
  // acq_rel: ordered with the CAS in wake
  if (spinning_.fetch_sub(1, std::memory_order_acq_rel) == 1) wake();
}

bool Scheduler::find_work(Worker& worker) noexcept {
  if (retired(worker)) return false;
  if (grab_global(worker)) {
    if (worker.spinning) stop_spinning(worker);
    return true;
  }
  if (!worker.spinning) {
    if (!may_spin()) return false;
    worker.spinning = true;
    spinning_.fetch_add(1, std::memory_order_acq_rel);  // as in stop_spinning
  }
  if (!steal(worker)) return false;
  stop_spinning(worker);
  return true;
}

bool Scheduler::steal(Worker& worker) noexcept {
  P& p = *worker.p;
  const uint32_t count = runtime().p_count();
  for (uint32_t round = 0; round < kStealRounds; round++) {
    worker.random = worker.random * 1664525u + 1013904223u;
    uint32_t at = (worker.random >> 8) % count;
    for (uint32_t i = 0; i < count; i++, at = at + 1 == count ? 0 : at + 1) {
      P& victim = runtime().p_at(at);
      if (&victim == &p) continue;
      if (uint32_t stolen = victim.queue_.steal_half(p.queue_)) {
        p.counters_.steals.add(1);
        p.counters_.stolen.add(stolen);
        trace(TraceKind::p_steal, victim.id(), stolen);
        return true;
      }
      // The slot only in the last round: its owner is most likely just about to run it.
      if (round + 1 < kStealRounds) continue;
      if (G* g = victim.queue_.take_slot()) {
        (void)p.queue_.push(*g);  // it is empty
        p.counters_.steals.add(1);
        p.counters_.stolen.add(1);
        return true;
      }
    }
  }
  return false;
}

bool Scheduler::any_work() const noexcept {
  if (global_size_.load(std::memory_order_relaxed) != 0) return true;
  const uint32_t count = runtime().p_count();
  for (uint32_t i = 0; i < count; i++) {
    if (!runtime().p_at(i).queue_.empty()) return true;
  }
  return false;
}

void Scheduler::remove_idle(Worker& worker) noexcept {
  uint32_t count = idle_count_.load(std::memory_order_relaxed);  // written under the lock only
  for (uint32_t i = 0; i < count; i++) {
    if (idle_[i] != worker.index) continue;
    idle_[i] = idle_[count - 1];
    idle_count_.store(count - 1, std::memory_order_relaxed);
    break;
  }
  worker.idle = false;
}

void Scheduler::park(Worker& worker) noexcept {
  P& p = *worker.p;
  if (!p.prepare_sleep()) {
    if (!worker.spinning) return;
    stop_spinning(worker);  // what is left is this P's own
    return;
  }
  bool resting;
  {
    LockGuard guard(lock_);
    resting = retired(worker);
    if (!resting) {
      const uint32_t count = idle_count_.load(std::memory_order_relaxed);
      idle_[count] = worker.index;
      worker.idle = true;
      idle_count_.store(count + 1, std::memory_order_relaxed);  // ordered by the lock and the fence
    }
    if (worker.spinning) {
      worker.spinning = false;
      spinning_.fetch_sub(1, std::memory_order_relaxed);  // as above
    }
  }
  fence_seq_cst();  // partner: wake
  if (resting) {
    // Its count as a spinner may have held back a submitter's wake: pass it on.
    if (any_work()) wake();
  } else if (any_work()) {
    LockGuard guard(lock_);
    if (worker.idle) {
      remove_idle(worker);
      worker.spinning = true;
      spinning_.fetch_add(1, std::memory_order_relaxed);  // under the lock
    }
    // else: a waker took us and has made us a spinner; its token comes, now or as a wake for nothing
    p.awake();
    return;
  }
  p.counters_.parks.add(1);
  trace(TraceKind::m_park, worker.index);
  // acquire: partner of the release in unpark
  if (worker.token.load(std::memory_order_acquire) == 0) {
    const uint64_t deadline = p.timers_->next_deadline_ns();
    uint64_t timeout = os::kForever;
    if (deadline != TimerWheel::kNever) {
      const uint64_t now = os::monotonic_ns();
      timeout = deadline > now ? deadline - now : 0;
    }
    if (timeout != 0) (void)os::futex_wait(worker.token, 0, timeout);
  }
  worker.token.exchange(0, std::memory_order_acquire);  // as above
  trace(TraceKind::m_unpark, worker.index);
  p.awake();
  LockGuard guard(lock_);
  if (worker.idle) remove_idle(worker);  // woken by a message or a timer
}

Scheduler::Counts Scheduler::counts() const noexcept {
  return {started_.load(std::memory_order_relaxed), idle_count_.load(std::memory_order_relaxed),
          spinning_.load(std::memory_order_relaxed), global_size_.load(std::memory_order_relaxed)};
}

}  // namespace tailrace::sched
