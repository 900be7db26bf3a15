// Giving back the free pages inside partly used spans; see central.h.
//
// A step takes the free blocks of some pages out of their spans' bitmaps, as if somebody had allocated them,
// lets go of the lock, has the system take the pages of all of them by one call, and puts the blocks back. So
// a thread that allocates or frees meanwhile waits for the bitmaps only, and a page costs a fraction of what
// it does by itself.
#include "base/check.h"
#include "base/os.h"
#include "memory/central.h"

namespace tailrace::memory {

namespace {

constexpr uint32_t kMostSpans = 16;  // looked at under the lock

}  // namespace

/** What one step took out of one span. */
struct Central::Held {
  Span* span;
  uint32_t blocks;
  uint32_t range_count;
  uint64_t bits[kMaxBlocks / 64];
  PageHeap::Pages* ranges;  // part of the step's array
};

/** Takes the blocks of up to `most` free pages out of a span; returns the pages. Under the lock. */
uint32_t Central::hold(Span* span, uint32_t most, Held& held) noexcept {
  const SizeClass& info = kSizeClasses[span->size_class];
  const auto behind = [&](uint32_t page) noexcept {  // number of the first block that begins behind a page
    const size_t count = ((size_t{page + 1} << kPageShift) + info.size - 1) / info.size;
    return static_cast<uint32_t>(count < info.blocks ? count : info.blocks);
  };
  const auto is_free = [&](uint32_t page) noexcept {
    if (!page_heap.has_memory(span, page)) return false;
    const uint32_t last = behind(page);
    for (auto block = static_cast<uint32_t>((size_t{page} << kPageShift) / info.size); block < last;
         block++) {
      if (!(span->free_bits[block / 64] >> (block % 64) & 1)) return false;
    }
    return true;
  };
  held = {span, 0, 0, {}, held.ranges};
  uint32_t done = 0;
  uint32_t page = 0;
  for (; page < span->pages && done < most; page++) {
    if (!is_free(page)) continue;
    const uint32_t left = most - done;
    const uint32_t reach = left + PageHeap::system_page();  // what is cut off at the front is less than that
    uint32_t end = page + 1;
    while (end < span->pages && end - page < reach && is_free(end)) end++;
    const PageHeap::Pages pages = page_heap.release_inside(span, page, end - page, left);
    page = end;
    if (pages.count == 0) continue;
    held.ranges[held.range_count++] = pages;
    done += pages.count;
    const uint32_t first = pages.first - span->first_page;
    page = first + pages.count;  // the rest of the stretch, if there is any, is looked at again
    // A block on the page before that reaches into this one is another stretch's already, or is free with its
    // page.
    const uint32_t last = behind(page - 1);
    for (auto block = static_cast<uint32_t>((size_t{first} << kPageShift) / info.size); block < last;
         block++) {
      const uint64_t bit = uint64_t{1} << (block % 64);
      held.blocks += (held.bits[block / 64] & bit) == 0;
      held.bits[block / 64] |= bit;
    }
    page--;  // the loop's step
  }
  // Only now, since two stretches may share a block.
  for (unsigned word = 0; word < kMaxBlocks / 64; word++) span->free_bits[word] &= ~held.bits[word];
  span->free_blocks = static_cast<uint16_t>(span->free_blocks - held.blocks);
  span->held = done > 0;
  place(span);
  if (page >= span->pages) ages_.remove(span);  // else the rest is for the next step
  return done;
}

/** Puts the blocks back; the system has taken the first `done_ranges` of the ranges. Under the lock. */
void Central::let_go(Held& held, uint32_t done_ranges) noexcept {
  Span* span = held.span;
  for (uint32_t i = 0; i < held.range_count; i++) {
    if (i < done_ranges)
      page_heap.gave_back_inside(held.ranges[i].count);
    else
      page_heap.undo_inside(span, held.ranges[i]);
  }
  for (unsigned word = 0; word < kMaxBlocks / 64; word++) {
    if (span->free_bits[word] & held.bits[word]) panic("memory: a block was freed twice");
    span->free_bits[word] |= held.bits[word];
  }
  span->free_blocks = static_cast<uint16_t>(span->free_blocks + held.blocks);
  span->held = false;
  // What the system refused is not asked for again until something changes here.
  if (done_ranges < held.range_count && span->aging != Span::Aging::no) ages_.remove(span);
  if (span->free_blocks == kSizeClasses[span->size_class].blocks) {  // the others were freed meanwhile
    drop(span);
  } else {
    place(span);
  }
}

Central::Step Central::give_back(uint32_t most, bool at_once) noexcept {
  Step step;
  Held held[kMostSpans];
  PageHeap::Pages pages[PageHeap::kStepPages];
  iovec ranges[PageHeap::kStepPages];
  uint32_t held_count = 0;
  uint32_t range_count = 0;
  most = most / PageHeap::system_page() * PageHeap::system_page();
  {
    LockGuard guard(mutex_);
    uint32_t left = most;
    for (uint32_t looked = 0; left > 0 && looked < kMostSpans; looked++) {
      Span* span = ages_.oldest();
      if (!span || !(at_once || page_heap.decay.ripe(span->freed_ns))) break;
      step.found = true;
      Held& next = held[held_count];
      next.ranges = pages + range_count;
      left -= hold(span, left, next);
      range_count += next.range_count;
      if (next.range_count > 0) held_count++;
    }
  }
  if (held_count == 0) return step;
  for (uint32_t i = 0; i < range_count; i++)
    ranges[i] = {page_heap.address_of_page(pages[i].first), size_t{pages[i].count} << kPageShift};
  const auto done = static_cast<uint32_t>(os::map_decommit(ranges, range_count));
  for (uint32_t i = 0; i < done; i++) step.pages += pages[i].count;
  LockGuard guard(mutex_);
  uint32_t before = 0;
  for (uint32_t i = 0; i < held_count; i++) {
    const uint32_t here = held[i].range_count;
    let_go(held[i], done > before ? (done - before < here ? done - before : here) : 0);
    before += here;
  }
  return step;
}

}  // namespace tailrace::memory
