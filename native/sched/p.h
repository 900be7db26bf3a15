// P: what the hot path needs, owned by exactly one M at a time so that the hot path takes no lock: poller,
// timer wheel, slab cache, run queue, inbox, and what higher layers keep per P. Who owns it says its word
// (p_word.h).
//
// "Owner only" below means: between IsolateM::acquire() and lend() on the isolate's thread, or anywhere
// inside turn() (Waiters, timers, Messages and Gs run there), whichever thread that is.
//
// The memory of a P is never given back to the system, only used again for the next one (as descriptor slots
// are): sysmon and stealing Ms may look at the word and the run queue of a P that dies under them.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/counter.h"
#include "base/mpsc.h"
#include "base/status.h"
#include "base/waiter.h"
#include "sched/latency.h"
#include "sched/message.h"
#include "sched/p_word.h"
#include "sched/plocal.h"
#include "sched/run_queue.h"

namespace tailrace {
class TimerWheel;
namespace net {
class Poller;
}
namespace memory {
class Cache;
}
}  // namespace tailrace

namespace tailrace::sched {

struct G;
class Task;
struct Site;
struct Worker;
struct park;
struct yield;
struct sleep_ns;
bool go(Task task, Site site) noexcept;
void ready(G& g) noexcept;

/** Gs that fit a P's ring; what is more goes to the global queue, half a ring at a time. */
inline constexpr uint32_t kRunQueueSlots = 256;

/** Gs one turn resumes at most: they may be long, and a turn is to be short. */
inline constexpr uint32_t kMaxGsATurn = 128;
/** Gs are timed from ready to run when their number is a multiple of this. */
inline constexpr uint64_t kLatencySample = 64;

/** What one turn may do before it returns; what is left is kept and reported as TurnResult::more. */
struct Budget {
  uint32_t pieces = 1024;     // of each kind: messages, waiters, timers; Gs at most kMaxGsATurn
  uint32_t requests = 1024;   // counted by P::spend
  uint64_t bytes = 4u << 20;  // counted by P::spend
  bool poll = true;           // false: inbox and ready list only (replies after a batch): no poll, no timers
};

struct TurnResult {
  bool more = false;    // work is left that no poller event will announce: turn again before blocking
  bool wanted = false;  // stopped because the isolate wants its P
  uint32_t pieces = 0;  // pieces of work done
};

/** Statistics of a P, written by its owner only, read by anyone. They go on from one life to the next. */
struct PCounters {
  Counter turns, messages, waiters, gs_made, gs_ended, gs_run, parks, steals, stolen, handoffs;
};

class P {
 public:
  P(const P&) = delete;
  P& operator=(const P&) = delete;

  // ---- owner only
  net::Poller& poller() noexcept { return *poller_; }
  TimerWheel& timers() noexcept { return *timers_; }
  memory::Cache& cache() noexcept { return *cache_; }
  /** Monotonic time of this turn: read once a turn and after each poll. */
  uint64_t now_ns() const noexcept { return now_ns_; }

  /** Puts a waiter on the still-ready list; it runs in this turn or the next, before anything blocks. */
  void ready(Waiter& waiter, uint32_t events) noexcept { ready_.push(waiter, events); }
  /** Takes a waiter out of the list before its memory goes. Linear; costs nothing when it is not queued. */
  void forget(Waiter& waiter) noexcept { ready_.remove(waiter); }
  /** Makes a parked or new G runnable on this P. */
  void ready(G& g) noexcept;

  /** Counts against the turn's budget. False once it is spent: put the rest back with ready(…, kAgain). */
  bool spend(uint32_t requests, uint64_t bytes) noexcept {
    requests_left_ = requests_left_ > requests ? requests_left_ - requests : 0;
    bytes_left_ = bytes_left_ > bytes ? bytes_left_ - bytes : 0;
    return requests_left_ != 0 && bytes_left_ != 0;
  }

  /** The isolate asks for the P back: stop between two pieces of work. turn() looks by itself. */
  bool wanted() const noexcept { return word_.peek().status() == PStatus::wanted; }

  /** One bounded round: inbox, poll(0), still-ready list, timers, run queue. Never blocks. */
  TurnResult turn(const Budget& budget) noexcept;

  /** Made now if it is not there yet; false when there is no memory for it. */
  template <class T>
  [[nodiscard]] bool prepare_local(PLocal<T>& key) noexcept {
    const uint32_t slot = key.slot();
    if (locals_[slot].value) return true;
    void* made = PLocal<T>::make(*this);
    if (made) adopt_local(slot, made, &PLocal<T>::drop);
    return made != nullptr;
  }
  /** For whom a failure would come too late: aborts when prepare_local() fails. */
  template <class T>
  T& local(PLocal<T>& key) noexcept {
    const uint32_t slot = key.slot();
    if (!locals_[slot].value && !prepare_local(key)) detail::plocal_no_memory();
    return *static_cast<T*>(locals_[slot].value);
  }

  // ---- any thread
  /** Puts a message into the inbox and wakes the owner if it may sleep. False: the P is closed, the message
   * was delivered here and now (see Message::deliver). The caller holds a reference (retain) or is the owner.
   */
  bool post(Message& message) noexcept;
  /** The same without the wake: the caller is about to turn this P itself, or to kick() it. */
  bool post_quiet(Message& message) noexcept;
  /** Wakes the owner if it may sleep. */
  void kick() noexcept;

  /** The P is gone or going: its owner takes no more messages. */
  // acquire: partner of the release in close()
  bool closed() const noexcept { return closed_.load(std::memory_order_acquire); }
  /** Keeps the P from being used again for another isolate; post() stays legal until release(). */
  void retain() noexcept;
  void release() noexcept;

  uint32_t id() const noexcept { return id_; }
  PWord word() const noexcept { return word_.load(); }
  /** Times a native M took this P over. */
  uint64_t handoffs() const noexcept { return counters_.handoffs.read(); }

  /** The P that the calling thread runs now, or null. */
  static P* current() noexcept;

 private:
  friend class IsolateM;
  friend class Runtime;
  friend class Scheduler;
  friend class Sysmon;
  friend class HostM;
  friend struct PTest;
  friend class Task;
  friend struct park;
  friend struct yield;
  friend struct sleep_ns;
  friend bool go(Task, Site) noexcept;
  friend void ready(G&) noexcept;
  struct Parts;
  P() noexcept = default;
  ~P() = default;

  struct Local {
    void* value = nullptr;
    void (*drop)(P&, void*) = nullptr;
    uint32_t next = 0;  // slot + 1 of the one made before
  };
  void adopt_local(uint32_t slot, void* value, void (*drop)(P&, void*)) noexcept;

  /** Life of a P (runtime.cc): parts made, first word set; content given up. The word is `dead` outside. */
  Status open(bool with_poller) noexcept;
  void close() noexcept;
  static void set_current(P* p) noexcept;

  /** Owner, about to block or to lend: false when work is left. Else a post() wakes from now on. */
  bool prepare_sleep() noexcept;
  /** Owner, about to lend: whatever is left makes the poller readable. */
  void prepare_lend() noexcept;
  void awake() noexcept {
    asleep_.store(false, std::memory_order_relaxed);
  }  // the next sleep's fence orders it

  /** Behind all others on this P's ring; half of a full ring goes to the global queue. */
  void enqueue(G& g) noexcept;
  G* next_g() noexcept;
  void deliver_messages(uint32_t budget, TurnResult& result) noexcept;
  void run_waiters(uint32_t budget, TurnResult& result) noexcept;
  void run_gs(uint32_t budget, TurnResult& result) noexcept;
  /** After closed_ is set, by whoever finds messages: each is told that the P is gone. */
  void deliver_to_the_dead() noexcept;
  bool work_left() const noexcept;

  // hot, owner
  WaiterList ready_;
  MpscNode* messages_ = nullptr;  // taken from the inbox, not delivered yet
  uint64_t now_ns_ = 0;
  uint64_t bytes_left_ = 0;
  uint32_t requests_left_ = 0;
  uint32_t id_ = 0;
  net::Poller* poller_ = nullptr;
  TimerWheel* timers_ = nullptr;
  memory::Cache* cache_ = nullptr;
  Parts* parts_ = nullptr;
  Worker* worker_ = nullptr;  // of a native P, which has no poller: the M that is bound to it
  uint32_t gs_run_ = 0;       // fairness tick of the global queue
  uint32_t slot_run_ = 0;     // Gs taken from the LIFO slot in a row
  uint64_t next_g_id_ = 0, last_g_id_ = 0;
  Local locals_[kMaxPLocals];
  uint32_t last_local_ = 0;
  PCounters counters_;
  Latency latency_;

  // shared
  alignas(64) AtomicPWord word_;
  std::atomic<bool> asleep_{false};
  std::atomic<bool> closed_{true};
  std::atomic<uint32_t> refs_{0};
  // native Ms (and sysmon on their behalf) that may still touch the host loop; reclaim() waits for zero
  std::atomic<uint32_t> users_{0};
  // moves each time a native M lets go; reclaim() and acquire_blocking() sleep on it
  std::atomic<uint32_t> let_go_{0};
  MpscList inbox_;
  RunQueue<G, kRunQueueSlots> queue_;
  P* next_free_ = nullptr;  // under the runtime's lock
};

}  // namespace tailrace::sched
