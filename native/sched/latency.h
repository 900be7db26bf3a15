// How long work waited before it ran: a histogram of powers of two with four steps each (error at most 12.5
// %), one writer, read from any thread. Sampled: reading the clock for every G would cost more than starting
// it.
#pragma once

#include <bit>
#include <cstdint>

#include "base/counter.h"

namespace tailrace::sched {

class Latency {
 public:
  static constexpr uint32_t kSteps = 4;
  /** Up to 2^41 ns: 36 minutes; what is longer counts in the last one. */
  static constexpr uint32_t kBuckets = 40 * kSteps;

  static constexpr uint32_t bucket_of(uint64_t ns) noexcept {
    if (ns < kSteps) return static_cast<uint32_t>(ns);
    const uint32_t octave = 63 - static_cast<uint32_t>(std::countl_zero(ns));  // >= 2
    const uint32_t bucket =
        (octave - 1) * kSteps + static_cast<uint32_t>((ns >> (octave - 2)) & (kSteps - 1));
    return bucket < kBuckets ? bucket : kBuckets - 1;
  }
  /** The smallest value of a bucket, in ns. */
  static constexpr uint64_t floor_of(uint32_t bucket) noexcept {
    if (bucket < kSteps) return bucket;
    const uint32_t octave = bucket / kSteps + 1;
    return (uint64_t{kSteps} + bucket % kSteps) << (octave - 2);
  }

  void record(uint64_t ns) noexcept { counts_[bucket_of(ns)].add(1); }
  uint64_t count(uint32_t bucket) const noexcept { return counts_[bucket].read(); }

 private:
  Counter counts_[kBuckets];
};

}  // namespace tailrace::sched
