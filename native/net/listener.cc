// See listener.h.

#include "net/listener.h"

#include <cerrno>

namespace tailrace::net {

namespace {

/** Any descriptor will do; an eventfd is the cheapest that os can make. */
int take_reserve() noexcept {
  auto fd = os::event_fd();
  return fd ? *fd : -1;
}

bool out_of_descriptors(int sys) noexcept { return sys == EMFILE || sys == ENFILE; }

}  // namespace

Status Listener::open(const os::Address& address, const ListenOptions& options) noexcept {
  if (is_open()) return Error::invalid_argument;
  auto fd = os::socket(address.family());
  if (!fd) return fd.status();
  fd_ = *fd;
  Status status;
  if (address.family() != AF_UNIX) {
    // A port in TIME_WAIT can be bound again; on Linux a port that somebody listens on cannot.
    status = os::set_reuse_address(fd_, true);
    if (status.ok() && options.reuse_port) status = os::set_reuse_port(fd_, true);
    if (status.ok() && address.family() == AF_INET6) status = os::set_v6_only(fd_, options.ipv6_only);
  }
  if (status.ok()) status = os::bind(fd_, address);
  if (status.ok()) status = os::listen(fd_, options.backlog);
  if (!status.ok()) {
    close();
    return status;
  }
  reserve_ = take_reserve();
  return {};
}

void Listener::close() noexcept {
  if (fd_ >= 0) os::close(fd_);
  if (reserve_ >= 0) os::close(reserve_);
  fd_ = reserve_ = -1;
}

os::Address Listener::local() const noexcept {
  auto address = os::local_address(fd_);
  return address ? *address : os::Address{};
}

Accepted Listener::accept() noexcept {
  Accepted accepted;
  auto fd = os::accept(fd_, &accepted.peer);
  if (fd) {
    accepted.state = AcceptState::accepted;
    accepted.fd = *fd;
    if (reserve_ < 0) reserve_ = take_reserve();
    return accepted;
  }
  accepted.sys = fd.status().sys();
  if (fd.error() == Error::would_block) {
    accepted.state = AcceptState::drained;
    return accepted;
  }
  if (!out_of_descriptors(accepted.sys)) {
    bool memory = accepted.sys == ENOMEM || accepted.sys == ENOBUFS;
    accepted.state = memory ? AcceptState::starved : AcceptState::failed;
    return accepted;
  }
  if (reserve_ < 0) {
    reserve_ = take_reserve();
    if (reserve_ < 0) {
      accepted.state = AcceptState::starved;
      return accepted;
    }
  }
  os::close(reserve_);
  reserve_ = -1;
  auto turned_away = os::accept(fd_, nullptr);
  if (turned_away) os::close(*turned_away);
  // Another thread may have taken the descriptor meanwhile: then there is no reserve until one is free again.
  reserve_ = take_reserve();
  if (turned_away) {
    refused_++;
    accepted.state = AcceptState::refused;
  } else {
    accepted.state = turned_away.error() == Error::would_block ? AcceptState::drained : AcceptState::starved;
  }
  return accepted;
}

}  // namespace tailrace::net
