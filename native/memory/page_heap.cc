// Reserving, growing, splitting and joining runs of pages; see page_heap.h. Giving back is in
// page_release.cc.
#include "memory/page_heap.h"

#include <cstring>

#include "base/os.h"
#include "base/poison.h"
#include "base/trace.h"

namespace tailrace::memory {

constinit PageHeap page_heap;

namespace {

constexpr size_t kMetadataStep = 64 * 1024;  // metadata is committed in steps of this
constexpr size_t kEntryBytes[3] = {1, sizeof(uint32_t), sizeof(Span)};

}  // namespace

// ------------------------------------------------------------------ address space

bool PageHeap::reserve() noexcept {
  if (base_) return true;
  constexpr size_t kHugeBytes = size_t{kHugePages} << kPageShift;
  // 64 GiB, or what a machine with a limit on address space grants.
  for (size_t bytes = size_t{64} << 30; bytes >= (size_t{64} << 20); bytes /= 2) {
    const size_t pages = bytes >> kPageShift;
    Result<void*> data = os::map_reserve(bytes + kHugeBytes);
    if (!data) continue;
    Result<void*> classes = os::map_reserve(pages);
    Result<void*> numbers = os::map_reserve(pages * sizeof(uint32_t));
    Result<void*> records = os::map_reserve(pages * sizeof(Span));
    if (!classes || !numbers || !records) {
      (void)os::unmap(*data, bytes + kHugeBytes);
      if (classes) (void)os::unmap(*classes, pages);
      if (numbers) (void)os::unmap(*numbers, pages * sizeof(uint32_t));
      if (records) (void)os::unmap(*records, pages * sizeof(Span));
      continue;
    }
    const uintptr_t at = (reinterpret_cast<uintptr_t>(*data) + kHugeBytes - 1) & ~(kHugeBytes - 1);
    base_ = reinterpret_cast<char*>(at);
    page_class_ = static_cast<uint8_t*>(*classes);
    span_at_ = static_cast<uint32_t*>(*numbers);
    records_ = static_cast<Span*>(*records);
    total_pages_ = static_cast<uint32_t>(pages);
    reserved_.store(bytes, std::memory_order_relaxed);  // a statistic
    return true;
  }
  return false;
}

/** Makes the first `entries` of a table accessible. */
bool PageHeap::commit_table(unsigned table, uint64_t entries) noexcept {
  uint64_t wanted = (entries * kEntryBytes[table] + kMetadataStep - 1) & ~(kMetadataStep - 1);
  const uint64_t whole = uint64_t{total_pages_} * kEntryBytes[table];
  if (wanted > whole) wanted = whole;
  uint64_t& committed = committed_[table];
  if (wanted <= committed) return true;
  void* const tables[3] = {page_class_, span_at_, records_};
  if (!os::map_commit(static_cast<char*>(tables[table]) + committed, wanted - committed)) return false;
  committed = wanted;
  return true;
}

Span* PageHeap::new_record() noexcept {
  Span* span = spare_;
  if (span) {
    spare_ = span->next;
  } else {
    // There is a record for every page, so this ends with memory only.
    if (!commit_table(2, uint64_t{record_count_} + 1)) return nullptr;
    span = &records_[record_count_++];
  }
  span->state = Span::State::none;
  span->aging = Span::Aging::no;
  span->held = false;
  return span;
}

void PageHeap::drop_record(Span* span) noexcept {
  span->state = Span::State::none;
  span->next = spare_;
  spare_ = span;
}

bool PageHeap::grow(uint32_t pages) noexcept {
  if (!reserve()) return false;
  // In large steps, so that it is rare, and whole huge pages; but what is asked for must fit even when the
  // step does not.
  const uint32_t left = total_pages_ - grown_pages_;
  if (pages > left) return false;
  uint32_t step = pages <= kGrowPages ? kGrowPages : (pages + kHugePages - 1) / kHugePages * kHugePages;
  if (step > left) step = left;
  const uint64_t end = uint64_t{grown_pages_} + step;
  if (!commit_table(0, end) || !commit_table(1, end)) return false;
  Span* span = new_record();
  if (!span) return false;
  char* const at = base_ + (size_t{grown_pages_} << kPageShift);
  const size_t bytes = size_t{step} << kPageShift;
  if (!os::map_commit(at, bytes)) {
    drop_record(span);
    return false;
  }
  poison(at, bytes);
  register_root_region(at, bytes);
  std::memset(page_class_ + grown_pages_, kReleased, step);
  span->first_page = grown_pages_;
  span->pages = step;
  span->resident = 0;
  grown_pages_ += step;
  // release: publishes base_ and the tables; partner: owns, class_of
  bytes_.store(uint64_t{grown_pages_} << kPageShift, std::memory_order_release);
  insert(span);
  return true;
}

// ------------------------------------------------------------------ free runs

uint32_t PageHeap::count_resident(const Span* span) const noexcept {
  const uint8_t* at = page_class_ + span->first_page;
  uint32_t count = 0;
  for (uint32_t i = 0; i < span->pages; i++) count += at[i] != kReleased;
  return count;
}

/** Puts a run that is free into its lists; it takes the age of `heir`, which is in a list by age, if not
 * null. */
void PageHeap::list(Span* span, Span* heir) noexcept {
  span->state = Span::State::free;
  const auto number = static_cast<uint32_t>(span - records_);
  span_at_[span->first_page] = number;
  span_at_[span->first_page + span->pages - 1] = number;
  const bool has_memory = span->resident != 0;
  (has_memory ? dirty_ : released_).insert(span);
  if (has_memory) {
    const uint32_t aligned = (span->first_page + kHugePages - 1) / kHugePages * kHugePages;
    const bool huge = aligned + kHugePages <= span->first_page + span->pages;
    if (heir && (heir->aging == Span::Aging::huge) == huge) {
      if (heir != span) ages_of(heir).replace(heir, span);
    } else {
      const uint64_t freed_ns = heir ? heir->freed_ns : decay.now();
      if (heir) ages_of(heir).remove(heir);
      (huge ? huge_ : parts_).push(span, freed_ns);
    }
  } else if (heir) {
    ages_of(heir).remove(heir);
  }
}

/**
 * Joins a run with its free neighbours (a free run is marked at both ends) and lists it. The whole takes the
 * age of that neighbour which is larger than the rest, so that a run which grows page by page does not stay
 * young.
 */
void PageHeap::insert(Span* span) noexcept {
  uint32_t rest = span->resident;
  Span* heir = nullptr;
  const auto join = [&](Span* other) noexcept {
    (other->resident ? dirty_ : released_).remove(other);
    if (other->aging != Span::Aging::no) {
      if (other->resident >= rest) {
        if (heir) ages_of(heir).remove(heir);
        heir = other;
      } else {
        ages_of(other).remove(other);
      }
    }
    rest += other->resident;
  };
  Span* before = span->first_page > 0 ? &records_[span_at_[span->first_page - 1]] : nullptr;
  if (before && before->state != Span::State::free) before = nullptr;
  const uint32_t behind = span->first_page + span->pages;
  Span* after = behind < grown_pages_ ? &records_[span_at_[behind]] : nullptr;
  if (after && after->state != Span::State::free) after = nullptr;
  if (before) join(before);
  if (after) join(after);
  if (before) {
    span->first_page = before->first_page;
    span->pages += before->pages;
  }
  if (after) span->pages += after->pages;
  span->resident = rest;
  list(span, heir);
  if (before) drop_record(before);
  if (after) drop_record(after);
}

/** A run of at least that many pages, out of its lists. Runs that still have memory first: they cost no
 * fault. */
Span* PageHeap::take(uint32_t pages) noexcept {
  Span* span = dirty_.find(pages);
  if (!span) span = released_.find(pages);
  return span;
}

/** Pages without memory from `page` on that get it as the system's page they share with those before does. */
uint32_t PageHeap::coming_along(uint32_t page) const noexcept {
  const uint32_t unit = system_page();
  // The space ends with a huge page. All of them are of one free run: a span there would hold its part
  // already.
  return page % unit == 0 || page_class_[page] != kReleased ? 0 : unit - page % unit;
}

/** They have: `count` pages at the front of a free run. */
void PageHeap::came_along(uint32_t page, uint32_t count) noexcept {
  Span* run = &records_[span_at_[page]];
  (run->resident != 0 ? dirty_ : released_).remove(run);
  std::memset(page_class_ + page, 0, count);
  run->resident += count;
  resident_pages_.fetch_add(count, std::memory_order_relaxed);  // a statistic; under mutex_
  list(run, run->aging != Span::Aging::no ? run : nullptr);
}

// ------------------------------------------------------------------ allocate, free

bool PageHeap::make_room(uint32_t pages) noexcept {
  const uint64_t limit_pages = limit_.load(std::memory_order_relaxed) >> kPageShift;  // partner: set_limit
  // Bounded: each round gives back at least a page, or ends it.
  while (resident_pages_.load(std::memory_order_relaxed) + pages > limit_pages) {
    Span* oldest = huge_.oldest() ? huge_.oldest() : parts_.oldest();
    if (!oldest || give_back_all(oldest) == 0) return false;
  }
  return true;
}

Span* PageHeap::allocate(uint32_t pages, Span::State state) noexcept {
  LockGuard guard(mutex_);
  Span* span = take(pages);
  if (!span) {
    if (!grow(pages)) return nullptr;
    span = take(pages);
    if (!span) return nullptr;
  }
  Span* rest = nullptr;
  if (span->pages > pages) {
    rest = new_record();
    if (!rest) return nullptr;
  }
  const bool aging = span->aging != Span::Aging::no;
  AgeList& ages = ages_of(span);
  uint32_t resident = span->resident;
  (resident != 0 ? dirty_ : released_).remove(span);
  if (rest) {
    rest->first_page = span->first_page + pages;
    rest->pages = span->pages - pages;
    const bool mixed = resident != 0 && resident != span->pages;
    span->pages = pages;
    if (mixed) resident = count_resident(span);
    if (resident > pages) resident = pages;
    rest->resident = span->resident - resident;
    if (aging) ages.replace(span, rest);  // so that its age stays
    list(rest, aging ? rest : nullptr);
  } else if (aging) {
    ages.remove(span);
  }
  span->state = Span::State::none;
  span->resident = resident;
  const uint32_t page = span->first_page;
  const auto number = static_cast<uint32_t>(span - records_);
  // Before room is made: the rest may be what gives way, and looks for a free neighbour here when it comes
  // back.
  span_at_[page] = span_at_[page + pages - 1] = number;
  const uint32_t more = resident < pages ? coming_along(page + pages) : 0;
  if (!make_room(pages - resident + more)) {
    insert(span);
    trace(TraceKind::memory_limit, pages);
    return nullptr;
  }
  if (more > 0) came_along(page + pages, more);
  std::memset(page_class_ + page, 0, pages);
  // a statistic; what raises it holds mutex_
  resident_pages_.fetch_add(pages - resident, std::memory_order_relaxed);
  decay.took_again(pages - resident);
  span->resident = pages;
  span->state = state;
  span->bucket = -1;
  return span;
}

void PageHeap::set_class(Span* span, uint8_t size_class) noexcept {
  // Only the holder of the span writes its pages' records: no lock. But the neighbours look for the record of
  // a run from its ends, which allocate() has written.
  const uint32_t page = span->first_page;
  std::memset(page_class_ + page, size_class, span->pages);
  const auto number = static_cast<uint32_t>(span - records_);
  for (uint32_t i = 1; i + 1 < span->pages; i++) span_at_[page + i] = number;
}

void PageHeap::free(Span* span) noexcept {
  LockGuard guard(mutex_);
  uint8_t* const classes = page_class_ + span->first_page;
  if (span->resident == span->pages) {
    std::memset(classes, 0, span->pages);
  } else {
    for (uint32_t i = 0; i < span->pages; i++) {
      if (classes[i] != kReleased) classes[i] = 0;
    }
  }
  insert(span);
}

void PageHeap::set_limit(size_t bytes) noexcept {
  limit_.store(bytes, std::memory_order_relaxed);
}  // limit(), make_room

}  // namespace tailrace::memory
