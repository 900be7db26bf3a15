// The isolate's side of the handoff (the model is model/handoff.pml).
//
//   lent    -> running(isolate)   acquire()
//   running(isolate) -> lent      lend()
//   lent    -> running(native)    sysmon, Runtime::retake
//   running(native) -> wanted     acquire() that found it so; then the poller is woken
//   wanted  -> lent               the native M, between two pieces of work; then it signals the loop
//
// Only the isolate ever leaves `running(isolate)`, only the native M `wanted`: no step needs a retry but the
// two that can meet sysmon's.
//
// Why nothing is lost between the change of hands and the host's uv_poll: the native M signals the loop (a
// uv_async) at both ends, so acquire() runs after each. In it the isolate stops the poll when it finds the P
// gone (a watched, unconsumed epoll set spins the loop) and starts it when it has the P again.
#include "sched/isolate_m.h"

#include <new>

#include "base/check.h"
#include "base/os.h"
#include "base/trace.h"
#include "net/poller.h"
#include "sched/runtime.h"

namespace tailrace::sched {

namespace {
// A waiter that is never woken would be a bug; it looks again all the same.
constexpr uint64_t kLookAgainNs = 100'000'000;
}  // namespace

Result<IsolateM*> IsolateM::create(LoopHost& host) noexcept {
  auto p = runtime().take_p(true);
  if (!p) return p.status();
  auto* m = new (std::nothrow) IsolateM(host, **p);
  // dead -> running -> lent: nobody else knows the P yet
  (void)(*p)->word_.change((*p)->word_.load(), PStatus::running, kIsolateOwner);
  if (!m) {
    (*p)->close();
    return Error::out_of_memory;
  }
  m->holds_ = true;
  P::set_current(m->p_);
  if (Status status = runtime().enter(*m); !status.ok()) {
    (*p)->close();
    delete m;
    return status;
  }
  m->lend();
  m->polling_ = true;
  host.start_poll(m->p_->poller_->fd());
  return m;
}

bool IsolateM::acquire() noexcept {
  debug_check(!holds_, "acquire() of a P that is held");
  while (!reclaimed_) {  // at most one round more for each change of hands
    const PWord word = p_->word_.load();
    if (word.status() == PStatus::lent) {
      if (!p_->word_.change(word, PStatus::running, kIsolateOwner)) continue;  // sysmon was faster
      p_->awake();
      P::set_current(p_);
      holds_ = true;
      if (!polling_) {
        polling_ = true;
        host_.start_poll(p_->poller_->fd());
      }
      trace(TraceKind::p_acquire, p_->id());
      return true;
    }
    if (word.status() == PStatus::running) {
      if (!p_->word_.change(word, PStatus::wanted, word.owner())) continue;
      p_->poller_->wake();  // the M may sleep in its wait; after the change, so that it sees it
    }
    if (polling_) {
      polling_ = false;
      host_.stop_poll();
    }
    return false;
  }
  return false;
}

void IsolateM::acquire_blocking() noexcept {
  while (true) {
    // acquire: partner of the release in HostM::host. Read before the word: if the M lets go in between, the
    // futex does not sleep.
    const uint32_t seen = p_->let_go_.load(std::memory_order_acquire);
    if (acquire()) return;
    if (reclaimed_) panic("acquire of a P that was reclaimed");
    (void)os::futex_wait(p_->let_go_, seen, kLookAgainNs);
  }
}

void IsolateM::lend() noexcept {
  debug_check(holds_, "lend() of a P that is not held");
  if (reclaimed_) return;  // it is ours to the end
  p_->prepare_lend();
  P::set_current(nullptr);
  holds_ = false;
  const PWord word = p_->word_.peek();
  trace(TraceKind::p_lend, p_->id(), word.epoch());
  if (!p_->word_.change(word, PStatus::lent, 0)) panic("a P changed hands while it was running");
}

void IsolateM::reclaim() noexcept {
  if (reclaimed_) return;
  runtime().leave(*this);  // no retake begins after this
  if (!holds_) acquire_blocking();
  reclaimed_ = true;
  // An M that let go before may still be about to signal the loop.
  while (true) {
    // acquire: partner of the release in HostM::host
    const uint32_t users = p_->users_.load(std::memory_order_acquire);
    if (users == 0) break;
    (void)os::futex_wait(p_->users_, users, kLookAgainNs);
  }
  if (polling_) {
    polling_ = false;
    host_.stop_poll();
  }
}

void IsolateM::destroy() noexcept {
  reclaim();
  p_->close();
  delete this;
}

}  // namespace tailrace::sched
