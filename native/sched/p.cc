// The owner's side of a P: a turn, the inbox, sleeping and being woken.
//
// Sleep and wake, the store-load barriers (the model is model/inbox.pml):
//
//   post(): push to inbox_ ; FENCE ; load asleep_ ; if set, poller.wake()
//   owner:  store asleep_ = true ; FENCE ; look at inbox_ ; if empty, block in the poller (or lend the P)
//
// The two fences are each other's partners: whichever comes second in their common order sees the other
// side's store, so either the owner sees the message or the poster sees that the owner may sleep. `asleep_`
// may stay set longer than needed (while a lent P is not yet turned); then a wake is made that nobody needs,
// and the poller folds many wakes into one write.
#include "sched/p.h"

#include "base/check.h"
#include "base/fence.h"
#include "base/os.h"
#include "base/timer_wheel.h"
#include "base/trace.h"
#include "memory/cache.h"
#include "net/poller.h"
#include "sched/runtime.h"
#include "sched/scheduler.h"

namespace tailrace::sched {

namespace {
thread_local constinit P* current_p = nullptr;
}

P* P::current() noexcept { return current_p; }
void P::set_current(P* p) noexcept { current_p = p; }

// ------------------------------------------------------------------ inbox

bool P::post(Message& message) noexcept {
  if (!post_quiet(message)) return false;
  if (asleep_.load(std::memory_order_relaxed))
    scheduler().wake_owner(*this);  // ordered by post_quiet's fence
  return true;
}

bool P::post_quiet(Message& message) noexcept {
  inbox_.push(message);
  fence_seq_cst();  // partners: prepare_sleep (asleep_), close (closed_)
  if (closed()) [[unlikely]] {
    deliver_to_the_dead();
    return false;
  }
  return true;
}

void P::kick() noexcept {
  fence_seq_cst();  // partner: prepare_sleep
  if (asleep_.load(std::memory_order_relaxed)) scheduler().wake_owner(*this);
}

void P::deliver_to_the_dead() noexcept {
  MpscNode* node = inbox_.take_all();
  while (node) {
    auto& message = static_cast<Message&>(*node);
    node = node->next;
    message.next = nullptr;
    message.deliver(message, *this);
  }
}

// ------------------------------------------------------------------ a turn

void P::deliver_messages(uint32_t budget, TurnResult& result) noexcept {
  uint32_t done = 0;
  while (done < budget) {
    if (!messages_) {
      if (inbox_.empty()) break;
      messages_ = inbox_.take_all();
      if (!messages_) break;
    }
    if (wanted()) {
      result.wanted = true;
      break;
    }
    auto& message = static_cast<Message&>(*messages_);
    messages_ = messages_->next;
    message.next = nullptr;
    message.deliver(message, *this);
    done++;
  }
  counters_.messages.add(done);
  result.pieces += done;
}

void P::run_waiters(uint32_t budget, TurnResult& result) noexcept {
  // Those that stand there now; what puts itself back waits for the next turn, behind a poll.
  uint32_t count = ready_.size();
  if (count > budget) count = budget;
  uint32_t done = 0;
  for (; done < count && requests_left_ != 0 && bytes_left_ != 0; done++) {
    if (wanted()) {
      result.wanted = true;
      break;
    }
    Waiter* waiter = ready_.pop();
    if (!waiter) break;  // one of those before took others out
    const uint32_t events = waiter->events;
    waiter->events = 0;
    if (waiter->run(*waiter, events, this) == Waiter::Next::again) ready_.push(*waiter, kAgain);
  }
  counters_.waiters.add(done);
  result.pieces += done;
}

bool P::work_left() const noexcept {
  return messages_ || !ready_.empty() || !queue_.empty() || !inbox_.empty();
}

TurnResult P::turn(const Budget& budget) noexcept {
  TurnResult result;
  awake();
  now_ns_ = os::monotonic_ns();
  requests_left_ = budget.requests;
  bytes_left_ = budget.bytes;
  counters_.turns.add(1);

  deliver_messages(budget.pieces, result);
  bool full = false;
  if (budget.poll && !result.wanted) {
    if (poller_->is_open()) {
      // An error here means that the epoll descriptor is bad: there is nothing to be done, and nothing comes.
      if (auto got = poller_->wait(0, ready_)) {
        full = got->full;
        // wake() may have folded into the edge that this wait consumed: what was posted before it must be
        // looked at after the wait (partner: the exchange in Poller::wake)
        if (got->woken) deliver_messages(budget.pieces, result);
      }
    }
  }
  // Without a poll too: a reply that came by the inbox has put its connection on the list, and is written
  // now.
  if (!result.wanted) run_waiters(budget.pieces, result);
  if (budget.poll && !result.wanted) {
    result.pieces += static_cast<uint32_t>(timers_->advance(now_ns_, budget.pieces, this));
    run_gs(budget.pieces, result);
  }
  result.more = full || work_left() || timers_->next_deadline_ns() <= now_ns_;
  if (!result.more) cache_->age(now_ns_);  // gives back what it had no use for
  return result;
}

// ------------------------------------------------------------------ sleep

bool P::prepare_sleep() noexcept {
  if (work_left()) return false;
  const uint64_t deadline = timers_->next_deadline_ns();
  if (deadline <= now_ns_) return false;
  if (poller_->is_open() && !poller_->set_deadline(deadline).ok()) return false;
  asleep_.store(true, std::memory_order_relaxed);
  fence_seq_cst();  // partner: post_quiet, kick
  if (inbox_.empty()) return true;
  awake();
  return false;
}

void P::prepare_lend() noexcept {
  if (prepare_sleep()) return;
  // Work is left: the eventfd makes the set readable, so that the loop (or sysmon, if the loop is blocked)
  // comes.
  asleep_.store(true, std::memory_order_relaxed);
  fence_seq_cst();  // partner: post_quiet, kick
  poller_->wake();
}

// ------------------------------------------------------------------ what higher layers keep

void P::adopt_local(uint32_t slot, void* value, void (*drop)(P&, void*)) noexcept {
  locals_[slot] = Local{value, drop, last_local_};
  last_local_ = slot + 1;
}

namespace detail {

uint32_t plocal_number(std::atomic<uint32_t>& number) noexcept {
  static constinit std::atomic<uint32_t> taken{0};
  // relaxed throughout: the number is the whole message
  const uint32_t mine = taken.fetch_add(1, std::memory_order_relaxed) + 1;
  if (mine > kMaxPLocals) panic("too many PLocals");
  uint32_t expected = 0;
  // A lost race wastes one number; PLocals are few and their first uses fewer.
  return number.compare_exchange_strong(expected, mine, std::memory_order_relaxed) ? mine : expected;
}

void plocal_no_memory() noexcept { panic("out of memory for a PLocal"); }

void* plocal_take(P& p, size_t bytes) noexcept { return p.cache().allocate(bytes); }

void plocal_give(P& p, void* block) noexcept { p.cache().free(block); }

}  // namespace detail

// ------------------------------------------------------------------ references

void P::retain() noexcept {
  refs_.fetch_add(1, std::memory_order_relaxed);  // the caller has one already, or is the owner
}

void P::release() noexcept {
  // acq_rel: what every holder did is done before the last one closes the parts
  if (refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) runtime().give_p(*this);
}

}  // namespace tailrace::sched
