// See stream.h.

#include "net/stream.h"

#include "base/os_fakes.h"

namespace tailrace::net {

using State = os::IoResult::State;

void Stream::adopt(int fd) noexcept {
  fd_ = fd;
  flags_ = kCanRead | kCanWrite;
}

void Stream::notice(uint32_t events) noexcept {
  if (events & (kReadable | kHangup | kFault)) flags_ |= kCanRead;
  // A broken connection is writable too: the write says what broke.
  if (events & (kWritable | kFault)) flags_ |= kCanWrite;
  if (events & (kHangup | kFault)) flags_ |= kPeerEnded;
}

os::IoResult Stream::read(char* out, size_t capacity) noexcept {
  if (capacity == 0) return {};
  os::IoResult result = os::recv(fd_, out, capacity);
  switch (result.state) {
    case State::ok:
      // Less than there was room for: emptied, and what comes later is a new edge. The peer's end is no byte,
      // and may have been part of the edge we already had.
      // (Test fakes that cut reads break that promise of the system, so under them there is no short cut.)
      if (result.bytes < capacity && !hangup() && !os::fakes()) flags_ &= ~uint32_t{kCanRead};
      break;
    case State::would_block:
      flags_ &= ~uint32_t{kCanRead};
      break;
    case State::closed:
    case State::error:
      flags_ = (flags_ & ~uint32_t{kCanRead}) | kPeerEnded;
      break;
  }
  return result;
}

os::IoResult Stream::write(const char* data, size_t size) noexcept {
  if (size == 0) return {};
  os::IoResult result = os::send(fd_, data, size);
  if (result.state == State::would_block) flags_ &= ~uint32_t{kCanWrite};
  return result;
}

os::IoResult Stream::write(const Span* spans, size_t count) noexcept {
  iovec vectors[kMaxSpans];
  size_t used = 0;
  for (size_t i = 0; i < count && used < kMaxSpans; i++) {
    if (spans[i].size) vectors[used++] = {const_cast<char*>(spans[i].data), spans[i].size};
  }
  if (used == 0) return {};
  os::IoResult result = os::writev(fd_, vectors, used);
  if (result.state == State::would_block) flags_ &= ~uint32_t{kCanWrite};
  return result;
}

void Stream::shutdown_write() noexcept {
  if (is_open()) (void)os::shutdown(fd_, SHUT_WR);
}

void Stream::close() noexcept {
  if (is_open()) os::close(fd_);
  fd_ = -1;
  flags_ = 0;
}

void advance(Span*& spans, size_t& count, size_t bytes) noexcept {
  while (count > 0 && bytes >= spans->size) {
    bytes -= spans->size;
    spans++;
    count--;
  }
  if (count > 0) {
    spans->data += bytes;
    spans->size -= bytes;
  }
}

}  // namespace tailrace::net
