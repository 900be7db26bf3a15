// The listener: addresses, accepting until drained, and what it does when descriptors run out.
#include "net/listener.h"

#include <doctest/doctest.h>
#include <poll.h>

#include <cerrno>
#include <filesystem>
#include <string>
#include <vector>

#include "base/os_fakes.h"

using namespace tailrace;
using net::Accepted;
using net::AcceptState;
using net::Listener;

namespace {

/** Connects (the loopback completes at once or within a poll). */
int dial(const os::Address& to) {
  auto fd = os::socket(to.family());
  REQUIRE(fd.ok());
  Status status = os::connect(*fd, to);
  if (!status.ok()) {
    REQUIRE(status.error() == Error::would_block);
    pollfd look{*fd, POLLOUT, 0};
    REQUIRE(*os::poll(&look, 1, 5000) == 1);
    REQUIRE(os::get_error(*fd) == 0);
  }
  return *fd;
}

void wait_readable(int fd) {
  pollfd look{fd, POLLIN, 0};
  REQUIRE(*os::poll(&look, 1, 5000) == 1);
}

os::Address loopback(uint16_t port = 0) { return *os::Address::ip("127.0.0.1", port); }

}  // namespace

TEST_CASE("listens, accepts until drained, tells the peer") {
  Listener listener;
  REQUIRE(listener.open(loopback(), {}).ok());
  CHECK(listener.local().port() != 0);
  CHECK(listener.accept().state == AcceptState::drained);
  int a = dial(listener.local()), b = dial(listener.local());
  for (int i = 0; i < 2; i++) {
    wait_readable(listener.fd());
    Accepted got = listener.accept();
    REQUIRE(got.state == AcceptState::accepted);
    CHECK(got.peer.family() == AF_INET);
    char text[os::Address::kTextBytes];
    CHECK(std::string(text, got.peer.host_text(text)) == "127.0.0.1");
    char byte;
    CHECK(os::recv(got.fd, &byte, 1).state == os::IoResult::State::would_block);  // non-blocking
    os::close(got.fd);
  }
  CHECK(listener.accept().state == AcceptState::drained);
  os::close(a);
  os::close(b);
}

TEST_CASE("addresses that cannot be had") {
  Listener first;
  REQUIRE(first.open(loopback(), {}).ok());
  Listener second;
  Status taken = second.open(loopback(first.local().port()), {});
  CHECK(taken.error() == Error::address_in_use);
  CHECK(taken.sys() == EADDRINUSE);
  CHECK_FALSE(second.is_open());
  CHECK(second.open(*os::Address::ip("192.0.2.1", 0), {}).error() == Error::address_invalid);
  uint16_t port = first.local().port();
  first.close();
  CHECK(second.open(loopback(port), {}).ok());  // free again at once

  net::ListenOptions shared;
  shared.reuse_port = true;
  Listener third, fourth;
  REQUIRE(third.open(loopback(), shared).ok());
  CHECK(fourth.open(loopback(third.local().port()), shared).ok());
}

TEST_CASE("a Unix path") {
  std::string path = std::filesystem::temp_directory_path().string() + "/tailrace-listener-" +
                     std::to_string(os::monotonic_ns());
  auto address = os::Address::path(path);
  REQUIRE(address.ok());
  Listener listener;
  REQUIRE(listener.open(*address, {}).ok());
  int fd = dial(*address);
  Accepted got = listener.accept();
  CHECK(got.state == AcceptState::accepted);
  os::close(got.fd);
  os::close(fd);
  listener.close();
  CHECK(os::unlink(path.c_str()).ok());
}

#if TAILRACE_OS_FAKES
namespace {
struct Scarce {
  std::vector<int> accepts;  // errno of each accept in turn; 0 and beyond the end: the real thing
  size_t next = 0;
  bool reserve = true;  // whether the reserve can be had
};
int scarce(void* user, os::Call call) noexcept {
  auto* plan = static_cast<Scarce*>(user);
  if (call == os::Call::event_fd) return plan->reserve ? 0 : EMFILE;
  if (call != os::Call::accept || plan->next >= plan->accepts.size()) return 0;
  return plan->accepts[plan->next++];
}

struct Faked {
  explicit Faked(Scarce plan) : plan(std::move(plan)), installed(make(this)) {}
  static const os::Fakes& make(Faked* self) {
    self->fakes.fail = scarce;
    self->fakes.user = &self->plan;
    return self->fakes;
  }
  Scarce plan;
  os::Fakes fakes;
  os::ScopedFakes installed;
};
}  // namespace

TEST_CASE("out of descriptors: one connection is turned away, not left waiting") {
  Listener listener;
  REQUIRE(listener.open(loopback(), {}).ok());
  int a = dial(listener.local());
  wait_readable(listener.fd());
  {
    Faked faked({{EMFILE, 0}});
    CHECK(listener.accept().state == AcceptState::refused);
    CHECK(listener.accept().state == AcceptState::drained);
  }
  CHECK(listener.refused() == 1);
  wait_readable(a);
  char byte;
  CHECK(os::recv(a, &byte, 1).state == os::IoResult::State::closed);  // the peer was told
  os::close(a);

  int b = dial(listener.local());  // and then all is as before
  wait_readable(listener.fd());
  Accepted got = listener.accept();
  CHECK(got.state == AcceptState::accepted);
  os::close(got.fd);
  os::close(b);
}

TEST_CASE("out of the reserve too: starved, until one is free") {
  Listener listener;
  REQUIRE(listener.open(loopback(), {}).ok());
  int a = dial(listener.local());
  wait_readable(listener.fd());
  {
    Faked faked({{EMFILE, EMFILE, ENFILE}, 0, false});
    CHECK(listener.accept().state ==
          AcceptState::starved);  // the reserve was given, and somebody else took it
    CHECK(listener.accept().state == AcceptState::starved);
  }
  Accepted got = listener.accept();
  CHECK(got.state == AcceptState::accepted);
  os::close(got.fd);
  os::close(a);
  {
    Faked faked({{ENOMEM, ECONNABORTED}});
    CHECK(listener.accept().state == AcceptState::starved);
    Accepted failed = listener.accept();
    CHECK(failed.state == AcceptState::failed);
    CHECK(failed.sys == ECONNABORTED);
  }
}

TEST_CASE("a failed start leaves nothing open") {
  for (os::Call call : {os::Call::socket, os::Call::option, os::Call::bind, os::Call::listen}) {
    struct Plan {
      os::Call call;
    } plan{call};
    os::Fakes fakes;
    fakes.user = &plan;
    fakes.fail = [](void* user, os::Call at) noexcept {
      return at == static_cast<Plan*>(user)->call ? EACCES : 0;
    };
    os::ScopedFakes installed(fakes);
    Listener listener;
    CHECK(listener.open(loopback(), {}).error() == Error::permission);
    CHECK_FALSE(listener.is_open());
  }
}
#endif
