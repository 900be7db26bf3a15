// What joins net and sched without either knowing the other: net returns the Waiters whose descriptors are
// ready, sched runs them. A Waiter is a piece of connection work or the wake side of a parked G.
//
// A Waiter belongs to one P; only that P's owner touches it. It stands in at most one ready list at a time
// (`queued`), and events that come while it stands there are or-ed into `events`: no allocation, never full.
#pragma once

#include <cstdint>

namespace tailrace {

enum ReadyEvents : uint32_t {
  kReadable = 1u << 0,
  kWritable = 1u << 1,
  kHangup = 1u << 2,  // the peer closed (half or whole)
  kFault = 1u << 3,   // EPOLLERR
  kAgain = 1u << 4,   // put back by its own budget: the edge was consumed, the socket was not
};

struct Waiter {
  enum class Next : uint8_t {
    done,   // nothing more until the next event
    again,  // the budget ran out with work left: keep it on the still-ready list
  };
  /** Runs on the P's owner. `p` is the sched::P that runs it. */
  using Run = Next (*)(Waiter& self, uint32_t events, void* p) noexcept;

  Run run = nullptr;
  Waiter* next = nullptr;
  uint32_t events = 0;
  bool queued = false;
};

/** Intrusive FIFO of Waiters, one owner. */
class WaiterList {
 public:
  bool empty() const noexcept { return head_ == nullptr; }
  uint32_t size() const noexcept { return size_; }

  void push(Waiter& waiter, uint32_t events) noexcept {
    waiter.events |= events;
    if (waiter.queued) return;
    waiter.queued = true;
    waiter.next = nullptr;
    if (tail_)
      tail_->next = &waiter;
    else
      head_ = &waiter;
    tail_ = &waiter;
    size_++;
  }

  Waiter* pop() noexcept {
    Waiter* waiter = head_;
    if (!waiter) return nullptr;
    head_ = waiter->next;
    if (!head_) tail_ = nullptr;
    waiter->next = nullptr;
    waiter->queued = false;
    size_--;
    return waiter;
  }

  /** Takes a waiter out before its memory goes; linear, only for teardown of a connection that is queued. */
  void remove(Waiter& waiter) noexcept {
    if (!waiter.queued) return;
    Waiter* before = nullptr;
    for (Waiter* at = head_; at; before = at, at = at->next) {
      if (at != &waiter) continue;
      (before ? before->next : head_) = at->next;
      if (tail_ == at) tail_ = before;
      at->next = nullptr;
      at->queued = false;
      at->events = 0;
      size_--;
      return;
    }
  }

 private:
  Waiter* head_ = nullptr;
  Waiter* tail_ = nullptr;
  uint32_t size_ = 0;
};

}  // namespace tailrace
