// A connected socket under an edge-triggered poller: remembers what the last edge promised, so that no system
// call is spent on finding out that there is nothing.
//
// A read that returns less than it was given room for has emptied the socket, and the next byte is a new edge
// (epoll(7), question 9): the second read that would say EAGAIN is left out. The one exception is the peer's
// end, which may have come with the bytes: then reading goes on until it is seen.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/os.h"
#include "base/status.h"
#include "base/waiter.h"

namespace tailrace::net {

/** A piece of what is to be written. */
struct Span {
  const char* data;
  size_t size;
};

/** 8 bytes; the connection that holds it says where its buffers are. */
class Stream {
 public:
  static constexpr size_t kMaxSpans = 64;  // of one write; more are written by the next

  /** Takes a connected, nonblocking descriptor over. Readable and writable until shown otherwise. */
  void adopt(int fd) noexcept;
  /** Takes in what a wait said about it. */
  void notice(uint32_t events) noexcept;

  int fd() const noexcept { return fd_; }
  bool is_open() const noexcept { return fd_ >= 0; }
  /** A read may bring bytes, or the end. */
  bool readable() const noexcept { return flags_ & kCanRead; }
  bool writable() const noexcept { return flags_ & kCanWrite; }
  /** The peer sent its end, or the connection broke; bytes before it may still be there to be read. */
  bool hangup() const noexcept { return flags_ & kPeerEnded; }

  /** state: ok (bytes > 0), would_block, closed (the peer's end), error (sys). */
  os::IoResult read(char* out, size_t capacity) noexcept;
  /**
   * Writes what the socket takes: ok may be short (write again until would_block: only that promises a later
   * edge), would_block (then writable() is false until the edge), closed, error.
   */
  os::IoResult write(const char* data, size_t size) noexcept;
  os::IoResult write(const Span* spans, size_t count) noexcept;

  /** Sends our end; reading goes on. */
  void shutdown_write() noexcept;
  /** Closes it. Take it out of the poller first. */
  void close() noexcept;

 private:
  enum : uint32_t { kCanRead = 1, kCanWrite = 2, kPeerEnded = 4 };
  int fd_ = -1;
  uint32_t flags_ = 0;
};

/** Drops the first `bytes` of a list of spans: moves `spans` and `count` on, cuts the first. */
void advance(Span*& spans, size_t& count, size_t bytes) noexcept;

}  // namespace tailrace::net
