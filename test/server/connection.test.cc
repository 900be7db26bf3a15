// Connections end to end in C++: whole requests in any pieces, order, back-pressure, deadlines, peers that
// leave, draining.
#include <doctest/doctest.h>

#include <atomic>
#include <thread>

#include "../support/random.h"
#include "harness.h"

using namespace tailrace;
using namespace tailrace::test;

TEST_CASE("a request in every pair of pieces gets the same reply") {
  ServerRig rig;
  const std::string text = post(call_text("7", "echo", "[1,\"x\"]"));
  for (size_t cut = 0; cut <= text.size(); cut++) {
    Client client(rig.port);
    client.write(text.substr(0, cut));
    rig.step(1);
    client.write(text.substr(cut));
    const std::string reply = client.reply(rig);
    CHECK(status_of(reply) == "200");
    CHECK(body_of(reply) == R"({"jsonrpc":"2.0","result":[1,"x"],"id":7})");
  }
}

TEST_CASE("a chunked request in any pieces, and the pipelined one behind it") {
  const uint64_t seed = test::seed();
  INFO("TAILRACE_TEST_SEED=", seed);
  Random random(seed);
  ServerRig rig;
  for (int round = 0; round < 50; round++) {
    const std::string body = call_text("1", "echo", "[\"" + std::string(random.below(30'000), 'y') + "\"]");
    std::string text = "POST /rpc HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (size_t at = 0; at < body.size();) {
      const size_t piece = 1 + random.below(9'000);
      const std::string part = body.substr(at, piece);
      char size[32];
      std::snprintf(size, sizeof size, "%zx;ext=1\r\n", part.size());
      text += size + part + "\r\n";
      at += part.size();
    }
    text += "0\r\nX-Trailer: 1\r\n\r\n" + post(call_text("2", "echo", "[2]"));
    Client client(rig.port);
    for (size_t at = 0; at < text.size();) {
      const size_t piece = 1 + random.below(random.below(2) ? 20'000 : 100);
      client.write(text.substr(at, piece));
      at += piece;
      rig.step(0);
    }
    const std::string first = body_of(client.reply(rig));
    CHECK(first.size() ==
          body.size() - std::strlen(R"("method":"echo",)") + std::strlen("result") - std::strlen("params"));
    CHECK(body_of(client.reply(rig)) == R"({"jsonrpc":"2.0","result":[2],"id":2})");
  }
}

TEST_CASE("pipelined requests are answered in order, whoever finishes first, also natively") {
  ServerRig rig;
  rig.keep = [](const server::Call& call) { return call.target == 1; };  // slow
  Client client(rig.port);
  client.write(post(call_text("1", "slow", "[1]")) + post(call_text("2", "echo", "[2]")) +
               "GET /livez HTTP/1.1\r\nHost: t\r\n\r\n" + post(call_text("3", "nope", "[3]")) +
               post(call_text("4", "slow", "[4]")) + post("{") + "GET /gone HTTP/1.1\r\nHost: t\r\n\r\n");
  wait_until([&] {
    rig.step(1);
    return rig.kept.size() == 2;
  });
  client.poll();
  CHECK(client.text().empty());
  rig.answer(*rig.kept[1], "\"later\"");
  rig.turn_inbox();
  client.poll();
  CHECK(client.text().empty());
  rig.answer(*rig.kept[0], "\"first\"");
  rig.turn_inbox();
  CHECK(body_of(client.reply(rig)) == R"({"jsonrpc":"2.0","result":"first","id":1})");
  CHECK(body_of(client.reply(rig)) == R"({"jsonrpc":"2.0","result":[2],"id":2})");
  CHECK(body_of(client.reply(rig)) == "ok\n");
  CHECK(body_of(client.reply(rig)).find("-32601") != std::string::npos);
  CHECK(body_of(client.reply(rig)) == R"({"jsonrpc":"2.0","result":"later","id":4})");
  CHECK(body_of(client.reply(rig)).find("-32700") != std::string::npos);
  CHECK(status_of(client.reply(rig)) == "404");
}

TEST_CASE("a window of two takes a burst of a hundred, two at a time") {
  server::Limits limits = default_limits();
  limits.pipeline = 2;
  ServerRig rig(limits);
  Client client(rig.port);
  std::string text;
  for (int i = 0; i < 100; i++)
    text += post(call_text(std::to_string(i), "echo", "[" + std::to_string(i) + "]"));
  client.write(text);
  for (int i = 0; i < 100; i++) {
    const std::string number = std::to_string(i);
    CHECK(body_of(client.reply(rig)) ==
          R"({"jsonrpc":"2.0","result":[)" + number + R"(],"id":)" + number + "}");
    CHECK(rig.server->stats().in_flight.read() <= 2);
  }
}

TEST_CASE("a full queue sheds with 503, and what was taken is answered") {
  server::Limits limits = default_limits();
  limits.queue = 4;
  ServerRig rig(limits);
  Client client(rig.port);
  std::string text;
  for (int i = 0; i < 10; i++) text += post(call_text(std::to_string(i), "echo", "[0]"));
  client.write(text);
  rig.loop.step(1000);                            // accepts
  for (int i = 0; i < 3; i++) rig.loop.step(10);  // reads, without a drain: the queue fills up
  int taken = 0, shed = 0;
  for (int i = 0; i < 10; i++) {
    const std::string reply = client.reply(rig);
    (status_of(reply) == "200" ? taken : shed)++;
    if (status_of(reply) == "503") CHECK(reply.find("Retry-After: 1\r\n") != std::string::npos);
  }
  CHECK(taken == 4);
  CHECK(shed == 6);
  CHECK(rig.server->stats().shed.read() == 6);
}

TEST_CASE("deadlines: a call that nobody answers, and one of a batch") {
  ServerRig rig;
  rig.keep = [](const server::Call& call) { return call.target != 0; };  // slow and hasty
  Client client(rig.port);
  client.write(post(call_text("1", "hasty", "[]")));
  CHECK(body_of(client.reply(rig)) ==
        R"({"jsonrpc":"2.0","error":{"code":-32001,"message":"Request timed out"},"id":1})");
  CHECK(rig.server->stats().timeouts.read() == 1);
  client.write(post("[" + call_text("2", "hasty", "[]") + "," + call_text("3", "slow", "[]") + "," +
                    call_text("4", "echo", "[4]") + "]"));
  wait_until([&] {
    rig.step(1);
    return rig.kept.size() == 3;
  });
  // The hasty one expires; only then the slow one is answered, and the reply has all three.
  wait_until([&] {
    rig.step(1);
    return rig.kept[1]->state.load() == server::CallState::expired;
  });
  rig.answer(*rig.kept[2], "\"done\"");
  rig.turn_inbox();
  const std::string reply = body_of(client.reply(rig));
  CHECK(reply.find(R"("message":"Request timed out"},"id":2})") != std::string::npos);
  CHECK(reply.find(R"({"jsonrpc":"2.0","result":"done","id":3})") != std::string::npos);
  CHECK(reply.find(R"({"jsonrpc":"2.0","result":[4],"id":4})") != std::string::npos);
  // Answers that come too late find their records alive and are dropped.
  rig.answer(*rig.kept[0], "1");
  rig.answer(*rig.kept[1], "1");
  rig.turn_inbox();
  CHECK(rig.server->stats().in_flight.read() == 0);
}

TEST_CASE("a peer that leaves: its calls are told, nothing is written to nobody, all is freed") {
  ServerRig rig;
  rig.keep = [](const server::Call&) { return true; };
  {
    Client client(rig.port);
    client.write(post(call_text("1", "slow", "[]")) + post(call_text("2", "slow", "[]")));
    wait_until([&] {
      rig.step(1);
      return rig.kept.size() == 2;
    });
  }
  wait_until([&] {
    rig.step(1);
    return rig.kept[0]->record->peer_gone.load();
  });
  rig.answer(*rig.kept[0], "1");
  rig.answer(*rig.kept[1], "2");
  rig.turn_inbox();
  wait_until([&] {
    rig.step(1);
    return rig.server->stats().connections.read() == 0;
  });
  CHECK(rig.server->stats().in_flight.read() == 0);
}

TEST_CASE("a refused peer that goes on sending is not reset: what it sends is taken and dropped") {
  ServerRig rig;
  Client client(rig.port);
  std::atomic<bool> sent{false};
  bool whole = false;
  // more than the buffers of both sockets hold, and little enough for the two seconds that the server waits
  // for the peer's end, on a busy machine too
  constexpr size_t kBody = 12 << 20;
  std::thread sender([&] {
    client.write("POST /rpc HTTP/1.1\r\nHost: t\r\nContent-Length: " + std::to_string(kBody) + "\r\n\r\n");
    whole = client.write(std::string(kBody, 'x'));
    client.shutdown();
    sent = true;
  });
  wait_until([&] {
    rig.step(1);
    return sent.load() && rig.server->stats().connections.read() == 0;
  });
  sender.join();
  CHECK(whole);
  CHECK(client.error() == 0);
  CHECK(status_of(client.reply(rig)) == "413");
}

TEST_CASE("a peer that leaves while its window is full: its calls are told all the same") {
  server::Limits limits = default_limits();
  limits.pipeline = 1;
  ServerRig rig(limits);
  rig.keep = [](const server::Call&) { return true; };
  {
    Client client(rig.port);
    client.write(post(call_text("1", "slow", "[]")));
    wait_until([&] {
      rig.step(1);
      return rig.kept.size() == 1;
    });
  }
  wait_until([&] {
    rig.step(1);
    return rig.kept[0]->record->peer_gone.load();
  });
  rig.answer(*rig.kept[0], "1");
  rig.turn_inbox();
  wait_until([&] {
    rig.step(1);
    return rig.server->stats().connections.read() == 0;
  });
}

TEST_CASE("the isolates are told of an expired call when it has expired, not before") {
  struct Listener final : server::GroupListener {
    server::Call* call = nullptr;
    bool seen = false;
    void calls_wait() noexcept override {
      if (call) seen = call->state.load() == server::CallState::expired;
    }
  } listener;
  ServerRig rig;
  rig.keep = [](const server::Call&) { return true; };
  const server::HandlerGroup::Seat seat = rig.group->join(listener);
  Client client(rig.port);
  client.write(post(call_text("1", "hasty", "[]")));
  wait_until([&] {
    rig.step(1);
    return rig.kept.size() == 1;
  });
  listener.call = rig.kept[0];
  CHECK(body_of(client.reply(rig)).find("-32001") != std::string::npos);
  CHECK(listener.seen);
  rig.answer(*rig.kept[0], "1");
  rig.turn_inbox();
  rig.group->leave(seat);
}

TEST_CASE("a call whose isolate ends is answered as failed, the others of its batch as they are") {
  ServerRig rig;
  rig.keep = [](const server::Call& call) { return call.target == 1; };
  Client client(rig.port);
  client.write(post("[" + call_text("1", "slow", "[]") + "," + call_text("2", "echo", "[5]") + "]"));
  wait_until([&] {
    rig.step(1);
    return rig.kept.size() == 1;
  });
  server::abandon(*rig.kept[0]);
  rig.turn_inbox();
  const std::string body = body_of(client.reply(rig));
  CHECK(body.find(R"({"jsonrpc":"2.0","error":{"code":-32603,"message":"Internal error"},"id":1})") !=
        std::string::npos);
  CHECK(body.find(R"("result":[5],"id":2)") != std::string::npos);
}

TEST_CASE("100 Continue comes in its turn, and never behind the refusal of its request") {
  ServerRig rig;
  rig.keep = [](const server::Call&) { return true; };
  const std::string head =
      "POST /rpc HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (const bool bad : {false, true}) {
    Client client(rig.port);
    client.write(post(call_text("1", "slow", "[]")) + head);
    wait_until([&] {
      rig.step(1);
      return rig.kept.size() == 1;
    });
    if (bad) {
      client.write("no size\r\n");
      const uint64_t malformed = rig.server->stats().malformed.read();
      wait_until([&] {
        rig.step(1);
        return rig.server->stats().malformed.read() > malformed;
      });
    }
    rig.answer(*rig.kept[0], "1");
    rig.kept.clear();
    rig.turn_inbox();
    CHECK(status_of(client.reply(rig)) == "200");
    CHECK(status_of(client.reply(rig)) == (bad ? "400" : "100"));
    if (!bad) continue;
    wait_until([&] {
      rig.step(1);
      client.poll();
      return client.ended();
    });
    CHECK(client.text().empty());
  }
}

TEST_CASE("a large body is read over several turns: one connection has no turn for itself") {
  server::Limits limits = default_limits();
  limits.body_bytes = 64 << 20;
  ServerRig rig(limits);
  Client client(rig.port);
  const std::string body = call_text("1", "echo", "[\"" + std::string(48 << 20, 'y') + "\"]");
  std::thread sender([&] { client.write(post(body)); });
  uint64_t before = 0, most = 0;
  while (rig.server->stats().requests.read() == 0) {
    rig.step(1);
    const uint64_t now = rig.server->stats().bytes_in.read();
    if (now - before > most) most = now - before;
    before = now;
  }
  sender.join();
  CHECK(most <= sched::Budget{}.bytes + (1 << 20));
  CHECK(body_of(client.reply(rig)).size() > (48u << 20));
}

TEST_CASE("a peer that asks on and reads nothing is cut: new requests are no progress in writing") {
  server::Limits limits = default_limits();
  limits.write_ms = 100;
  limits.body_bytes = 64 << 20;
  limits.write_bytes = 1 << 30;
  ServerRig rig(limits);
  Client client(rig.port);
  const std::string big(40 << 20, 'y');
  rig.handler = [&](const server::Call&, std::string_view params) {
    return params.size() > 2 ? "\"" + big + "\"" : std::string("0");
  };
  client.write(post(call_text("1", "echo", "[1]")));
  uint64_t asked = 0, next_ns = 0;
  const uint64_t limit_ns = os::monotonic_ns() + 20'000'000'000;
  wait_until([&] {
    rig.step(1);
    if (os::monotonic_ns() > next_ns && client.write("GET /livez HTTP/1.1\r\nHost: t\r\n\r\n")) {
      asked++;
      next_ns = os::monotonic_ns() + 20'000'000;
    }
    return rig.server->stats().timeouts.read() > 0 || asked > 200 || os::monotonic_ns() > limit_ns;
  });
  CHECK(rig.server->stats().timeouts.read() == 1);
  CHECK(rig.server->stats().connections.read() == 0);
}

TEST_CASE("an answer of more than 4 GB is none, not one that is cut") {
  ServerRig rig;
  rig.keep = [](const server::Call&) { return true; };
  Client client(rig.port);
  client.write("GET /raw/x HTTP/1.1\r\nHost: t\r\n\r\n");
  wait_until([&] {
    rig.step(1);
    return rig.kept.size() == 1;
  });
  server::Answer answer;
  answer.kind = server::Call::Kind::raw;
  answer.head_bytes = 50;
  answer.bytes = {"", (size_t{1} << 32) + 10};  // never read
  (void)server::settle(*rig.kept[0], answer, rig.cache);
  rig.turn_inbox();
  CHECK(status_of(client.reply(rig)) == "503");
}

TEST_CASE("a request that its peer cuts short is malformed, behind the replies before it") {
  ServerRig rig;
  const std::string whole = post(call_text("1", "echo", "[1]"));
  for (size_t cut = 1; cut < whole.size(); cut += 7) {
    Client client(rig.port);
    client.write(whole + whole.substr(0, cut));
    client.shutdown();
    CHECK(status_of(client.reply(rig)) == "200");
    CHECK(status_of(client.reply(rig)) == "400");
    wait_until([&] {
      rig.step(1);
      client.poll();
      return client.ended() && rig.server->stats().connections.read() == 0;
    });
  }
}

TEST_CASE("a half-closed peer still gets its reply") {
  ServerRig rig;
  Client client(rig.port);
  client.write(post(call_text("1", "echo", "[1]")));
  client.shutdown();
  CHECK(body_of(client.reply(rig)) == R"({"jsonrpc":"2.0","result":[1],"id":1})");
  wait_until([&] {
    rig.step(1);
    client.poll();
    return client.ended() && rig.server->stats().connections.read() == 0;
  });
}

TEST_CASE(
    "draining: what is under way is answered with Connection: close, idle peers go, late ones are cut") {
  ServerRig rig;
  rig.keep = [](const server::Call& call) { return call.target == 1; };
  Client idle(rig.port), busy(rig.port), stuck(rig.port);
  idle.write("GET /livez HTTP/1.1\r\nHost: t\r\n\r\n");
  CHECK(status_of(idle.reply(rig)) == "200");
  busy.write(post(call_text("1", "slow", "[]")) + "\r\n");  // the empty line is no further request
  wait_until([&] {
    rig.step(1);
    return rig.kept.size() == 1;
  });
  stuck.write(post(call_text("2", "slow", "[]")));
  wait_until([&] {
    rig.step(1);
    return rig.kept.size() == 2;
  });
  {
    sched::Hold hold(rig.loop.m());
    rig.server->drain(rig.loop.p(), os::monotonic_ns() + 300'000'000);
  }
  rig.answer(*rig.kept[0], "\"bye\"");
  rig.turn_inbox();
  const std::string reply = busy.reply(rig);
  CHECK(reply.find("Connection: close\r\n") != std::string::npos);
  CHECK(body_of(reply) == R"({"jsonrpc":"2.0","result":"bye","id":1})");
  CHECK_FALSE(rig.server->closed());
  busy.close();
  wait_until([&] {
    rig.step(1);
    return rig.server->closed();
  });
  idle.poll();
  stuck.poll();
  CHECK(idle.ended());
  CHECK(stuck.ended());
  rig.answer(*rig.kept[1], "\"late\"");
  rig.turn_inbox();
}

TEST_CASE("draining: a refused peer that is still being listened to keeps its reply") {
  ServerRig rig;
  Client client(rig.port);
  client.write("BAD\r\n\r\n");
  CHECK(status_of(client.reply(rig)) == "400");
  {
    sched::Hold hold(rig.loop.m());
    rig.server->drain(rig.loop.p(), os::monotonic_ns() + 60'000'000'000);
  }
  // Closed with unread bytes, the system would send a reset, which can overtake the reply.
  CHECK(client.write(std::string(100'000, 'x')));
  rig.step(10);
  CHECK(client.write("x"));
  CHECK(client.error() == 0);
  CHECK_FALSE(rig.server->closed());
  client.close();
  wait_until([&] {
    rig.step(1);
    return rig.server->closed();
  });
}
