// Sums over all caches, central lists and pages, and the entry points for giving back.
#include "memory/heap.h"

#include "base/trace.h"
#include "memory/cache.h"
#include "memory/central.h"
#include "memory/heap_internal.h"
#include "memory/page_heap.h"

namespace tailrace::memory {

Stats stats() noexcept {
  Stats result{};
  uint64_t in_caches[kClasses] = {};
  uint64_t slot_blocks[kClasses] = {};  // blocks that hold the caches' own arrays: not in use by anybody else
  {
    LockGuard guard(internal::caches_mutex);
    for (Cache* cache = internal::caches; cache; cache = cache->next_) {
      result.caches++;
      result.refills += cache->refills_.read();
      result.releases += cache->releases_.read();
      for (unsigned i = 1; i < kClasses; i++) {
        // partner: the owner's stores; a hint, as all of this
        in_caches[i] += cache->bins_[i].count.load(std::memory_order_relaxed);
        const uint32_t capacity = cache->bins_[i].capacity.load(std::memory_order_relaxed);
        if (capacity > 0) slot_blocks[size_class_of(capacity * sizeof(void*))]++;
      }
    }
  }
  result.refills += internal::past_refills.read();
  result.releases += internal::past_releases.read();
  for (unsigned i = 1; i < kClasses; i++) {
    const Central::Counts counts = central_lists[i].counts();
    ClassStats& out = result.classes[i];
    out.size = kSizeClasses[i].size;
    out.spans = counts.spans;
    const uint64_t outside = counts.waiting + counts.remote + in_caches[i] + slot_blocks[i];
    // The caches moved on while we looked: never below nothing.
    out.blocks = counts.taken > outside ? counts.taken - outside : 0;
    out.bytes = out.blocks * out.size;
    out.free_blocks = counts.spans * kSizeClasses[i].blocks - out.blocks;
    result.in_use_bytes += out.bytes;
    result.cached_bytes += (counts.waiting + counts.remote + in_caches[i]) * out.size;
  }
  ClassStats& large = result.classes[0];
  large.spans = large.blocks = internal::large_spans.read();
  large.bytes = internal::large_pages.read() << kPageShift;
  result.in_use_bytes += large.bytes;
  result.reserved_bytes = page_heap.reserved_bytes();
  result.committed_bytes = page_heap.resident_pages() << kPageShift;
  result.limit_bytes = page_heap.limit();
  result.given_back_bytes = page_heap.given_back_bytes();
  result.refused = internal::refused.read();
  return result;
}

size_t usable_size(const void* p) noexcept {
  const unsigned size_class = page_heap.class_of(p);
  if (size_class != 0) return kSizeClasses[size_class].size;
  const Span* span = page_heap.span_of(p);
  return span && span->state == Span::State::large ? size_t{span->pages} << kPageShift : 0;
}

bool owns(const void* p) noexcept { return page_heap.owns(p); }

namespace {

/** scavenge() and purge() of several threads do not pile up, and the time is told by one at a time. */
constinit Mutex scavenge_mutex{LockRank::memory_caches};

constinit Mutex publish_mutex{LockRank::leaf};
constinit Publication* publications = nullptr;  // under publish_mutex

size_t give_back(size_t max_bytes, bool at_once) noexcept {
  for (unsigned i = 1; i < kClasses; i++) central_lists[i].drain(i, at_once);
  size_t done = page_heap.scavenge(max_bytes, at_once);
  const size_t unit_bytes = size_t{PageHeap::system_page()} << kPageShift;
  for (unsigned i = 1; i < kClasses; i++) {
    while (max_bytes - done >= unit_bytes) {
      const size_t left = (max_bytes - done) >> kPageShift;
      const Central::Step step = central_lists[i].give_back(
          left < PageHeap::kStepPages ? static_cast<uint32_t>(left) : PageHeap::kStepPages, at_once);
      if (!step.found) break;
      done += size_t{step.pages} << kPageShift;
    }
  }
  if (done > 0) trace(TraceKind::memory_scavenge, done);
  return done;
}

}  // namespace

void Publication::start(std::atomic<uint64_t>* words) noexcept {
  stop();
  {
    LockGuard guard(publish_mutex);
    words_ = words;
    next_ = publications;
    publications = this;
  }
  publish();
}

void Publication::stop() noexcept {
  LockGuard guard(publish_mutex);
  for (Publication** at = &publications; *at; at = &(*at)->next_) {
    if (*at != this) continue;
    *at = next_;
    break;
  }
  words_ = nullptr;
}

void publish() noexcept {
  {
    LockGuard guard(publish_mutex);
    if (!publications) return;  // nobody reads
  }
  const Stats now = stats();
  const uint64_t figures[Publication::kWords] = {
      now.reserved_bytes, now.committed_bytes, now.in_use_bytes,     now.cached_bytes, now.limit_bytes,
      now.refills,        now.releases,        now.given_back_bytes, now.refused,      now.caches};
  LockGuard guard(publish_mutex);
  for (Publication* each = publications; each; each = each->next_) {
    // relaxed: each figure is its own message; partner: whoever reads the words (Atomics.load in JavaScript)
    for (size_t i = 0; i < Publication::kWords; i++)
      each->words_[i].store(figures[i], std::memory_order_relaxed);
  }
}

size_t scavenge(uint64_t now_ns, size_t max_bytes) noexcept {
  if (!scavenge_mutex.try_lock()) return 0;  // somebody is at it
  page_heap.decay.tell(now_ns);
  const size_t done = give_back(max_bytes, false);
  scavenge_mutex.unlock();
  publish();
  return done;
}

bool scavenge_pending() noexcept {
  if (page_heap.aging()) return true;
  for (unsigned i = 1; i < kClasses; i++) {
    if (central_lists[i].aging()) return true;
  }
  return false;
}

size_t purge() noexcept {
  size_t done;
  {
    LockGuard guard(scavenge_mutex);
    done = give_back(SIZE_MAX, true);
  }
  publish();
  return done;
}

void set_limit(size_t bytes) noexcept {
  page_heap.set_limit(bytes);
  publish();
}
size_t limit() noexcept { return page_heap.limit(); }

}  // namespace tailrace::memory
