// See socket.h.
#include "server/socket.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "memory/cache.h"
#include "server/socket_set.h"

namespace tailrace::server {

using State = os::IoResult::State;

namespace {
// Connections taken in one run of a listener: others of the P have their turn between two such runs.
constexpr int kAcceptBatch = 64;
// Out of descriptors, nobody says when there is one again.
constexpr uint64_t kAcceptRetryNs = 50'000'000;
}  // namespace

Socket::Socket(SocketSet& owner_set, int fd, bool connecting) noexcept : connecting_(connecting) {
  run = &run_waiter;
  set = &owner_set;
  stream_.adopt(fd);
}

Status Socket::start(sched::P& p) noexcept {
  Result<net::Slot> slot = p.poller().add(stream_.fd(), *this);
  if (!slot) return slot.status();
  slot_ = *slot;
  return {};
}

Waiter::Next Socket::run_waiter(Waiter& self, uint32_t events, void* p) noexcept {
  return static_cast<Socket&>(self).run_once(*static_cast<sched::P*>(p), events);
}

Waiter::Next Socket::run_once(sched::P& p, uint32_t events) noexcept {
  if (!stream_.is_open()) return Next::done;
  stream_.notice(events);
  if (connecting_) {
    if (!(events & (kWritable | kHangup | kFault))) return Next::done;
    if (const int error = os::get_error(stream_.fd()); error != 0) {
      fail(p, error);
      return Next::done;
    }
    connecting_ = false;
    set->tell(*this, kSocketConnected);
  }
  if (wants_room_ && stream_.writable()) {
    wants_room_ = false;
    set->tell(*this, kSocketWritable);
  }
  return receive(p);
}

Waiter::Next Socket::receive(sched::P& p) noexcept {
  while (stream_.readable() && !ended_) {
    const uint32_t waiting = queued_ + told_;
    if (waiting >= kHighWaterBytes) return Next::done;  // consumed() goes on
    const size_t room = std::min<size_t>(kHighWaterBytes - waiting, SocketSet::kScratchBytes);
    const os::IoResult got = stream_.read(set->scratch(), room);
    if (got.state == State::would_block) return Next::done;
    if (got.state == State::error) {
      fail(p, got.sys);
      return Next::done;
    }
    if (got.state == State::closed) {
      ended_ = true;
      set->tell(*this, kSocketEnd);
      return Next::done;
    }
    auto* block = static_cast<Block*>(p.cache().allocate(sizeof(Block) + got.bytes));
    if (!block) {
      fail(p, ENOMEM);
      return Next::done;
    }
    block->next = nullptr;
    block->at = 0;
    block->size = static_cast<uint32_t>(got.bytes);
    std::memcpy(block->bytes(), set->scratch(), got.bytes);
    (last_ ? last_->next : first_) = block;
    last_ = block;
    queued_ += block->size;
    set->tell(*this, kSocketData);
    if (!p.spend(0, got.bytes) && stream_.readable()) return Next::again;
  }
  return Next::done;
}

uint32_t Socket::take(sched::P& p, char* out, uint32_t capacity) noexcept {
  uint32_t taken = 0;
  while (first_ && taken < capacity) {
    Block& block = *first_;
    const uint32_t part = std::min(block.size - block.at, capacity - taken);
    std::memcpy(out + taken, block.bytes() + block.at, part);
    taken += part;
    block.at += part;
    if (block.at < block.size) break;
    first_ = block.next;
    if (!first_) last_ = nullptr;
    p.cache().free(&block);
  }
  queued_ -= taken;
  told_ += taken;
  return taken;
}

void Socket::consumed(sched::P& p, uint32_t bytes) noexcept {
  const bool full = queued_ + told_ >= kHighWaterBytes;
  told_ -= std::min(bytes, told_);
  if (full && stream_.is_open() && stream_.readable() && !ended_) p.ready(*this, kAgain);
}

Result<size_t> Socket::write(sched::P& p, const char* data, size_t size) noexcept {
  if (!stream_.is_open()) return Status(Error::closed, sys ? sys : EPIPE);
  const size_t most = std::min(size, kWriteBytes);
  size_t done = 0;
  // Until it would block: only that promises an edge later.
  while (done < most && stream_.writable()) {
    const os::IoResult sent = stream_.write(data + done, most - done);
    if (sent.state == State::would_block) break;
    if (sent.state != State::ok) {
      const int error = sent.sys ? sent.sys : EPIPE;
      leave(p);
      return Status(Error::closed, error);
    }
    done += sent.bytes;
  }
  if (done < size) {
    wants_room_ = true;
    if (stream_.writable()) p.ready(*this, kAgain);
  }
  return done;
}

/** Broken: the program is told, and closes the handle. What it had not read is lost, as with node:net. */
void Socket::fail(sched::P& p, int error) noexcept {
  sys = error;
  leave(p);
  set->tell(*this, kSocketFailed);
}

void Socket::leave(sched::P& p) noexcept {
  if (!stream_.is_open()) return;
  p.poller().remove(slot_);
  stream_.close();
  drop_blocks(p);
}

void Socket::drop_blocks(sched::P& p) noexcept {
  while (Block* block = first_) {
    first_ = block->next;
    p.cache().free(block);
  }
  last_ = nullptr;
  queued_ = 0;
}

void Socket::drop(sched::P& p) noexcept {
  leave(p);
  p.forget(*this);
}

// ---------------------------------------------------------------- listeners

SocketListener::SocketListener(SocketSet& owner_set) noexcept {
  run = &accept_ready;
  set = &owner_set;
  listener = true;
  retry_.fire = &retry_accept;
  retry_.owner = this;
}

Status SocketListener::open(sched::P& p, const os::Address& address,
                            const net::ListenOptions& options) noexcept {
  if (Status opened = listener_.open(address, options); !opened) return opened;
  Result<net::Slot> slot = p.poller().add_readable(listener_.fd(), *this);
  if (!slot) {
    listener_.close();
    return slot.status();
  }
  slot_ = *slot;
  if (address.family() == AF_UNIX) (void)address.host_text(path_);
  return {};
}

void SocketListener::drop(sched::P& p) noexcept {
  if (listener_.is_open()) {
    p.poller().remove(slot_);
    listener_.close();
    if (path_[0]) (void)os::unlink(path_);
  }
  p.timers().cancel(retry_);
  p.forget(*this);
}

Waiter::Next SocketListener::accept_ready(Waiter& self, uint32_t, void* at) noexcept {
  auto& listener = static_cast<SocketListener&>(self);
  sched::P& p = *static_cast<sched::P*>(at);
  if (!listener.listener_.is_open()) return Next::done;
  for (int i = 0; i < kAcceptBatch; i++) {
    if (listener.set->untold_accepts() >= SocketSet::kMaxUntoldAccepts) {
      listener.stalled = true;
      return Next::done;
    }
    const net::Accepted accepted = listener.listener_.accept();
    switch (accepted.state) {
      case net::AcceptState::accepted:
        listener.set->admit(listener, accepted.fd);
        break;
      case net::AcceptState::drained:
        return Next::done;
      case net::AcceptState::refused:
      case net::AcceptState::failed:
        if (accepted.sys == ECONNABORTED) break;  // the peer's affair: it left before it was accepted
        listener.sys = accepted.sys;
        listener.set->tell(listener, kListenerFailed);
        break;
      case net::AcceptState::starved:
        listener.sys = accepted.sys;
        listener.set->tell(listener, kListenerFailed);
        p.timers().arm(listener.retry_, p.now_ns() + kAcceptRetryNs);
        return Next::done;
    }
  }
  return Next::again;
}

void SocketListener::retry_accept(TimerNode& node, void* p) noexcept {
  static_cast<sched::P*>(p)->ready(*static_cast<Retry&>(node).owner, kAgain);
}

}  // namespace tailrace::server
