// The lists of free runs; see span.h.
#include "memory/span.h"

#include <bit>

namespace tailrace::memory {

namespace {

/** List for runs of exactly this many pages, or the one it belongs to by size: rounds down. */
unsigned list_of(uint32_t pages, unsigned sub_bits) noexcept {
  if (pages < (1u << sub_bits)) return pages;
  const unsigned top = 31u - static_cast<unsigned>(std::countl_zero(pages));
  const unsigned sub = (pages >> (top - sub_bits)) & ((1u << sub_bits) - 1);
  return ((top - sub_bits + 1) << sub_bits) + sub;
}

/** First list all of whose runs have at least this many pages: rounds up. */
unsigned list_at_least(uint32_t pages, unsigned sub_bits) noexcept {
  const unsigned list = list_of(pages, sub_bits);
  if (pages < (1u << sub_bits)) return list;
  const unsigned shift = (list >> sub_bits) - 1;
  return (pages & ((1u << shift) - 1)) == 0 ? list : list + 1;
}

}  // namespace

void FreeRuns::insert(Span* span) noexcept {
  const unsigned list = list_of(span->pages, kSubBits);
  span->prev = nullptr;
  span->next = heads_[list];
  if (span->next) span->next->prev = span;
  heads_[list] = span;
  second_[list >> kSubBits] |= 1u << (list & ((1u << kSubBits) - 1));
  first_ |= 1u << (list >> kSubBits);
}

void FreeRuns::remove(Span* span) noexcept {
  const unsigned list = list_of(span->pages, kSubBits);
  (span->prev ? span->prev->next : heads_[list]) = span->next;
  if (span->next) span->next->prev = span->prev;
  if (heads_[list]) return;
  uint32_t& second = second_[list >> kSubBits];
  second &= ~(1u << (list & ((1u << kSubBits) - 1)));
  if (second == 0) first_ &= ~(1u << (list >> kSubBits));
}

Span* FreeRuns::find(uint32_t pages) const noexcept {
  const unsigned list = list_at_least(pages, kSubBits);
  unsigned group = list >> kSubBits;
  const uint32_t here = second_[group] & (~0u << (list & ((1u << kSubBits) - 1)));
  if (here != 0) return heads_[(group << kSubBits) + static_cast<unsigned>(std::countr_zero(here))];
  const uint32_t above = group == 31 ? 0 : first_ & (~0u << (group + 1));
  if (above != 0) {
    group = static_cast<unsigned>(std::countr_zero(above));
    return heads_[(group << kSubBits) + static_cast<unsigned>(std::countr_zero(second_[group]))];
  }
  // Nothing is surely large enough. The list that the size itself falls into may still have a run that is:
  // look at a few.
  Span* span = heads_[list_of(pages, kSubBits)];
  for (int i = 0; i < 16 && span; i++, span = span->next) {
    if (span->pages >= pages) return span;
  }
  return nullptr;
}

}  // namespace tailrace::memory
