// See metrics.h.
#include "sched/metrics.h"

#include "sched/runtime.h"
#include "sched/scheduler.h"

namespace tailrace::sched {

void Runtime::sum(Metrics& out) noexcept {
  const Counts counts = this->counts();
  out.isolates = counts.isolates;
  out.handoffs = counts.handoffs;
  out.threads = counts.host_ms + (counts.sysmon ? 1 : 0);
  uint64_t ended = 0;
  for (uint32_t i = 0; i < counts.ps; i++) {
    const P& p = p_at(i);
    const PCounters& c = p.counters_;
    // Ended before made: a G that ends between the two reads must not make the difference negative.
    ended += c.gs_ended.read();
    out.run_queues += p.queue_.size();
    out.gs_run += c.gs_run.read();
    out.parks += c.parks.read();
    out.steals += c.steals.read();
    out.stolen += c.stolen.read();
    out.turns += c.turns.read();
    out.messages += c.messages.read();
    out.waiters += c.waiters.read();
    for (uint32_t b = 0; b < Latency::kBuckets; b++) out.sched_latency[b] += p.latency_.count(b);
  }
  for (uint32_t i = 0; i < counts.ps; i++) out.gs_made += p_at(i).counters_.gs_made.read();
  out.gs_made += scheduler().gs_made_elsewhere.read();
  out.goroutines = out.gs_made > ended ? out.gs_made - ended : 0;
}

Metrics metrics() noexcept {
  Metrics out;
  runtime().sum(out);
  const Scheduler::Counts counts = scheduler().counts();
  out.procs = scheduler().procs();
  out.threads += counts.workers;
  out.idle = counts.idle;
  out.spinning = counts.spinning;
  out.global_queue = counts.global;
  return out;
}

}  // namespace tailrace::sched
