// Reserving, growing, splitting and joining runs of pages, and giving their memory back; see page_heap.h.
#include "memory/page_heap.h"

#include <bit>
#include <cstring>

#include "base/check.h"
#include "base/os.h"
#include "base/poison.h"
#include "base/trace.h"

namespace tailrace::memory {

constinit PageHeap page_heap;

namespace {

constexpr size_t kMetadataStep = 64 * 1024;  // metadata is committed in steps of this

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

// ------------------------------------------------------------------ address space

bool PageHeap::reserve() noexcept {
  if (base_) return true;
  // 64 GiB, or what a machine with a limit on address space grants.
  for (size_t bytes = size_t{64} << 30; bytes >= (size_t{64} << 20); bytes /= 2) {
    const size_t pages = bytes >> kPageShift;
    Result<void*> data = os::map_reserve(bytes + kPageBytes);
    if (!data) continue;
    Result<void*> classes = os::map_reserve(pages);
    Result<void*> firsts = os::map_reserve(pages * sizeof(uint32_t));
    Result<void*> spans = os::map_reserve(pages * sizeof(Span));
    if (!classes || !firsts || !spans) {
      (void)os::unmap(*data, bytes + kPageBytes);
      if (classes) (void)os::unmap(*classes, pages);
      if (firsts) (void)os::unmap(*firsts, pages * sizeof(uint32_t));
      if (spans) (void)os::unmap(*spans, pages * sizeof(Span));
      continue;
    }
    const uintptr_t at = (reinterpret_cast<uintptr_t>(*data) + kPageBytes - 1) & ~(kPageBytes - 1);
    base_ = reinterpret_cast<char*>(at);
    page_class_ = static_cast<uint8_t*>(*classes);
    first_page_ = static_cast<uint32_t*>(*firsts);
    spans_ = static_cast<Span*>(*spans);
    total_pages_ = static_cast<uint32_t>(pages);
    bytes_.store(bytes,
                 std::memory_order_release);  // publishes base_ and the tables; partner: owns, class_of
    return true;
  }
  return false;
}

bool PageHeap::grow(uint32_t pages) noexcept {
  if (!reserve()) return false;
  // In large steps, so that it is rare; but what is asked for must fit even when the step does not.
  uint32_t step = static_cast<uint32_t>(kGrowBytes >> kPageShift);
  if (step < pages) step = pages;
  if (step > total_pages_ - grown_pages_) step = total_pages_ - grown_pages_;
  if (step < pages) return false;
  const uint64_t end = uint64_t{grown_pages_} + step;
  void* const tables[3] = {page_class_, first_page_, spans_};
  constexpr size_t kEntryBytes[3] = {1, sizeof(uint32_t), sizeof(Span)};
  for (int i = 0; i < 3; i++) {
    uint64_t wanted = (end * kEntryBytes[i] + kMetadataStep - 1) & ~(kMetadataStep - 1);
    const uint64_t whole = uint64_t{total_pages_} * kEntryBytes[i];
    if (wanted > whole) wanted = whole;
    if (wanted <= committed_[i]) continue;
    if (!os::map_commit(static_cast<char*>(tables[i]) + committed_[i], wanted - committed_[i])) return false;
    committed_[i] = wanted;
  }
  char* const at = base_ + (size_t{grown_pages_} << kPageShift);
  const size_t bytes = size_t{step} << kPageShift;
  if (!os::map_commit(at, bytes)) return false;
  poison(at, bytes);
  register_root_region(at, bytes);
  std::memset(page_class_ + grown_pages_, kReleased, step);
  Span* span = &spans_[grown_pages_];
  span->pages = step;
  span->resident = 0;
  grown_pages_ += step;
  insert(span);
  return true;
}

// ------------------------------------------------------------------ lists of free runs

uint32_t PageHeap::count_resident(const Span* span) const noexcept {
  const uint8_t* at = page_class_ + (span - spans_);
  uint32_t count = 0;
  for (uint32_t i = 0; i < span->pages; i++) count += at[i] != kReleased;
  return count;
}

void PageHeap::insert(Span* span) noexcept {
  uint32_t page = static_cast<uint32_t>(span - spans_);
  // Join with the free neighbours. A free run is marked at both ends.
  if (page > 0) {
    Span* before = &spans_[first_page_[page - 1]];
    if (before->state == Span::State::free && before + before->pages == span) {
      remove(before);
      before->pages += span->pages;
      before->resident += span->resident;
      span->state = Span::State::none;
      span = before;
      page = static_cast<uint32_t>(span - spans_);
    }
  }
  if (page + span->pages < grown_pages_) {
    Span* after = span + span->pages;
    if (after->state == Span::State::free) {
      remove(after);
      span->pages += after->pages;
      span->resident += after->resident;
      after->state = Span::State::none;
    }
  }
  span->state = Span::State::free;
  first_page_[page] = page;
  first_page_[page + span->pages - 1] = page;

  const bool has_memory = span->resident != 0;
  Runs& runs = has_memory ? dirty_ : released_;
  const unsigned list = list_of(span->pages, kSubBits);
  span->prev = nullptr;
  span->next = runs.heads[list];
  if (span->next) span->next->prev = span;
  runs.heads[list] = span;
  runs.second[list >> kSubBits] |= 1u << (list & ((1u << kSubBits) - 1));
  runs.first |= 1u << (list >> kSubBits);
  span->aging = has_memory;
  if (has_memory) {
    span->freed_ns = now_ns_;
    span->newer = nullptr;
    span->older = newest_;
    (newest_ ? newest_->newer : oldest_) = span;
    newest_ = span;
  }
}

void PageHeap::unage(Span* span) noexcept {
  (span->older ? span->older->newer : oldest_) = span->newer;
  (span->newer ? span->newer->older : newest_) = span->older;
  span->aging = false;
}

void PageHeap::remove(Span* span) noexcept {
  Runs& runs = span->aging ? dirty_ : released_;
  const unsigned list = list_of(span->pages, kSubBits);
  (span->prev ? span->prev->next : runs.heads[list]) = span->next;
  if (span->next) span->next->prev = span->prev;
  if (!runs.heads[list]) {
    uint32_t& second = runs.second[list >> kSubBits];
    second &= ~(1u << (list & ((1u << kSubBits) - 1)));
    if (second == 0) runs.first &= ~(1u << (list >> kSubBits));
  }
  if (span->aging) unage(span);
  span->state = Span::State::none;
}

Span* PageHeap::find(const Runs& runs, uint32_t pages) const noexcept {
  const unsigned list = list_at_least(pages, kSubBits);
  unsigned group = list >> kSubBits;
  const uint32_t here = runs.second[group] & (~0u << (list & ((1u << kSubBits) - 1)));
  if (here != 0) return runs.heads[(group << kSubBits) + static_cast<unsigned>(std::countr_zero(here))];
  const uint32_t above = group == 31 ? 0 : runs.first & (~0u << (group + 1));
  if (above != 0) {
    group = static_cast<unsigned>(std::countr_zero(above));
    return runs.heads[(group << kSubBits) + static_cast<unsigned>(std::countr_zero(runs.second[group]))];
  }
  // Nothing is surely large enough. The list that the size itself falls into may still have a run that is:
  // look at a few.
  Span* span = runs.heads[list_of(pages, kSubBits)];
  for (int i = 0; i < 16 && span; i++, span = span->next) {
    if (span->pages >= pages) return span;
  }
  return nullptr;
}

Span* PageHeap::take(Runs& runs, uint32_t pages) noexcept {
  Span* span = find(runs, pages);
  if (span) remove(span);
  return span;
}

// ------------------------------------------------------------------ allocate, free

bool PageHeap::make_room(uint32_t pages) noexcept {
  const uint64_t limit_pages = limit_.load(std::memory_order_relaxed) >> kPageShift;  // partner: set_limit
  // Bounded: each round gives back at least a page, or ends it.
  while (resident_pages_.load(std::memory_order_relaxed) + pages > limit_pages) {
    if (!oldest_ || give_back(oldest_, UINT32_MAX) == 0) return false;
  }
  return true;
}

Span* PageHeap::allocate(uint32_t pages, Span::State state) noexcept {
  LockGuard guard(mutex_);
  // Runs that still have memory first: touching them costs no fault.
  Span* span = take(dirty_, pages);
  if (!span) span = take(released_, pages);
  if (!span) {
    if (!grow(pages)) return nullptr;
    span = take(released_, pages);
    if (!span) span = take(dirty_, pages);  // the new pages joined a run with memory
    if (!span) return nullptr;
  }
  uint32_t resident = span->resident;
  if (span->pages > pages) {
    Span* rest = span + pages;
    rest->pages = span->pages - pages;
    span->pages = pages;
    if (resident != 0 && resident != pages + rest->pages) resident = count_resident(span);
    if (resident > pages) resident = pages;
    rest->resident = span->resident - resident;
    rest->state = Span::State::none;
    const uint64_t freed_ns = span->freed_ns;
    insert(rest);
    if (rest->aging) rest->freed_ns = freed_ns;
  }
  span->resident = resident;
  if (!make_room(pages - resident)) {
    insert(span);
    trace(TraceKind::memory_limit, pages);
    return nullptr;
  }
  const auto page = static_cast<uint32_t>(span - spans_);
  std::memset(page_class_ + page, 0, pages);
  first_page_[page] = page;
  first_page_[page + pages - 1] = page;
  resident_pages_.fetch_add(pages - resident,
                            std::memory_order_relaxed);  // a statistic; written under mutex_
  span->state = state;
  span->bucket = -1;
  return span;
}

void PageHeap::set_class(Span* span, uint8_t size_class) noexcept {
  // Only the holder of the span writes its pages' records: no lock. But the neighbours look for the first of
  // a run from its ends, which allocate() has written.
  const auto page = static_cast<uint32_t>(span - spans_);
  std::memset(page_class_ + page, size_class, span->pages);
  for (uint32_t i = 1; i + 1 < span->pages; i++) first_page_[page + i] = page;
}

void PageHeap::free(Span* span) noexcept {
  LockGuard guard(mutex_);
  std::memset(page_class_ + (span - spans_), 0, span->pages);
  span->resident = span->pages;
  insert(span);
}

Span* PageHeap::span_of(const void* p) const noexcept {
  if (!owns(p)) return nullptr;
  const size_t page = offset_of(p) >> kPageShift;
  return &spans_[first_page_[page]];
}

// ------------------------------------------------------------------ giving back

uint32_t PageHeap::give_back(Span* span, uint32_t max_pages) noexcept {
  const auto page = static_cast<uint32_t>(span - spans_);
  uint32_t done = 0;
  uint32_t i = 0;
  while (i < span->pages && done < max_pages) {
    if (page_class_[page + i] == kReleased) {
      i++;
      continue;
    }
    uint32_t end = i + 1;
    while (end < span->pages && end - i < max_pages - done && page_class_[page + end] != kReleased) end++;
    if (!os::map_decommit(base_ + (size_t{page + i} << kPageShift), size_t{end - i} << kPageShift)) break;
    std::memset(page_class_ + page + i, kReleased, end - i);
    done += end - i;
    i = end;
  }
  resident_pages_.fetch_sub(done, std::memory_order_relaxed);  // a statistic; written under mutex_
  given_back_.fetch_add(uint64_t{done} << kPageShift, std::memory_order_relaxed);
  span->resident -= done;
  if (done > 0 && span->resident == 0) {
    remove(span);
    insert(span);  // now among the runs without memory; a run given back in part keeps its place by age
  }
  return done;
}

size_t PageHeap::scavenge(uint64_t now_ns, size_t max_bytes, bool at_once) noexcept {
  constexpr auto kStepPages = static_cast<uint32_t>(kScavengeStepBytes >> kPageShift);
  size_t done_bytes = 0;
  for (;;) {
    const size_t left = (max_bytes - done_bytes) >> kPageShift;
    if (left == 0) break;
    LockGuard guard(mutex_);
    if (now_ns > now_ns_) now_ns_ = now_ns;
    Span* span = oldest_;
    if (!span || (!at_once && now_ns_ - span->freed_ns < kDecayNs)) break;
    const uint32_t done = give_back(span, left < kStepPages ? static_cast<uint32_t>(left) : kStepPages);
    if (done == 0) break;  // the system refused
    done_bytes += size_t{done} << kPageShift;
  }
  if (done_bytes > 0) trace(TraceKind::memory_scavenge, done_bytes);
  return done_bytes;
}

void PageHeap::set_limit(size_t bytes) noexcept {
  limit_.store(bytes, std::memory_order_relaxed);
}  // limit(), make_room

}  // namespace tailrace::memory
