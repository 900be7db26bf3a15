// The central list of one size class: where caches get batches of blocks and give them back.
//
// In front stands an array of free blocks just as the caches hand them over: a batch that one cache returned
// goes to the next one that asks, by memcpy, without a look at the blocks. Behind it are the class's spans
// with a bitmap of free blocks each. Blocks are taken from the fullest span first, so that emptier ones drain
// and go back to the page heap whole, and in a span from pages that still have memory.
//
// Most spans never become empty: freeing nine blocks of ten at random leaves one in nearly each. So their
// free pages go back one by one. A span in which a page may be free stands in a list by age; when it has
// waited long enough the bitmap says which of its pages no block in use touches. Such a page is marked in the
// page heap's table, as a free one outside of spans is, and is made ready again when one of its blocks is
// taken.
//
// A thread that has no cache frees without a lock: it pushes the block onto a list through the blocks
// themselves. Spans have no owner, so the class has the list, as a block's page or heap has it elsewhere. One
// exchange takes all of it: whoever has made it a batch long, an allocation that finds the array empty, or
// drain(). So it is never longer than a batch and a block for each thread that frees just then, and nothing
// is stranded in it when those threads are gone.
#pragma once

#include <atomic>
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
  /** Takes a block back from a thread without a cache; poisoned already. No lock but once a batch. */
  void give_remote(unsigned size_class, void* p) noexcept;
  /** Blocks that give_remote() collects before it takes the lock. */
  static uint32_t remote_batch(unsigned size_class) noexcept;
  /** Sorts the array's blocks into their spans if nobody used the array since the last call, or always. */
  void drain(unsigned size_class, bool always) noexcept;
  /**
   * Gives back up to `most` free pages (whole ones of the system) of the spans that have waited longest, if
   * they have long enough. Their blocks are out of the bitmap meanwhile, so that the lock is not held while
   * the system works.
   */
  struct Step {
    bool found = false;  // a span was due; there may be more
    uint32_t pages = 0;  // given back
  };
  Step give_back(uint32_t most, bool at_once) noexcept;
  /** Whether drain() or give_back() will have something to do later. */
  bool aging() noexcept;

  struct Counts {
    uint64_t spans;
    uint64_t taken;    // blocks outside the spans' bitmaps: in use, in caches, in the array, in the list
    uint64_t waiting;  // blocks in the array
    uint64_t remote;   // blocks in the list of give_remote()
  };
  Counts counts() noexcept;

 private:
  static constexpr uint32_t kWaiting = 1024;
  static constexpr int kBuckets = 10;  // by the logarithm of their free blocks

  Span* new_span(unsigned size_class) noexcept;
  uint32_t take_from_spans(unsigned size_class, void** out, uint32_t count) noexcept;
  static uint32_t take_resident(Span* span, void** out, uint32_t count) noexcept;
  static uint32_t take_where_memory_is(Span* span, void** out, uint32_t count) noexcept;
  static uint32_t take_released(Span* span, void** out, uint32_t count) noexcept;
  void store(unsigned size_class, void* const* blocks, uint32_t count) noexcept;
  void collect_remote(unsigned size_class) noexcept;
  void give_to_spans(void* const* blocks, uint32_t count, uint64_t freed_ns) noexcept;
  struct Held;
  uint32_t hold(Span* span, uint32_t most, Held& held) noexcept;
  void let_go(Held& held, uint32_t done_ranges) noexcept;
  void place(Span* span) noexcept;
  void unlink(Span* span) noexcept;
  void drop(Span* span) noexcept;

  Mutex mutex_{LockRank::memory_central};
  uint32_t waiting_count_ = 0;
  bool used_ = false;  // the array, since the last drain
  uint64_t spans_ = 0;
  uint64_t taken_ = 0;
  uint64_t quiet_since_ns_ = 0;  // nobody used the array after this, as far as drain() saw
  Span* buckets_[kBuckets] = {};
  AgeList ages_{Span::Aging::parts};  // spans that may have a free page with memory
  void* waiting_[kWaiting] = {};
  /** The newest block of the list and the number of them, in one word (central.cc); on a line of its own. */
  alignas(64) std::atomic<uint64_t> remote_{0};
};

/** By size class. Constant-initialised, never destroyed. */
extern Central central_lists[kClasses];

}  // namespace tailrace::memory
