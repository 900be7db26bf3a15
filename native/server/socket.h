// Sockets as programs use them, bytes in and bytes out, on a P: what tailrace/net gives to JavaScript stands
// on these. Connection work, pinned to its P like the server's connections, and told to the isolate in
// batches (socket_set.h).
//
// Input. Bytes are read as they come, into blocks of the slab, until `kHighWaterBytes` are with the program
// and not read by it: then the socket is left alone, and TCP holds the peer back. The program says what it
// has read (consumed). Output. Nothing is kept here: a write takes what the socket takes, and the writer, who
// keeps the rest, is told when there is room again.
//
// Rejected: reading straight into memory of the isolate when it asks for bytes. It saves a copy of bytes, but
// costs a call into native code for each read, and while JavaScript is blocked nothing would be read at all.
#pragma once

#include <cstdint>

#include "base/timer_wheel.h"
#include "base/waiter.h"
#include "net/listener.h"
#include "net/poller.h"
#include "net/stream.h"
#include "sched/p.h"

namespace tailrace::server {

class SocketSet;

/** Names a socket or a listener to the outside. A stale one is recognised. */
struct SocketHandle {
  uint32_t slot = UINT32_MAX;
  uint32_t generation = 0;
};

/** What is told of a socket, in one word. */
enum SocketNews : uint32_t {
  kSocketAccepted = 1u << 0,   // new, of the listener that is named with it
  kSocketConnected = 1u << 1,  // a connect() succeeded
  kSocketData = 1u << 2,       // bytes follow
  kSocketEnd = 1u << 3,        // the peer's end, behind all bytes
  kSocketWritable = 1u << 4,   // after a write that did not take all: try again
  kSocketFailed = 1u << 5,     // broken, or not connected: the last news; the handle is still to be closed
  kListenerFailed = 1u << 6,   // an accept failed; the listener goes on
};

/** What sockets and listeners have in common: a slot, and a place on the list of those that have news. */
struct SocketEntry : Waiter {
  SocketSet* set = nullptr;
  SocketHandle handle;
  SocketEntry* next_told = nullptr;
  SocketEntry* previous_told = nullptr;
  uint32_t news = 0;
  int sys = 0;  // errno of what failed
  bool listed = false;
  bool listener = false;
};

class Socket final : public SocketEntry {
 public:
  /** Bytes of a socket that wait to be read by the program, here and there together. */
  static constexpr uint32_t kHighWaterBytes = 128 * 1024;
  /** Bytes that one write takes at most: others of the P have their turn between two of them. */
  static constexpr size_t kWriteBytes = 1 << 20;

  Socket(SocketSet& set, int fd, bool connecting) noexcept;
  /** Registers with the poller. On failure the descriptor is still the socket's: drop() closes it. */
  Status start(sched::P& p) noexcept;

  /** Bytes taken; fewer than given: kSocketWritable follows. On failure the errno is in sys(). */
  Result<size_t> write(sched::P& p, const char* data, size_t size) noexcept;
  /** Sends our end; reading goes on. */
  void shutdown() noexcept { stream_.shutdown_write(); }
  /** The program has read so many more of the bytes that it was told of. */
  void consumed(sched::P& p, uint32_t bytes) noexcept;
  /** Closes the descriptor and frees what was read. The memory is the caller's. */
  void drop(sched::P& p) noexcept;

  int fd() const noexcept { return stream_.fd(); }
  uint32_t queued_bytes() const noexcept { return queued_; }
  /** Moves what was read to `out`, as much as fits; it counts as told. */
  uint32_t take(sched::P& p, char* out, uint32_t capacity) noexcept;

  SocketHandle owner;  // the listener that accepted it

 private:
  struct Block {
    Block* next;
    uint32_t at, size;
    char* bytes() noexcept { return reinterpret_cast<char*>(this + 1); }
  };

  static Next run_waiter(Waiter& self, uint32_t events, void* p) noexcept;
  Next run_once(sched::P& p, uint32_t events) noexcept;
  Next receive(sched::P& p) noexcept;
  void fail(sched::P& p, int sys) noexcept;
  void leave(sched::P& p) noexcept;
  void drop_blocks(sched::P& p) noexcept;

  net::Stream stream_;
  net::Slot slot_;
  Block* first_ = nullptr;
  Block* last_ = nullptr;
  uint32_t queued_ = 0;  // bytes in the blocks
  uint32_t told_ = 0;    // bytes that the program has and did not say to have read
  bool connecting_;
  bool ended_ = false;
  bool wants_room_ = false;  // a write did not take all
};

class SocketListener final : public SocketEntry {
 public:
  explicit SocketListener(SocketSet& set) noexcept;
  Status open(sched::P& p, const os::Address& address, const net::ListenOptions& options) noexcept;
  /** Closes it, and removes the path of a Unix socket. */
  void drop(sched::P& p) noexcept;
  os::Address address() const noexcept { return listener_.local(); }

  SocketListener* next_listener = nullptr;
  bool stalled = false;  // too many accepted connections have not been told yet

 private:
  static Next accept_ready(Waiter& self, uint32_t events, void* p) noexcept;
  static void retry_accept(TimerNode& node, void* p) noexcept;

  struct Retry : TimerNode {
    SocketListener* owner = nullptr;
  };
  net::Listener listener_;
  net::Slot slot_;
  Retry retry_;
  char path_[os::Address::kTextBytes] = {};
};

}  // namespace tailrace::server
