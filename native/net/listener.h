// A listening socket: bind, listen, accept until drained, and stay polite when descriptors run out.
//
// Out of descriptors, accept fails and the connection stays in the backlog: with an edge-triggered poller it
// would never be reported again, with a level-triggered one it would spin the loop. So one descriptor is held
// in reserve: it is closed, the connection accepted and closed at once (the peer sees an end, not silence),
// and the reserve taken again.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/os.h"
#include "base/status.h"

namespace tailrace::net {

struct ListenOptions {
  int backlog = 511;        // the system caps it at net.core.somaxconn
  bool reuse_port = false;  // several listeners share the port, the system spreads the connections
  bool ipv6_only = false;
};

enum class AcceptState : uint8_t {
  accepted,  // fd and peer are set; the descriptor is nonblocking, close-on-exec
  drained,   // nothing more until the next event
  refused,   // out of descriptors: one connection was turned away; go on accepting
  starved,   // out of descriptors and of the reserve (or memory): try again when one was closed, or a timer
             // fires
  failed,    // this accept failed in another way (sys); go on accepting
};

struct Accepted {
  AcceptState state = AcceptState::drained;
  int fd = -1;
  int sys = 0;
  os::Address peer;
};

class Listener {
 public:
  Listener() noexcept = default;
  ~Listener() { close(); }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  /**
   * Binds and listens. Error::address_in_use, address_invalid or permission where they fit, else
   * Error::system; sys() is errno. A unix path: os::Address::path, removed again by whoever made it.
   */
  Status open(const os::Address& address, const ListenOptions& options) noexcept;
  void close() noexcept;
  bool is_open() const noexcept { return fd_ >= 0; }
  int fd() const noexcept { return fd_; }
  /** Where it listens: with the port the system chose. */
  os::Address local() const noexcept;

  /** Takes one connection. `failed` and `refused` are counted; the caller bounds how often it calls in a
   * turn. */
  Accepted accept() noexcept;
  uint64_t refused() const noexcept { return refused_; }

 private:
  int fd_ = -1;
  int reserve_ = -1;
  uint64_t refused_ = 0;
};

}  // namespace tailrace::net
