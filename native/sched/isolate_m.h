// IsolateM: a Node isolate as an M, and its P that is lent to the event loop. One per environment that
// serves.
//
// The loop's callback, in the binding:
//
//   if (m.acquire()) { r = m.p().turn(budget); m.lend(); }      // false: a native M has the P; it was asked
//   for … one entry into JS: drain the handler group (needs no P) …  // post_quiet() the replies if
//   (m.acquire()) { m.p().turn({.poll = false}); m.lend(); } else m.p().kick();
//
// While JS runs — ours or anybody's — the P is lent, and sysmon gives it to a native M when something is
// ready and nobody has come for about 4 ms. That M signals the host at once and again when it lets the P go.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/status.h"
#include "sched/p.h"

namespace tailrace::sched {

/** The event loop of an isolate, as seen from here. */
struct LoopHost {
  /** Watch the poller's descriptor (the same one each time), level-triggered. On the isolate's thread. */
  virtual void start_poll(int fd) noexcept = 0;
  virtual void stop_poll() noexcept = 0;
  /** Make the loop call back soon. Any thread; never called after IsolateM::reclaim(). */
  virtual void signal() noexcept = 0;

 protected:
  ~LoopHost() = default;
};

/** All functions on the isolate's own thread. */
class IsolateM {
 public:
  /**
   * Makes the P, lends it to the loop and starts sysmon if it is the first. The host watches the poller from
   * then on: start_poll() has been called when this returns.
   * Errors: limit_exceeded (kMaxIsolates), out_of_memory, system (no descriptors, no thread).
   */
  static Result<IsolateM*> create(LoopHost& host) noexcept;

  P& p() noexcept { return *p_; }

  /**
   * lent -> running here. False: a native M has it; it has been asked to let go, the host watches nothing
   * until then, and the host's callback is signalled when the P is free. Nothing here blocks. Not re-entrant.
   */
  [[nodiscard]] bool acquire() noexcept;

  /**
   * As acquire(), but waits until the native M lets go: one piece of work, and two thread hops. For the rare
   * calls of JS that must touch the P now (listen, close, stats).
   */
  void acquire_blocking() noexcept;

  /** running -> lent; the tick moves. Work that is left keeps the poller readable, so the loop comes back. */
  void lend() noexcept;

  /** This thread runs the P now (between acquire and lend, or after reclaim). */
  bool holds() const noexcept { return holds_; }

  /**
   * The end begins: takes the P back for good (waiting as acquire_blocking does, for at most one piece of a
   * native M's work), after which no other thread touches it or signals the host. The caller then holds the P
   * and gives up what it kept there (connections, timers). May be called at any moment, also while holding.
   */
  void reclaim() noexcept;

  /** reclaim(), then closes the P (late messages are told so) and frees this. */
  void destroy() noexcept;

 private:
  friend class Runtime;
  friend class Sysmon;
  friend class HostM;
  friend struct PTest;
  IsolateM(LoopHost& host, P& p) noexcept : host_(host), p_(&p) {}
  ~IsolateM() = default;

  LoopHost& host_;
  P* p_;
  bool holds_ = false;
  bool polling_ = false;
  bool reclaimed_ = false;
  // sysmon's notes, under the registry's lock
  uint64_t seen_word_ = 0;
  uint64_t ready_since_ns_ = 0;
  IsolateM* next_ = nullptr;
};

/** Holds the P for a block, whether the caller holds it already or not. */
class Hold {
 public:
  explicit Hold(IsolateM& m) noexcept : m_(m), mine_(!m.holds()) {
    if (mine_) m_.acquire_blocking();
  }
  ~Hold() {
    if (mine_) m_.lend();
  }
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;

 private:
  IsolateM& m_;
  bool mine_;
};

}  // namespace tailrace::sched
