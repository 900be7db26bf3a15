// An address of a socket: IPv4, IPv6 or a Unix path. A plain value, no resolver: names are resolved in JS.
#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/status.h"

namespace tailrace::os {

struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;

  /** From a numeric IPv4 or IPv6 address (a zone as in fe80::1%eth0 is accepted). Error::address_invalid. */
  static Result<Address> ip(std::string_view host, uint16_t port) noexcept;
  /** A path of a Unix socket, at most 107 bytes; one that starts with NUL is abstract.
   * Error::address_invalid. */
  static Result<Address> path(std::string_view path) noexcept;

  /** AF_INET, AF_INET6, AF_UNIX; AF_UNSPEC when empty. */
  int family() const noexcept { return length == 0 ? AF_UNSPEC : storage.ss_family; }
  /** 0 for a path. */
  uint16_t port() const noexcept;
  /** Longest text and its NUL. */
  static constexpr size_t kTextBytes = 128;
  /** Host part as text without brackets, or the path; returns its length. An IPv4 in IPv6 stays one,
   * ::ffff:127.0.0.1, as Node shows it. */
  size_t host_text(char (&out)[kTextBytes]) const noexcept;

  const sockaddr* raw() const noexcept { return reinterpret_cast<const sockaddr*>(&storage); }
  sockaddr* raw() noexcept { return reinterpret_cast<sockaddr*>(&storage); }
};

}  // namespace tailrace::os
