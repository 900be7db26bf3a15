// See runtime.h: Ps and their lives, the registry, native Ms that host retaken Ps.
#include "sched/runtime.h"

#include <new>

#include "base/check.h"
#include "base/fence.h"
#include "base/os.h"
#include "base/timer_wheel.h"
#include "base/trace.h"
#include "memory/cache.h"
#include "net/poller.h"
#include "sched/scheduler.h"
#include "sched/sysmon.h"

namespace tailrace::sched {

namespace {
constinit Runtime the_runtime;
}

Runtime& runtime() noexcept { return the_runtime; }

/** What a P has only while it lives. */
struct P::Parts {
  net::Poller poller;
  TimerWheel timers;
  memory::Cache cache;
  explicit Parts(uint64_t now_ns) noexcept : timers(now_ns) {}
};

// ------------------------------------------------------------------ a P's life

Status P::open(bool with_poller) noexcept {
  now_ns_ = os::monotonic_ns();
  parts_ = new (std::nothrow) Parts(now_ns_);
  if (!parts_) return Error::out_of_memory;
  poller_ = &parts_->poller;
  timers_ = &parts_->timers;
  cache_ = &parts_->cache;
  if (with_poller) {
    if (Status status = poller_->open(); !status.ok()) {
      delete parts_;
      parts_ = nullptr;
      return status;
    }
  }
  refs_.store(1, std::memory_order_relaxed);  // nobody else knows this P yet
  asleep_.store(false, std::memory_order_relaxed);
  // release: partner of the acquire in closed(); the parts are there
  closed_.store(false, std::memory_order_release);
  return {};
}

void P::close() noexcept {
  P* before = current();
  set_current(this);
  for (uint32_t at = last_local_; at;) {
    Local& local = locals_[at - 1];
    at = local.next;
    local.drop(*this, local.value);
    local = Local{};
  }
  last_local_ = 0;
  // release: partner of the acquire in closed()
  closed_.store(true, std::memory_order_release);
  fence_seq_cst();  // partner: the one in post_quiet; a message is seen here, or its poster sees `closed`
  while (messages_) {
    auto& message = static_cast<Message&>(*messages_);
    messages_ = messages_->next;
    message.next = nullptr;
    message.deliver(message, *this);
  }
  deliver_to_the_dead();
  // Sleeping Gs move to a native P (SleepNode::fire sees `closed`); others cancelled their timers by now.
  now_ns_ = os::monotonic_ns();
  while (timers_->size() != 0) {
    if (timers_->advance(TimerWheel::kNever - TimerWheel::kTickNs, 1024, this) == 0 &&
        timers_->next_deadline_ns() == TimerWheel::kNever) {
      break;
    }
  }
  scheduler().take_over(*this);
  while (ready_.pop()) {
  }
  set_current(before == this ? nullptr : before);
  const PWord word = word_.load();
  if (!word_.change(word, PStatus::dead, 0)) panic("a P changed hands while it was closed");
  release();
}

Result<P*> Runtime::take_p(bool with_poller) noexcept {
  P* p = nullptr;
  {
    LockGuard guard(lock_);
    if (free_) {
      p = free_;
      free_ = p->next_free_;
      free_count_--;
      p->next_free_ = nullptr;
    } else {
      const uint32_t count =
          p_count_.load(std::memory_order_relaxed);  // relaxed: written under this lock only
      if (count == kMaxPs) return Error::limit_exceeded;
      p = new (std::nothrow) P();
      if (!p) return Error::out_of_memory;
      p->id_ = count;
      ps_[count].store(p, std::memory_order_relaxed);  // ordered by p_count_
      // release: partner of the acquire in p_count()
      p_count_.store(count + 1, std::memory_order_release);
    }
  }
  if (Status status = p->open(with_poller); !status.ok()) {
    LockGuard guard(lock_);
    p->next_free_ = free_;
    free_ = p;
    free_count_++;
    return status;
  }
  return p;
}

void Runtime::give_p(P& p) noexcept {
  p.deliver_to_the_dead();
  delete p.parts_;
  p.parts_ = nullptr;
  p.poller_ = nullptr;
  p.timers_ = nullptr;
  p.cache_ = nullptr;
  LockGuard guard(lock_);
  p.next_free_ = free_;
  free_ = &p;
  free_count_++;
}

// ------------------------------------------------------------------ registry

Status Runtime::enter(IsolateM& m) noexcept {
  LockGuard guard(lock_);
  if (isolate_count_ == kMaxIsolates) return Error::limit_exceeded;
  if (!sysmon_started_) {
    auto event = os::event_fd();
    if (!event) return event.status();
    sysmon_event_.store(*event, std::memory_order_relaxed);  // published by thread_start, and by the lock
    Status status = os::thread_start(&Sysmon::main, this, "tailrace-sysmon");
    if (!status.ok()) {
      sysmon_event_.store(-1, std::memory_order_relaxed);
      os::close(*event);
      return status;
    }
    sysmon_started_ = true;
  }
  m.next_ = isolates_;
  isolates_ = &m;
  isolate_count_++;
  poke_sysmon();
  return {};
}

void Runtime::leave(IsolateM& m) noexcept {
  LockGuard guard(lock_);
  for (IsolateM** at = &isolates_; *at; at = &(*at)->next_) {
    if (*at != &m) continue;
    *at = m.next_;
    m.next_ = nullptr;
    isolate_count_--;
    return;
  }
}

void Runtime::poke_sysmon() noexcept {
  const int event = sysmon_event_.load(std::memory_order_relaxed);  // never changes once it is set
  if (event >= 0) os::event_fd_signal(event);
}

Runtime::Counts Runtime::counts() noexcept {
  LockGuard guard(lock_);
  return {isolate_count_, host_ms_, idle_count_, p_count(), free_count_, handoffs_, sysmon_started_};
}

// ------------------------------------------------------------------ native Ms that host

bool Runtime::retake(IsolateM& m, PWord seen) noexcept {
  P& p = *m.p_;
  HostM* host = idle_;
  if (host) {
    idle_ = host->next_;
    idle_count_--;
  } else {
    host = new (std::nothrow) HostM();
    if (!host) return false;
    host->id_ = host_ms_ + 1;
    if (!os::thread_start(&HostM::main, host, "tailrace-m").ok()) {
      delete host;
      return false;
    }
    host_ms_++;
  }
  // Before the change: once the word says that a native M has the P, reclaim() must find a user.
  p.users_.fetch_add(1, std::memory_order_relaxed);  // ordered by the CAS below
  if (!p.word_.change(seen, PStatus::running, host->id_)) {
    p.users_.fetch_sub(1, std::memory_order_relaxed);  // under the lock that reclaim() takes before it looks
    host->next_ = idle_;
    idle_ = host;
    idle_count_++;
    return false;
  }
  handoffs_++;
  trace(TraceKind::p_retake, p.id(), host->id_);
  host->job_ = &m;
  // release: partner of the acquire in HostM::main
  host->word_.store(1, std::memory_order_release);
  os::futex_wake(host->word_, 1);
  return true;
}

void HostM::main(void* self) noexcept {
  HostM& me = *static_cast<HostM*>(self);
  os::prefer_latency();  // it stands in for a blocked loop, whose thread may well be busy on the same core
  while (true) {
    // acquire: partner of the release in retake
    while (me.word_.load(std::memory_order_acquire) == 0) (void)os::futex_wait(me.word_, 0, os::kForever);
    IsolateM& m = *me.job_;
    me.word_.store(0, std::memory_order_relaxed);  // the next retake comes after the lock below
    me.host(m);
    LockGuard guard(runtime().lock_);
    me.next_ = runtime().idle_;
    runtime().idle_ = &me;
    runtime().idle_count_++;
  }
}

void HostM::host(IsolateM& m) noexcept {
  P& p = *m.p_;
  P::set_current(&p);
  p.counters_.handoffs.add(1);
  // So that the isolate, whenever it comes back to its loop, asks for its P even if we have left nothing
  // ready.
  m.host_.signal();
  while (!p.wanted()) {
    const TurnResult result = p.turn(Budget{});
    if (result.wanted || result.more || !p.prepare_sleep()) continue;
    // Once more after the turn's poll: it may have consumed the wake of an acquire() that came after our last
    // look (found by the model).
    if (p.wanted()) continue;
    // acquire() changes the word and then wakes the poller: the wait returns at once if it came before.
    auto got = p.poller_->wait(-1, p.ready_);
    p.awake();
    if (!got) os::thread_yield();  // cannot be while the poller is open; never spin hard on it
  }
  p.now_ns_ = os::monotonic_ns();
  p.prepare_lend();
  P::set_current(nullptr);
  const PWord word = p.word_.load();
  if (word.status() != PStatus::wanted || !p.word_.change(word, PStatus::lent, 0))
    panic("a hosted P changed hands");
  // From here the P is not ours; the host loop is, until users_ goes down.
  m.host_.signal();
  // release: partner of the acquire in acquire_blocking and reclaim
  p.let_go_.fetch_add(1, std::memory_order_release);
  os::futex_wake(p.let_go_, 1);
  // release: partner of the acquire in reclaim; the last touch of `m`. The P's memory stays.
  p.users_.fetch_sub(1, std::memory_order_release);
  os::futex_wake(p.users_, 1);
  runtime().poke_sysmon();
}

}  // namespace tailrace::sched
