// Batches in and out of the array and of the spans; see central.h.
#include "memory/central.h"

#include <bit>
#include <cstring>

#include "base/check.h"
#include "base/poison.h"

namespace tailrace::memory {

constinit Central central_lists[kClasses];

namespace {

/** Most blocks that may wait in the array: about a megabyte, as a power of two of batches. */
uint32_t most_waiting(unsigned size_class, uint32_t room) noexcept {
  const uint32_t by_bytes = (1u << 20) / kSizeClasses[size_class].size;
  return by_bytes < room ? by_bytes : room;
}

}  // namespace

void Central::unlink(Span* span) noexcept {
  if (span->bucket < 0) return;
  (span->prev ? span->prev->next : buckets_[span->bucket]) = span->next;
  if (span->next) span->next->prev = span->prev;
  span->bucket = -1;
}

void Central::place(Span* span) noexcept {
  const int bucket =
      static_cast<int>(std::bit_width(static_cast<unsigned>(span->free_blocks))) - 1;  // -1: none free
  if (bucket == span->bucket) return;
  unlink(span);
  if (bucket < 0) return;
  span->bucket = static_cast<int8_t>(bucket);
  span->prev = nullptr;
  span->next = buckets_[bucket];
  if (span->next) span->next->prev = span;
  buckets_[bucket] = span;
}

Span* Central::new_span(unsigned size_class) noexcept {
  const SizeClass& info = kSizeClasses[size_class];
  Span* span = page_heap.allocate(info.span_pages, Span::State::small);
  if (!span) return nullptr;
  span->magic = static_cast<uint32_t>((uint64_t{1} << 32) / info.size + 1);
  span->size_class = static_cast<uint8_t>(size_class);
  span->free_blocks = info.blocks;
  for (unsigned word = 0; word < kMaxBlocks / 64; word++) {
    const unsigned from = word * 64;
    const unsigned here = info.blocks <= from ? 0 : info.blocks - from;
    span->free_bits[word] = here >= 64 ? ~uint64_t{0} : (uint64_t{1} << here) - 1;
  }
  page_heap.set_class(span, static_cast<uint8_t>(size_class));
  spans_++;
  return span;
}

uint32_t Central::take_from_spans(unsigned size_class, void** out, uint32_t count) noexcept {
  const size_t size = kSizeClasses[size_class].size;
  uint32_t done = 0;
  while (done < count) {
    Span* span = nullptr;
    for (int bucket = 0; bucket < kBuckets && !span; bucket++) span = buckets_[bucket];
    if (!span) {
      if (done > 0) break;  // some is enough: a new span only when there is nothing
      span = new_span(size_class);
      if (!span) break;
    }
    char* const base = page_heap.address_of(span);
    for (unsigned word = 0; word < kMaxBlocks / 64 && done < count; word++) {
      uint64_t bits = span->free_bits[word];
      while (bits != 0 && done < count) {
        const auto bit = static_cast<unsigned>(std::countr_zero(bits));
        bits &= bits - 1;
        out[done++] = base + (word * 64 + bit) * size;
        span->free_blocks--;
      }
      span->free_bits[word] = bits;
    }
    place(span);
  }
  taken_ += done;
  return done;
}

void Central::give_to_spans(void* const* blocks, uint32_t count) noexcept {
  for (uint32_t i = 0; i < count; i++) {
    Span* span = page_heap.span_of(blocks[i]);
    const auto offset = static_cast<uint64_t>(static_cast<char*>(blocks[i]) - page_heap.address_of(span));
    const auto index = static_cast<unsigned>((offset * span->magic) >> 32);
    const uint64_t bit = uint64_t{1} << (index % 64);
    // Cheap here, once a batch: a block that is free already was freed twice, one off the grid was never
    // ours.
    if (span->free_bits[index / 64] & bit) panic("memory: a block was freed twice");
    if (index * uint64_t{kSizeClasses[span->size_class].size} != offset)
      panic("memory: freed inside a block");
    span->free_bits[index / 64] |= bit;
    span->free_blocks++;
    if (span->free_blocks == kSizeClasses[span->size_class].blocks) {
      unlink(span);
      spans_--;
      page_heap.free(span);
    } else {
      place(span);
    }
  }
  taken_ -= count;
}

uint32_t Central::take(unsigned size_class, void** out, uint32_t count) noexcept {
  LockGuard guard(mutex_);
  if (waiting_count_ > 0) {
    used_ = true;
    if (count > waiting_count_) count = waiting_count_;
    waiting_count_ -= count;
    std::memcpy(out, waiting_ + waiting_count_, count * sizeof(void*));
    return count;
  }
  return take_from_spans(size_class, out, count);
}

void Central::give(unsigned size_class, void* const* blocks, uint32_t count) noexcept {
  LockGuard guard(mutex_);
  const uint32_t most = most_waiting(size_class, kWaiting);
  uint32_t room = most - waiting_count_;
  if (room > count) room = count;
  if (room > 0) {
    used_ = true;
    std::memcpy(waiting_ + waiting_count_, blocks, room * sizeof(void*));
    waiting_count_ += room;
  }
  if (room < count) give_to_spans(blocks + room, count - room);
}

void Central::drain([[maybe_unused]] unsigned size_class, bool always) noexcept {
  LockGuard guard(mutex_);
  if (always || !used_) {
    give_to_spans(waiting_, waiting_count_);
    waiting_count_ = 0;
  }
  used_ = false;
}

Central::Counts Central::counts() noexcept {
  LockGuard guard(mutex_);
  return {spans_, taken_, waiting_count_};
}

}  // namespace tailrace::memory
