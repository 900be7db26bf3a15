// Deadlines of one P: a hierarchical timing wheel (Varghese and Lauck, 1987), as a pure data structure that
// knows no clock and no thread. Arm and cancel are O(1) with intrusive nodes; nothing allocates.
//
// Eight levels of 64 slots, one tick a millisecond: a node stands at the level of the highest six-bit digit
// in which its tick differs from the current one, so the slots after the current digit hold exactly what
// comes next, and the lowest level with such a slot has the earliest deadline. Eight levels span every
// uint64_t of nanoseconds: there is no overflow list.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tailrace {

struct TimerNode {
  /** Runs in advance(); the node is out of the wheel by then and may be armed again, or freed. */
  using Fire = void (*)(TimerNode& self, void* p);

  Fire fire = nullptr;

  bool armed() const noexcept { return link_ != nullptr; }
  /** When it fires at the earliest, rounded up to a tick; only meaningful while armed. */
  uint64_t deadline_ns() const noexcept;

 private:
  friend class TimerWheel;
  TimerNode* next_ = nullptr;
  TimerNode** link_ = nullptr;  // the pointer that points here; null while not armed
  uint64_t tick_ : 48 = 0;
  uint64_t slot_ : 16 = 0;  // level * 64 + slot, or kNoSlot on the due and moving lists
};

class TimerWheel {
 public:
  static constexpr uint64_t kTickNs = 1'000'000;
  static constexpr uint64_t kNever = UINT64_MAX;

  explicit TimerWheel(uint64_t now_ns) noexcept : current_(now_ns / kTickNs) {}
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  /** Fires at the first advance() with now_ns >= deadline_ns (rounded up to a tick). Moves an armed node. */
  void arm(TimerNode& node, uint64_t deadline_ns) noexcept;
  /** No effect on a node that is not armed. */
  void cancel(TimerNode& node) noexcept;

  /**
   * Fires what is due, at most `budget` nodes (moving a node down a level counts as well, so that one call is
   * bounded); `p` is handed to fire. Returns how many fired. What is left is due at once: see
   * next_deadline_ns. The order within a tick is not specified. A clock that steps back fires nothing.
   */
  size_t advance(uint64_t now_ns, size_t budget, void* p) noexcept;

  /**
   * When advance() should run next, in ns: never later than the earliest deadline; up to one level's slot
   * earlier (it then only moves nodes down). 0: at once. kNever: nothing is armed.
   */
  uint64_t next_deadline_ns() const noexcept;

  /** Nodes armed. */
  size_t size() const noexcept { return size_; }

 private:
  static constexpr unsigned kLevels = 8, kBits = 6, kSlots = 1u << kBits;
  static constexpr unsigned kNoSlot = 0xffff;

  void place(TimerNode& node) noexcept;
  static void push(TimerNode** head, TimerNode& node) noexcept;
  static void unlink(TimerNode& node) noexcept;
  /** The next tick at which a slot must be looked at, kNever >> 1 when none; its level and slot. */
  bool next_slot(uint64_t* tick, unsigned* slot) const noexcept;

  uint64_t current_;  // every tick up to this one has been moved to due_
  size_t size_ = 0;
  TimerNode* due_ = nullptr;     // to fire
  TimerNode* moving_ = nullptr;  // taken from a slot whose time came, to be placed anew
  uint64_t occupied_[kLevels] = {};
  TimerNode* heads_[kLevels * kSlots] = {};
};

}  // namespace tailrace
