// See poller.h. Rejected: a map from descriptor to Waiter (a descriptor number is used again at once, and the
// late event of the old one would reach the new one), and the Waiter's address in the event (it dangles).
// Rejected too: reading the eventfd and the timerfd; it costs two system calls a wake, and edge-triggered
// they need none.

#include "net/poller.h"

#include <sys/epoll.h>

#include "base/os.h"

namespace tailrace::net {

namespace {

constexpr int kBatch = 256;
constexpr uint32_t kGrowSlots = 4096;  // 64 KB of slots
// Event data: sequence in the upper half, slot index in the lower; two indexes are the poller's own
// descriptors.
constexpr uint64_t kEventData = UINT64_MAX;
constexpr uint64_t kTimerData = UINT64_MAX - 1;
constexpr uint32_t kDuplex = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
constexpr uint32_t kReadOnly = EPOLLIN | EPOLLET;

uint32_t ready_events(uint32_t events) noexcept {
  uint32_t ready = 0;
  if (events & (EPOLLIN | EPOLLPRI)) ready |= kReadable;
  if (events & EPOLLOUT) ready |= kWritable;
  if (events & (EPOLLRDHUP | EPOLLHUP)) ready |= kHangup;
  if (events & EPOLLERR) ready |= kFault;
  return ready;
}

}  // namespace

struct Poller::Entry {
  Waiter* waiter;     // null: free
  uint32_t sequence;  // grows each time the slot is given up
  int32_t fd;         // of a free slot: the index of the next free one
};

Poller::~Poller() { close(); }

Status Poller::open() noexcept {
  if (is_open()) return Error::invalid_argument;
  if (!entries_) {
    auto space = os::map_reserve(size_t{kMaxSlots} * sizeof(Entry));
    if (!space) return space.status();
    entries_ = static_cast<Entry*>(*space);
  }
  auto epoll = os::epoll_create();
  if (!epoll) return epoll.status();
  epoll_ = *epoll;
  Status status;
  if (auto event = os::event_fd(); event) {
    event_ = *event;
    status = os::epoll_add(epoll_, event_, kReadOnly, kEventData);
  } else {
    status = event.status();
  }
  if (status.ok()) {
    if (auto timer = os::timer_fd(); timer) {
      timer_ = *timer;
      status = os::epoll_add(epoll_, timer_, kReadOnly, kTimerData);
    } else {
      status = timer.status();
    }
  }
  if (!status.ok()) close();
  return status;
}

void Poller::close() noexcept {
  for (int* fd : {&epoll_, &event_, &timer_}) {
    if (*fd >= 0) os::close(*fd);
    *fd = -1;
  }
  if (entries_) (void)os::unmap(entries_, size_t{kMaxSlots} * sizeof(Entry));
  entries_ = nullptr;
  committed_ = 0;
  registered_ = 0;
  free_ = UINT32_MAX;
  deadline_ns_ = kNoDeadline;
  // relaxed: nobody may be in wake() any more
  wake_pending_.store(false, std::memory_order_relaxed);
}

bool Poller::grow() noexcept {
  if (committed_ == kMaxSlots) return false;
  Entry* first = entries_ + committed_;
  if (!os::map_commit(first, size_t{kGrowSlots} * sizeof(Entry)).ok()) return false;
  // Linked so that low indexes go first: the pages behind them are the ones in memory.
  for (uint32_t i = 0; i < kGrowSlots; i++) {
    bool last = i + 1 == kGrowSlots;
    first[i] = {nullptr, 0, last ? static_cast<int32_t>(free_) : static_cast<int32_t>(committed_ + i + 1)};
  }
  free_ = committed_;
  committed_ += kGrowSlots;
  return true;
}

Result<Slot> Poller::add_with(int fd, Waiter& waiter, uint32_t interest) noexcept {
  if (!is_open() || fd < 0) return Error::invalid_argument;
  if (free_ == UINT32_MAX && !grow()) {
    return committed_ == kMaxSlots ? Error::limit_exceeded : Error::out_of_memory;
  }
  uint32_t index = free_;
  Entry& entry = entries_[index];
  uint64_t data = uint64_t{entry.sequence} << 32 | index;
  Status status = os::epoll_add(epoll_, fd, interest, data);
  if (!status.ok()) return status;
  free_ = static_cast<uint32_t>(entry.fd);
  entry.waiter = &waiter;
  entry.fd = fd;
  registered_++;
  return Slot{index, entry.sequence};
}

Result<Slot> Poller::add(int fd, Waiter& waiter) noexcept { return add_with(fd, waiter, kDuplex); }
Result<Slot> Poller::add_readable(int fd, Waiter& waiter) noexcept { return add_with(fd, waiter, kReadOnly); }

void Poller::remove(Slot slot) noexcept {
  if (slot.index >= committed_) return;
  Entry& entry = entries_[slot.index];
  if (!entry.waiter || entry.sequence != slot.sequence) return;
  // Fails only when the descriptor was closed first, and then it is out of the set already.
  (void)os::epoll_del(epoll_, entry.fd);
  entry.waiter = nullptr;
  // One sequence is left out, so that no data equals kEventData or kTimerData.
  if (++entry.sequence == UINT32_MAX) entry.sequence = 0;
  entry.fd = static_cast<int32_t>(free_);
  free_ = slot.index;
  registered_--;
}

Result<WaitResult> Poller::wait(int timeout_ms, WaiterList& ready) noexcept {
  epoll_event events[kBatch];
  auto count = os::epoll_wait(epoll_, events, kBatch, timeout_ms);
  if (!count) return count.status();
  WaitResult result;
  result.full = *count == kBatch;
  for (int i = 0; i < *count; i++) {
    uint64_t data = events[i].data.u64;
    if (data == kEventData) {
      result.woken = true;
      // acq_rel: takes what was written before wake(); a wake() that comes after this exchange writes again
      wake_pending_.exchange(false, std::memory_order_acq_rel);
      continue;
    }
    if (data == kTimerData) {
      result.deadline = true;
      deadline_ns_ = kNoDeadline;
      continue;
    }
    const Entry& entry = entries_[static_cast<uint32_t>(data)];
    if (!entry.waiter || entry.sequence != static_cast<uint32_t>(data >> 32)) continue;  // too late
    ready.push(*entry.waiter, ready_events(events[i].events));
    result.events++;
  }
  return result;
}

void Poller::wake() noexcept {
  // acq_rel: partner of the exchange in wait(); whoever finds `true` knows that a wait is still to come which
  // will see the write already made, and everything that was done before this call
  if (wake_pending_.exchange(true, std::memory_order_acq_rel)) return;
  os::event_fd_signal(event_);
}

bool Poller::has_ready() const noexcept {
  pollfd look{epoll_, POLLIN, 0};
  auto count = os::poll(&look, 1, 0);
  return count && *count > 0;
}

Status Poller::set_deadline(uint64_t at_ns) noexcept {
  if (at_ns == deadline_ns_) return {};
  // Already armed for an earlier time: it fires, finds nothing due, and is armed again; cheaper than a system
  // call each time the first of many timers moves.
  if (at_ns != kNoDeadline && deadline_ns_ != kNoDeadline && at_ns > deadline_ns_) return {};
  Status status = os::timer_fd_set(timer_, at_ns == kNoDeadline ? os::kForever : at_ns);
  if (status.ok()) deadline_ns_ = at_ns;
  return status;
}

}  // namespace tailrace::net
