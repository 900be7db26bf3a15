// See socket_set.h.
#include "server/socket_set.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cerrno>
#include <cstring>
#include <new>

#include "memory/cache.h"

namespace tailrace::server {

namespace {

/** Numeric, as the system has it (an IPv4 in IPv6 stays one, as node:net shows it); its length. */
uint32_t text_of(const os::Address& address, char* out, int32_t* port) noexcept {
  out[0] = 0;
  if (address.family() == AF_INET) {
    ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(address.raw())->sin_addr, out,
                INET6_ADDRSTRLEN);
  } else if (address.family() == AF_INET6) {
    ::inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6*>(address.raw())->sin6_addr, out,
                INET6_ADDRSTRLEN);
  }
  *port = address.port();
  return static_cast<uint32_t>(std::strlen(out));
}

}  // namespace

// ---------------------------------------------------------------- slots

bool SocketSet::take_slot(SocketEntry& entry) noexcept {
  uint32_t slot = free_;
  if (slot != UINT32_MAX) {
    free_ = slots_[slot].next_free;
  } else {
    if (used_ == capacity_) {
      const uint32_t capacity = capacity_ ? capacity_ * 2 : 64;
      auto* slots = static_cast<Slot*>(p_.cache().allocate(sizeof(Slot) * capacity));
      if (!slots) return false;
      if (used_) std::memcpy(slots, slots_, sizeof(Slot) * used_);
      p_.cache().free(slots_);
      slots_ = slots;
      capacity_ = capacity;
    }
    slot = used_++;
    slots_[slot].generation = 0;
  }
  slots_[slot].entry = &entry;
  entry.handle = {slot, slots_[slot].generation};
  size_++;
  return true;
}

SocketEntry* SocketSet::find(SocketHandle handle) const noexcept {
  if (handle.slot >= used_) return nullptr;
  const Slot& slot = slots_[handle.slot];
  return slot.generation == handle.generation ? slot.entry : nullptr;
}

Socket* SocketSet::find_socket(SocketHandle handle) const noexcept {
  SocketEntry* entry = find(handle);
  return entry && !entry->listener ? static_cast<Socket*>(entry) : nullptr;
}

/** A socket over `fd`, which is closed when this fails. */
Socket* SocketSet::make(int fd, bool connecting, Status* status) noexcept {
  void* memory = p_.cache().allocate(sizeof(Socket));
  if (!memory) {
    os::close(fd);
    *status = Status(Error::out_of_memory, ENOMEM);
    return nullptr;
  }
  auto* socket = new (memory) Socket(*this, fd, connecting);
  *status = socket->start(p_);
  if (status->ok() && !take_slot(*socket)) *status = Status(Error::out_of_memory, ENOMEM);
  if (status->ok()) return socket;
  socket->drop(p_);
  p_.cache().free(memory);
  return nullptr;
}

void SocketSet::remove(SocketEntry& entry) noexcept {
  untell(entry);
  Slot& slot = slots_[entry.handle.slot];
  slot.entry = nullptr;
  slot.generation = (slot.generation + 1) & 0x7fffffff;  // it travels as an Int32
  slot.next_free = free_;
  free_ = entry.handle.slot;
  size_--;
  if (entry.listener) {
    auto& listener = static_cast<SocketListener&>(entry);
    for (SocketListener** at = &listeners_; *at; at = &(*at)->next_listener) {
      if (*at != &listener) continue;
      *at = listener.next_listener;
      break;
    }
    listener.drop(p_);
    listener.~SocketListener();
    p_.cache().free(&listener);
  } else {
    auto& socket = static_cast<Socket&>(entry);
    socket.drop(p_);
    p_.cache().free(&socket);
  }
}

void SocketSet::close(SocketHandle handle) noexcept {
  if (SocketEntry* entry = find(handle)) remove(*entry);
}

void SocketSet::close_all() noexcept {
  for (uint32_t slot = 0; slot < used_; slot++) {
    if (SocketEntry* entry = slots_[slot].entry) remove(*entry);
  }
  p_.cache().free(slots_);
  slots_ = nullptr;
  used_ = capacity_ = 0;
  free_ = UINT32_MAX;
}

// ---------------------------------------------------------------- what programs ask for

Result<SocketHandle> SocketSet::connect(const os::Address& address) noexcept {
  auto fd = os::socket(address.family());
  if (!fd) return fd.status();
  if (address.family() != AF_UNIX) (void)os::set_nodelay(*fd, true);
  const Status begun = os::connect(*fd, address);
  // A Unix socket whose listener has no room says EAGAIN, and nothing is under way.
  const bool waits = begun.error() == Error::would_block && begun.sys() != EAGAIN;
  if (!begun.ok() && !waits) {
    os::close(*fd);
    return begun;
  }
  Status status;
  Socket* socket = make(*fd, waits, &status);
  if (!socket) return status;
  if (!waits) tell(*socket, kSocketConnected);
  return socket->handle;
}

Result<SocketHandle> SocketSet::listen(const os::Address& address,
                                       const net::ListenOptions& options) noexcept {
  void* memory = p_.cache().allocate(sizeof(SocketListener));
  if (!memory) return Status(Error::out_of_memory, ENOMEM);
  auto* listener = new (memory) SocketListener(*this);
  Status status = listener->open(p_, address, options);
  if (status.ok() && !take_slot(*listener)) status = Status(Error::out_of_memory, ENOMEM);
  if (!status.ok()) {
    listener->drop(p_);
    listener->~SocketListener();
    p_.cache().free(memory);
    return status;
  }
  listener->next_listener = listeners_;
  listeners_ = listener;
  return listener->handle;
}

os::Address SocketSet::address(SocketHandle handle) const noexcept {
  SocketEntry* entry = find(handle);
  return entry && entry->listener ? static_cast<SocketListener*>(entry)->address() : os::Address{};
}

Result<size_t> SocketSet::write(SocketHandle handle, const char* data, size_t size) noexcept {
  Socket* socket = find_socket(handle);
  return socket ? socket->write(p_, data, size) : Result<size_t>(Status(Error::stale_handle, EPIPE));
}

void SocketSet::shutdown(SocketHandle handle) noexcept {
  if (Socket* socket = find_socket(handle)) socket->shutdown();
}

void SocketSet::consumed(SocketHandle handle, uint32_t bytes) noexcept {
  if (Socket* socket = find_socket(handle)) socket->consumed(p_, bytes);
}

void SocketSet::admit(SocketListener& listener, int fd) noexcept {
  (void)os::set_nodelay(fd, true);  // no effect on a Unix socket
  Status status;
  Socket* socket = make(fd, false, &status);
  if (!socket) {
    listener.sys = status.sys() ? status.sys() : ENOMEM;
    return tell(listener, kListenerFailed);
  }
  socket->owner = listener.handle;
  untold_accepts_++;
  tell(*socket, kSocketAccepted);
}

// ---------------------------------------------------------------- news

void SocketSet::tell(SocketEntry& entry, uint32_t news) noexcept {
  entry.news |= news;
  if (entry.listed) return;
  entry.listed = true;
  entry.next_told = nullptr;
  entry.previous_told = told_last_;
  (told_last_ ? told_last_->next_told : told_first_) = &entry;
  told_last_ = &entry;
  pending_.store(true, std::memory_order_relaxed);  // partner: pending()
}

void SocketSet::untell(SocketEntry& entry) noexcept {
  if (!entry.listed) return;
  if (entry.news & kSocketAccepted) untold_accepts_--;
  (entry.previous_told ? entry.previous_told->next_told : told_first_) = entry.next_told;
  (entry.next_told ? entry.next_told->previous_told : told_last_) = entry.previous_told;
  entry.listed = false;
  entry.news = 0;
  if (!told_first_) pending_.store(false, std::memory_order_relaxed);  // partner: pending()
}

uint32_t SocketSet::write_addresses(int fd, char* out, int32_t* words) const noexcept {
  words[8] = words[9] = words[10] = 0;
  // A peer that is gone already has no address any more; then it is not told.
  const auto local = os::local_address(fd);
  const auto remote = os::peer_address(fd);
  uint32_t at = remote ? text_of(*remote, out, &words[8]) : 0;
  out[at++] = ' ';
  at += local ? text_of(*local, out + at, &words[9]) : 0;
  words[10] = at > 1 ? static_cast<int32_t>(at) : 0;
  return at > 1 ? at : 0;
}

uint32_t SocketSet::seal(int32_t* words, uint32_t max_events, char* bytes, uint32_t capacity) noexcept {
  uint32_t events = 0;
  uint32_t used = 0;
  while (told_first_ && events < max_events && capacity - used >= kAddressBytes) {
    SocketEntry& entry = *told_first_;
    int32_t* word = words + size_t{events} * kWords;
    uint32_t news = entry.news;
    uint32_t text = 0;
    uint32_t data = 0;
    bool left = false;
    std::memset(word, 0, sizeof(int32_t) * kWords);
    if (!entry.listener) {
      auto& socket = static_cast<Socket&>(entry);
      if ((news & (kSocketAccepted | kSocketConnected)) && socket.fd() >= 0) {
        text = write_addresses(socket.fd(), bytes + used, word);
      }
      data = socket.take(p_, bytes + used + text, capacity - used - text);
      left = socket.queued_bytes() != 0;
      if (left) news &= ~uint32_t{kSocketEnd};  // behind all bytes
      if (data == 0) news &= ~uint32_t{kSocketData};
      word[6] = static_cast<int32_t>(socket.owner.slot);
      word[7] = static_cast<int32_t>(socket.owner.generation);
    }
    word[0] = static_cast<int32_t>(entry.handle.slot);
    word[1] = static_cast<int32_t>(entry.handle.generation);
    word[2] = static_cast<int32_t>(news);
    word[3] = static_cast<int32_t>(used);
    word[4] = static_cast<int32_t>(data);
    word[5] = entry.sys;
    const uint32_t later = left ? (entry.news & ~news) | kSocketData : 0;
    used += text + data;
    events++;
    untell(entry);
    if (later) {
      tell(entry, later);  // behind the others
      break;               // there is no room
    }
  }
  if (untold_accepts_ < kMaxUntoldAccepts) {
    for (SocketListener* listener = listeners_; listener; listener = listener->next_listener) {
      if (!listener->stalled) continue;
      listener->stalled = false;
      p_.ready(*listener, kAgain);
    }
  }
  return events;
}

}  // namespace tailrace::server
