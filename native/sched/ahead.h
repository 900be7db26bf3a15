// A window of jobs whose results one thread will want soon, and in order: free Ps run them ahead of it. The
// thread never waits for a P that sleeps: a job that nobody has begun when its turn comes is the thread's own
// to do, and while a job runs elsewhere it does those that come after it.
//
// There are at most as many helping Gs as Ps that had nothing to do when a job was pushed. A G takes jobs,
// the oldest first, until there is none left, and lets others run between two.
//
// Jobs and their states stand in a block that the owner and its helpers share by count: the owner may go
// while a helper still runs a job (a worker thread that is terminated), and nobody waits for anybody.
//
// A slot's state, and who changes it ("claimer": a helper, or the owner that helps):
//
//   free       -> waiting      push, owner
//   waiting    -> running      claim, claimer
//   waiting    -> taken back   settle, owner: it does the job as if there were no window
//   running    -> done         finish, claimer
//   running    -> dropped      pop, owner: nobody wants the result
//   dropped    -> free         finish, claimer
//   waiting, taken back, done -> free    pop, owner
#pragma once

#include <atomic>
#include <cstdint>
#include <new>

#include "base/cpu.h"
#include "base/fence.h"
#include "base/os.h"
#include "sched/g.h"
#include "sched/scheduler.h"

namespace tailrace::sched {

enum class Settled : uint8_t {
  done,       // its results are there
  displaced,  // they are there, but were made on the owner's own CPU: in its time, not beside it
  not_begun,  // taken back: the owner does as it would without a window
  late,       // still running elsewhere, whose M may have lost its core: as not_begun
};

/** `Job`: default-constructible; `void run() noexcept`, which needs nothing that ends with the owner. */
template <class Job, uint32_t kMost>
class Ahead {
 public:
  /** Nothing is allocated before the first room(). */
  Ahead() noexcept = default;
  Ahead(const Ahead&) = delete;
  Ahead& operator=(const Ahead&) = delete;
  ~Ahead() {
    while (oldest()) pop();
    clear();
  }

  /** Whether somebody would have time for a job that is pushed now. A hint. */
  bool worthwhile() const noexcept {
    return (shared_ && shared_->helpers.load(std::memory_order_relaxed) != 0) || free_ps(0);
  }

  /** Gives the memory of an empty window back, as soon as nobody runs a job that was dropped. */
  void clear() noexcept {
    if (!shared_ || size_ != 0) return;
    release(*shared_);
    shared_ = nullptr;
  }

  uint32_t size() const noexcept { return size_; }
  /** The first job that was pushed and not popped; null: none. Its results only after settle(). */
  Job* oldest() noexcept { return size_ ? &shared_->slots[order_[first_]].job : nullptr; }

  /** A job to fill and push(); null: the window is full, or there is no memory. */
  Job* room() noexcept {
    if (!shared_) shared_ = new (std::nothrow) Shared;
    if (!shared_ || size_ == kMost) return nullptr;
    for (uint32_t i = 0; i < kMost; i++) {
      // acquire: partner of finish(), whose job nobody touches any more
      if (shared_->slots[i].state.load(std::memory_order_acquire) != kFree) continue;
      filled_ = i;
      return &shared_->slots[i].job;
    }
    return nullptr;
  }

  /** The job of the last room() is ready to be run. */
  void push() noexcept {
    Slot& slot = shared_->slots[filled_];
    order_[(first_ + size_++) % kMost] = static_cast<uint8_t>(filled_);
    slot.turn.store(next_turn_++, std::memory_order_relaxed);  // before the release below
    slot.state.store(kWaiting, std::memory_order_release);     // partner: claim()
    fence_seq_cst();                                           // partner: the helper's, before its last look
    // relaxed: behind the fence; a helper that ends looks again behind its own
    const uint32_t helpers = shared_->helpers.load(std::memory_order_relaxed);
    if (helpers >= size_ || !free_ps(helpers)) return;
    shared_->helpers.fetch_add(1, std::memory_order_relaxed);  // a number; the fences order it
    shared_->users.fetch_add(1, std::memory_order_relaxed);    // the owner's own count keeps the block
    if (go(help(*shared_))) return;
    shared_->helpers.fetch_sub(1, std::memory_order_relaxed);  // as above
    shared_->users.fetch_sub(1, std::memory_order_relaxed);    // not the last: the owner's is there
  }

  /** Brings the oldest job to an end, or gives it up after so many pauses of the CPU (10 to 40 ns). */
  Settled settle(uint32_t patience) noexcept {
    Slot& slot = shared_->slots[order_[first_]];
    uint8_t state = kWaiting;
    // acquire: partner of finish(), when it is done already
    if (slot.state.compare_exchange_strong(state, kTakenBack, std::memory_order_acquire,
                                           std::memory_order_acquire))
      return Settled::not_begun;
    for (uint32_t pauses = 0; state == kRunning && pauses < patience;) {
      if (Slot* other = shared_->claim()) {
        other->job.run();
        other->helped = false;
        shared_->finish(*other);
      } else {
        cpu::relax();
        pauses++;
      }
      state = slot.state.load(std::memory_order_acquire);  // partner: finish()
    }
    if (state != kDone) return Settled::late;
    return slot.helped && slot.cpu == os::current_cpu() ? Settled::displaced : Settled::done;
  }

  /** Forgets the oldest job, whatever its state. */
  void pop() noexcept {
    Slot& slot = shared_->slots[order_[first_]];
    first_ = (first_ + 1) % kMost;
    size_--;
    uint8_t state = slot.state.load(std::memory_order_relaxed);  // each exchange below looks again
    for (;;) {
      const uint8_t next = state == kRunning ? kDropped : kFree;
      // acquire: partner of finish(); the slot's next job is written by this thread
      if (slot.state.compare_exchange_weak(state, next, std::memory_order_acquire, std::memory_order_relaxed))
        return;
    }
  }

 private:
  /** Ps without work, one of which is left to the owner's own thread: it takes a core too. */
  static bool free_ps(uint32_t helpers) noexcept {
    const Scheduler::Counts counts = scheduler().counts();
    const uint32_t procs = scheduler().procs();
    return helpers + 1 < procs && counts.global == 0 &&
           (counts.idle + counts.spinning != 0 || counts.workers < procs);
  }

  enum State : uint8_t { kFree, kWaiting, kRunning, kDone, kDropped, kTakenBack };

  struct Slot {
    std::atomic<uint8_t> state{kFree};
    std::atomic<uint32_t> turn{0};
    // as the job: of whoever has claimed it, then of the owner
    bool helped = false;
    unsigned cpu = 0;
    Job job;
  };

  struct Shared {
    std::atomic<uint32_t> users{1};
    std::atomic<uint32_t> helpers{0};
    Slot slots[kMost];

    /** The oldest job that waits; null: none. A hint. */
    Slot* waiting() noexcept {
      Slot* best = nullptr;
      uint32_t best_turn = 0;
      for (Slot& slot : slots) {
        // relaxed, both: claim() decides by its exchange, and any job that waits is right
        if (slot.state.load(std::memory_order_relaxed) != kWaiting) continue;
        const uint32_t turn = slot.turn.load(std::memory_order_relaxed);
        if (best && static_cast<int32_t>(turn - best_turn) > 0) continue;
        best = &slot;
        best_turn = turn;
      }
      return best;
    }

    /** The oldest job that waits, taken; null: none. */
    Slot* claim() noexcept {
      while (Slot* slot = waiting()) {
        uint8_t state = kWaiting;
        // acquire: partner of push(), which filled the job
        if (slot->state.compare_exchange_strong(state, kRunning, std::memory_order_acquire,
                                                std::memory_order_relaxed))
          return slot;
      }
      return nullptr;
    }

    void finish(Slot& slot) noexcept {
      uint8_t running = kRunning;
      // release: partner of settle(), which reads the results, and of room(), where the owner dropped the job
      if (!slot.state.compare_exchange_strong(running, kDone, std::memory_order_release,
                                              std::memory_order_relaxed))
        slot.state.store(kFree, std::memory_order_release);  // as above
    }
  };

  static void release(Shared& shared) noexcept {
    // acq_rel: whoever goes last frees what the others have used
    if (shared.users.fetch_sub(1, std::memory_order_acq_rel) == 1) delete &shared;
  }

  static Task help(Shared& shared) {
    for (;;) {
      while (Slot* slot = shared.claim()) {
        slot->job.run();
        slot->helped = true;
        slot->cpu = os::current_cpu();
        shared.finish(*slot);
        co_await yield();
      }
      shared.helpers.fetch_sub(1, std::memory_order_relaxed);  // a number; the fences order it
      fence_seq_cst();                                         // partner: push(), which looked at it
      if (!shared.waiting()) break;
      shared.helpers.fetch_add(1, std::memory_order_relaxed);  // as above
    }
    release(shared);
  }

  Shared* shared_ = nullptr;
  uint8_t order_[kMost] = {};
  uint32_t first_ = 0;
  uint32_t size_ = 0;
  uint32_t filled_ = 0;
  uint32_t next_turn_ = 0;
};

}  // namespace tailrace::sched
