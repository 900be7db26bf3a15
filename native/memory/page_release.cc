// Giving pages back to the system, from free runs and from inside spans; see page_heap.h.
//
// A page costs 0.3 µs on one machine and 5 to 50 on another: under some hypervisors every address that is
// invalidated is a call of theirs, the dearer the busier the other processors are. So nobody may wait for it.
// What is being given back is out of the lists (free runs) or out of the bitmap (central_release.cc), and the
// system's call is made without a lock, for as many pages as make one cheap. Rejected: steps under the lock
// that are as short as the machine is slow. That a call costs much by itself looked like dear pages, and the
// steps shrank to one page, which is where a page is dearest.
#include <cstring>

#include "base/os.h"
#include "base/trace.h"
#include "memory/page_heap.h"

namespace tailrace::memory {

uint32_t PageHeap::system_page() noexcept {
  return static_cast<uint32_t>((os::page_bytes() + kPageBytes - 1) >> kPageShift);
}

namespace {

/** Cuts [from, to) down to whole pages of the system. False: none. */
bool whole(uint32_t& from, uint32_t& to) noexcept {
  const uint32_t unit = PageHeap::system_page();
  from = (from + unit - 1) / unit * unit;
  to = to / unit * unit;
  return from < to;
}

}  // namespace

// ------------------------------------------------------------------ inside spans

PageHeap::Pages PageHeap::release_inside(Span* span, uint32_t page, uint32_t count,
                                         uint32_t max_pages) noexcept {
  uint32_t from = span->first_page + page;
  uint32_t to = from + count;
  if (!whole(from, to)) return {};
  if (to - from > max_pages) to = from + max_pages;
  count = to - from;
  std::memset(page_class_ + from, kReleased, count);
  span->resident -= count;
  resident_pages_.fetch_sub(count, std::memory_order_relaxed);  // a statistic
  return {from, count};
}

void PageHeap::gave_back_inside(uint32_t count) noexcept {
  given_back_.fetch_add(uint64_t{count} << kPageShift, std::memory_order_relaxed);  // a statistic
  decay.gave_back(count);
}

void PageHeap::undo_inside(Span* span, Pages pages) noexcept {
  std::memset(page_class_ + pages.first, span->size_class, pages.count);
  span->resident += pages.count;
  resident_pages_.fetch_add(pages.count, std::memory_order_relaxed);  // a statistic
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

// ------------------------------------------------------------------ free runs

/** The first page from `at` on that has memory, or `end`. Runs of gigabytes are mostly released: word by
 * word. */
static uint32_t skip_released(const uint8_t* classes, uint32_t at, uint32_t end, uint8_t released) noexcept {
  const uint64_t none = 0x0101010101010101u * released;
  for (; at + sizeof none <= end; at += sizeof none) {
    uint64_t word;
    std::memcpy(&word, classes + at, sizeof word);
    if (word != none) break;
  }
  while (at < end && classes[at] == released) at++;
  return at;
}

/** The first stretch of a free run that can be given back: up to `max_pages` (whole pages of the system). */
bool PageHeap::next_stretch(const Span* span, uint32_t max_pages, bool whole_huge_only,
                            Stretch& out) const noexcept {
  uint32_t at = span->first_page;
  uint32_t last = span->first_page + span->pages;
  uint32_t passed = 0;
  if (whole_huge_only) {
    for (; at < last && at % kHugePages != 0; at++) passed += page_class_[at] != kReleased;
    last = last / kHugePages * kHugePages;
  }
  const uint64_t unit = system_page();
  while ((at = skip_released(page_class_, at, last, kReleased)) < last) {
    const uint64_t reach = max_pages + unit;  // what is cut off at the front is less than a unit
    uint32_t end = at + 1;
    while (end < last && end - at < reach && page_class_[end] != kReleased) end++;
    uint32_t from = at;
    uint32_t to = end;
    if (whole(from, to)) {
      out = {from, to - from > max_pages ? from + max_pages : to, passed + (from - at)};
      return true;
    }
    passed += end - at;
    at = end;
  }
  return false;
}

/**
 * Takes a stretch out of a free run, as a run of its own that is in no list and without memory as far as the
 * heap knows, for settle(). What is before and behind it stays free, of the same age. Null: no room for its
 * record.
 */
Span* PageHeap::carve(Span* span, const Stretch& stretch) noexcept {
  const uint32_t begin = span->first_page;
  const uint32_t end = begin + span->pages;
  const uint32_t count = stretch.to - stretch.from;
  Span* piece = new_record();
  Span* front = piece && stretch.from > begin ? new_record() : nullptr;
  if (!piece || (!front && stretch.from > begin)) {
    if (piece) drop_record(piece);
    return nullptr;
  }
  const uint64_t freed_ns = span->freed_ns;
  dirty_.remove(span);
  std::memset(page_class_ + stretch.from, kReleased, count);
  resident_pages_.fetch_sub(count, std::memory_order_relaxed);  // a statistic
  piece->first_page = stretch.from;
  piece->pages = count;
  piece->resident = 0;
  const auto number = static_cast<uint32_t>(piece - records_);
  span_at_[stretch.from] = span_at_[stretch.to - 1] = number;  // for those who free the pages next to it
  span->resident -= count + stretch.passed;
  if (stretch.to < end) {
    span->first_page = stretch.to;
    span->pages = end - stretch.to;
    list(span, span);
  } else {
    ages_of(span).remove(span);
    drop_record(span);
  }
  if (front) {
    front->first_page = begin;
    front->pages = stretch.from - begin;
    front->resident = stretch.passed;
    list(front, nullptr);
    if (front->aging != Span::Aging::no) front->freed_ns = freed_ns;
  }
  return piece;
}

/** A piece that carve() took is free again. */
void PageHeap::settle(Span* piece, bool given_back) noexcept {
  const uint32_t count = piece->pages;
  if (given_back) {
    given_back_.fetch_add(uint64_t{count} << kPageShift, std::memory_order_relaxed);  // a statistic
    decay.gave_back(count);
    insert(piece);
    return;
  }
  std::memset(page_class_ + piece->first_page, 0, count);
  resident_pages_.fetch_add(count, std::memory_order_relaxed);  // a statistic; under mutex_
  piece->resident = count;
  insert(piece);
  // The system refused: not asked again until the run changes.
  if (piece->aging != Span::Aging::no) ages_of(piece).remove(piece);
}

/** Gives back all of a free run for somebody who needs the room now, under the lock. Returns pages; 0: none
 * could be, and it is not asked again until the run changes. */
uint32_t PageHeap::give_back_all(Span* span) noexcept {
  Stretch stretch;
  uint32_t done = 0;
  while (span && next_stretch(span, UINT32_MAX, false, stretch)) {
    Span* piece = carve(span, stretch);
    if (!piece) break;
    const uint32_t count = piece->pages;
    const bool ok = os::map_decommit(address_of_page(stretch.from), size_t{count} << kPageShift).ok();
    settle(piece, ok);
    if (!ok) return done;
    done += count;
    span = piece->resident != 0 ? piece : nullptr;  // the whole run
  }
  if (done == 0 && span && span->aging != Span::Aging::no) ages_of(span).remove(span);
  return done;
}

bool PageHeap::aging() noexcept {
  LockGuard guard(mutex_);
  return huge_.oldest() || parts_.oldest();
}

size_t PageHeap::scavenge(size_t max_bytes, bool at_once) noexcept {
  constexpr uint32_t kMostPieces = 16;
  const uint32_t unit = system_page();
  Span* pieces[kMostPieces];
  iovec ranges[kMostPieces];
  size_t done_bytes = 0;
  for (bool more = true; more && max_bytes - done_bytes >= size_t{unit} << kPageShift;) {
    const size_t wanted = (max_bytes - done_bytes) >> kPageShift;
    uint32_t left = wanted < kStepPages ? static_cast<uint32_t>(wanted) : kStepPages;
    left = left / unit * unit;
    uint32_t count = 0;
    {
      LockGuard guard(mutex_);
      while (left > 0 && count < kMostPieces) {
        const bool huge = huge_.oldest() && (at_once || decay.ripe(huge_.oldest()->freed_ns, 1));
        Span* span = huge ? huge_.oldest() : parts_.oldest();
        more = huge || (span && (at_once || decay.ripe(span->freed_ns)));
        if (!more) break;
        Stretch stretch;
        bool found = next_stretch(span, huge && wanted >= kHugePages ? kHugePages : left, huge, stretch);
        if (found && huge) {
          // A huge page by one call: the system need not split it, and can give one again.
          const uint32_t end = (stretch.from / kHugePages + 1) * kHugePages;
          if (stretch.to > end) stretch.to = end;
          if (stretch.to - stretch.from > left && count > 0) break;  // the next call's
        }
        Span* piece = found ? carve(span, stretch) : nullptr;
        if (piece) {
          ranges[count] = {address_of_page(piece->first_page), size_t{piece->pages} << kPageShift};
          left -= piece->pages < left ? piece->pages : left;
          pieces[count++] = piece;
          continue;
        }
        // Only the ends of a run of huge pages are left; or no whole page of the system's size is.
        const uint64_t freed_ns = span->freed_ns;
        ages_of(span).remove(span);
        if (huge) parts_.push(span, freed_ns);
      }
    }
    const size_t done = os::map_decommit(ranges, count);
    LockGuard guard(mutex_);
    for (uint32_t i = 0; i < count; i++) {
      if (i < done) done_bytes += ranges[i].iov_len;
      settle(pieces[i], i < done);
    }
  }
  return done_bytes;
}

}  // namespace tailrace::memory
