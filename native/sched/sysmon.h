// sysmon: the one thread that watches over Ps that are lent to event loops, and gives a P to a native M when
// something is ready there and the loop has not come for it. It runs from the first isolate that serves to
// the end of the process, and sleeps without a timeout while nothing happens.
//
// Internal to sched.
#pragma once

#include <poll.h>

#include <cstdint>

#include "sched/runtime.h"

namespace tailrace::sched {

class Sysmon {
 public:
  static void main(void* runtime) noexcept;

  /** How often it looks while there is traffic. */
  static constexpr int kPeriodMs = 2;
  /** How long a P may have something ready while its tick stands still. */
  static constexpr uint64_t kRetakeNs = 4'000'000;
  /** Rounds without traffic before it goes to sleep. */
  static constexpr uint32_t kIdleRounds = 3;
  /** Sleeps end this soon while there are free pages that will have to be given back. */
  static constexpr int kScavengeMs = 100;
  /** What one round gives back at most: a millisecond or two. */
  static constexpr size_t kScavengeBytes = 4u << 20;

 private:
  explicit Sysmon(Runtime& runtime) noexcept : runtime_(runtime) {}
  void run() noexcept;
  /** One look at all lent Ps. True when there was traffic. */
  bool look() noexcept;
  /** Sleeps until a watched P has something ready, or poke_sysmon(). */
  void sleep(int timeout_ms) noexcept;
  /** Gives free pages back now and then. True when there is more to be given back now. */
  bool scavenge() noexcept;

  Runtime& runtime_;
  uint64_t scavenged_ns_ = 0;
  pollfd fds_[kMaxIsolates + 1];
};

}  // namespace tailrace::sched
