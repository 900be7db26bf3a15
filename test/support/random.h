// Seeded random numbers for model tests. A failing test prints its seed; TAILRACE_TEST_SEED=<seed> repeats
// it.
#pragma once

#include <cstdint>
#include <cstdlib>

#include "base/os.h"

namespace tailrace::test {

/** The seed of this run: from the environment, or from the system. */
inline uint64_t seed() {
  if (const char* text = std::getenv("TAILRACE_TEST_SEED")) return std::strtoull(text, nullptr, 0);
  uint64_t value = 0;
  (void)os::random_bytes(&value, sizeof(value));
  return value | 1;
}

/** xorshift64* (Vigna, 2016). */
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed ? seed : 1) {}
  uint64_t next() {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return state_ * 0x2545F4914F6CDD1DULL;
  }
  /** 0 … bound - 1. */
  uint64_t below(uint64_t bound) { return (next() >> 11) % bound; }

 private:
  uint64_t state_;
};

}  // namespace tailrace::test
