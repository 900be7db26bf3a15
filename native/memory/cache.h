// A cache of free blocks, one an owner: a P, or an environment. Allocating from it and freeing to it takes no
// lock and touches no shared line.
//
// Each size class has an array of pointers used as a stack. An array, and not a list threaded through the
// blocks, because then a free never touches the block (its line may be in another core's cache: a consumer
// that frees what a producer made pays nothing for it), blocks can be poisoned whole, and batches move by
// memcpy. The arrays grow with demand and give a half back when they overflow; blocks of other owners are no
// special case, they travel back to their spans in such batches.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/counter.h"
#include "base/poison.h"
#include "memory/heap.h"
#include "memory/page_heap.h"

namespace tailrace::memory {

class Cache {
 public:
  Cache() noexcept;
  ~Cache();
  Cache(const Cache&) = delete;
  Cache& operator=(const Cache&) = delete;

  /**
   * A block of at least `bytes`, aligned to 16, its content undefined; nullptr when the limit is reached or
   * the system has no memory. Any size: above kMaxSmallBytes it is a span of its own. The owner only.
   */
  [[nodiscard]] void* allocate(size_t bytes) noexcept {
    if (bytes <= kMaxSmallBytes) [[likely]] {
      const unsigned size_class = size_class_of(bytes);
      Bin& bin = bins_[size_class];
      const uint32_t count = bin.count.load(std::memory_order_relaxed);  // partner: the store of this owner
      if (count != 0) [[likely]] {
        bin.count.store(count - 1, std::memory_order_relaxed);  // partner: stats() on another thread
        void* p = bin.slots[count - 1];
        unpoison(p, bytes ? bytes : 1);
        return p;
      }
      return allocate_slow(size_class, bytes);
    }
    return allocate_large(bytes);
  }

  /** Frees a block of any Cache; nullptr is fine. Freeing what is not a live block of ours is a panic. */
  void free(void* p) noexcept {
    const unsigned size_class = page_heap.class_of(p);
    if (size_class != 0) [[likely]] {
      check_and_poison(p, size_class);
      Bin& bin = bins_[size_class];
      const uint32_t count = bin.count.load(std::memory_order_relaxed);  // partner: the store of this owner
      if (count != bin.capacity.load(std::memory_order_relaxed)) [[likely]] {  // own store
        bin.slots[count] = p;
        bin.count.store(count + 1, std::memory_order_relaxed);  // partner: stats() on another thread
        return;
      }
      free_slow(size_class, p);
      return;
    }
    if (p) free_large(p);
  }

  /**
   * From a thread that owns no Cache: onto a list of the block's class, without a lock but for large blocks
   * and once a batch (central.h). nullptr is fine.
   */
  static void free_remote(void* p) noexcept;

  /** Gives every free block back to the central lists. The owner only. */
  void flush() noexcept;

  /** Gives back half of what each class keeps that was not short since the last call: for idle moments. */
  void decay() noexcept;

  /** The same, for an owner that has nothing to do just now: as often as it likes, works every kAgeNs. */
  void age(uint64_t now_ns) noexcept {
    if (now_ns - aged_ns_ < kAgeNs) [[likely]]
      return;
    aged_ns_ = now_ns;
    decay();
  }

  /** Free bytes kept here; any thread, a hint. */
  size_t cached_bytes() const noexcept;

 private:
  friend Stats stats() noexcept;

  struct Bin {
    void** slots = nullptr;
    std::atomic<uint32_t> count{0};
    std::atomic<uint32_t> capacity{0};  // written by the owner, read by stats()
  };

  static constexpr uint64_t kAgeNs = 100'000'000;
  static constexpr uint32_t kBatchesATick = 64;

  void tick() noexcept;
  void* allocate_slow(unsigned size_class, size_t bytes) noexcept;
  void* allocate_large(size_t bytes) noexcept;
  void free_slow(unsigned size_class, void* p) noexcept;
  static void free_large(void* p) noexcept;
  bool reclaim() noexcept;
  bool grow(Bin& bin, unsigned size_class) noexcept;
  void release(Bin& bin, unsigned size_class, uint32_t count) noexcept;
  static void check_and_poison(void* p, unsigned size_class) noexcept;

  Bin bins_[kClasses];
  uint64_t busy_ = 0;  // bit per class: refilled or overflown since the last decay()
  uint64_t aged_ns_ = 0;
  uint32_t batches_ = 0;
  Counter refills_;
  Counter releases_;
  Cache* next_ = nullptr;  // the list of live caches
  Cache* prev_ = nullptr;
};
static_assert(kClasses <= 64, "busy_ has a bit a class");

void double_free() noexcept;  // panics

inline void Cache::check_and_poison([[maybe_unused]] void* p, [[maybe_unused]] unsigned size_class) noexcept {
#if defined(TAILRACE_ASAN)
  if (is_poisoned(p)) double_free();
  poison(p, kSizeClasses[size_class].size);
#endif
}

}  // namespace tailrace::memory
