// The sockets of one program on one P, by handle, and what has happened to them since the program was told
// last: a list of those that have news, sealed into the program's own memory a batch at a time.
//
// All of it is for the P's owner, but for pending(). The program (an isolate) holds the P to seal, lends it
// again and only then enters JS. A socket stands on the list once, whatever happens to it; its bytes are
// bounded (socket.h), and so are the accepted connections that nobody has been told of: nothing here grows
// while JavaScript is blocked.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "server/socket.h"

namespace tailrace::server {

class SocketSet {
 public:
  static constexpr size_t kScratchBytes = 64 * 1024;
  /** Connections accepted ahead of the program; more stay in the system's backlog. */
  static constexpr uint32_t kMaxUntoldAccepts = 1024;
  /**
   * Words of an event (Int32): 0 slot  1 generation  2 SocketNews  3 where its bytes begin  4 bytes of data
   * 5 errno  6, 7 slot and generation of the listener (accepted)  8 remote port  9 local port  10 bytes of
   * the addresses' text, "remote local", which stands before the data; 0: none (a Unix socket).
   */
  static constexpr uint32_t kWords = 11;
  /** Room that an address text may need. */
  static constexpr uint32_t kAddressBytes = 128;

  explicit SocketSet(sched::P& p) noexcept : p_(p) {}
  ~SocketSet() { close_all(); }
  SocketSet(const SocketSet&) = delete;
  SocketSet& operator=(const SocketSet&) = delete;

  /** kSocketConnected or kSocketFailed follows, unless this fails at once (errno in sys()). */
  Result<SocketHandle> connect(const os::Address& address) noexcept;
  Result<SocketHandle> listen(const os::Address& address, const net::ListenOptions& options) noexcept;
  /** Where a listener listens. Empty when the handle is stale. */
  os::Address address(SocketHandle handle) const noexcept;
  /** See Socket::write. Error::stale_handle. */
  Result<size_t> write(SocketHandle handle, const char* data, size_t size) noexcept;
  void shutdown(SocketHandle handle) noexcept;
  void consumed(SocketHandle handle, uint32_t bytes) noexcept;
  /** Closes a socket or a listener at once; no news of it follows. Of a stale handle: nothing. */
  void close(SocketHandle handle) noexcept;
  void close_all() noexcept;

  /**
   * Moves news out: at most `max_events`, their bytes into `bytes`; what does not fit stays for the next
   * batch. Returns the number of events. `capacity` is at least kAddressBytes.
   */
  uint32_t seal(int32_t* words, uint32_t max_events, char* bytes, uint32_t capacity) noexcept;
  /** There is news. Any thread. */
  // relaxed: a hint; whoever must know holds the P
  bool pending() const noexcept { return pending_.load(std::memory_order_relaxed); }
  uint32_t size() const noexcept { return size_; }

  // ---- for sockets and listeners
  void tell(SocketEntry& entry, uint32_t news) noexcept;
  void admit(SocketListener& listener, int fd) noexcept;
  char* scratch() noexcept { return scratch_; }
  uint32_t untold_accepts() const noexcept { return untold_accepts_; }

 private:
  struct Slot {
    SocketEntry* entry;  // null: free
    uint32_t generation;
    uint32_t next_free;
  };
  [[nodiscard]] bool take_slot(SocketEntry& entry) noexcept;
  SocketEntry* find(SocketHandle handle) const noexcept;
  Socket* find_socket(SocketHandle handle) const noexcept;
  Socket* make(int fd, bool connecting, Status* status) noexcept;
  void remove(SocketEntry& entry) noexcept;
  void untell(SocketEntry& entry) noexcept;
  uint32_t write_addresses(int fd, char* out, int32_t* words) const noexcept;

  sched::P& p_;
  Slot* slots_ = nullptr;
  uint32_t capacity_ = 0;
  uint32_t used_ = 0;
  uint32_t free_ = UINT32_MAX;
  uint32_t size_ = 0;
  uint32_t untold_accepts_ = 0;
  SocketEntry* told_first_ = nullptr;
  SocketEntry* told_last_ = nullptr;
  SocketListener* listeners_ = nullptr;
  std::atomic<bool> pending_{false};
  char scratch_[kScratchBytes];
};

}  // namespace tailrace::server
