// Connections in bad weather: a system that gives little, a P that changes its thread, clients and a loop
// that do not wait for each other.
#include <doctest/doctest.h>

#include <atomic>
#include <mutex>
#include <thread>

#include "../support/random.h"
#include "base/os_fakes.h"
#include "harness.h"

using namespace tailrace;
using namespace tailrace::test;

#if defined(TAILRACE_OS_FAKES) && TAILRACE_OS_FAKES
TEST_CASE(
    "short reads, short writes, EAGAIN and a lack of memory: every reply is whole or the connection ends") {
  const uint64_t seed = test::seed();
  INFO("TAILRACE_TEST_SEED=", seed);
  struct State {
    std::mutex mutex;  // a native M asks too, when it has the P
    Random random{1};
    std::atomic<bool> mean{false};
    uint64_t below(uint64_t bound) {
      const std::lock_guard guard(mutex);
      return random.below(bound);
    }
  };
  // static: sysmon may look at the table a moment after the scope has ended
  static State state;
  static os::Fakes fakes;
  state.random = Random(seed);
  fakes.user = &state;
  fakes.fail = [](void* user, os::Call call) noexcept {
    auto& s = *static_cast<State*>(user);
    if (call == os::Call::map_commit && s.mean) return s.below(2) ? ENOMEM : 0;
    return 0;
  };
  fakes.cap = [](void* user, os::Call call, size_t bytes) noexcept {
    auto& s = *static_cast<State*>(user);
    if (call == os::Call::read || call == os::Call::write) return bytes;  // eventfds
    return size_t{1} + s.below(bytes < 3000 ? bytes : 3000);
  };
  ServerRig rig;
  const os::ScopedFakes scope(fakes);
  for (int round = 0; round < 20; round++) {
    state.mean = round >= 15;
    Client client(rig.port);
    const std::string big(1 + state.below(40'000), 'z');
    client.write(post(call_text("1", "echo", "[\"" + big + "\"]")) + post(call_text("2", "echo", "[2]")));
    const std::string reply = body_of(client.reply(rig));
    if (state.mean && client.ended()) continue;
    CHECK(reply == R"({"jsonrpc":"2.0","result":[")" + big + R"("],"id":1})");
    CHECK(body_of(client.reply(rig)) == R"({"jsonrpc":"2.0","result":[2],"id":2})");
  }
}

TEST_CASE("an empty line behind a body is no request: the connection stays idle, and is closed as one") {
  static std::atomic<int64_t> ahead_ns{0};
  static os::Fakes fakes;
  fakes.skew_ns = [](void*) noexcept { return ahead_ns.load(); };
  const os::ScopedFakes scope(fakes);
  constexpr int64_t kSecond = 1'000'000'000;
  for (const char* stray : {"\r\n", "\r"}) {
    ahead_ns = 0;
    server::Limits limits = default_limits();
    limits.header_ms = 10'000;
    limits.idle_ms = 60'000;
    ServerRig rig(limits);
    Client client(rig.port);
    client.write(post(call_text("1", "echo", "[1]")) + stray);
    CHECK(body_of(client.reply(rig)) == R"({"jsonrpc":"2.0","result":[1],"id":1})");
    ahead_ns = 20 * kSecond;
    rig.loop.run();
    client.poll();
    CHECK(client.text() == "");  // no 408
    CHECK_FALSE(client.ended());
    // The rest of the line, and the next request behind it.
    client.write(std::string("\r\n").substr(std::strlen(stray)) + post(call_text("2", "echo", "[2]")));
    CHECK(body_of(client.reply(rig)) == R"({"jsonrpc":"2.0","result":[2],"id":2})");
    client.write(stray);
    rig.step(10);
    ahead_ns = 50 * kSecond;
    rig.loop.run();
    CHECK(rig.server->stats().connections.read() == 1);
    ahead_ns = 85 * kSecond;
    rig.loop.run();
    client.poll();
    CHECK(client.ended());
    CHECK(client.text() == "");
    CHECK(rig.server->stats().timeouts.read() == 0);
  }
  // Nor does it hold up a drain.
  ServerRig rig;
  Client client(rig.port);
  client.write(post(call_text("1", "echo", "[1]")) + "\r\n");
  (void)client.reply(rig);
  sched::Hold hold(rig.loop.m());
  rig.server->drain(rig.loop.p(), os::monotonic_ns() + 60 * kSecond);
  CHECK(rig.server->closed());
}
#endif

TEST_CASE("health is answered by a native M while the loop is blocked, and the queue in order afterwards") {
  ServerRig rig;
  Client client(rig.port), probe(rig.port);
  probe.write("GET /livez HTTP/1.1\r\nHost: t\r\n\r\n");
  CHECK(status_of(probe.reply(rig)) == "200");
  for (int i = 0; i < 20; i++) client.write(post(call_text(std::to_string(i), "echo", "[0]")));
  probe.write(
      "GET /livez HTTP/1.1\r\nHost: t\r\n\r\nPOST /rpc HTTP/1.1\r\nHost: t\r\nContent-Length: 1\r\n\r\n{");
  // Nobody steps the loop here.
  std::string reply;
  wait_until([&] {
    probe.poll();
    reply = probe.reply();
    return !reply.empty();
  });
  CHECK(status_of(reply) == "200");
  wait_until([&] {
    probe.poll();
    reply = probe.reply();
    return !reply.empty();
  });
  CHECK(body_of(reply).find("-32700") != std::string::npos);
  CHECK(rig.loop.p().handoffs() >= 1);
  for (int i = 0; i < 20; i++) {
    CHECK(body_of(client.reply(rig)) == R"({"jsonrpc":"2.0","result":[0],"id":)" + std::to_string(i) + "}");
  }
}

TEST_CASE(
    "many clients on threads, a loop that blocks now and then: every request is answered once, in order") {
  const uint64_t seed = test::seed();
  INFO("TAILRACE_TEST_SEED=", seed);
  ServerRig rig;
  constexpr int kClients = 4, kRounds = 150;
  std::atomic<int> live{kClients}, wrong{0};
  std::vector<std::thread> threads;
  for (int c = 0; c < kClients; c++) {
    threads.emplace_back([&, c] {
      Random random(seed + static_cast<uint64_t>(c));
      Client client(rig.port);
      for (int round = 0; round < kRounds; round++) {
        const int burst = 1 + static_cast<int>(random.below(8));
        std::string text;
        for (int i = 0; i < burst; i++)
          text += post(call_text(std::to_string(round * 10 + i), "echo", "[0]"));
        client.write(text);
        for (int i = 0; i < burst; i++) {
          std::string reply;
          while ((reply = client.reply()).empty()) {
            client.poll();
            if (client.ended()) break;
            std::this_thread::yield();
          }
          const std::string want =
              R"({"jsonrpc":"2.0","result":[0],"id":)" + std::to_string(round * 10 + i) + "}";
          if (body_of(reply) != want) wrong++;
        }
      }
      live--;
    });
  }
  Random random(seed);
  while (live > 0) {
    rig.step(1);
    if (random.below(200) == 0) std::this_thread::sleep_for(std::chrono::milliseconds(15));  // a blocked loop
  }
  for (auto& thread : threads) thread.join();
  CHECK(wrong == 0);
}
