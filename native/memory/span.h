// Span: the record of a run of pages, and the lists spans stand in.
//
// Records are dense: they stand in a reservation of their own and are used again, so that a heap of many
// pages and few spans has few records, and so that metadata is never interleaved with data that users
// overrun. A page finds its span by a number in a table (page_heap.h).
#pragma once

#include <cstddef>
#include <cstdint>

#include "memory/size_classes.h"

namespace tailrace::memory {

/** A run of pages. Its fields belong to whoever holds it, as `state` says. */
struct Span {
  enum class State : uint8_t { none, free, small, large };
  /** Which list by age it stands in. */
  enum class Aging : uint8_t { no, parts, huge };

  Span* next;  // free: list of its size; small: the central list's bucket; none: the next unused record
  Span* prev;
  Span* older;  // with pages to give back: by age
  Span* newer;
  uint64_t freed_ns;     // in a list by age: since when
  uint32_t first_page;   // number of its first page
  uint32_t pages;        // length of the run
  uint32_t resident;     // pages of it that hold memory
  uint32_t magic;        // small: 2^32 / size rounded up, to find a block's index
  uint16_t free_blocks;  // small: bits set in free_bits
  uint8_t size_class;
  State state;
  Aging aging;
  int8_t bucket;                        // small: central list it stands in, -1 for none
  bool held;                            // small: some of its free blocks are out of free_bits (Central::hold)
  uint64_t free_bits[kMaxBlocks / 64];  // small: blocks that are neither in use nor in a cache
};

/** Spans that have pages to give back, in the order they became free. */
class AgeList {
 public:
  constexpr explicit AgeList(Span::Aging kind) noexcept : kind_(kind) {}

  Span* oldest() const noexcept { return oldest_; }

  void push(Span* span, uint64_t freed_ns) noexcept {
    span->freed_ns = freed_ns;
    span->aging = kind_;
    span->newer = nullptr;
    span->older = newest_;
    (newest_ ? newest_->newer : oldest_) = span;
    newest_ = span;
  }

  void remove(Span* span) noexcept {
    (span->older ? span->older->newer : oldest_) = span->newer;
    (span->newer ? span->newer->older : newest_) = span->older;
    span->aging = Span::Aging::no;
  }

  /** Puts `span` where `other` stands, with its age. */
  void replace(Span* other, Span* span) noexcept {
    span->freed_ns = other->freed_ns;
    span->older = other->older;
    span->newer = other->newer;
    span->aging = kind_;
    (span->older ? span->older->newer : oldest_) = span;
    (span->newer ? span->newer->older : newest_) = span;
    other->aging = Span::Aging::no;
  }

 private:
  Span* oldest_ = nullptr;
  Span* newest_ = nullptr;
  Span::Aging kind_;
};

/** Free runs by size, in lists of two levels (TLSF: Masmano et al., 2004): all of it O(1). */
class FreeRuns {
 public:
  constexpr FreeRuns() noexcept = default;

  void insert(Span* span) noexcept;
  void remove(Span* span) noexcept;
  /** A run of at least that many pages, one of the smallest; null when there is none. It stays in its list.
   */
  Span* find(uint32_t pages) const noexcept;

 private:
  static constexpr unsigned kSubBits = 3;
  static constexpr unsigned kLists = 32 << kSubBits;

  uint32_t first_ = 0;        // bit i: second_[i] is not 0
  uint32_t second_[32] = {};  // bit j of second_[i]: heads_[i * 8 + j] is not empty
  Span* heads_[kLists] = {};
};

}  // namespace tailrace::memory
