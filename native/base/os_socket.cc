// Stream sockets and their addresses.
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/os.h"
#include "base/os_internal.h"

namespace tailrace::os {

using internal::fake_cap;
using internal::fd_from;
using internal::retry;
using internal::status_from;

// ------------------------------------------------------------------ Address

Result<Address> Address::ip(std::string_view host, uint16_t port) noexcept {
  char text[INET6_ADDRSTRLEN + IF_NAMESIZE + 2];
  if (host.empty() || host.size() >= sizeof(text)) return Error::address_invalid;
  std::memcpy(text, host.data(), host.size());
  text[host.size()] = 0;
  if (std::memchr(text, 0, host.size())) return Error::address_invalid;
  Address address;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&address.storage);
  if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    address.length = sizeof(sockaddr_in);
    return address;
  }
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
  if (char* zone = std::strchr(text, '%')) {
    *zone++ = 0;
    v6->sin6_scope_id = if_nametoindex(zone);
    if (v6->sin6_scope_id == 0) v6->sin6_scope_id = static_cast<uint32_t>(std::strtoul(zone, nullptr, 10));
    if (v6->sin6_scope_id == 0) return Error::address_invalid;
  }
  if (inet_pton(AF_INET6, text, &v6->sin6_addr) != 1) return Error::address_invalid;
  v6->sin6_family = AF_INET6;
  v6->sin6_port = htons(port);
  address.length = sizeof(sockaddr_in6);
  return address;
}

Result<Address> Address::path(std::string_view path) noexcept {
  Address address;
  auto* local = reinterpret_cast<sockaddr_un*>(&address.storage);
  if (path.empty() || path.size() >= sizeof(local->sun_path)) return Error::address_invalid;
  if (path[0] != 0 && path.find('\0') != std::string_view::npos) return Error::address_invalid;
  local->sun_family = AF_UNIX;
  std::memcpy(local->sun_path, path.data(), path.size());
  const size_t final_nul = path[0] == 0 ? 0 : 1;
  address.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + final_nul);
  return address;
}

uint16_t Address::port() const noexcept {
  if (family() == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in*>(&storage)->sin_port);
  if (family() == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_port);
  return 0;
}

size_t Address::host_text(char (&out)[kTextBytes]) const noexcept {
  out[0] = 0;
  if (family() == AF_INET) {
    inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(&storage)->sin_addr, out, kTextBytes);
  } else if (family() == AF_INET6) {
    const in6_addr& v6 = reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_addr;
    inet_ntop(AF_INET6, &v6, out, kTextBytes);
  } else if (family() == AF_UNIX) {
    const auto* local = reinterpret_cast<const sockaddr_un*>(&storage);
    const size_t bytes =
        length > offsetof(sockaddr_un, sun_path) ? length - offsetof(sockaddr_un, sun_path) : 0;
    if (bytes > 0 && local->sun_path[0] == 0) {  // abstract: shown with @ as ss(8) does
      std::memcpy(out, local->sun_path, bytes);
      out[0] = '@';
      out[bytes] = 0;
      return bytes;
    }
    std::memcpy(out, local->sun_path, bytes);
    out[bytes] = 0;
  }
  return std::strlen(out);
}

// ------------------------------------------------------------------ sockets

Result<int> socket(int family) noexcept {
  return fd_from(
      retry(Call::socket, [&] { return ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); }));
}

Status bind(int fd, const Address& address) noexcept {
  return status_from(retry(Call::bind, [&] { return ::bind(fd, address.raw(), address.length); }));
}

Status listen(int fd, int backlog) noexcept {
  return status_from(retry(Call::listen, [&] { return ::listen(fd, backlog); }));
}

Result<int> accept(int fd, Address* peer) noexcept {
  sockaddr* at = nullptr;
  socklen_t* length = nullptr;
  if (peer) {
    peer->length = sizeof(peer->storage);
    at = peer->raw();
    length = &peer->length;
  }
  return fd_from(
      retry(Call::accept, [&] { return ::accept4(fd, at, length, SOCK_NONBLOCK | SOCK_CLOEXEC); }));
}

Status connect(int fd, const Address& address) noexcept {
  // Not retried: an interrupted connect goes on in the background, as one under way.
  if (int sys = internal::fake_failure(Call::connect)) return status_of(sys);
  if (::connect(fd, address.raw(), address.length) == 0) return Status();
  return errno == EINTR ? Status(Error::would_block, EINPROGRESS) : status_of(errno);
}

IoResult recv(int fd, void* buffer, size_t bytes) noexcept {
  const size_t cap = fake_cap(Call::recv, bytes);
  const ssize_t result = retry(Call::recv, [&] { return ::recv(fd, buffer, cap, 0); });
  if (result > 0) return {static_cast<size_t>(result), IoResult::State::ok, 0};
  if (result == 0) return {0, bytes == 0 ? IoResult::State::ok : IoResult::State::closed, 0};
  if (errno == EAGAIN) return {0, IoResult::State::would_block, 0};
  return {0, IoResult::State::error, errno};
}

namespace {

IoResult sent(ssize_t result) noexcept {
  if (result >= 0) return {static_cast<size_t>(result), IoResult::State::ok, 0};
  if (errno == EAGAIN) return {0, IoResult::State::would_block, 0};
  if (errno == EPIPE || errno == ECONNRESET) return {0, IoResult::State::closed, errno};
  return {0, IoResult::State::error, errno};
}

}  // namespace

IoResult send(int fd, const void* data, size_t bytes) noexcept {
  const size_t cap = fake_cap(Call::send, bytes);
  return sent(retry(Call::send, [&] { return ::send(fd, data, cap, MSG_NOSIGNAL); }));
}

IoResult writev(int fd, const iovec* vectors, size_t count) noexcept {
  if (count > kMaxVectors) count = kMaxVectors;
  size_t total = 0;
  for (size_t i = 0; i < count; i++) total += vectors[i].iov_len;
  const size_t cap = fake_cap(Call::writev, total);
  if (cap < total) {  // only under fakes: send what is left of the first vector that has anything
    for (size_t i = 0; i < count; i++) {
      if (vectors[i].iov_len == 0) continue;
      const size_t part = vectors[i].iov_len < cap ? vectors[i].iov_len : cap;
      return sent(retry(Call::writev, [&] { return ::send(fd, vectors[i].iov_base, part, MSG_NOSIGNAL); }));
    }
  }
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(vectors);
  message.msg_iovlen = count;
  return sent(retry(Call::writev, [&] { return ::sendmsg(fd, &message, MSG_NOSIGNAL); }));
}

Status shutdown(int fd, int how) noexcept {
  return status_from(retry(Call::shutdown, [&] { return ::shutdown(fd, how); }));
}

namespace {

template <class Value>
Status set_option(int fd, int level, int name, const Value& value) noexcept {
  return status_from(
      retry(Call::option, [&] { return ::setsockopt(fd, level, name, &value, sizeof(value)); }));
}

}  // namespace

Status set_nodelay(int fd, bool on) noexcept { return set_option(fd, IPPROTO_TCP, TCP_NODELAY, int{on}); }
Status set_reuse_address(int fd, bool on) noexcept {
  return set_option(fd, SOL_SOCKET, SO_REUSEADDR, int{on});
}
Status set_reuse_port(int fd, bool on) noexcept { return set_option(fd, SOL_SOCKET, SO_REUSEPORT, int{on}); }
Status set_v6_only(int fd, bool on) noexcept { return set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, int{on}); }

Status set_keep_alive(int fd, bool on, int idle_s) noexcept {
  Status status = set_option(fd, SOL_SOCKET, SO_KEEPALIVE, int{on});
  if (status.ok() && on && idle_s > 0) status = set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, idle_s);
  return status;
}

Status set_abort_on_close(int fd) noexcept { return set_option(fd, SOL_SOCKET, SO_LINGER, linger{1, 0}); }

int get_error(int fd) noexcept {
  int error = 0;
  socklen_t length = sizeof(error);
  return ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0 ? errno : error;
}

Result<Address> local_address(int fd) noexcept {
  Address address;
  address.length = sizeof(address.storage);
  if (::getsockname(fd, address.raw(), &address.length) < 0) return status_of(errno);
  return address;
}

Result<Address> peer_address(int fd) noexcept {
  Address address;
  address.length = sizeof(address.storage);
  if (::getpeername(fd, address.raw(), &address.length) < 0) return status_of(errno);
  return address;
}

Status unlink(const char* path) noexcept { return status_from(::unlink(path)); }

}  // namespace tailrace::os
