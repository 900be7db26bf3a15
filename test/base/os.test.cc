// The OS seam: the real calls on sockets and descriptors of this process, and the same under fakes.
#include "base/os.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "base/os_fakes.h"

using namespace tailrace;
using State = os::IoResult::State;

namespace {

struct Sockets {
  int listener = -1, client = -1, server = -1;
  Sockets() {
    os::Address any = *os::Address::ip("127.0.0.1", 0);
    listener = *os::socket(AF_INET);
    REQUIRE(os::bind(listener, any).ok());
    REQUIRE(os::listen(listener, 16).ok());
    const os::Address where = *os::local_address(listener);
    client = *os::socket(AF_INET);
    const Status status = os::connect(client, where);
    REQUIRE((status.ok() || status.error() == Error::would_block));
    pollfd wait{listener, POLLIN, 0};
    REQUIRE(*os::poll(&wait, 1, 5000) == 1);
    os::Address peer;
    server = *os::accept(listener, &peer);
    CHECK(peer.family() == AF_INET);
  }
  ~Sockets() {
    for (int fd : {listener, client, server}) os::close(fd);
  }
};

std::string text_of(const os::Address& address) {
  char text[os::Address::kTextBytes];
  const size_t length = address.host_text(text);
  return std::string(text, length);
}

}  // namespace

TEST_CASE("addresses") {
  CHECK(text_of(*os::Address::ip("127.0.0.1", 80)) == "127.0.0.1");
  CHECK(os::Address::ip("127.0.0.1", 80)->port() == 80);
  CHECK(text_of(*os::Address::ip("::1", 8080)) == "::1");
  CHECK(os::Address::ip("::1", 8080)->port() == 8080);
  CHECK(text_of(*os::Address::ip("::ffff:10.1.2.3", 1)) == "::ffff:10.1.2.3");
  CHECK(text_of(*os::Address::path("/run/x.sock")) == "/run/x.sock");
  CHECK(text_of(*os::Address::path(std::string_view("\0abc", 4))) == "@abc");
  for (const char* bad : {"", "localhost", "1.2.3", "1.2.3.4.5", "::g", "fe80::1%nosuchzone"}) {
    CAPTURE(bad);
    CHECK(os::Address::ip(bad, 1).error() == Error::address_invalid);
  }
  CHECK(os::Address::ip(std::string(300, '1'), 1).error() == Error::address_invalid);
  CHECK(os::Address::ip(std::string_view("1.2.3.4\0x", 9), 1).error() == Error::address_invalid);
  CHECK(os::Address::path(std::string(108, 'x')).error() == Error::address_invalid);
  CHECK(text_of(*os::Address::path(std::string(107, 'x'))).size() == 107);
  CHECK(os::Address::path("").error() == Error::address_invalid);
}

TEST_CASE("a connection: send, recv, writev, end of file") {
  Sockets sockets;
  CHECK(os::set_nodelay(sockets.client, true).ok());
  CHECK(os::set_keep_alive(sockets.client, true, 30).ok());
  CHECK(os::get_error(sockets.client) == 0);
  CHECK(os::peer_address(sockets.client)->port() == os::local_address(sockets.server)->port());
  char buffer[16];
  CHECK(os::recv(sockets.server, buffer, sizeof(buffer)).state == State::would_block);
  CHECK(os::send(sockets.client, "hello", 5).bytes == 5);
  iovec parts[2] = {{const_cast<char*>(" wor"), 4}, {const_cast<char*>("ld"), 2}};
  CHECK(os::writev(sockets.client, parts, 2).bytes == 6);
  pollfd wait{sockets.server, POLLIN, 0};
  REQUIRE(*os::poll(&wait, 1, 5000) == 1);
  std::string got;
  while (got.size() < 11) {
    const os::IoResult result = os::recv(sockets.server, buffer, 4);
    if (result.state == State::ok)
      got.append(buffer, result.bytes);
    else
      REQUIRE(result.state == State::would_block);
  }
  CHECK(got == "hello world");
  CHECK(os::shutdown(sockets.client, SHUT_WR).ok());
  REQUIRE(*os::poll(&wait, 1, 5000) == 1);
  CHECK(os::recv(sockets.server, buffer, 4).state == State::closed);
}

TEST_CASE("sending to a peer that is gone is closed, not a signal") {
  Sockets sockets;
  CHECK(os::set_abort_on_close(sockets.server).ok());
  os::close(sockets.server);
  sockets.server = -1;
  pollfd wait{sockets.client, POLLIN, 0};
  REQUIRE(*os::poll(&wait, 1, 5000) == 1);
  State last = State::ok;
  for (int i = 0; i < 3 && last == State::ok; i++) last = os::send(sockets.client, "x", 1).state;
  CHECK(last == State::closed);
}

TEST_CASE("descriptors are non-blocking and close-on-exec") {
  Sockets sockets;
  for (int fd : {sockets.listener, sockets.client, sockets.server}) {
    CHECK((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    CHECK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
  }
  CHECK(os::accept(sockets.listener, nullptr).error() == Error::would_block);
}

TEST_CASE("errors of the system by name") {
  Sockets sockets;
  const int second = *os::socket(AF_INET);
  CHECK(os::bind(second, *os::local_address(sockets.listener)).error() == Error::address_in_use);
  os::close(second);
  CHECK(os::listen(-1, 1).error() == Error::system);
  CHECK(os::listen(-1, 1).sys() == EBADF);
  CHECK(os::status_of(ENOMEM).error() == Error::out_of_memory);
  CHECK(os::status_of(EACCES).error() == Error::permission);
  CHECK(os::status_of(0).ok());
}

TEST_CASE("eventfd, timerfd and epoll") {
  const int epoll = *os::epoll_create();
  const int event = *os::event_fd();
  const int timer = *os::timer_fd();
  REQUIRE(os::epoll_add(epoll, event, EPOLLIN, 7).ok());
  REQUIRE(os::epoll_add(epoll, timer, EPOLLIN, 8).ok());
  epoll_event events[4];
  CHECK(*os::epoll_wait(epoll, events, 4, 0) == 0);
  os::event_fd_signal(event);
  os::event_fd_signal(event);
  REQUIRE(*os::epoll_wait(epoll, events, 4, 5000) == 1);
  CHECK(uint64_t{events[0].data.u64} == 7);
  CHECK(os::event_fd_take(event) == 2);
  CHECK(os::event_fd_take(event) == 0);
  CHECK(os::timer_fd_set(timer, os::monotonic_ns() + 1'000'000).ok());
  REQUIRE(*os::epoll_wait(epoll, events, 4, 5000) == 1);
  CHECK(uint64_t{events[0].data.u64} == 8);
  CHECK(os::timer_fd_set(timer, 0).ok());
  CHECK(*os::epoll_wait(epoll, events, 4, 0) == 0);
  CHECK(os::epoll_mod(epoll, event, EPOLLIN | EPOLLET, 9).ok());
  CHECK(os::epoll_del(epoll, event).ok());
  CHECK(os::epoll_del(epoll, event).sys() == ENOENT);
  for (int fd : {epoll, event, timer}) os::close(fd);
}

TEST_CASE("decommit of several ranges: those of them, all of it, and how many when the system refuses") {
  const size_t page = os::page_bytes();
  const Result<void*> area = os::map_reserve(16 * page);
  REQUIRE(area.ok());
  char* at = static_cast<char*>(*area);
  REQUIRE(os::map_commit(at, 16 * page).ok());
  const iovec ranges[] = {{at + page, page}, {at + 4 * page, 3 * page}, {at + 15 * page, page}};
  for (size_t count : {0u, 1u, 2u, 3u}) {
    std::memset(at, 1, 16 * page);
    CHECK(os::map_decommit(ranges, count) == count);
    for (size_t i = 0; i < 16; i++) {
      const bool gone = (count > 0 && i == 1) || (count > 1 && i >= 4 && i < 7) || (count > 2 && i == 15);
      CHECK(at[i * page] == (gone ? 0 : 1));
      CHECK(at[(i + 1) * page - 1] == (gone ? 0 : 1));
    }
  }
  os::Fakes fakes;
  fakes.fail = [](void*, os::Call call) noexcept { return call == os::Call::map_decommit ? EINVAL : 0; };
  {
    os::ScopedFakes scope(fakes);
    CHECK(os::map_decommit(ranges, 3) == 0);
  }
  // By a call each from now on: the system has once refused to do it by one.
  std::memset(at, 1, 16 * page);
  CHECK(os::map_decommit(ranges, 3) == 3);
  CHECK((at[0] == 1 && at[page] == 0 && at[6 * page] == 0 && at[15 * page] == 0));
  CHECK(os::unmap(at, 16 * page).ok());
}

TEST_CASE("reserve, commit, decommit") {
  const size_t bytes = 64 * os::page_bytes();
  auto* at = static_cast<char*>(*os::map_reserve(bytes));
  REQUIRE(os::map_commit(at, bytes).ok());
  std::memset(at, 1, bytes);
  REQUIRE(os::map_decommit(at, bytes).ok());
  CHECK(at[0] == 0);
  CHECK(at[bytes - 1] == 0);
  CHECK(os::unmap(at, bytes).ok());
  CHECK(os::resident_bytes() > 0);
}

TEST_CASE("clocks, CPUs, random bytes") {
  const uint64_t a = os::monotonic_ns();
  const uint64_t b = os::monotonic_ns();
  CHECK(b >= a);
  CHECK(os::realtime_ms() > 1'600'000'000'000u);
  CHECK(os::cpu_count() >= 1);
  uint64_t x = 0, y = 0;
  CHECK(os::random_bytes(&x, 8).ok());
  CHECK(os::random_bytes(&y, 8).ok());
  CHECK(x != y);
}

TEST_CASE("futex and threads") {
  static std::atomic<uint32_t> word{0};
  CHECK(os::futex_wait(word, 1, os::kForever).error() == Error::would_block);
  CHECK(os::futex_wait(word, 0, 1'000'000).error() == Error::timed_out);
  REQUIRE(os::thread_start(
              [](void* p) noexcept {
                auto& shared = *static_cast<std::atomic<uint32_t>*>(p);
                shared.store(1, std::memory_order_release);
                os::futex_wake(shared, 1);
              },
              &word, "a name longer than fifteen")
              .ok());
  while (word.load(std::memory_order_acquire) == 0) (void)os::futex_wait(word, 0, os::kForever);
  CHECK(word.load() == 1);
}

#if defined(TAILRACE_OS_FAKES) && TAILRACE_OS_FAKES
namespace {

struct Plan {
  os::Call call;
  int sys;
  int times;
};

int planned(void* user, os::Call call) noexcept {
  auto& plan = *static_cast<Plan*>(user);
  if (call != plan.call || plan.times == 0) return 0;
  plan.times--;
  return plan.sys;
}

}  // namespace

TEST_CASE("fakes: failures of single calls") {
  Sockets sockets;
  char byte = 'x';
  Plan plan{os::Call::send, EAGAIN, 1};
  os::Fakes fakes{planned, nullptr, nullptr, &plan};
  os::ScopedFakes scope(fakes);
  CHECK(os::send(sockets.client, &byte, 1).state == State::would_block);
  CHECK(os::send(sockets.client, &byte, 1).state == State::ok);
  plan = {os::Call::accept, EMFILE, 1};
  CHECK(os::accept(sockets.listener, nullptr).status().sys() == EMFILE);
  plan = {os::Call::map_commit, ENOMEM, 1};
  CHECK(os::map_commit(nullptr, 0).error() == Error::out_of_memory);
  plan = {os::Call::recv, ECONNRESET, 1};
  CHECK(os::recv(sockets.server, &byte, 1).state == State::error);
  plan = {os::Call::epoll_wait, EINTR, 1};
  CHECK(*os::epoll_wait(-1, nullptr, 1, 0) == 0);
  plan = {os::Call::thread_start, EAGAIN, 1};
  CHECK(!os::thread_start([](void*) noexcept {}, nullptr, "x").ok());
}

TEST_CASE("fakes: short reads and writes") {
  Sockets sockets;
  os::Fakes fakes{nullptr, [](void*, os::Call, size_t) noexcept -> size_t { return 2; }, nullptr, nullptr};
  os::ScopedFakes scope(fakes);
  CHECK(os::send(sockets.client, "hello", 5).bytes == 2);
  iovec parts[3] = {{nullptr, 0}, {const_cast<char*>("abc"), 3}, {const_cast<char*>("d"), 1}};
  CHECK(os::writev(sockets.client, parts, 3).bytes == 2);
  pollfd wait{sockets.server, POLLIN, 0};
  REQUIRE(*os::poll(&wait, 1, 5000) == 1);
  char buffer[16];
  CHECK(os::recv(sockets.server, buffer, sizeof(buffer)).bytes == 2);
}

TEST_CASE("fakes: clock skew") {
  const uint64_t before = os::monotonic_ns();
  os::Fakes fakes{nullptr, nullptr, [](void*) noexcept -> int64_t { return 3'600'000'000'000; }, nullptr};
  os::ScopedFakes scope(fakes);
  CHECK(os::monotonic_ns() - before >= 3'600'000'000'000u);
}
#endif
