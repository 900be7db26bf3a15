// The epoch in a P's word is its tick: it moves with each acquire and lend. A P is retaken when its word has
// not changed, and its poller has had something ready, in every look for kRetakeNs. The time is counted from
// the first look that found something ready, not from the last move of the tick: an idle server's tick is
// always old, and its loop must get its 4 ms to come.
//
// Why look every 2 ms and not let a timer or the poller's wake tell: a wake of sysmon costs 5 to 10 µs of
// CPU, and a busy server has an event every few µs; 500 looks a second cost 0.3 % of a core, and nothing
// while idle. Rejected: a signal to the blocked thread (nothing can be done on it), a native M that always
// polls (a thread hop on every request: 37 µs).
#include "sched/sysmon.h"

#include "base/os.h"
#include "memory/heap.h"
#include "net/poller.h"

namespace tailrace::sched {

void Sysmon::main(void* runtime) noexcept {
  os::prefer_latency();
  Sysmon sysmon(*static_cast<Runtime*>(runtime));
  sysmon.run();
}

void Sysmon::run() noexcept {
  uint32_t idle = 0;
  while (true) {
    runtime_.rounds_.store(runtime_.rounds_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    const bool traffic = look();
    const bool more = scavenge();
    if (traffic) {
      idle = 0;
    } else if (more || ++idle < kIdleRounds) {
      // a nap all the same: traffic comes in bursts
    } else {
      // What the last traffic left free is old enough to be given back only after a while.
      sleep(memory::scavenge_pending() ? kScavengeMs : -1);
      idle = kIdleRounds;
      continue;
    }
    pollfd none{-1, POLLIN, 0};  // a nap; pokes are for the sleep, which looks at all Ps anyway
    (void)os::poll(&none, 1, kPeriodMs);
  }
}

bool Sysmon::scavenge() noexcept {
  const uint64_t now = os::monotonic_ns();
  if (now - scavenged_ns_ < static_cast<uint64_t>(kScavengeMs) * 1'000'000) return false;
  const bool more = memory::scavenge(now, kScavengeBytes) >= kScavengeBytes;
  if (!more) scavenged_ns_ = now;
  return more;
}

bool Sysmon::look() noexcept {
  bool traffic = false;
  const uint64_t now = os::monotonic_ns();
  LockGuard guard(runtime_.lock());
  for (IsolateM* m = runtime_.isolates(); m; m = m->next_) {
    const PWord word = m->p_->word_.load();
    if (word.raw() != m->seen_word_) {
      m->seen_word_ = word.raw();
      m->ready_since_ns_ = 0;
      traffic = true;
      continue;
    }
    if (word.status() != PStatus::lent) {
      // A native M has it and pokes us when it lets go; or the isolate is in a long turn, with a poller that
      // may be readable all the time: a sleep on that would end at once, again and again.
      traffic = traffic || !word.native_owned();
      continue;
    }
    if (!m->p_->poller_->has_ready()) {
      m->ready_since_ns_ = 0;
      continue;
    }
    traffic = true;
    if (m->ready_since_ns_ == 0) {
      m->ready_since_ns_ = now;
    } else if (now - m->ready_since_ns_ >= kRetakeNs) {
      m->ready_since_ns_ = 0;
      (void)runtime_.retake(*m, word);  // else the next look tries again
    }
  }
  return traffic;
}

void Sysmon::sleep(int timeout_ms) noexcept {
  size_t count = 0;
  fds_[count++] = {runtime_.sysmon_event_.load(std::memory_order_relaxed), POLLIN, 0};
  {
    LockGuard guard(runtime_.lock());
    for (IsolateM* m = runtime_.isolates(); m && count <= kMaxIsolates; m = m->next_) {
      // A native M lets go with a poke, so what it has need not be watched. All others must: the isolate may
      // lend its P at any moment and block.
      if (m->p_->word_.load().native_owned()) continue;
      fds_[count++] = {m->p_->poller_->fd(), POLLIN, 0};
    }
  }
  // A P that is closed now may leave a descriptor here that is none of ours: at worst a look for nothing.
  (void)os::poll(fds_, count, timeout_ms);
  (void)os::event_fd_take(fds_[0].fd);
}

}  // namespace tailrace::sched
