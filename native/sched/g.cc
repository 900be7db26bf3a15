// Gs: frames, parking, and the part of a turn that runs them.
//
// No await_suspend touches its frame once the G is visible to others: another M may resume it, and it may
// end, before this one has come back from resume(). They stand here, out of line, so that the compiler keeps
// nothing of theirs in the frame.
#include "sched/g.h"

#include "base/check.h"
#include "base/os.h"
#include "base/trace.h"
#include "memory/cache.h"
#include "sched/p.h"
#include "sched/scheduler.h"

namespace tailrace::sched {

namespace {

thread_local constinit G* running_g = nullptr;

constexpr uint32_t kIdBatch = 64;
// How many Gs in a row may come from the LIFO slot: two that make each other runnable would starve the ring.
constexpr uint32_t kMaxSlotRun = 3;
// As in Go: every so often the global queue goes first, or two busy Ps would starve it.
constexpr uint32_t kGlobalTick = 61;

G& of(std::coroutine_handle<> frame) noexcept {
  // The promise of every coroutine here is a Task::promise_type.
  return std::coroutine_handle<Task::promise_type>::from_address(frame.address()).promise();
}

}  // namespace

G* current_g() noexcept { return running_g; }

const char* reason_name(Reason reason) noexcept {
  static constexpr const char* kNames[] = {"running", "yield", "sleep", "io",
                                           "channel", "lock",  "join",  "user"};
  static_assert(sizeof kNames / sizeof *kNames == static_cast<size_t>(Reason::count_));
  return reason < Reason::count_ ? kNames[static_cast<size_t>(reason)] : "?";
}

// ------------------------------------------------------------------ frames

void* Task::promise_type::operator new(size_t bytes) noexcept {
  if (P* p = P::current()) return p->cache().allocate(bytes);
  return scheduler().allocate_shared(bytes);
}

void Task::promise_type::operator delete(void* frame) noexcept {
  if (P* p = P::current()) return p->cache().free(frame);
  memory::Cache::free_remote(frame);
}

void Task::promise_type::unhandled_exception() noexcept { panic("an exception in a G"); }

std::suspend_never Task::promise_type::final_suspend() noexcept {
  if (P* p = P::current()) p->counters_.gs_ended.add(1);
  trace(TraceKind::g_end, id);
  return {};
}

bool go(Task task, Site site) noexcept {
  if (!task) return false;
  G& g = *task.g_;
  P* p = P::current();
  if (!p && !scheduler().ensure_worker()) return false;
  if (p) {
    if (p->next_g_id_ == p->last_g_id_) {
      p->next_g_id_ = scheduler().next_ids(kIdBatch);
      p->last_g_id_ = p->next_g_id_ + kIdBatch;
    }
    g.id = p->next_g_id_++;
    p->counters_.gs_made.add(1);
  } else {
    g.id = scheduler().next_ids(1);
    scheduler().gs_made_elsewhere.add(1);
  }
  g.parent = running_g ? running_g->id : 0;
  g.site = site;
  task.g_ = nullptr;
  trace(TraceKind::g_create, g.id, g.parent);
  if (g.id % kLatencySample == 0) g.ready_ns = os::monotonic_ns();
  if (p) {
    p->ready(g);
  } else {
    scheduler().push_global(&g, &g, 1);
    scheduler().wake();
  }
  return true;
}

// ------------------------------------------------------------------ a P's queue

void P::enqueue(G& g) noexcept {
  while (!queue_.push(g)) {
    G* half[kRunQueueSlots / 2];
    const uint32_t count = queue_.take_half(half);
    if (!count) continue;  // a thief made room
    for (uint32_t i = 0; i + 1 < count; i++) half[i]->next = half[i + 1];
    scheduler().push_global(half[0], half[count - 1], count);
  }
}

void P::ready(G& g) noexcept {
  if (G* before = queue_.swap_slot(&g)) enqueue(*before);
  scheduler().wake();
}

G* P::next_g() noexcept {
  if (worker_ && ++gs_run_ % kGlobalTick == 0) {
    if (G* g = scheduler().pop_global()) return g;
  }
  if (slot_run_ < kMaxSlotRun) {
    if (G* g = queue_.take_slot()) {
      slot_run_++;
      return g;
    }
  }
  slot_run_ = 0;
  if (G* g = queue_.pop()) return g;
  return queue_.take_slot();
}

void P::run_gs(uint32_t budget, TurnResult& result) noexcept {
  if (worker_ && Scheduler::retired(*worker_)) return scheduler().take_over(*this);
  if (budget > kMaxGsATurn) budget = kMaxGsATurn;
  uint32_t done = 0;
  for (; done < budget; done++) {
    if (wanted()) {
      result.wanted = true;
      break;
    }
    G* g = next_g();
    if (!g) break;
    if (g->ready_ns) {
      const uint64_t now = os::monotonic_ns();
      latency_.record(now > g->ready_ns ? now - g->ready_ns : 0);
      g->ready_ns = 0;
    }
    g->reason.store(Reason::none, std::memory_order_relaxed);  // for dumps
    trace(TraceKind::g_start, g->id);
    running_g = g;
    g->frame.resume();
    running_g = nullptr;  // and `g` is not touched: it may have ended
  }
  counters_.gs_run.add(done);
  result.pieces += done;
}

// ------------------------------------------------------------------ parking

void ready(G& g) noexcept {
  uint8_t seen = g.parking.load(std::memory_order_relaxed);
  while (true) {
    if (seen == G::kPermit) return;
    const uint8_t next = seen == G::kParked ? G::kRunning : G::kPermit;
    // acq_rel: partner of the CAS in park; what the caller did before is seen by the G, and the reverse
    if (g.parking.compare_exchange_weak(seen, next, std::memory_order_acq_rel, std::memory_order_relaxed))
      break;
  }
  if (seen != G::kParked) return;  // it runs: it will find the permit
  trace(TraceKind::g_ready, g.id);
  if (g.id % kLatencySample == 0) g.ready_ns = os::monotonic_ns();
  if (P* p = P::current()) {
    p->ready(g);
  } else {
    scheduler().push_global(&g, &g, 1);
    scheduler().wake();
  }
}

bool park::await_suspend(std::coroutine_handle<> frame) noexcept {
  G& g = of(frame);
  P* p = P::current();
  g.reason.store(why, std::memory_order_relaxed);  // for dumps
  trace(TraceKind::g_park, g.id, static_cast<uint64_t>(why));
  uint8_t running = G::kRunning;
  // acq_rel: partner of the CAS in ready. After success the G belongs to whoever readies it.
  if (g.parking.compare_exchange_strong(running, G::kParked, std::memory_order_acq_rel,
                                        std::memory_order_acquire)) {
    p->counters_.parks.add(1);
    return true;
  }
  g.parking.store(G::kRunning, std::memory_order_relaxed);  // the permit is used; only this G leaves kPermit
  g.reason.store(Reason::none, std::memory_order_relaxed);
  return false;
}

void yield::await_suspend(std::coroutine_handle<> frame) noexcept {
  G& g = of(frame);
  g.reason.store(Reason::yielded, std::memory_order_relaxed);  // for dumps
  P::current()->enqueue(g);
}

void sleep_ns::await_suspend(std::coroutine_handle<> frame) noexcept {
  G& g = of(frame);
  P* p = P::current();
  sleeper = &g;
  g.reason.store(Reason::sleep, std::memory_order_relaxed);  // for dumps
  until_ns = os::monotonic_ns() + delay_ns;
  TimerNode::fire = &sleep_ns::fire;
  p->counters_.parks.add(1);
  p->timers().arm(*this, until_ns);
}

void sleep_ns::fire(TimerNode& node, void* p) noexcept {
  auto& self = static_cast<sleep_ns&>(node);
  P& at = *static_cast<P*>(p);
  if (!at.closed()) return at.ready(*self.sleeper);
  // The P ends before the sleep does: it goes on in the wheel of a native P.
  self.deliver = &sleep_ns::move_in;
  if (scheduler().ensure_worker()) {
    if (P* native = scheduler().any_native_p()) {
      (void)native->post(self);
      return;
    }
  }
  scheduler().push_global(self.sleeper, self.sleeper,
                          1);  // nobody can keep the time: early is better than never
}

void sleep_ns::move_in(Message& message, P& p) noexcept {
  auto& self = static_cast<sleep_ns&>(message);
  TimerNode& node = self;
  node.fire = &sleep_ns::fire;
  p.timers().arm(node, self.until_ns);
}

}  // namespace tailrace::sched
