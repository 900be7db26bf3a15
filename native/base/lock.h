// The lock of everything that is not a hot path: a futex mutex that spins a little first, with a rank.
//
// Ranks give the one order in which locks may be nested; a debug build asserts it on every lock, so that an
// inversion shows in the first test that walks the path and not in the first unlucky interleaving. Trivially
// destructible and constant-initialised: safe as a static, before main and during exit.
#pragma once

#include <atomic>
#include <cstdint>

namespace tailrace {

/** A thread that holds a lock may only take locks of a higher rank. */
enum class LockRank : uint8_t {
  runtime = 10,         // start and stop of the runtime, lists of Ps and Ms
  sched_global = 20,    // global run queue, idle lists
  sched_sleep = 30,     // sysmon's and an M's sleep
  server = 40,          // a server's set of connections and listeners
  group = 50,           // a handler group's slow path
  memory_caches = 60,   // the list of live caches
  memory_central = 70,  // one size class's central list
  memory_pages = 80,    // the page heap
  leaf = 100,           // takes nothing further
};

class Mutex {
 public:
  constexpr explicit Mutex(LockRank rank) noexcept : rank_(rank) {}
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void lock() noexcept {
    before_lock();
    uint32_t free = kFree;
    // acquire: what the last owner wrote; partner: the release in unlock()
    if (!word_.compare_exchange_strong(free, kHeld, std::memory_order_acquire, std::memory_order_relaxed))
        [[unlikely]] {
      lock_slow();
    }
    after_lock();
  }

  bool try_lock() noexcept {
    uint32_t free = kFree;
    // acquire: partner of the release in unlock()
    if (!word_.compare_exchange_strong(free, kHeld, std::memory_order_acquire, std::memory_order_relaxed))
      return false;
    after_lock();
    return true;
  }

  void unlock() noexcept {
    before_unlock();
    // release: partner of the acquires in lock(), try_lock() and lock_slow()
    if (word_.exchange(kFree, std::memory_order_release) == kContended) [[unlikely]]
      wake_one();
  }

 private:
  static constexpr uint32_t kFree = 0, kHeld = 1, kContended = 2;

  void lock_slow() noexcept;
  void wake_one() noexcept;
#if defined(NDEBUG)
  void before_lock() noexcept {}
  void after_lock() noexcept {}
  void before_unlock() noexcept {}
#else
  void before_lock() noexcept;
  void after_lock() noexcept;
  void before_unlock() noexcept;
#endif

  std::atomic<uint32_t> word_{kFree};
  [[maybe_unused]] const LockRank rank_;
};

/** Holds a Mutex for its scope. */
class [[nodiscard]] LockGuard {
 public:
  explicit LockGuard(Mutex& mutex) noexcept : mutex_(mutex) { mutex_.lock(); }
  ~LockGuard() { mutex_.unlock(); }
  LockGuard(const LockGuard&) = delete;
  LockGuard& operator=(const LockGuard&) = delete;

 private:
  Mutex& mutex_;
};

}  // namespace tailrace
