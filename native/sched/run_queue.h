// A P's run queue: a ring that its owner pushes and pops and other Ms steal half of, and a slot in front of
// it (LIFO) for the piece of work that was made runnable last, whose data is still in the cache.
//
// Go's runq, with its order of barriers: only the owner moves the tail, anyone may move the head by CAS, and
// an entry is read before the CAS that claims it. A thief that reads an entry while the owner laps the ring
// loses its CAS, so the stale value is never used; the entries are atomics for that reason alone. Head and
// tail are free-running 32-bit counts; a thief would have to sleep through 2^32 pops and wake at the very
// same count to be fooled (Go lives with the same bound).
//
// Rejected: Chase and Lev's deque (an owner's pop needs a full fence, a thief takes one at a time: 25 ns a
// task stolen against 11 in half batches); a lock (two atomics more on each push and pop).
#pragma once

#include <atomic>
#include <cstdint>

namespace tailrace::sched {

template <class T, uint32_t N>
class RunQueue {
  static_assert(N >= 2 && (N & (N - 1)) == 0, "a power of two");

 public:
  static constexpr uint32_t kCapacity = N;

  /** Owner. False: full; the caller moves half away with take_half. */
  bool push(T& item) noexcept {
    // acquire: partner of the thief's CAS; its reads of the entry are over before it is written again
    const uint32_t head = head_.load(std::memory_order_acquire);
    const uint32_t tail = tail_.load(std::memory_order_relaxed);  // relaxed: only the owner writes it
    if (tail - head >= N) return false;
    ring_[tail % N].store(&item, std::memory_order_relaxed);
    // release: the entry and what it points to, to the acquire of tail_ in a thief
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }

  /** Owner. The oldest, or null. */
  T* pop() noexcept {
    while (true) {
      // acquire, as in push
      uint32_t head = head_.load(std::memory_order_acquire);
      if (head == tail_.load(std::memory_order_relaxed)) return nullptr;
      T* item = ring_[head % N].load(std::memory_order_relaxed);
      // release: partner of the acquire of head_ in push
      if (head_.compare_exchange_weak(head, head + 1, std::memory_order_release, std::memory_order_relaxed)) {
        return item;
      }
    }
  }

  /** Owner. Puts an item into the slot; returns the one it pushes out (the caller queues it), or null. */
  T* swap_slot(T* item) noexcept {
    // acq_rel: hands `item` to the next taker's acquire, takes the old one from its maker's release
    return slot_.exchange(item, std::memory_order_acq_rel);
  }
  /** Owner or thief. */
  T* take_slot() noexcept {
    if (!slot_.load(std::memory_order_relaxed)) return nullptr;  // relaxed: a hint
    return slot_.exchange(nullptr, std::memory_order_acq_rel);   // as swap_slot
  }

  /** Owner: takes half of a full ring, oldest first, into out[N / 2]. Returns how many; 0 when a thief came
   * first. */
  uint32_t take_half(T** out) noexcept {
    uint32_t head = head_.load(std::memory_order_acquire);  // as in push
    const uint32_t count = (tail_.load(std::memory_order_relaxed) - head) / 2;
    for (uint32_t i = 0; i < count; i++) out[i] = ring_[(head + i) % N].load(std::memory_order_relaxed);
    // release: as in pop
    if (!head_.compare_exchange_strong(head, head + count, std::memory_order_release,
                                       std::memory_order_relaxed)) {
      return 0;
    }
    return count;
  }

  /** The owner of `into`, which is empty: moves half of this queue there. Returns how many were moved. */
  uint32_t steal_half(RunQueue& into) noexcept {
    const uint32_t tail_into = into.tail_.load(std::memory_order_relaxed);  // relaxed: its own
    while (true) {
      // acquire both: partner of the owner's release of tail_ (the entries) and of other thieves' CAS
      uint32_t head = head_.load(std::memory_order_acquire);
      const uint32_t tail = tail_.load(std::memory_order_acquire);
      uint32_t count = tail - head;
      count -= count / 2;
      if (count == 0) return 0;
      if (count > N / 2) continue;  // head and tail were read at different times
      for (uint32_t i = 0; i < count; i++) {
        T* item = ring_[(head + i) % N].load(std::memory_order_relaxed);
        into.ring_[(tail_into + i) % N].store(item, std::memory_order_relaxed);
      }
      // acq_rel: claims the entries (release: the reads above are done, for the owner's acquire in push)
      if (head_.compare_exchange_strong(head, head + count, std::memory_order_acq_rel,
                                        std::memory_order_relaxed)) {
        // release: as in push
        into.tail_.store(tail_into + count, std::memory_order_release);
        return count;
      }
    }
  }

  /** Any thread; a hint unless fences say more (see the park protocol). */
  bool empty() const noexcept { return size() == 0; }
  uint32_t size() const noexcept {
    const uint32_t head = head_.load(std::memory_order_relaxed);
    const uint32_t tail = tail_.load(std::memory_order_relaxed);
    const uint32_t count = tail - head;
    return (count > N ? 0 : count) + (slot_.load(std::memory_order_relaxed) ? 1 : 0);
  }

 private:
  alignas(64) std::atomic<uint32_t> head_{0};
  alignas(64) std::atomic<uint32_t> tail_{0};
  std::atomic<T*> slot_{nullptr};
  std::atomic<T*> ring_[N] = {};
};

}  // namespace tailrace::sched
