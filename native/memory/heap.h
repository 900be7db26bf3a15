// The heap of the process: what all caches draw from and what the rest of the core may ask of it. Allocating
// is done through a Cache (cache.h) or an Arena (arena.h).
//
// The heap needs no construction: it reserves its address space when the first cache asks for a block, and it
// has no destructor, since threads may use it while the process exits.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "memory/size_classes.h"

namespace tailrace::memory {

inline constexpr size_t kUnlimited = SIZE_MAX;

struct ClassStats {
  uint32_t size;         // bytes of a block; the last entry (0) is for large allocations
  uint64_t blocks;       // in use
  uint64_t bytes;        // in use
  uint64_t free_blocks;  // in caches, central lists and partly used spans
  uint64_t spans;
};

struct Stats {
  uint64_t reserved_bytes;   // address space
  uint64_t committed_bytes;  // pages that hold memory: in use, cached or free but not given back yet
  uint64_t in_use_bytes;     // blocks handed out, by their class's size
  uint64_t cached_bytes;     // free blocks in caches and central lists
  uint64_t limit_bytes;
  uint64_t refills;              // batches taken from central lists by caches
  uint64_t releases;             // batches given to them
  uint64_t given_back_bytes;     // to the system, ever
  uint64_t refused;              // allocations that failed, by the limit or by the system
  uint64_t caches;               // alive
  ClassStats classes[kClasses];  // [0] is large
};

/** Not one snapshot: each figure is right for some moment during the call. Takes locks; not for a hot path.
 */
Stats stats() noexcept;

/**
 * Figures of the heap that others read without a call: Publication::kWords words, in the order of Stats'
 * first fields, written now and then (by scavenge and purge, and by caches every many batches), each on its
 * own. The words must stay until stop() has returned.
 */
class Publication {
 public:
  static constexpr size_t kWords = 10;
  constexpr Publication() noexcept = default;
  ~Publication() { stop(); }
  Publication(const Publication&) = delete;
  Publication& operator=(const Publication&) = delete;
  /** Writes to these words from now on, at once for the first time. */
  void start(std::atomic<uint64_t>* words) noexcept;
  /** Nobody writes to them any more when this returns. */
  void stop() noexcept;

 private:
  friend void publish() noexcept;
  std::atomic<uint64_t>* words_ = nullptr;
  Publication* next_ = nullptr;
};

/** Brings all publications up to date. */
void publish() noexcept;

/** Bytes that may be used at `p`; under ASan what was asked for may be less, and only that may be touched. */
size_t usable_size(const void* p) noexcept;

/** True for an address inside the heap's reserved space. */
bool owns(const void* p) noexcept;

/**
 * Gives free pages back to the system that have waited long enough (decay.h), oldest first, max_bytes at
 * most, by calls for at most kScavengeStepBytes each during which no lock is held. Free are pages of no span,
 * and pages inside spans that no block in use touches. Returns the bytes given back: as much as max_bytes
 * means that there may be more. Any thread; 0 at once when another is at it. Every 100 ms is plenty.
 */
size_t scavenge(uint64_t now_ns, size_t max_bytes) noexcept;
/**
 * What one call of the system takes at most. Nobody waits for it, so it is as long as makes pages cheap:
 * above 33 of them Linux invalidates all of a processor's addresses at once and not one after the other.
 */
inline constexpr size_t kScavengeStepBytes = 256u << 10;
/** How often it wants to be called while scavenge_pending(). */
inline constexpr uint64_t kScavengePeriodNs = 200'000'000;

/** Whether something is free that later calls of scavenge() would give back: else it need not be called. */
bool scavenge_pending() noexcept;

/** Gives every free page back at once (what caches hold is not free: flush them first). Returns bytes. */
size_t purge() noexcept;

/** Upper bound for committed_bytes; allocations beyond it fail. kUnlimited (the default) lifts it. */
void set_limit(size_t bytes) noexcept;
size_t limit() noexcept;

}  // namespace tailrace::memory
