// Intrusive multi-producer, single-consumer list: a P's inbox. No allocation, never full, no lock.
//
// A Treiber stack that the consumer takes whole and turns round: push is one exchange loop, take_all one
// exchange; a batch comes out in the order it was pushed. (Vyukov's queue was rejected: its consumer can find
// a half-linked node and has to spin for a producer that lost its time slice.)
#pragma once

#include <atomic>

namespace tailrace {

struct MpscNode {
  MpscNode* next = nullptr;
};

class MpscList {
 public:
  /** Any thread. Returns true when the list was empty: the pusher then owes the consumer a wake. */
  bool push(MpscNode& node) noexcept {
    MpscNode* head = head_.load(std::memory_order_relaxed);
    do {
      node.next = head;
      // release: the node's content, to the acquire in take_all
    } while (!head_.compare_exchange_weak(head, &node, std::memory_order_release, std::memory_order_relaxed));
    return head == nullptr;
  }

  /** The consumer only. All nodes in the order of their pushes, linked by `next`. */
  MpscNode* take_all() noexcept {
    // acquire: partner of the release in push
    MpscNode* node = head_.exchange(nullptr, std::memory_order_acquire);
    MpscNode* first = nullptr;
    while (node) {
      MpscNode* next = node->next;
      node->next = first;
      first = node;
      node = next;
    }
    return first;
  }

  /** Any thread; a hint. */
  bool empty() const noexcept { return head_.load(std::memory_order_relaxed) == nullptr; }

 private:
  std::atomic<MpscNode*> head_{nullptr};
};

}  // namespace tailrace
