// A peer's address, small enough to stand in every connection and every record (os::Address has 132 bytes).
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/os_address.h"

namespace tailrace::server {

struct PeerAddress {
  static constexpr size_t kTextBytes = 64;

  static PeerAddress of(const os::Address& address) noexcept;
  /** Numeric host without port; "" for a Unix socket. As node:http has it: an IPv4 peer of a
   * socket for both families is ::ffff:127.0.0.1. Returns its length. */
  size_t text(char (&out)[kTextBytes]) const noexcept;

  uint8_t family = 0;  // 0: none, 4, 6
  uint8_t bytes[16] = {};
};

}  // namespace tailrace::server
