// Statistics that cost one plain add: a counter has a single writer (its P, its environment) and may be read
// from any thread at any time. Sums over several counters are not a snapshot, and need not be.
#pragma once

#include <atomic>
#include <cstdint>

namespace tailrace {

class Counter {
 public:
  constexpr Counter() noexcept = default;

  /** The single writer only. */
  void add(uint64_t n) noexcept {
    // relaxed: a statistic orders nothing; partner: read()
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  void set(uint64_t n) noexcept { value_.store(n, std::memory_order_relaxed); }  // partner: read()

  /** Any thread. */
  uint64_t read() const noexcept { return value_.load(std::memory_order_relaxed); }  // partner: add(), set()

 private:
  std::atomic<uint64_t> value_{0};
};

/** Several writers: for paths that are rare enough to pay a locked add. */
class SharedCounter {
 public:
  constexpr SharedCounter() noexcept = default;
  void add(uint64_t n) noexcept { value_.fetch_add(n, std::memory_order_relaxed); }       // partner: read()
  void subtract(uint64_t n) noexcept { value_.fetch_sub(n, std::memory_order_relaxed); }  // partner: read()
  uint64_t read() const noexcept { return value_.load(std::memory_order_relaxed); }       // partner: add()

 private:
  std::atomic<uint64_t> value_{0};
};

}  // namespace tailrace
