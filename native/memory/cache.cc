// The rare paths of a cache: batches from and to the central lists, larger arrays, large blocks, flush and
// decay.
#include "memory/cache.h"

#include <cstring>

#include "base/check.h"
#include "base/lock.h"
#include "base/os.h"
#include "base/trace.h"
#include "memory/central.h"
#include "memory/heap_internal.h"

namespace tailrace::memory {

namespace internal {
constinit Mutex caches_mutex{LockRank::memory_caches};
constinit Cache* caches = nullptr;
constinit SharedCounter refused;
constinit SharedCounter past_refills;
constinit SharedCounter past_releases;
constinit SharedCounter large_spans;
constinit SharedCounter large_pages;
}  // namespace internal

namespace {

constexpr uint32_t kFirstSlots = 8;

/** A block for our own arrays, straight from the central list: a cache cannot feed itself. */
void* take_slots(size_t bytes) noexcept {
  void* p = nullptr;
  const unsigned size_class = size_class_of(bytes);
  if (central_lists[size_class].take(size_class, &p, 1) == 0) return nullptr;
  unpoison(p, bytes);
  return p;
}

void give_slots(void* p, size_t bytes) noexcept {
  const unsigned size_class = size_class_of(bytes);
  poison(p, kSizeClasses[size_class].size);
  central_lists[size_class].give(size_class, &p, 1);
}

}  // namespace

void double_free() noexcept { panic("memory: a block was freed twice"); }

Cache::Cache() noexcept {
  LockGuard guard(internal::caches_mutex);
  next_ = internal::caches;
  if (next_) next_->prev_ = this;
  internal::caches = this;
}

Cache::~Cache() {
  flush();
  LockGuard guard(internal::caches_mutex);
  internal::past_refills.add(refills_.read());
  internal::past_releases.add(releases_.read());
  (prev_ ? prev_->next_ : internal::caches) = next_;
  if (next_) next_->prev_ = prev_;
}

/** Doubles a class's array. False when it is as large as it may be, or there is no memory for it. */
bool Cache::grow(Bin& bin, unsigned size_class) noexcept {
  const uint32_t most = kSizeClasses[size_class].cached;
  if (bin.capacity.load(std::memory_order_relaxed) >= most) return false;
  uint32_t capacity = bin.capacity.load(std::memory_order_relaxed) == 0
                          ? kFirstSlots
                          : bin.capacity.load(std::memory_order_relaxed) * 2;
  if (capacity > most) capacity = most;
  auto** slots = static_cast<void**>(take_slots(capacity * sizeof(void*)));
  if (!slots) return false;
  if (bin.slots) {
    std::memcpy(slots, bin.slots, bin.count.load(std::memory_order_relaxed) * sizeof(void*));  // own store
    give_slots(bin.slots, bin.capacity.load(std::memory_order_relaxed) * sizeof(void*));
  }
  bin.slots = slots;
  bin.capacity.store(capacity, std::memory_order_relaxed);  // partner: stats()
  return true;
}

/** Gives the `count` oldest blocks of a class back: the newest are the ones still warm. */
void Cache::release(Bin& bin, unsigned size_class, uint32_t count) noexcept {
  const uint32_t have = bin.count.load(std::memory_order_relaxed);  // own store
  const uint32_t batch = kSizeClasses[size_class].batch;
  for (uint32_t done = 0; done < count;) {
    const uint32_t step = count - done < batch ? count - done : batch;
    central_lists[size_class].give(size_class, bin.slots + done, step);
    done += step;
  }
  std::memmove(bin.slots, bin.slots + count, (have - count) * sizeof(void*));
  bin.count.store(have - count, std::memory_order_relaxed);  // partner: stats()
  releases_.add(1);
  trace(TraceKind::memory_release, size_class, count);
}

/** Whether an allocation that was refused is worth another try: there is a limit, and free memory elsewhere
 * was given back. */
bool Cache::reclaim() noexcept {
  if (page_heap.limit() == kUnlimited) return false;
  // Other owners' caches cannot be reached; this one, central lists, spans and free runs can.
  for (unsigned i = 1; i < kClasses; i++) {
    const uint32_t count = bins_[i].count.load(std::memory_order_relaxed);  // own store
    if (count > 0) release(bins_[i], i, count);
  }
  // However much: what another thread gave back meanwhile, while this one waited for it, is room as well.
  (void)purge();
  return true;
}

/** Once every many batches: where no sysmon gives pages back, whoever moves batches does, a little. */
void Cache::tick() noexcept {
  if (++batches_ % kBatchesATick != 0) return;
  const uint64_t now_ns = os::monotonic_ns();
  const uint64_t told_ns = page_heap.decay.now();
  if (now_ns > told_ns && now_ns - told_ns >= kScavengePeriodNs)
    (void)scavenge(now_ns, kScavengeStepBytes);  // publishes too
}

void* Cache::allocate_slow(unsigned size_class, size_t bytes) noexcept {
  Bin& bin = bins_[size_class];
  busy_ |= uint64_t{1} << size_class;
  tick();
  // Demand that empties the array again and again is met with larger ones.
  grow(bin, size_class);
  uint32_t wanted = kSizeClasses[size_class].batch;
  if (wanted > bin.capacity.load(std::memory_order_relaxed) / 2)
    wanted = bin.capacity.load(std::memory_order_relaxed) / 2;
  void* one = nullptr;
  void** const out = wanted > 1 ? bin.slots : &one;
  if (wanted == 0) wanted = 1;
  uint32_t got = central_lists[size_class].take(size_class, out, wanted);
  if (got == 0 && reclaim()) got = central_lists[size_class].take(size_class, out, wanted);
  if (got > 0) one = out[got - 1];
  if (got == 0) {
    internal::refused.add(1);
    return nullptr;
  }
  bin.count.store(got - 1, std::memory_order_relaxed);  // partner: stats()
  refills_.add(1);
  trace(TraceKind::memory_refill, size_class, got);
  unpoison(one, bytes ? bytes : 1);
  return one;
}

void Cache::free_slow(unsigned size_class, void* p) noexcept {
  Bin& bin = bins_[size_class];
  busy_ |= uint64_t{1} << size_class;
  tick();
  if (!grow(bin, size_class)) {
    if (bin.capacity.load(std::memory_order_relaxed) == 0) {  // no memory even for an array
      central_lists[size_class].give(size_class, &p, 1);
      return;
    }
    const uint32_t batch = kSizeClasses[size_class].batch;
    release(bin, size_class,
            batch < bin.capacity.load(std::memory_order_relaxed)
                ? batch
                : bin.capacity.load(std::memory_order_relaxed) / 2);
  }
  const uint32_t count = bin.count.load(std::memory_order_relaxed);  // own store
  bin.slots[count] = p;
  bin.count.store(count + 1, std::memory_order_relaxed);  // partner: stats()
}

void* Cache::allocate_large(size_t bytes) noexcept {
  if (bytes > SIZE_MAX - kPageBytes || bytes >> kPageShift >= UINT32_MAX) {
    internal::refused.add(1);
    return nullptr;
  }
  const auto pages = static_cast<uint32_t>((bytes + kPageBytes - 1) >> kPageShift);
  Span* span = page_heap.allocate(pages, Span::State::large);
  if (!span && reclaim()) span = page_heap.allocate(pages, Span::State::large);
  if (!span) {
    internal::refused.add(1);
    return nullptr;
  }
  internal::large_spans.add(1);
  internal::large_pages.add(pages);
  void* p = page_heap.address_of(span);
  unpoison(p, bytes ? bytes : 1);
  return p;
}

void Cache::free_large(void* p) noexcept {
  Span* span = page_heap.span_of(p);
  if (!span) panic("memory: freed a block that is not ours");
  if (span->state != Span::State::large || page_heap.address_of(span) != p) {
    panic("memory: freed a block that is not alive");
  }
  internal::large_spans.subtract(1);
  internal::large_pages.subtract(span->pages);
  poison(p, size_t{span->pages} << kPageShift);
  page_heap.free(span);
}

void Cache::free_remote(void* p) noexcept {
  const unsigned size_class = page_heap.class_of(p);
  if (size_class == 0) {
    if (p) free_large(p);
    return;
  }
  check_and_poison(p, size_class);
  central_lists[size_class].give_remote(size_class, p);
}

void Cache::flush() noexcept {
  for (unsigned i = 1; i < kClasses; i++) {
    Bin& bin = bins_[i];
    const uint32_t count = bin.count.load(std::memory_order_relaxed);  // own store
    if (count > 0) release(bin, i, count);
    if (bin.slots) give_slots(bin.slots, bin.capacity.load(std::memory_order_relaxed) * sizeof(void*));
    bin.slots = nullptr;
    bin.capacity.store(0, std::memory_order_relaxed);  // partner: stats()
  }
  busy_ = 0;
}

void Cache::decay() noexcept {
  for (unsigned i = 1; i < kClasses; i++) {
    Bin& bin = bins_[i];
    const uint32_t count = bin.count.load(std::memory_order_relaxed);  // own store
    if (count > 0 && !(busy_ >> i & 1)) release(bin, i, (count + 1) / 2);
  }
  busy_ = 0;
}

size_t Cache::cached_bytes() const noexcept {
  size_t bytes = 0;
  // partner: the owner's stores
  for (unsigned i = 1; i < kClasses; i++)
    bytes += size_t{bins_[i].count.load(std::memory_order_relaxed)} * kSizeClasses[i].size;
  return bytes;
}

}  // namespace tailrace::memory
