// The time of tests of giving back: the heap is told it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "memory/decay.h"
#include "memory/heap.h"

namespace tailrace::test {

/** Every test begins at a time later than all told before, with a heap that has nothing to give back. */
inline uint64_t begin() {
  static uint64_t now = uint64_t{1} << 50;
  now += 100 * memory::kMaxDecayNs;
  for (int i = 0; i < 20; i++)
    (void)memory::scavenge(now + i * memory::kDecayNs, 0);  // any adapted wait is short again
  (void)memory::purge();
  return now + 20 * memory::kDecayNs;
}

/** Tells the time in steps small enough to be no gap; returns the bytes given back on the way. */
inline size_t pass(uint64_t& now, uint64_t ns) {
  size_t bytes = 0;
  for (uint64_t end = now + ns; now < end;) {
    now += std::min<uint64_t>(100'000'000, end - now);
    bytes += memory::scavenge(now, SIZE_MAX);
  }
  return bytes;
}

}  // namespace tailrace::test
