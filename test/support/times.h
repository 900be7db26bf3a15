// How often a test does what it does with texts made from a seed: TAILRACE_TEST_TIMES makes it less, where
// time is dear (under an emulator).
#pragma once

#include <cstdlib>

namespace tailrace {

inline int test_times(int most) {
  const char* wanted = std::getenv("TAILRACE_TEST_TIMES");
  const int limit = wanted ? std::atoi(wanted) : most;
  return limit > 0 && limit < most ? limit : most;
}

}  // namespace tailrace
