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

// The word of the remote list, and of each link in it: the block's address / 16 below, the number of blocks
// from it on above. Blocks are aligned to 16 and no address of a user has more than 56 bits.
constexpr unsigned kCountShift = 52;

uint64_t remote_word(const void* p, uint64_t count) noexcept {
  return reinterpret_cast<uintptr_t>(p) >> 4 | count << kCountShift;
}
void* remote_block(uint64_t word) noexcept {
  return reinterpret_cast<void*>((word & ((uint64_t{1} << kCountShift) - 1)) << 4);  // NOLINT
}
constexpr uint32_t remote_count(uint64_t word) noexcept { return static_cast<uint32_t>(word >> kCountShift); }

constexpr uint32_t kMostRemote = (1u << (64 - kCountShift)) - 1;
constexpr uint32_t kLeastRemote = 8;  // for large blocks, whose batches are short

/** The first word of a free block, which is poisoned but for this. */
void set_link(void* p, uint64_t word) noexcept {
  unpoison(p, sizeof(word));
  std::memcpy(p, &word, sizeof(word));
  poison(p, sizeof(word));
}
uint64_t link_of(void* p) noexcept {
  uint64_t word;
  unpoison(p, sizeof(word));
  std::memcpy(&word, p, sizeof(word));
  poison(p, sizeof(word));
  return word;
}

}  // namespace

void Central::unlink(Span* span) noexcept {
  if (span->bucket < 0) return;
  (span->prev ? span->prev->next : buckets_[span->bucket]) = span->next;
  if (span->next) span->next->prev = span->prev;
  span->bucket = -1;
}

/** All of its blocks are free: its pages are the page heap's again. */
void Central::drop(Span* span) noexcept {
  unlink(span);
  if (span->aging != Span::Aging::no) ages_.remove(span);
  spans_--;
  page_heap.free(span);
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

/** Hands out free blocks of a span, all of whose pages hold memory. */
uint32_t Central::take_resident(Span* span, void** out, uint32_t count) noexcept {
  const size_t size = kSizeClasses[span->size_class].size;
  char* const base = page_heap.address_of(span);
  uint32_t done = 0;
  for (unsigned word = 0; word < kMaxBlocks / 64 && done < count; word++) {
    uint64_t bits = span->free_bits[word];
    while (bits != 0 && done < count) {
      const auto bit = static_cast<unsigned>(std::countr_zero(bits));
      bits &= bits - 1;
      out[done++] = base + (word * 64 + bit) * size;
    }
    span->free_bits[word] = bits;
  }
  return done;
}

/** The same where pages were given back: only blocks none of whose pages was. */
uint32_t Central::take_where_memory_is(Span* span, void** out, uint32_t count) noexcept {
  const size_t size = kSizeClasses[span->size_class].size;
  char* const base = page_heap.address_of(span);
  uint32_t done = 0;
  for (unsigned word = 0; word < kMaxBlocks / 64 && done < count; word++) {
    for (uint64_t bits = span->free_bits[word]; bits != 0 && done < count; bits &= bits - 1) {
      const auto bit = static_cast<unsigned>(std::countr_zero(bits));
      const size_t offset = (word * 64 + bit) * size;
      const auto last = static_cast<uint32_t>((offset + size - 1) >> kPageShift);
      bool has_memory = true;
      for (auto page = static_cast<uint32_t>(offset >> kPageShift); page <= last && has_memory; page++)
        has_memory = page_heap.has_memory(span, page);
      if (!has_memory) continue;
      out[done++] = base + offset;
      span->free_bits[word] &= ~(uint64_t{1} << bit);
    }
  }
  return done;
}

/** The same again: the first free block, whose pages are made ready, and what else is free on them. */
uint32_t Central::take_released(Span* span, void** out, uint32_t count) noexcept {
  const size_t size = kSizeClasses[span->size_class].size;
  unsigned word = 0;
  while (span->free_bits[word] == 0) word++;  // the span is in a bucket: it has one
  const size_t offset = (word * 64 + static_cast<unsigned>(std::countr_zero(span->free_bits[word]))) * size;
  const auto last = static_cast<uint32_t>((offset + size - 1) >> kPageShift);
  for (auto page = static_cast<uint32_t>(offset >> kPageShift); page <= last; page++) {
    if (!page_heap.has_memory(span, page) && !page_heap.take_again(span, page)) return 0;
  }
  return take_where_memory_is(span, out, count);
}

uint32_t Central::take_from_spans(unsigned size_class, void** out, uint32_t count) noexcept {
  uint32_t done = 0;
  while (done < count) {
    Span* span = nullptr;
    for (int bucket = 0; bucket < kBuckets && !span; bucket++) span = buckets_[bucket];
    if (!span) {
      if (done > 0) break;  // some is enough: a new span only when there is nothing
      span = new_span(size_class);
      if (!span) break;
    }
    uint32_t got;
    if (span->resident == span->pages) {
      got = take_resident(span, out + done, count - done);
    } else {
      got = take_where_memory_is(span, out + done, count - done);
      if (got == 0) got = take_released(span, out + done, count - done);
      if (got == 0) break;  // the limit
    }
    done += got;
    span->free_blocks = static_cast<uint16_t>(span->free_blocks - got);
    if (span->aging != Span::Aging::no) {  // it is in use: its pages wait anew
      ages_.remove(span);
      ages_.push(span, page_heap.decay.now());
    }
    place(span);
  }
  taken_ += done;
  return done;
}

void Central::give_to_spans(void* const* blocks, uint32_t count, uint64_t freed_ns) noexcept {
  for (uint32_t i = 0; i < count; i++) {
    Span* span = page_heap.span_of(blocks[i]);
    const SizeClass& info = kSizeClasses[span->size_class];
    const auto offset = static_cast<uint64_t>(static_cast<char*>(blocks[i]) - page_heap.address_of(span));
    const auto index = static_cast<unsigned>((offset * span->magic) >> 32);
    const uint64_t bit = uint64_t{1} << (index % 64);
    // Cheap here, once a batch: a block that is free already was freed twice, one off the grid was never
    // ours.
    if (span->free_bits[index / 64] & bit) panic("memory: a block was freed twice");
    if (index * uint64_t{info.size} != offset) panic("memory: freed inside a block");
    span->free_bits[index / 64] |= bit;
    span->free_blocks++;
    if (span->free_blocks == info.blocks) {  // so it is not held: it would lack those blocks
      drop(span);
    } else {
      place(span);
      // One that is held may have a free page once its other blocks are back, whatever is free now.
      if (span->aging == Span::Aging::no &&
          (span->held || size_t{span->free_blocks} * info.size >= kPageBytes))
        ages_.push(span, freed_ns);
    }
  }
  taken_ -= count;
}

uint32_t Central::take(unsigned size_class, void** out, uint32_t count) noexcept {
  LockGuard guard(mutex_);
  if (waiting_count_ == 0) collect_remote(size_class);
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
  store(size_class, blocks, count);
}

/** Into the array as far as there is room, the others into their spans. Under the lock. */
void Central::store(unsigned size_class, void* const* blocks, uint32_t count) noexcept {
  const uint32_t most = most_waiting(size_class, kWaiting);
  uint32_t room = most - waiting_count_;
  if (room > count) room = count;
  if (room > 0) {
    used_ = true;
    std::memcpy(waiting_ + waiting_count_, blocks, room * sizeof(void*));
    waiting_count_ += room;
  }
  if (room < count) give_to_spans(blocks + room, count - room, page_heap.decay.now());
}

uint32_t Central::remote_batch(unsigned size_class) noexcept {
  const uint32_t batch = kSizeClasses[size_class].batch;
  return batch > kLeastRemote ? batch : kLeastRemote;
}

void Central::give_remote(unsigned size_class, void* p) noexcept {
  // relaxed: only the number is used of it, no block is looked at
  uint64_t head = remote_.load(std::memory_order_relaxed);
  uint64_t word;
  // Each failure is another thread's success. Nothing here can be confused by a block that was taken and came
  // back meanwhile (ABA): the same word is the same top of a list of the same length, and no link is read.
  do {
    if (remote_count(head) >= kMostRemote) {  // thousands of threads between a push and its look
      LockGuard guard(mutex_);
      collect_remote(size_class);
      head = remote_.load(std::memory_order_relaxed);  // as above
    }
    set_link(p, head);
    word = remote_word(p, remote_count(head) + 1);
    // release: the link, and what the thread did with the block before; partner: the exchange in
    // collect_remote()
  } while (!remote_.compare_exchange_weak(head, word, std::memory_order_release, std::memory_order_relaxed));
  if (remote_count(word) < remote_batch(size_class)) return;
  LockGuard guard(mutex_);
  collect_remote(size_class);
}

/** Takes the whole list of give_remote() into the array. Under the lock. */
void Central::collect_remote(unsigned size_class) noexcept {
  // relaxed: whether there is anything; the exchange decides
  if (remote_.load(std::memory_order_relaxed) == 0) return;
  // acquire: the blocks and their links; partner: the exchanges of all who pushed, in give_remote()
  uint64_t word = remote_.exchange(0, std::memory_order_acquire);
  void* blocks[64];
  // By the number and not until a link ends: a block that was freed twice makes a ring.
  for (uint32_t left = remote_count(word); left > 0;) {
    uint32_t count = 0;
    for (; left > 0 && count < 64; left--) {
      void* p = remote_block(word);
      if (!p) panic("memory: a block was freed twice");
      word = link_of(p);
      blocks[count++] = p;
    }
    store(size_class, blocks, count);
  }
}

void Central::drain(unsigned size_class, bool always) noexcept {
  LockGuard guard(mutex_);
  collect_remote(size_class);
  if (used_) quiet_since_ns_ = page_heap.decay.now();
  if (always || !used_) {
    give_to_spans(waiting_, waiting_count_, quiet_since_ns_);
    waiting_count_ = 0;
  }
  used_ = false;
}

bool Central::aging() noexcept {
  LockGuard guard(mutex_);
  // relaxed: a hint; partner: give_remote(). A block pushed just now is seen the next time.
  return waiting_count_ != 0 || ages_.oldest() || remote_.load(std::memory_order_relaxed) != 0;
}

Central::Counts Central::counts() noexcept {
  LockGuard guard(mutex_);
  // relaxed: a statistic; partner: give_remote()
  return {spans_, taken_, waiting_count_, remote_count(remote_.load(std::memory_order_relaxed))};
}

}  // namespace tailrace::memory
