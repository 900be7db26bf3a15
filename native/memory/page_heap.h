// Pages: runs of kPageBytes in one reservation of address space, handed out as spans and taken back.
//
// Every page has two side records, found by its number: a byte, which is all that free() reads (the class of
// its blocks, or that it holds no memory), and the number of its span's record. They live in reservations of
// their own and are committed along with the pages. Free runs are coalesced at once and kept in lists by
// size, so that taking, splitting and giving back are O(1).
//
// A page goes back to the system after a while (decay.h) wherever it is free: in a free run, or inside a span
// whose blocks on it are all free (central.h). Address space grows in whole huge pages (2 MiB); a huge page
// that is free as a whole goes back after half the wait, a part of one after all of it: breaking a huge page
// is what costs those who stay on it. While the system works no lock is held (page_release.cc).
//
// Where the system's pages are larger than ours (arm64 with 16 or 64 KiB) it gives and takes them whole, so
// the pages of ours in one of them all hold memory or none does: giving back cuts down to whole ones, and
// taking one page takes what comes with it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/lock.h"
#include "memory/decay.h"
#include "memory/heap.h"
#include "memory/size_classes.h"
#include "memory/span.h"

namespace tailrace::memory {

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

  // Pages inside a small span. Whoever holds the lock of its central list.
  bool has_memory(const Span* span, uint32_t page) const noexcept {
    return page_class_[span->first_page + page] != kReleased;
  }
  /**
   * Up to `max_pages` of `count` pages, which hold memory and no block in use, hold none any more as far as
   * the heap knows: whole pages of the system, next to each other. The caller makes it true, with nobody's
   * lock, and then calls gave_back_inside() or, when the system refused, undo_inside(). Until then none of
   * their blocks is given out.
   */
  struct Pages {
    uint32_t first = 0;  // in the heap
    uint32_t count = 0;  // 0: none
  };
  Pages release_inside(Span* span, uint32_t page, uint32_t count, uint32_t max_pages) noexcept;
  void gave_back_inside(uint32_t count) noexcept;
  void undo_inside(Span* span, Pages pages) noexcept;
  char* address_of_page(uint32_t page) const noexcept { return base_ + (size_t{page} << kPageShift); }
  /** Makes a page ready for blocks again, and all that comes with it. False when the limit refuses. */
  bool take_again(Span* span, uint32_t page) noexcept;

  /** Free runs: at most `max_bytes` of those that have waited long enough, or of all. Returns bytes. */
  size_t scavenge(size_t max_bytes, bool at_once) noexcept;
  /** Whether free runs wait to be given back. */
  bool aging() noexcept;
  void set_limit(size_t bytes) noexcept;
  size_t limit() const noexcept { return limit_.load(std::memory_order_relaxed); }  // partner: set_limit

  // Lookups: any thread, no lock. Valid for addresses inside blocks that are alive.
  bool owns(const void* p) const noexcept {
    const uint64_t bytes = bytes_.load(std::memory_order_acquire);  // before base_; partner: grow()
    return offset_of(p) < bytes;
  }
  /** 0 for large, free and foreign. */
  unsigned class_of(const void* p) const noexcept {
    const uint64_t bytes = bytes_.load(std::memory_order_acquire);  // before base_; partner: grow()
    const size_t offset = offset_of(p);
    if (offset >= bytes) [[unlikely]]
      return 0;
    // A plain load: whoever has a live block here got it by synchronisation with the thread that set its
    // class.
    const uint8_t value = page_class_[offset >> kPageShift];
    return value < kClasses ? value : 0;
  }
  /** The span a block lies in; null for an address that is not ours. */
  Span* span_of(const void* p) const noexcept {
    if (!owns(p)) return nullptr;
    return &records_[span_at_[offset_of(p) >> kPageShift]];
  }
  char* address_of(const Span* span) const noexcept {
    return base_ + (static_cast<size_t>(span->first_page) << kPageShift);
  }

  uint64_t reserved_bytes() const noexcept {
    return reserved_.load(std::memory_order_relaxed);
  }  // partner: reserve()
  uint64_t resident_pages() const noexcept {
    return resident_pages_.load(std::memory_order_relaxed);
  }  // statistic
  uint64_t given_back_bytes() const noexcept {
    return given_back_.load(std::memory_order_relaxed);
  }  // statistic

  /** Told the time by scavenge() of heap.h. */
  Decay decay;

  /** Pages of ours in one of the system's, which may be larger (arm64). */
  static uint32_t system_page() noexcept;
  /** Most pages, and most ranges of them, that one call of the system gives back. */
  static constexpr uint32_t kStepPages = static_cast<uint32_t>(kScavengeStepBytes >> kPageShift);

 private:
  static constexpr uint8_t kReleased = 255;  // page class of a page without memory
  static constexpr uint32_t kHugePages = (2u << 20) >> kPageShift;
  static constexpr uint32_t kGrowPages = 2 * kHugePages;

  size_t offset_of(const void* p) const noexcept {
    return reinterpret_cast<uintptr_t>(p) - reinterpret_cast<uintptr_t>(base_);
  }
  bool reserve() noexcept;
  bool commit_table(unsigned table, uint64_t entries) noexcept;
  bool grow(uint32_t pages) noexcept;
  bool make_room(uint32_t pages) noexcept;
  Span* new_record() noexcept;
  void drop_record(Span* span) noexcept;
  Span* take(uint32_t pages) noexcept;
  void insert(Span* span) noexcept;
  void list(Span* span, Span* heir) noexcept;
  AgeList& ages_of(const Span* span) noexcept { return span->aging == Span::Aging::huge ? huge_ : parts_; }
  uint32_t coming_along(uint32_t page) const noexcept;
  void came_along(uint32_t page, uint32_t count) noexcept;
  uint32_t count_resident(const Span* span) const noexcept;
  struct Stretch {
    uint32_t from, to;
    uint32_t passed;  // pages with memory before it in the run
  };
  bool next_stretch(const Span* span, uint32_t max_pages, bool whole_huge_only, Stretch& out) const noexcept;
  Span* carve(Span* span, const Stretch& stretch) noexcept;
  void settle(Span* piece, bool given_back) noexcept;
  uint32_t give_back_all(Span* span) noexcept;

  Mutex mutex_{LockRank::memory_pages};
  char* base_ = nullptr;
  uint8_t* page_class_ = nullptr;
  uint32_t* span_at_ =
      nullptr;  // record by page: of the first and last page of any run, of all pages of a small span
  Span* records_ = nullptr;
  std::atomic<uint64_t> bytes_{0};     // of address space that were made accessible; 0 until the first use
  std::atomic<uint64_t> reserved_{0};  // of address space
  std::atomic<uint64_t> limit_{UINT64_MAX};
  std::atomic<uint64_t> resident_pages_{0};
  std::atomic<uint64_t> given_back_{0};
  uint32_t total_pages_ = 0;
  uint64_t committed_[3] = {};         // bytes of page_class_, span_at_ and records_ made accessible
  uint32_t grown_pages_ = 0;           // bytes_ in pages; they are given back but never shrunk
  uint32_t record_count_ = 0;          // records ever used
  Span* spare_ = nullptr;              // records that are not in use
  FreeRuns dirty_;                     // runs with at least one page that has memory
  FreeRuns released_;                  // runs without: resident is 0
  AgeList huge_{Span::Aging::huge};    // dirty runs with a whole huge page in them
  AgeList parts_{Span::Aging::parts};  // the others
};

/** The one heap. Constant-initialised, never destroyed. */
extern PageHeap page_heap;

}  // namespace tailrace::memory
