// Giving pages back to the system, from free runs and from inside spans; see page_heap.h.
//
// Every step is short: one call of the system, for at most kScavengeStepBytes, under the lock that guards the
// pages. A page costs 0.3 µs on one machine and 5 to 20 on another (under some hypervisors), so the steps are
// as long as the last ones say, down to a page. Rejected: one call for many ranges (process_madvise: needs
// Linux 6.13 for one's own process, and saves half a microsecond a range); doing it without the lock on runs
// that nobody can see meanwhile (a step holds the lock for 2 to 20 µs, which is less than the complication is
// worth).
#include <cstring>

#include "base/os.h"
#include "base/trace.h"
#include "memory/page_heap.h"

namespace tailrace::memory {

bool PageHeap::decommit(uint32_t page, uint32_t count) noexcept {
  const size_t bytes = size_t{count} << kPageShift;
  const uint64_t start_ns = os::monotonic_ns();
  if (!os::map_decommit(base_ + (size_t{page} << kPageShift), bytes)) return false;
  pace(os::monotonic_ns() - start_ns, count);
  std::memset(page_class_ + page, kReleased, count);
  resident_pages_.fetch_sub(count, std::memory_order_relaxed);  // a statistic
  given_back_.fetch_add(bytes, std::memory_order_relaxed);      // a statistic
  decay.gave_back(count);
  return true;
}

void PageHeap::pace(uint64_t took_ns, uint32_t pages) noexcept {
  // relaxed: a hint; two that tell at once lose one of the two. partner: itself
  const uint64_t before_ns = page_ns_.load(std::memory_order_relaxed);
  // A step that was interrupted says little: it counts as four times as slow as it was thought to be at most.
  const uint64_t seen_ns = (took_ns + pages - 1) / pages;
  const uint64_t counted_ns = before_ns > 0 && seen_ns > 4 * before_ns ? 4 * before_ns : seen_ns;
  const uint64_t page_ns = before_ns == 0 ? counted_ns : (7 * before_ns + counted_ns + 7) / 8;
  page_ns_.store(page_ns, std::memory_order_relaxed);
  const uint64_t fit = page_ns > 0 ? kStepNs / page_ns : kMostStepPages;
  step_pages_.store(static_cast<uint32_t>(fit > kMostStepPages ? kMostStepPages : fit),
                    std::memory_order_relaxed);  // a hint; partner: step_pages()
}

uint32_t PageHeap::step_pages() const noexcept {
  const uint32_t unit = system_page();
  const uint32_t fit = step_pages_.load(std::memory_order_relaxed);  // a hint; partner: pace()
  return fit < unit ? unit : fit / unit * unit;
}

uint32_t PageHeap::system_page() noexcept {
  return static_cast<uint32_t>((os::page_bytes() + kPageBytes - 1) >> kPageShift);
}

/** Cuts [from, to) down to whole pages of the system. False: none. */
bool PageHeap::whole(uint32_t& from, uint32_t& to) noexcept {
  const uint32_t unit = system_page();
  from = (from + unit - 1) / unit * unit;
  to = to / unit * unit;
  return from < to;
}

uint32_t PageHeap::give_back_inside(Span* span, uint32_t page, uint32_t count, uint32_t max_pages) noexcept {
  uint32_t from = span->first_page + page;
  uint32_t to = from + count;
  if (!whole(from, to)) return 0;
  if (to - from > max_pages) to = from + max_pages;
  if (!decommit(from, to - from)) return 0;
  count = to - from;
  span->resident -= count;
  return count;
}

bool PageHeap::take_again(Span* span, uint32_t page) noexcept {
  LockGuard guard(mutex_);
  // The whole page of the system: it lies in the span, or it had not been given back.
  const uint32_t count = system_page();
  if (!make_room(count)) return false;
  std::memset(page_class_ + (span->first_page + page) / count * count, span->size_class, count);
  span->resident += count;
  resident_pages_.fetch_add(count, std::memory_order_relaxed);  // a statistic; under mutex_
  decay.took_again(count);
  return true;
}

/** Returns the pages given back; max_pages is in whole pages of the system. A run without memory goes to the
 * runs without; any other keeps its age. */
uint32_t PageHeap::give_back(Span* span, uint32_t max_pages, bool whole_huge_only) noexcept {
  uint32_t at = span->first_page;
  uint32_t last = span->first_page + span->pages;
  if (whole_huge_only) {
    at = (at + kHugePages - 1) / kHugePages * kHugePages;
    last = last / kHugePages * kHugePages;
  }
  const uint64_t unit = system_page();
  uint32_t done = 0;
  while (at < last && done < max_pages) {
    if (page_class_[at] == kReleased) {
      at++;
      continue;
    }
    const uint64_t reach = max_pages - done + unit;  // what is cut off at the front is less than a unit
    uint32_t end = at + 1;
    while (end < last && end - at < reach && page_class_[end] != kReleased) end++;
    uint32_t from = at;
    uint32_t to = end;
    at = end;
    if (!whole(from, to)) continue;
    if (to - from > max_pages - done) to = from + (max_pages - done);
    if (!decommit(from, to - from)) break;
    done += to - from;
  }
  if (done > 0) {
    span->resident -= done;
    if (span->resident == 0) {
      dirty_.remove(span);
      if (span->aging != Span::Aging::no) ages_of(span).remove(span);
      list(span, nullptr);  // now among the runs without memory
    }
  }
  return done;
}

bool PageHeap::aging() noexcept {
  LockGuard guard(mutex_);
  return huge_.oldest() || parts_.oldest();
}

size_t PageHeap::scavenge(size_t max_bytes, bool at_once) noexcept {
  const uint32_t unit = system_page();
  size_t done_bytes = 0;
  while (max_bytes - done_bytes >= size_t{unit} << kPageShift) {
    LockGuard guard(mutex_);
    const size_t left = (max_bytes - done_bytes) >> kPageShift;
    const uint32_t step = step_pages();
    const uint32_t most = left < step ? static_cast<uint32_t>(left) / unit * unit : step;
    Span* span = huge_.oldest();
    if (span && (at_once || decay.ripe(span->freed_ns, 1))) {
      const uint64_t freed_ns = span->freed_ns;
      const uint32_t done = give_back(span, most, true);
      done_bytes += size_t{done} << kPageShift;
      if (done < most && span->aging == Span::Aging::huge) {  // only its ends are left
        huge_.remove(span);
        parts_.push(span, freed_ns);
      }
      continue;
    }
    span = parts_.oldest();
    if (!span || !(at_once || decay.ripe(span->freed_ns))) break;
    const uint32_t done = give_back(span, most, false);
    if (done == 0) {
      // The system refused, or the run has no whole page of the system's size: not asked again until it
      // changes.
      parts_.remove(span);
      continue;
    }
    done_bytes += size_t{done} << kPageShift;
  }
  return done_bytes;
}

}  // namespace tailrace::memory
