// The runtime's cold side: the table of all Ps, the registry of isolates that serve, the native Ms that host
// retaken Ps. One instance a process, constant-initialised and without a destructor: worker threads come and
// go, process.exit() runs no cleanup hook, and native Ms may run until the very last instruction.
//
// Internal to sched.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/lock.h"
#include "base/status.h"
#include "sched/isolate_m.h"
#include "sched/p.h"

namespace tailrace::sched {

struct Metrics;

/** Isolates of one process that may serve at once. */
inline constexpr uint32_t kMaxIsolates = 256;
/** Native Ps: the upper bound of procs(). */
inline constexpr uint32_t kMaxProcs = 128;
/** Ps of one process, dead ones that wait to be used again included. */
inline constexpr uint32_t kMaxPs = kMaxIsolates + kMaxProcs + 128;

/** A native M that hosts retaken Ps, one at a time. Its memory is never freed; idle ones stand in a list. */
class HostM {
 public:
  uint32_t id() const noexcept { return id_; }

 private:
  friend class Runtime;
  static void main(void* self) noexcept;
  void host(IsolateM& m) noexcept;

  uint32_t id_ = 0;
  HostM* next_ = nullptr;          // idle list, under the runtime's lock
  IsolateM* job_ = nullptr;        // written before word_, read after it
  std::atomic<uint32_t> word_{0};  // 1: there is a job
};

class Runtime {
 public:
  constexpr Runtime() noexcept = default;

  /** A P in state dead with its parts open, id set, one reference held. */
  Result<P*> take_p(bool with_poller) noexcept;
  /** The last reference went: parts are closed and the P waits for its next life. Any thread. */
  void give_p(P& p) noexcept;

  /** Registers an isolate for sysmon, which is started by the first. */
  Status enter(IsolateM& m) noexcept;
  /** From the return on, no P of this isolate is retaken any more. */
  void leave(IsolateM& m) noexcept;

  /** Ps ever made; p_at(i) for i below it is never null and never freed. */
  // acquire: partner of the release in take_p
  uint32_t p_count() const noexcept { return p_count_.load(std::memory_order_acquire); }
  P& p_at(uint32_t i) const noexcept {
    return *ps_[i].load(std::memory_order_relaxed);
  }  // ordered by p_count

  // ---- for sysmon, with lock() held
  Mutex& lock() noexcept { return lock_; }
  IsolateM* isolates() noexcept { return isolates_; }
  /** Gives a P that has stood still to a native M. False: somebody else was faster, or no M could be had. */
  bool retake(IsolateM& m, PWord seen) noexcept;
  /** Wakes sysmon from its sleep: there is a new P to watch, or one came back. Any thread, no lock needed. */
  void poke_sysmon() noexcept;

  struct Counts {
    uint32_t isolates, host_ms, idle_host_ms, ps, free_ps;
    uint64_t handoffs;
    bool sysmon;
  };
  Counts counts() noexcept;
  void sum(Metrics& out) noexcept;  // metrics.cc
  uint64_t sysmon_rounds() const noexcept { return rounds_.load(std::memory_order_relaxed); }

 private:
  friend class HostM;
  friend class Sysmon;

  constinit static inline Mutex lock_{LockRank::runtime};
  P* free_ = nullptr;
  uint32_t free_count_ = 0;
  IsolateM* isolates_ = nullptr;
  uint32_t isolate_count_ = 0;
  HostM* idle_ = nullptr;
  uint32_t host_ms_ = 0;
  uint32_t idle_count_ = 0;
  uint64_t handoffs_ = 0;
  bool sysmon_started_ = false;
  std::atomic<int> sysmon_event_{-1};
  std::atomic<uint64_t> rounds_{0};
  std::atomic<uint32_t> p_count_{0};
  std::atomic<P*> ps_[kMaxPs] = {};
};

Runtime& runtime() noexcept;

}  // namespace tailrace::sched
