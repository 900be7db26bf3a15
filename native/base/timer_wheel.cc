// The wheel's moves.
//
// Why a slot is first moved to a list of its own: a slot of a high level may hold a million nodes, and fire
// may cancel any of them while we walk. Nodes on `moving_` are still linked, so cancel needs no special case,
// and the walk can stop at any node when the budget is used up. They keep their old slot number: that slot
// stays empty while it is the current digit's, so cancel finds nothing there to keep.
#include "base/timer_wheel.h"

#include <bit>

namespace tailrace {

uint64_t TimerNode::deadline_ns() const noexcept { return tick_ * TimerWheel::kTickNs; }

void TimerWheel::push(TimerNode** head, TimerNode& node) noexcept {
  node.next_ = *head;
  node.link_ = head;
  if (node.next_) node.next_->link_ = &node.next_;
  *head = &node;
}

void TimerWheel::unlink(TimerNode& node) noexcept {
  *node.link_ = node.next_;
  if (node.next_) node.next_->link_ = node.link_;
  node.next_ = nullptr;
  node.link_ = nullptr;
}

void TimerWheel::place(TimerNode& node) noexcept {
  const uint64_t tick = node.tick_;
  if (tick <= current_) {
    node.slot_ = kNoSlot;
    push(&due_, node);
    return;
  }
  const unsigned level = (63u - static_cast<unsigned>(std::countl_zero(tick ^ current_))) / kBits;
  const unsigned index = static_cast<unsigned>(tick >> (level * kBits)) & (kSlots - 1);
  node.slot_ = level * kSlots + index;
  occupied_[level] |= uint64_t{1} << index;
  push(&heads_[node.slot_], node);
}

void TimerWheel::arm(TimerNode& node, uint64_t deadline_ns) noexcept {
  cancel(node);
  node.tick_ = deadline_ns / kTickNs + (deadline_ns % kTickNs != 0);
  place(node);
  size_++;
}

void TimerWheel::cancel(TimerNode& node) noexcept {
  if (!node.armed()) return;
  const unsigned slot = node.slot_;
  unlink(node);
  size_--;
  if (slot != kNoSlot && !heads_[slot]) occupied_[slot / kSlots] &= ~(uint64_t{1} << (slot % kSlots));
}

bool TimerWheel::next_slot(uint64_t* tick, unsigned* slot) const noexcept {
  for (unsigned level = 0; level < kLevels; level++) {
    const unsigned digit = static_cast<unsigned>(current_ >> (level * kBits)) & (kSlots - 1);
    // Slots after the current digit; the one of the digit itself is always empty.
    const uint64_t after = digit == kSlots - 1 ? 0 : occupied_[level] & (~uint64_t{0} << (digit + 1));
    if (after == 0) continue;
    const unsigned index = static_cast<unsigned>(std::countr_zero(after));
    const uint64_t above = current_ >> ((level + 1) * kBits) << ((level + 1) * kBits);
    *tick = above | (uint64_t{index} << (level * kBits));
    *slot = level * kSlots + index;
    return true;
  }
  return false;
}

size_t TimerWheel::advance(uint64_t now_ns, size_t budget, void* p) noexcept {
  const uint64_t target = now_ns / kTickNs;
  size_t fired = 0;
  while (budget > 0) {
    if (TimerNode* node = due_) {
      unlink(*node);
      size_--;
      budget--;
      fired++;
      node->fire(*node, p);
      continue;
    }
    if (TimerNode* node = moving_) {
      unlink(*node);
      budget--;
      place(*node);
      continue;
    }
    uint64_t tick;
    unsigned slot;
    if (!next_slot(&tick, &slot) || tick > target) {
      if (target > current_) current_ = target;
      break;
    }
    current_ = tick;
    occupied_[slot / kSlots] &= ~(uint64_t{1} << (slot % kSlots));
    moving_ = heads_[slot];
    heads_[slot] = nullptr;
    if (moving_) moving_->link_ = &moving_;
  }
  return fired;
}

uint64_t TimerWheel::next_deadline_ns() const noexcept {
  if (due_ || moving_) return 0;
  uint64_t tick;
  unsigned slot;
  return next_slot(&tick, &slot) ? tick * kTickNs : kNever;
}

}  // namespace tailrace
