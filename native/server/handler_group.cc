// See handler_group.h.
#include "server/handler_group.h"

#include <new>

namespace tailrace::server {

HandlerGroup::HandlerGroup(Cell* cells, uint32_t capacity, uint32_t bound) noexcept
    : cells_(cells), mask_(capacity - 1), bound_(bound) {
  for (uint32_t i = 0; i < capacity; i++) {
    new (&cells[i]) Cell{};
    cells[i].turn.store(i, std::memory_order_relaxed);  // published with the group itself
  }
}

HandlerGroup* HandlerGroup::create(memory::Cache& cache, uint32_t bound) noexcept {
  uint32_t capacity = 2;
  while (capacity < bound) capacity *= 2;
  void* cells = cache.allocate(sizeof(Cell) * capacity);
  if (!cells) return nullptr;
  // Not from the slab: its blocks are aligned to 16 bytes, and head and tail want lines of their own.
  auto* group = new (std::nothrow) HandlerGroup(static_cast<Cell*>(cells), capacity, bound);
  if (!group) cache.free(cells);
  return group;
}

void HandlerGroup::destroy(memory::Cache& cache) noexcept {
  cache.free(cells_);
  delete this;
}

bool HandlerGroup::push(Call& call) noexcept {
  uint32_t at = tail_.load(std::memory_order_relaxed);
  for (;;) {
    // relaxed: an old head makes the group look fuller than it is, never emptier
    if (at - head_.load(std::memory_order_relaxed) >= bound_) {
      const uint32_t now = tail_.load(std::memory_order_relaxed);
      if (now == at) return false;
      at = now;
      continue;
    }
    Cell& cell = cells_[at & mask_];
    const uint32_t turn = cell.turn.load(std::memory_order_acquire);  // partner: the release in pop
    if (turn == at) {
      if (tail_.compare_exchange_weak(at, at + 1, std::memory_order_relaxed)) {
        cell.call = &call;
        cell.turn.store(at + 1, std::memory_order_release);  // partner: the acquire in pop
        return true;
      }
    } else if (static_cast<int32_t>(turn - at) < 0) {
      return false;
    } else {
      at = tail_.load(std::memory_order_relaxed);
    }
  }
}

Call* HandlerGroup::pop() noexcept {
  uint32_t at = head_.load(std::memory_order_relaxed);
  for (;;) {
    Cell& cell = cells_[at & mask_];
    const uint32_t turn = cell.turn.load(std::memory_order_acquire);  // partner: the release in push
    const auto ahead = static_cast<int32_t>(turn - (at + 1));
    if (ahead == 0) {
      if (head_.compare_exchange_weak(at, at + 1, std::memory_order_relaxed)) {
        Call* call = cell.call;
        cell.turn.store(at + mask_ + 1, std::memory_order_release);  // partner: the acquire in push
        return call;
      }
    } else if (ahead < 0) {
      return nullptr;
    } else {
      at = head_.load(std::memory_order_relaxed);
    }
  }
}

uint32_t HandlerGroup::size() const noexcept {
  const uint32_t head = head_.load(std::memory_order_relaxed);
  const uint32_t tail = tail_.load(std::memory_order_relaxed);
  return static_cast<int32_t>(tail - head) > 0 ? tail - head : 0;
}

void HandlerGroup::notify() noexcept {
  // acq_rel: partner of the exchange in listening(). Whoever finds the flag set knows that a wake is on its
  // way to an isolate that has not begun to drain, so that isolate's pops come after our push.
  if (notified_.exchange(true, std::memory_order_acq_rel)) return;
  // seq_cst, with the stores in remove_listener: either we see the listener gone, or it sees us at work.
  notifying_.fetch_add(1, std::memory_order_seq_cst);
  for (auto& slot : listeners_) {
    GroupListener* listener = slot.load(std::memory_order_seq_cst);
    if (listener) listener->calls_wait();
  }
  notifying_.fetch_sub(1, std::memory_order_release);  // partner: the acquire in remove_listener
}

void HandlerGroup::cancelled() noexcept {
  cancellations_.fetch_add(1, std::memory_order_relaxed);  // a hint; the notify orders it
  notify();
}

void HandlerGroup::listening() noexcept {
  notified_.exchange(false, std::memory_order_acq_rel);  // partner: the exchange in notify
}

bool HandlerGroup::add_listener(GroupListener& listener) noexcept {
  for (auto& slot : listeners_) {
    GroupListener* empty = nullptr;
    if (slot.compare_exchange_strong(empty, &listener, std::memory_order_seq_cst)) return true;
  }
  return false;
}

void HandlerGroup::remove_listener(GroupListener& listener) noexcept {
  for (auto& slot : listeners_) {
    if (slot.load(std::memory_order_relaxed) == &listener) slot.store(nullptr, std::memory_order_seq_cst);
  }
  // A notify takes a microsecond (an eventfd write); this runs once in the life of an isolate.
  while (notifying_.load(std::memory_order_seq_cst) != 0) {
  }
}

}  // namespace tailrace::server
