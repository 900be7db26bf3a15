// Sockets and their news, in C++: order, bounds, ends and failures, a system that gives little, handles that
// are stale, and a P that changes its thread meanwhile.
#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "../support/random.h"
#include "base/os_fakes.h"
#include "harness.h"
#include "server/socket_set.h"

using namespace tailrace;
using namespace tailrace::test;
using server::SocketHandle;
using server::SocketSet;

namespace {

struct Event {
  SocketHandle handle;
  uint32_t news = 0;
  std::string addresses, data;
  int sys = 0;
};

/** A program with its sockets: what the binding does, without Node. */
struct Rig {
  explicit Rig(uint32_t segment = 64 * 1024) : bytes(segment), set(new SocketSet(loop.p())) {
    sched::Hold hold(loop.m());
    listener = *set->listen(*os::Address::ip("127.0.0.1", 0), net::ListenOptions());
    port = set->address(listener).port();
  }
  ~Rig() {
    sched::Hold hold(loop.m());
    set.reset();
  }

  /** One loop turn and its batch. */
  std::vector<Event> step(int timeout_ms = 10) {
    (void)loop.step(timeout_ms);
    std::vector<Event> events;
    std::vector<int32_t> words(SocketSet::kWords * 64);
    sched::Hold hold(loop.m());
    const uint32_t count = set->seal(words.data(), 64, bytes.data(), static_cast<uint32_t>(bytes.size()));
    for (uint32_t i = 0; i < count; i++) {
      const int32_t* word = words.data() + i * SocketSet::kWords;
      Event event;
      event.handle = {static_cast<uint32_t>(word[0]), static_cast<uint32_t>(word[1])};
      event.news = static_cast<uint32_t>(word[2]);
      event.addresses.assign(bytes.data() + word[3], static_cast<size_t>(word[10]));
      event.data.assign(bytes.data() + word[3] + word[10], static_cast<size_t>(word[4]));
      event.sys = word[5];
      events.push_back(std::move(event));
    }
    return events;
  }
  /** The first event with one of these news; others are dropped. */
  Event until(uint32_t news) {
    for (int i = 0; i < 500; i++) {
      for (Event& event : step()) {
        if (event.news & news) return event;
      }
    }
    FAIL("the news did not come");
    return {};
  }

  Loop loop;
  std::vector<char> bytes;
  std::unique_ptr<SocketSet> set;
  SocketHandle listener;
  uint16_t port = 0;
};

}  // namespace

TEST_CASE("an accepted socket is told with its addresses, its bytes and its end") {
  Rig rig;
  Client client(rig.port);
  const Event accepted = rig.until(server::kSocketAccepted);
  CHECK(accepted.addresses == "127.0.0.1 127.0.0.1");
  client.write("hello");
  client.shutdown();
  std::string got = accepted.data;
  uint32_t news = accepted.news;
  while (!(news & server::kSocketEnd)) {
    const Event event = rig.until(server::kSocketData | server::kSocketEnd);
    got += event.data;
    news |= event.news;
  }
  CHECK(got == "hello");
  sched::Hold hold(rig.loop.m());
  CHECK(*rig.set->write(accepted.handle, "bye", 3) == 3);
  rig.set->close(accepted.handle);
}

TEST_CASE("unread bytes are bounded, wherever they are; what was read makes room; nothing is lost") {
  // A segment that is smaller than what waits: bytes come in several batches, and the end behind all of them.
  Rig rig(1000);
  Client client(rig.port);
  const SocketHandle handle = rig.until(server::kSocketAccepted).handle;
  const uint64_t seed = test::seed();
  std::string sent;
  for (size_t i = 0; i < 500'000; i++) sent += static_cast<char>('a' + (seed + i * 7919) % 26);
  std::thread writer([&] {
    client.write(sent);
    client.shutdown();
  });
  std::string got;
  uint32_t unread = 0;
  bool ended = false;
  for (int idle = 0; !ended && idle < 500;) {
    bool came = false;
    for (const Event& event : rig.step()) {
      got += event.data;
      unread += static_cast<uint32_t>(event.data.size());
      ended = ended || (event.news & server::kSocketEnd);
      came = true;
    }
    CHECK(unread <= server::Socket::kHighWaterBytes);
    idle = came ? 0 : idle + 1;
    if (!came && unread == server::Socket::kHighWaterBytes) {
      sched::Hold hold(rig.loop.m());
      rig.set->consumed(handle, unread);
      unread = 0;
    }
  }
  writer.join();
  CHECK(ended);
  CHECK(got == sent);
}

TEST_CASE("a write takes what there is room for, and says when there is more") {
  Rig rig;
  Client client(rig.port);
  const SocketHandle handle = rig.until(server::kSocketAccepted).handle;
  std::string sent;
  for (size_t i = 0; i < 20'000'000; i++) sent += static_cast<char>('a' + i % 23);
  size_t done = 0;
  int waits = 0;
  while (done < sent.size()) {
    size_t taken = 0;
    {
      sched::Hold hold(rig.loop.m());
      taken = *rig.set->write(handle, sent.data() + done, sent.size() - done);
    }
    CHECK(taken <= server::Socket::kWriteBytes);
    done += taken;
    if (done == sent.size()) break;
    bool room = false;
    for (int i = 0; i < 500 && !room; i++) {
      for (const Event& event : rig.step(1)) room = room || (event.news & server::kSocketWritable);
      client.poll();
    }
    REQUIRE(room);
    waits++;
  }
  CHECK(waits > 0);
  {
    sched::Hold hold(rig.loop.m());
    rig.set->shutdown(handle);
  }
  for (int i = 0; i < 5000 && !client.ended(); i++) {
    client.poll();
    ::usleep(200);
  }
  CHECK(client.text() == sent);
}

TEST_CASE("connecting: success, refusal, a path that is not there") {
  Rig rig;
  SocketHandle handle;
  {
    sched::Hold hold(rig.loop.m());
    handle = *rig.set->connect(*os::Address::ip("127.0.0.1", rig.port));
  }
  const Event connected = rig.until(server::kSocketConnected);
  CHECK(connected.handle.slot == handle.slot);
  CHECK(connected.addresses == "127.0.0.1 127.0.0.1");
  uint16_t port = rig.port;
  {
    sched::Hold hold(rig.loop.m());
    rig.set->close(rig.listener);
    handle = *rig.set->connect(*os::Address::ip("127.0.0.1", port));
  }
  const Event failed = rig.until(server::kSocketFailed);
  CHECK(failed.sys == ECONNREFUSED);
  sched::Hold hold(rig.loop.m());
  CHECK(rig.set->write(handle, "x", 1).status().sys() == ECONNREFUSED);
  CHECK(rig.set->connect(*os::Address::path("/nowhere/at/all")).status().sys() == ENOENT);
}

TEST_CASE("a stale handle finds nothing, also when its slot is used again") {
  Rig rig;
  Client first(rig.port);
  const SocketHandle old = rig.until(server::kSocketAccepted).handle;
  {
    sched::Hold hold(rig.loop.m());
    rig.set->close(old);
    rig.set->close(old);
  }
  Client second(rig.port);
  const SocketHandle fresh = rig.until(server::kSocketAccepted).handle;
  CHECK(fresh.slot == old.slot);
  CHECK(fresh.generation != old.generation);
  sched::Hold hold(rig.loop.m());
  CHECK(rig.set->write(old, "x", 1).error() == Error::stale_handle);
  rig.set->consumed(old, 5);
  rig.set->shutdown(old);
  rig.set->close(old);
  CHECK(rig.set->size() == 2);
  CHECK(*rig.set->write(fresh, "x", 1) == 1);
}

TEST_CASE("a reset is a failure, and no news of a closed socket follows") {
  Rig rig;
  auto client = std::make_unique<Client>(rig.port);
  const SocketHandle handle = rig.until(server::kSocketAccepted).handle;
  {
    sched::Hold hold(rig.loop.m());
    CHECK(*rig.set->write(handle, "unread", 6) == 6);
  }
  ::usleep(20'000);
  client.reset();  // closes with unread bytes: the system sends a reset
  const Event failed = rig.until(server::kSocketFailed);
  CHECK(failed.sys == ECONNRESET);
  {
    sched::Hold hold(rig.loop.m());
    rig.set->close(handle);
    CHECK(!rig.set->pending());
  }
  CHECK(rig.step().empty());
}

TEST_CASE("a loop that does not come: a native M accepts and reads, up to the bounds") {
  Rig rig;
  Client client(rig.port);
  client.write("first");
  std::string expected = "first";
  // The loop is not stepped: sysmon hands the P over.
  for (int i = 0; i < 400 && !rig.set->pending(); i++) ::usleep(5'000);
  REQUIRE(rig.set->pending());
  client.write("second");
  expected += "second";
  ::usleep(50'000);
  std::string got;
  for (int i = 0; i < 500 && got.size() < expected.size(); i++) {
    for (const Event& event : rig.step()) got += event.data;
  }
  CHECK(got == expected);
  CHECK(rig.loop.p().handoffs() > 0);
}
