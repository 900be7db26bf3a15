// Times a function in blocks and prints the median and the quartiles, in ns a call. (mitata's own
// mitata.hpp 1.0.34 does not compile with g++ 12: its designated initialisers stand in another order than the
// members.)
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>

namespace bench {

/** Keeps the compiler from leaving the work out. */
inline void keep(size_t value) { asm volatile("" : : "r"(value) : "memory"); }

template <class Work>
void time(const char* name, Work&& work) {
  using Clock = std::chrono::steady_clock;
  auto block = [&](size_t calls) {
    auto start = Clock::now();
    for (size_t i = 0; i < calls; i++) work();
    return std::chrono::duration<double, std::nano>(Clock::now() - start).count();
  };
  size_t calls = 1;
  while (block(calls) < 5e6) calls *= 2;  // warm, and long enough for the clock
  constexpr size_t kBlocks = 21;
  double ns[kBlocks];
  for (double& each : ns) each = block(calls) / static_cast<double>(calls);
  std::sort(ns, ns + kBlocks);
  std::printf("%-44s %8.1f ns   [%.1f - %.1f]\n", name, ns[kBlocks / 2], ns[kBlocks / 4],
              ns[kBlocks * 3 / 4]);
}

}  // namespace bench
