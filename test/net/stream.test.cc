// Streams: what edges promise, partial writes, the peer's end, and whole transfers through a poller while the
// system cuts every read and write.
#include "net/stream.h"

#include <doctest/doctest.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>
#include <vector>

#include "base/os_fakes.h"
#include "net/poller.h"

using namespace tailrace;
using net::Poller;
using net::Span;
using net::Stream;
using State = os::IoResult::State;

namespace {

struct Pair {
  Stream a, b;
  Pair() {
    int fds[2];
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
    a.adopt(fds[0]);
    b.adopt(fds[1]);
  }
  ~Pair() {
    a.close();
    b.close();
  }
};

}  // namespace

TEST_CASE("a stream stays small: it is part of every connection") { CHECK(sizeof(Stream) <= 8); }

TEST_CASE("a short read ends reading until the next edge; a full one does not") {
  Pair pair;
  char buffer[8];
  CHECK(pair.a.read(buffer, 8).state == State::would_block);
  CHECK_FALSE(pair.a.readable());
  CHECK(pair.b.write("0123456789", 10).bytes == 10);
  pair.a.notice(kReadable);
  CHECK(pair.a.read(buffer, 8).bytes == 8);
  CHECK(pair.a.readable());
  CHECK(pair.a.read(buffer, 8).bytes == 2);
  CHECK_FALSE(pair.a.readable());
}

TEST_CASE("the peer's end is read although it came with bytes") {
  Pair pair;
  CHECK(pair.b.write("abc", 3).bytes == 3);
  pair.b.shutdown_write();
  pair.a.notice(kReadable | kHangup);
  char buffer[8];
  CHECK(pair.a.read(buffer, 8).bytes == 3);
  CHECK(pair.a.readable());
  CHECK(pair.a.hangup());
  CHECK(pair.a.read(buffer, 8).state == State::closed);
  CHECK_FALSE(pair.a.readable());
  CHECK(pair.a.write("still open on our side", 5).bytes == 5);
}

TEST_CASE("a peer that does not read: writing stops at would_block and goes on at the edge") {
  Poller poller;
  REQUIRE(poller.open().ok());
  Pair pair;
  Waiter waiter;
  WaiterList ready;
  REQUIRE(poller.add(pair.a.fd(), waiter).ok());
  (void)poller.wait(0, ready);
  ready.pop();
  waiter.events = 0;
  std::string block(1 << 16, 'x');
  size_t sent = 0;
  while (pair.a.writable()) sent += pair.a.write(block.data(), block.size()).bytes;
  CHECK(sent > 0);
  CHECK(poller.wait(0, ready)->events == 0);
  std::vector<char> sink(1 << 20);
  size_t got = 0;
  for (os::IoResult read; (read = pair.b.read(sink.data(), sink.size())).state == State::ok;)
    got += read.bytes;
  CHECK(got == sent);
  CHECK(poller.wait(1000, ready)->events == 1);
  pair.a.notice(waiter.events);
  CHECK(pair.a.writable());
}

TEST_CASE("a peer that is gone") {
  Pair pair;
  pair.b.close();
  CHECK(pair.a.write("x", 1).state == State::closed);  // and no SIGPIPE
  Span span{"x", 1};
  CHECK(pair.a.write(&span, 1).state == State::closed);
}

TEST_CASE("spans: empty ones cost nothing, advance cuts anywhere") {
  Pair pair;
  Span list[] = {{"ab", 2}, {"", 0}, {"cdef", 4}, {"g", 1}};
  CHECK(pair.a.write(list, 4).bytes == 7);
  char buffer[16];
  CHECK(std::string(buffer, pair.b.read(buffer, 16).bytes) == "abcdefg");
  CHECK(pair.a.write(list + 1, 1).bytes == 0);
  for (size_t cut = 0; cut <= 7; cut++) {
    Span copy[] = {list[0], list[1], list[2], list[3]};
    Span* at = copy;
    size_t count = 4;
    net::advance(at, count, cut);
    std::string rest;
    for (size_t i = 0; i < count; i++) rest.append(at[i].data, at[i].size);
    CHECK(rest == std::string("abcdefg").substr(cut));
    if (count) CHECK(at->size > 0);
  }
}

TEST_CASE("more spans than one write takes") {
  Pair pair;
  std::vector<Span> spans(Stream::kMaxSpans + 10, Span{"x", 1});
  CHECK(pair.a.write(spans.data(), spans.size()).bytes == Stream::kMaxSpans);
}

#if TAILRACE_OS_FAKES
namespace {
struct Weather {
  uint64_t state;
  uint32_t next() {  // xorshift: the same weather for the same seed
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return static_cast<uint32_t>(state >> 16);
  }
};
int storm(void* user, os::Call call) noexcept {
  if (call != os::Call::recv && call != os::Call::send && call != os::Call::writev) return 0;
  return static_cast<Weather*>(user)->next() % 4 == 0 ? EAGAIN : 0;
}
size_t cut(void* user, os::Call, size_t bytes) noexcept {
  return 1 + static_cast<Weather*>(user)->next() % bytes;
}
}  // namespace

TEST_CASE("a transfer arrives whole and in order, whatever the system cuts and refuses") {
  for (uint64_t seed = 1; seed <= 20; seed++) {
    CAPTURE(seed);
    Pair pair;
    std::string text;
    Weather weather{seed};
    for (int i = 0; i < 20000; i++) text.push_back(static_cast<char>(weather.next()));
    os::Fakes fakes;
    fakes.fail = storm;
    fakes.cap = cut;
    fakes.user = &weather;
    os::ScopedFakes installed(fakes);
    std::vector<Span> pieces;
    for (size_t at = 0; at < text.size();) {
      size_t size = std::min<size_t>(weather.next() % 3000, text.size() - at);
      pieces.push_back({text.data() + at, size});
      at += size;
    }
    Span* spans = pieces.data();
    size_t count = pieces.size();
    std::string got;
    char buffer[512];
    for (int steps = 0; got.size() < text.size(); steps++) {
      REQUIRE(steps < 1000000);
      // Faked refusals come without a later edge; the test is the edge.
      pair.a.notice(kWritable);
      pair.b.notice(kReadable);
      if (count) {
        os::IoResult wrote = pair.a.write(spans, count);
        CHECK(wrote.state != State::error);
        net::advance(spans, count, wrote.bytes);
      }
      while (pair.b.readable()) {
        os::IoResult read = pair.b.read(buffer, sizeof buffer);
        CHECK(read.state != State::error);
        got.append(buffer, read.bytes);
      }
    }
    CHECK(got == text);
  }
}
#endif
