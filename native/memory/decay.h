// How long free pages wait before the system gets them back: long enough that a program which will want them
// soon keeps them, short enough that one which will not does not hold on to them.
//
// Two things adapt. The wait doubles, up to kMaxDecayNs, when most of what was given back was wanted again
// soon in two windows running (a fault costs a microsecond and more, page by page), and shrinks again when
// that ends. And time is only what scavenge() is told: when nobody told it for long, what was freed meanwhile
// counts from now.
#pragma once

#include <atomic>
#include <cstdint>

namespace tailrace::memory {

inline constexpr uint64_t kDecayNs = 500'000'000;       // the shortest wait
inline constexpr uint64_t kMaxDecayNs = 8'000'000'000;  // and the longest it adapts to

class Decay {
 public:
  constexpr Decay() noexcept = default;

  /** One caller at a time. */
  void tell(uint64_t now_ns) noexcept {
    const uint64_t before = now();
    if (now_ns <= before) return;
    if (now_ns - before > kDecayNs) {
      gap_begin_ns_.store(before, std::memory_order_relaxed);  // partner: ripe
      gap_end_ns_.store(now_ns, std::memory_order_relaxed);    // partner: ripe
    }
    now_ns_.store(now_ns, std::memory_order_relaxed);  // partner: now
    if (now_ns - window_begin_ns_ >= 2 * wait()) end_window(now_ns);
  }

  /** What tell() was told last; any thread. */
  uint64_t now() const noexcept { return now_ns_.load(std::memory_order_relaxed); }    // partner: tell
  uint64_t wait() const noexcept { return wait_ns_.load(std::memory_order_relaxed); }  // partner: end_window

  /** Whether what is free since `freed_ns` has waited for a whole decay (or a share of it). Any thread. */
  bool ripe(uint64_t freed_ns, uint64_t halves = 2) const noexcept {
    const uint64_t at = now();
    // partner: tell; a mixture of old and new gap makes pages wait a little longer or shorter, no more
    if (freed_ns >= gap_begin_ns_.load(std::memory_order_relaxed)) {
      const uint64_t end = gap_end_ns_.load(std::memory_order_relaxed);
      if (freed_ns < end) freed_ns = end;
    }
    return at >= freed_ns && at - freed_ns >= wait() / 2 * halves;
  }

  // Any thread; partners of each other and of end_window: statistics.
  void gave_back(uint64_t pages) noexcept { given_.fetch_add(pages, std::memory_order_relaxed); }
  /** Pages without memory that are in use again. */
  void took_again(uint64_t pages) noexcept { taken_.fetch_add(pages, std::memory_order_relaxed); }

 private:
  static constexpr uint64_t kFewPages = 256;

  void end_window(uint64_t now_ns) noexcept {
    const uint64_t given = given_.exchange(0, std::memory_order_relaxed);  // partner: gave_back
    const uint64_t taken = taken_.exchange(0, std::memory_order_relaxed);  // partner: took_again
    // What was given back late in the last window is wanted again in this one: half of one window is a
    // quarter of two.
    const uint64_t recent = given + given_before_;
    const bool regret = recent >= kFewPages && taken * 4 > recent;
    const uint64_t wait_ns = wait();
    if (regret && regretted_)
      wait_ns_.store(wait_ns * 2 < kMaxDecayNs ? wait_ns * 2 : kMaxDecayNs, std::memory_order_relaxed);
    else if (!regret)
      wait_ns_.store(wait_ns / 2 > kDecayNs ? wait_ns / 2 : kDecayNs, std::memory_order_relaxed);
    regretted_ = regret;
    given_before_ = given;
    window_begin_ns_ = now_ns;
  }

  std::atomic<uint64_t> now_ns_{0};
  std::atomic<uint64_t> gap_begin_ns_{0};
  std::atomic<uint64_t> gap_end_ns_{0};
  std::atomic<uint64_t> wait_ns_{kDecayNs};
  std::atomic<uint64_t> given_{0};
  std::atomic<uint64_t> taken_{0};
  uint64_t given_before_ = 0;
  uint64_t window_begin_ns_ = 0;
  bool regretted_ = false;
};

}  // namespace tailrace::memory
