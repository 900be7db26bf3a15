// The central list of one size class: where caches get batches of blocks and give them back.
//
// In front stands an array of free blocks just as the caches hand them over: a batch that one cache returned
// goes to the next one that asks, by memcpy, without a look at the blocks. Behind it are the class's spans
// with a bitmap of free blocks each. Blocks are taken from the fullest span first, so that emptier ones drain
// and go back to the page heap whole.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/lock.h"
#include "memory/page_heap.h"

namespace tailrace::memory {

class Central {
 public:
  constexpr Central() noexcept = default;

  /** Takes up to `count` blocks; 0 when the limit or the system refuses. They are poisoned. */
  uint32_t take(unsigned size_class, void** out, uint32_t count) noexcept;
  /** Takes `count` blocks back; they are poisoned already. */
  void give(unsigned size_class, void* const* blocks, uint32_t count) noexcept;
  /** Sorts the array's blocks into their spans if nobody used the array since the last call, or always. */
  void drain(unsigned size_class, bool always) noexcept;

  struct Counts {
    uint64_t spans;
    uint64_t taken;    // blocks outside the spans' bitmaps: in use, in caches, in the array
    uint64_t waiting;  // blocks in the array
  };
  Counts counts() noexcept;

 private:
  static constexpr uint32_t kWaiting = 1024;
  static constexpr int kBuckets = 10;  // by the logarithm of their free blocks

  Span* new_span(unsigned size_class) noexcept;
  uint32_t take_from_spans(unsigned size_class, void** out, uint32_t count) noexcept;
  void give_to_spans(void* const* blocks, uint32_t count) noexcept;
  void place(Span* span) noexcept;
  void unlink(Span* span) noexcept;

  Mutex mutex_{LockRank::memory_central};
  uint32_t waiting_count_ = 0;
  bool used_ = false;  // the array, since the last drain
  uint64_t spans_ = 0;
  uint64_t taken_ = 0;
  Span* buckets_[kBuckets] = {};
  void* waiting_[kWaiting] = {};
};

/** By size class. Constant-initialised, never destroyed. */
extern Central central_lists[kClasses];

}  // namespace tailrace::memory
