// What the scheduler tells of itself: sums over all Ps, not a snapshot (each figure is right by itself).
#pragma once

#include <cstdint>

#include "sched/latency.h"

namespace tailrace::sched {

struct Metrics {
  uint32_t procs = 0;       // native Ps that may run Gs
  uint32_t threads = 0;     // native Ms: workers, hosts of retaken Ps, sysmon
  uint32_t idle = 0;        // workers asleep
  uint32_t spinning = 0;    // workers that look for work
  uint32_t isolates = 0;    // isolates that serve
  uint64_t goroutines = 0;  // live Gs
  uint64_t run_queues = 0;  // Gs that wait in the Ps' queues
  uint64_t global_queue = 0;
  uint64_t gs_made = 0, gs_run = 0, parks = 0, steals = 0, stolen = 0;
  uint64_t handoffs = 0;  // Ps retaken from blocked loops
  uint64_t turns = 0, messages = 0, waiters = 0;
  uint64_t sched_latency[Latency::kBuckets] = {};  // sampled; see Latency::floor_of

  uint64_t sched_latency_count() const noexcept {
    uint64_t sum = 0;
    for (uint64_t count : sched_latency) sum += count;
    return sum;
  }
};

/** Any thread. Starts nothing. */
Metrics metrics() noexcept;

}  // namespace tailrace::sched
