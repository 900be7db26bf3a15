// Two ways of the same work, in C++, as stats.ts compares them in JavaScript: short blocks in turn, the ratio
// of each pair, the median of the ratios and its 95 % interval by bootstrap, a third run of the peer for the
// noise (A/A).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <vector>

namespace bench {

inline double now_ns() {
  static const char* const wanted = std::getenv("TAILRACE_BENCH_CLOCK");
  static const bool cpu = wanted && std::strcmp(wanted, "cpu") == 0;
  timespec now;
  clock_gettime(cpu ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

struct Ratio {
  double median, low, high;
};

inline double median_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

inline Ratio ratio_of(const std::vector<double>& values) {
  uint32_t state = 1;
  auto random = [&] {
    state ^= state << 13;
    state ^= state >> 17;
    return state ^= state << 5;
  };
  std::vector<double> medians, sample(values.size());
  for (int round = 0; round < 2000; round++) {
    for (double& each : sample) each = values[random() % values.size()];
    medians.push_back(median_of(sample));
  }
  std::sort(medians.begin(), medians.end());
  return {median_of(values), medians[50], medians[1949]};
}

/** Calls a block of about 4 ms has room for; warms the work on the way. */
template <class Work>
size_t calls_for(Work&& work) {
  for (size_t calls = 1;; calls *= 2) {
    const double start = now_ns();
    for (size_t i = 0; i < calls; i++) work();
    const double ms = (now_ns() - start) / 1e6;
    if (ms > 20) return std::max<size_t>(1, static_cast<size_t>(static_cast<double>(calls) * 4 / ms));
  }
}

struct Comparison {
  Ratio ratio;  // time of the peer over ours: above 1, ours is faster
  Ratio noise;  // the peer against itself
  double ours_ns, peer_ns;
};

template <class Ours, class Peer>
Comparison compare(Ours&& ours, Peer&& peer) {
  constexpr int kBlocks = 21;
  const size_t our_calls = calls_for(ours), peer_calls = calls_for(peer);
  auto block = [](auto& work, size_t calls) {
    const double start = now_ns();
    for (size_t i = 0; i < calls; i++) work();
    return (now_ns() - start) / static_cast<double>(calls);
  };
  std::vector<double> times[3], ratios, noise;
  for (int round = 0; round < kBlocks; round++)
    for (int turn = 0; turn < 3; turn++) {
      const int which = (round + turn) % 3;
      times[which].push_back(which == 0 ? block(ours, our_calls) : block(peer, peer_calls));
    }
  for (int i = 0; i < kBlocks; i++) {
    ratios.push_back(times[1][i] / times[0][i]);
    noise.push_back(times[1][i] / times[2][i]);
  }
  return {ratio_of(ratios), ratio_of(noise), median_of(times[0]), median_of(times[1])};
}

/** A row as those of stats.ts: label, ratio, noise, ours and peer in MB/s. */
inline void show(const char* label, const Comparison& c, size_t bytes) {
  char ratio[48], noise[48];
  std::snprintf(ratio, sizeof ratio, "%.2fx [%.2f, %.2f]", c.ratio.median, c.ratio.low, c.ratio.high);
  std::snprintf(noise, sizeof noise, "%.2fx [%.2f, %.2f]", c.noise.median, c.noise.low, c.noise.high);
  const double mb = static_cast<double>(bytes) * 1e3;
  std::printf("%-34s%-22s%-22s%-12.0f%.0f\n", label, ratio, noise, mb / c.ours_ns, mb / c.peer_ns);
  std::fflush(stdout);
}

}  // namespace bench
