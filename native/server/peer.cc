// See peer.h.
#include "server/peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cstring>

namespace tailrace::server {

PeerAddress PeerAddress::of(const os::Address& address) noexcept {
  PeerAddress peer;
  if (address.family() == AF_INET) {
    peer.family = 4;
    std::memcpy(peer.bytes, &reinterpret_cast<const sockaddr_in*>(address.raw())->sin_addr, 4);
  } else if (address.family() == AF_INET6) {
    peer.family = 6;
    std::memcpy(peer.bytes, &reinterpret_cast<const sockaddr_in6*>(address.raw())->sin6_addr, 16);
  }
  return peer;
}

size_t PeerAddress::text(char (&out)[kTextBytes]) const noexcept {
  out[0] = 0;
  if (family != 0) ::inet_ntop(family == 4 ? AF_INET : AF_INET6, bytes, out, kTextBytes);
  return std::strlen(out);
}

}  // namespace tailrace::server
