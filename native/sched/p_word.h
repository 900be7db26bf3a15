// The state of a P as one 64-bit word: {epoch, owner, status}, changed whole by compare-and-swap.
//
// One word, because the three must never be seen apart: a thread that read "lent" and was then preempted must
// not retake a P that has been run, lent and reshaped since. The epoch grows by one with every change, which
// makes ABA impossible in practice (44 bits: years at a million changes a second) and serves as the P's
// *tick*: an epoch that stands still while the P is lent means that the loop which hosts it has not come back
// to us.
#pragma once

#include <atomic>
#include <cstdint>

namespace tailrace::sched {

/** Who may touch a P. Only the thread named by the word may call its owner's functions. */
enum class PStatus : uint8_t {
  dead = 0,     // no life: not created yet, or destroyed; a late message is told so
  lent = 1,     // watched by its isolate's event loop; nobody runs it; sysmon may retake it
  running = 2,  // `owner` runs it
  wanted = 3,   // a native M, `owner`, runs it and its isolate has asked for it back
};

/** The owner's number while the P's own isolate runs it; a native M's numbers begin at 1. */
inline constexpr uint32_t kIsolateOwner = 0xffff;

class PWord {
 public:
  constexpr PWord() noexcept = default;
  constexpr explicit PWord(uint64_t raw) noexcept : raw_(raw) {}

  constexpr PStatus status() const noexcept { return static_cast<PStatus>(raw_ & 0xf); }
  constexpr uint32_t owner() const noexcept { return static_cast<uint32_t>(raw_ >> 4) & 0xffff; }
  constexpr uint64_t epoch() const noexcept { return raw_ >> 20; }
  constexpr uint64_t raw() const noexcept { return raw_; }

  /** The word that follows this one: a new status and owner, the next epoch. */
  constexpr PWord next(PStatus status, uint32_t owner) const noexcept {
    return PWord(((epoch() + 1) << 20) | (static_cast<uint64_t>(owner & 0xffff) << 4) |
                 static_cast<uint64_t>(status));
  }

  constexpr bool native_owned() const noexcept {
    return (status() == PStatus::running && owner() != kIsolateOwner) || status() == PStatus::wanted;
  }

  friend constexpr bool operator==(PWord a, PWord b) noexcept { return a.raw_ == b.raw_; }

 private:
  uint64_t raw_ = 0;
};

/** The word where it lives. Each change is one compare-and-swap; nothing ever stores to it otherwise. */
class AtomicPWord {
 public:
  // acquire: partner of the release in `change`; whoever sees a P given up sees all that was done with it
  PWord load() const noexcept { return PWord(raw_.load(std::memory_order_acquire)); }
  /** For the owner, and for hints: no order. */
  PWord peek() const noexcept { return PWord(raw_.load(std::memory_order_relaxed)); }

  /** Changes `from` to {status, owner, epoch + 1}. False: the word was no longer `from`. */
  bool change(PWord from, PStatus status, uint32_t owner) noexcept {
    uint64_t expected = from.raw();
    // acq_rel: hands the P's content to the next owner's acquire, and takes it from the last one's release
    return raw_.compare_exchange_strong(expected, from.next(status, owner).raw(), std::memory_order_acq_rel,
                                        std::memory_order_relaxed);
  }

 private:
  std::atomic<uint64_t> raw_{0};
};

}  // namespace tailrace::sched
