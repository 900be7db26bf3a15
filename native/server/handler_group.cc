// See handler_group.h. Park and notify are a store-load pair on both sides, as between a P's sleep and a post
// (sched/README.md):
//
//   push: into a lane ; FENCE ; look at the parked seats     park: seat parked ; FENCE ; look at the lanes
//
// Whichever fence comes second sees the other side's store: the pusher finds a parked seat, or the isolate
// finds the call.
#include "server/handler_group.h"

#include <new>

#include "base/fence.h"
#include "sched/p.h"

namespace tailrace::server {

HandlerGroup::HandlerGroup(sched::P* p, uint32_t capacity, uint32_t bound, uint32_t lanes) noexcept
    : p_(p), mask_(capacity - 1), bound_(bound), lane_count_(lanes) {
  if (p_) p_->retain();
}

HandlerGroup* HandlerGroup::create(memory::Cache& cache, sched::P* p, uint32_t bound,
                                   uint32_t lanes) noexcept {
  uint32_t capacity = 2;
  while (capacity < bound) capacity *= 2;
  // Not from the slab: its blocks are aligned to 16 bytes, and heads and tails want lines of their own.
  auto* group = new (std::nothrow) HandlerGroup(p, capacity, bound, lanes);
  if (!group) return nullptr;
  for (uint32_t lane = 0; lane < lanes; lane++) {
    auto* cells = static_cast<Cell*>(cache.allocate(sizeof(Cell) * capacity));
    if (!cells) {
      group->release(cache);
      return nullptr;
    }
    for (uint32_t i = 0; i < capacity; i++) {
      new (&cells[i]) Cell{};
      cells[i].turn.store(i, std::memory_order_relaxed);  // published with the group itself
    }
    group->lanes_[lane].cells = cells;
  }
  return group;
}

void HandlerGroup::retain() noexcept {
  references_.fetch_add(1, std::memory_order_relaxed);  // the caller has one, or holds the table's lock
}

void HandlerGroup::release(memory::Cache& cache) noexcept {
  // acq_rel: what every holder did is done before the last one frees the group
  if (references_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  for (Lane& lane : lanes_) cache.free(lane.cells);
  if (p_) p_->release();
  delete this;
}

// ---------------------------------------------------------------- the lanes

bool HandlerGroup::push(Call& call) noexcept {
  if (lane_count_ > 1 && size() >= bound_) return false;
  return push(lanes_[call.lane], call);
}

bool HandlerGroup::push(Lane& lane, Call& call) noexcept {
  uint32_t at = lane.tail.load(std::memory_order_relaxed);
  for (;;) {
    // relaxed: an old head makes the group look fuller than it is, never emptier
    if (at - lane.head.load(std::memory_order_relaxed) >= bound_) {
      const uint32_t now = lane.tail.load(std::memory_order_relaxed);
      if (now == at) return false;
      at = now;
      continue;
    }
    Cell& cell = lane.cells[at & mask_];
    const uint32_t turn = cell.turn.load(std::memory_order_acquire);  // partner: the release in pop
    if (turn == at) {
      if (lane.tail.compare_exchange_weak(at, at + 1, std::memory_order_relaxed)) {
        cell.call = &call;
        cell.turn.store(at + 1, std::memory_order_release);  // partner: the acquire in pop
        return true;
      }
    } else if (static_cast<int32_t>(turn - at) < 0) {
      return false;
    } else {
      at = lane.tail.load(std::memory_order_relaxed);
    }
  }
}

Call* HandlerGroup::pop() noexcept {
  for (uint32_t lane = lane_count_; lane-- > 0;) {
    if (Call* call = pop(lanes_[lane])) return call;
  }
  return nullptr;
}

Call* HandlerGroup::pop(Lane& lane) noexcept {
  uint32_t at = lane.head.load(std::memory_order_relaxed);
  for (;;) {
    Cell& cell = lane.cells[at & mask_];
    const uint32_t turn = cell.turn.load(std::memory_order_acquire);  // partner: the release in push
    const auto ahead = static_cast<int32_t>(turn - (at + 1));
    if (ahead == 0) {
      if (lane.head.compare_exchange_weak(at, at + 1, std::memory_order_relaxed)) {
        Call* call = cell.call;
        cell.turn.store(at + mask_ + 1, std::memory_order_release);  // partner: the acquire in push
        return call;
      }
    } else if (ahead < 0) {
      return nullptr;
    } else {
      at = lane.head.load(std::memory_order_relaxed);
    }
  }
}

void HandlerGroup::give_back_all() noexcept {
  while (Call* call = pop()) give_back(*call);
}

uint32_t HandlerGroup::size(const Lane& lane) noexcept {
  const uint32_t head = lane.head.load(std::memory_order_relaxed);
  const uint32_t tail = lane.tail.load(std::memory_order_relaxed);
  return static_cast<int32_t>(tail - head) > 0 ? tail - head : 0;
}

uint32_t HandlerGroup::size() const noexcept {
  uint32_t sum = 0;
  for (uint32_t lane = 0; lane < lane_count_; lane++) sum += size(lanes_[lane]);
  return sum;
}

// ---------------------------------------------------------------- the isolates

HandlerGroup::Seat HandlerGroup::join(GroupListener& listener) noexcept {
  for (Seat seat = 0; seat < kMaxIsolates; seat++) {
    GroupListener* empty = nullptr;
    Place& place = places_[seat];
    // seq_cst, with the loads in ring() and the store in leave(): one order of who sits there
    if (!place.listener.compare_exchange_strong(empty, &listener, std::memory_order_seq_cst)) continue;
    uint32_t used = seats_.load(std::memory_order_relaxed);
    // release: partner of the acquire in notify() and alert()
    while (used <= seat && !seats_.compare_exchange_weak(used, seat + 1, std::memory_order_release,
                                                         std::memory_order_relaxed)) {
    }
    return seat;
  }
  return kNoSeat;
}

void HandlerGroup::leave(Seat seat) noexcept {
  places_[seat].parked.store(false, std::memory_order_relaxed);
  places_[seat].listener.store(nullptr, std::memory_order_seq_cst);  // see ring()
  // A ring takes a microsecond (an eventfd write); this runs once in the life of an isolate.
  while (ringing_.load(std::memory_order_seq_cst) != 0) {
  }
  // A wake that came for this isolate is somebody else's now.
  if (size() > 0) notify();
}

bool HandlerGroup::park(Seat seat, uint32_t open) noexcept {
  places_[seat].open.store(open, std::memory_order_relaxed);  // a hint for notify
  std::atomic<bool>& parked = places_[seat].parked;
  parked.store(true, std::memory_order_relaxed);
  fence_seq_cst();  // partner: notify
  if (size() == 0) return true;
  // Taken meanwhile by a notify(): then a wake is on its way. acquire: partner of the exchange in notify
  return !parked.exchange(false, std::memory_order_acq_rel);
}

void HandlerGroup::unpark(Seat seat) noexcept {
  // acquire: the calls of a notify() that took the seat are there; partner of the exchange in notify
  places_[seat].parked.exchange(false, std::memory_order_acq_rel);
}

bool HandlerGroup::ring(Place& place) noexcept {
  // seq_cst, with the store in leave(): either we see the listener gone, or leave() sees us at work
  ringing_.fetch_add(1, std::memory_order_seq_cst);
  GroupListener* listener = place.listener.load(std::memory_order_seq_cst);
  if (listener) listener->calls_wait();
  ringing_.fetch_sub(1, std::memory_order_release);  // partner: the load in leave()
  return listener != nullptr;
}

void HandlerGroup::notify() noexcept {
  fence_seq_cst();                                                // partner: park
  const uint32_t seats = seats_.load(std::memory_order_acquire);  // partner: the exchange in join
  if (seats == 0) return;
  // relaxed: only where to begin, so that isolates take turns
  const uint32_t first = next_.load(std::memory_order_relaxed);
  // Bounded: each round but the last has lost its seat to somebody, who then looks by himself.
  for (uint32_t round = 0; round < seats; round++) {
    Seat best = kNoSeat;
    uint32_t fewest = UINT32_MAX;
    for (uint32_t i = 0; i < seats && fewest > 0; i++) {
      const Seat seat = (first + i) % seats;
      const Place& place = places_[seat];
      // relaxed: the exchange decides
      if (!place.parked.load(std::memory_order_relaxed)) continue;
      const uint32_t open = place.open.load(std::memory_order_relaxed);
      if (open >= fewest) continue;
      best = seat;
      fewest = open;
    }
    if (best == kNoSeat) return;
    // acq_rel: partner of unpark() and park(), whose isolate then sees what was pushed
    if (!places_[best].parked.exchange(false, std::memory_order_acq_rel)) continue;
    if (!ring(places_[best])) continue;
    next_.store(best + 1, std::memory_order_relaxed);
    return;
  }
}

void HandlerGroup::alert() noexcept {
  const uint32_t seats = seats_.load(std::memory_order_acquire);  // partner: the exchange in join
  for (uint32_t seat = 0; seat < seats; seat++) (void)ring(places_[seat]);
}

void HandlerGroup::cancelled() noexcept {
  cancellations_.fetch_add(1, std::memory_order_relaxed);  // a hint; the ring orders it
  alert();
}

}  // namespace tailrace::server
