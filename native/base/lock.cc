// The contended paths of Mutex (the three-state futex mutex of Drepper, "Futexes Are Tricky", 2011, section
// 5) and the debug build's check of ranks.
#include "base/lock.h"

#include "base/check.h"
#include "base/cpu.h"
#include "base/os.h"

namespace tailrace {

void Mutex::lock_slow() noexcept {
  // Held sections are short: a short spin saves most sleeps when the owner runs on another core.
  for (int i = 0; i < 64; i++) {
    cpu::relax();
    uint32_t free = kFree;
    // acquire: partner of the release in unlock()
    if (word_.load(std::memory_order_relaxed) == kFree &&
        word_.compare_exchange_weak(free, kHeld, std::memory_order_acquire, std::memory_order_relaxed)) {
      return;
    }
  }
  // acquire: partner of the release in unlock(). Whoever gets it here leaves it marked contended, because it
  // cannot know whether others sleep; the price is one needless wake.
  while (word_.exchange(kContended, std::memory_order_acquire) != kFree) {
    (void)os::futex_wait(word_, kContended, os::kForever);
  }
}

void Mutex::wake_one() noexcept { os::futex_wake(word_, 1); }

#if !defined(NDEBUG)
namespace {
// Ranks this thread holds, innermost last. Trivial: no destructor runs at thread exit.
constexpr int kMaxHeld = 16;
thread_local LockRank held_ranks[kMaxHeld];
thread_local int held_count = 0;
}  // namespace

void Mutex::before_lock() noexcept {
  if (held_count > 0 && held_ranks[held_count - 1] >= rank_) panic("lock taken out of the order of ranks");
  if (held_count == kMaxHeld) panic("too many locks held by one thread");
}

void Mutex::after_lock() noexcept {
  if (held_count == kMaxHeld) panic("too many locks held by one thread");
  // try_lock may come out of order (it cannot deadlock); keep the list sorted so that later locks are checked
  // against the highest rank held.
  int at = held_count++;
  while (at > 0 && held_ranks[at - 1] > rank_) {
    held_ranks[at] = held_ranks[at - 1];
    at--;
  }
  held_ranks[at] = rank_;
}

void Mutex::before_unlock() noexcept {
  int at = held_count - 1;
  while (at >= 0 && held_ranks[at] != rank_) at--;
  if (at < 0) panic("lock released by a thread that does not hold it");
  for (; at + 1 < held_count; at++) held_ranks[at] = held_ranks[at + 1];
  held_count--;
}
#endif

}  // namespace tailrace
