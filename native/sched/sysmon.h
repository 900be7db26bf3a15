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

 private:
  explicit Sysmon(Runtime& runtime) noexcept : runtime_(runtime) {}
  void run() noexcept;
  /** One look at all lent Ps. True when there was traffic. */
  bool look() noexcept;
  /** Sleeps until a watched P has something ready, or poke_sysmon(). */
  void sleep() noexcept;

  Runtime& runtime_;
  pollfd fds_[kMaxIsolates + 1];
};

}  // namespace tailrace::sched
