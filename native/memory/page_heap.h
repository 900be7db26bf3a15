// Pages: runs of kPageBytes in one reservation of address space, handed out as spans and taken back.
//
// Every page has three side records, found by its number: a byte (its class, which is all that free() needs),
// the number of its span's first page, and a Span. They live in reservations of their own and are committed
// along with the pages, so metadata is never interleaved with data that users overrun, and a lookup is one
// indexed load. Free runs are coalesced at once and kept in lists by size (two levels, as TLSF: Masmano et
// al., 2004), so that taking, splitting and giving back are O(1). A free run goes back to the system after a
// while (heap.h).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/lock.h"
#include "memory/heap.h"
#include "memory/size_classes.h"

namespace tailrace::memory {

/** A run of pages, at the record of its first page. Its fields belong to whoever holds it, as `state` says.
 */
struct Span {
  enum class State : uint8_t { none, free, small, large };

  Span* next;  // free: list of its size; small: the central list's bucket
  Span* prev;
  Span* older;  // free with pages to give back: by age
  Span* newer;
  uint64_t freed_ns;     // free: when, by the time scavenge() was last told
  uint32_t pages;        // length of the run
  uint32_t resident;     // free: pages of it that hold memory
  uint32_t magic;        // small: 2^32 / size rounded up, to find a block's index
  uint16_t free_blocks;  // small: bits set in free_bits
  uint8_t size_class;
  State state;
  bool aging;                           // free: stands in the list by age
  int8_t bucket;                        // small: central list it stands in, -1 for none
  uint64_t free_bits[kMaxBlocks / 64];  // small: blocks that are neither in use nor in a cache
};

class PageHeap {
 public:
  constexpr PageHeap() noexcept = default;

  /**
   * A run of `pages` for that use; null when the limit or the system refuses. The state is written under the
   * lock here and in free(), nowhere else: whoever frees the run next to it reads it.
   */
  Span* allocate(uint32_t pages, Span::State state) noexcept;
  /** Gives a run back; its page classes are reset. The bytes must be poisoned by the caller. */
  void free(Span* span) noexcept;

  /** Marks all pages of a span as blocks of a class. */
  void set_class(Span* span, uint8_t size_class) noexcept;

  size_t scavenge(uint64_t now_ns, size_t max_bytes, bool at_once) noexcept;
  void set_limit(size_t bytes) noexcept;
  size_t limit() const noexcept { return limit_.load(std::memory_order_relaxed); }  // partner: set_limit

  // Lookups: any thread, no lock. Valid for addresses inside blocks that are alive.
  bool owns(const void* p) const noexcept {
    const uint64_t bytes = bytes_.load(std::memory_order_acquire);  // before base_; partner: reserve()
    return offset_of(p) < bytes;
  }
  /** 0 for large, free and foreign. */
  unsigned class_of(const void* p) const noexcept {
    const uint64_t bytes = bytes_.load(std::memory_order_acquire);  // before base_; partner: reserve()
    const size_t offset = offset_of(p);
    if (offset >= bytes) [[unlikely]]
      return 0;
    // A plain load: whoever has a live block here got it by synchronisation with the thread that set its
    // class.
    const uint8_t value = page_class_[offset >> kPageShift];
    return value < kClasses ? value : 0;
  }
  /** The span a block lies in; null for an address that no span of ours holds. */
  Span* span_of(const void* p) const noexcept;
  char* address_of(const Span* span) const noexcept {
    return base_ + (static_cast<size_t>(span - spans_) << kPageShift);
  }

  uint64_t reserved_bytes() const noexcept {
    return bytes_.load(std::memory_order_relaxed);
  }  // partner: reserve()
  uint64_t resident_pages() const noexcept {
    return resident_pages_.load(std::memory_order_relaxed);
  }  // statistic
  uint64_t given_back_bytes() const noexcept {
    return given_back_.load(std::memory_order_relaxed);
  }  // statistic

 private:
  static constexpr unsigned kSubBits = 3;
  static constexpr unsigned kLists = 32 << kSubBits;
  static constexpr uint8_t kReleased = 255;  // page class of a free page without memory
  static constexpr size_t kGrowBytes = 4u << 20;

  /** Free runs by size, two levels. */
  struct Runs {
    uint32_t first = 0;  // bit i: second[i] is not 0
    uint32_t second[32] = {};
    Span* heads[kLists] = {};
  };

  size_t offset_of(const void* p) const noexcept {
    return reinterpret_cast<uintptr_t>(p) - reinterpret_cast<uintptr_t>(base_);
  }
  bool reserve() noexcept;
  bool grow(uint32_t pages) noexcept;
  bool make_room(uint32_t pages) noexcept;
  Span* take(Runs& runs, uint32_t pages) noexcept;
  Span* find(const Runs& runs, uint32_t pages) const noexcept;
  void insert(Span* span) noexcept;
  void remove(Span* span) noexcept;
  uint32_t count_resident(const Span* span) const noexcept;
  uint32_t give_back(Span* span, uint32_t max_pages) noexcept;
  void unage(Span* span) noexcept;

  Mutex mutex_{LockRank::memory_pages};
  char* base_ = nullptr;
  uint8_t* page_class_ = nullptr;
  uint32_t* first_page_ = nullptr;
  Span* spans_ = nullptr;
  std::atomic<uint64_t> bytes_{0};  // reserved; 0 until the first use
  std::atomic<uint64_t> limit_{UINT64_MAX};
  std::atomic<uint64_t> resident_pages_{0};
  std::atomic<uint64_t> given_back_{0};
  uint32_t total_pages_ = 0;
  uint64_t committed_[3] = {};  // bytes of page_class_, first_page_ and spans_ made accessible
  uint32_t grown_pages_ = 0;    // committed so far; they are given back but never shrunk
  uint64_t now_ns_ = 0;
  Runs dirty_;     // runs with at least one page that has memory
  Runs released_;  // runs without
  Span* oldest_ = nullptr;
  Span* newest_ = nullptr;
};

/** The one heap. Constant-initialised, never destroyed. */
extern PageHeap page_heap;

}  // namespace tailrace::memory
