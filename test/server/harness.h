// A server without Node: a Loop as its isolate, a client over loopback, and a handler in C++ that does what
// the JavaScript side does: drains the group into a segment and settles the calls.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "../sched/loop.h"
#include "rpc/endpoint.h"
#include "server/segment.h"
#include "server/server.h"

namespace tailrace::test {

inline server::Limits default_limits() {
  server::Limits limits;
  limits.connections = 100;
  limits.header_bytes = 16 * 1024;
  limits.headers = 50;
  limits.body_bytes = 1 << 20;
  limits.pipeline = 16;
  limits.header_ms = limits.request_ms = limits.idle_ms = limits.write_ms = 60'000;
  limits.write_bytes = 1 << 20;
  limits.queue = 1024;
  limits.batch = 100;
  limits.depth = 64;
  return limits;
}

class ServerRig {
 public:
  /** What the handler says to a call: its params (or body) come in, the JSON text of the result goes out. */
  using Handler = std::function<std::string(const server::Call&, std::string_view params)>;

  explicit ServerRig(const server::Limits& limits = default_limits())
      : group(server::HandlerGroup::create(cache, nullptr, limits.queue)),
        rpc(*group, limits.batch, limits.depth),
        table(cache),
        drain(*group, table) {
    server::Health health;
    health.enabled = true;
    health.live = "/livez";
    health.live_bytes = 6;
    health.ready = "/readyz";
    health.ready_bytes = 7;
    health.blocked_ms = 30'000;
    sched::Hold hold(loop.m());
    server = server::Server::create(loop.p(), limits, health, *group);
    for (const char* name : {"echo", "slow"}) {
      rpc::Method method;
      method.name = name;
      rpc.methods().add(method);
    }
    rpc::Method hasty;
    hasty.name = "hasty";
    hasty.timeout_ms = 20;
    rpc.methods().add(hasty);
    rpc.methods().seal();
    server->router().add("POST", "/rpc", rpc, 0);
    server->router().add("GET", "/raw/:name", server->js_routes(), 0);
    auto address = os::Address::ip("127.0.0.1", 0);
    const Status listening = server->listen(loop.p(), *address, net::ListenOptions());
    if (!listening) std::abort();
    port = server->address().port();
  }

  ~ServerRig() {
    {
      sched::Hold hold(loop.m());
      server->kill(loop.p());
      drain.abandon();
      group->give_back_all();
      (void)loop.p().turn({.poll = false});
      server->destroy(loop.p());
    }
    group->release(cache);
  }

  /** One turn of the loop, the calls that wait, and their replies. False when nothing came in time. */
  bool step(int timeout_ms = 0) {
    const bool came = loop.step(timeout_ms);
    serve_calls();
    return came;
  }

  /** Runs the handlers of all that waits. */
  void serve_calls() {
    std::vector<int32_t> words(server::Drain::kWords * server::Drain::kMaxCalls);
    std::vector<char> segment(64 * 1024);
    bool settled = false;
    for (;;) {
      const server::Batch batch = drain.seal(words.data(), server::Drain::kMaxCalls, segment.data(),
                                             static_cast<uint32_t>(segment.size()), os::monotonic_ns());
      if (batch.calls == 0 && batch.needed > 0) {
        segment.resize(batch.needed);
        continue;
      }
      if (batch.calls == 0) break;
      for (uint32_t i = 0; i < batch.calls; i++) {
        const int32_t* word = words.data() + i * server::Drain::kWords;
        server::Call* call = table.take(static_cast<uint32_t>(word[0]), static_cast<uint32_t>(word[1]));
        const std::string_view params(segment.data() + word[4], static_cast<size_t>(word[5]));
        if (keep && keep(*call)) {
          kept.push_back(call);
          continue;
        }
        answer(*call, handler(*call, params));
        settled = true;
      }
    }
    if (settled) turn_inbox();
  }

  void answer(server::Call& call, const std::string& text) {
    server::Answer answer;
    answer.kind = call.kind;
    answer.bytes = text;
    (void)server::settle(call, answer, cache);
  }

  void turn_inbox() {
    if (loop.m().acquire()) {
      (void)loop.p().turn({.poll = false});
      loop.m().lend();
    } else {
      loop.p().kick();
    }
  }

  memory::Cache cache;
  Loop loop;
  server::HandlerGroup* group;
  rpc::RpcEndpoint rpc;
  server::CallTable table;
  server::Drain drain;
  server::Server* server = nullptr;
  uint16_t port = 0;
  Handler handler = [](const server::Call&, std::string_view params) {
    return params.empty() ? std::string("null") : std::string(params);
  };
  std::function<bool(const server::Call&)> keep;
  std::vector<server::Call*> kept;
};

/** A client that blocks, on a thread of its own or between two steps of the server. */
class Client {
 public:
  explicit Client(uint16_t port) {
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) std::abort();
  }
  ~Client() { close(); }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  void shutdown() { ::shutdown(fd_, SHUT_WR); }
  /** False: the connection broke before all was sent. */
  bool write(std::string_view text) {
    while (!text.empty()) {
      const ssize_t sent = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      text.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }
  /** What is there, without waiting; sets ended() at the peer's end. */
  void poll() {
    char bytes[65536];
    for (;;) {
      const ssize_t got = ::recv(fd_, bytes, sizeof bytes, MSG_DONTWAIT);
      if (got == 0) ended_ = true;
      if (got <= 0) return;
      text_.append(bytes, static_cast<size_t>(got));
    }
  }
  bool ended() const { return ended_; }
  /** What the system holds against the connection: a reset, say; 0: nothing. */
  int error() const {
    int error = 0;
    socklen_t bytes = sizeof error;
    ::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &bytes);
    return error;
  }
  const std::string& text() const { return text_; }

  /** Takes one whole reply off the front; empty when it is not there yet. Without Date, which changes. */
  std::string reply() {
    const size_t head = text_.find("\r\n\r\n");
    if (head == std::string::npos) return {};
    size_t length = 0;
    const size_t at = text_.find("Content-Length: ");
    if (at != std::string::npos && at < head) length = std::strtoul(text_.c_str() + at + 16, nullptr, 10);
    if (text_.size() < head + 4 + length) return {};
    std::string whole = text_.substr(0, head + 4 + length);
    text_.erase(0, whole.size());
    return whole;
  }
  /** The same, stepping the server until it is there. */
  std::string reply(ServerRig& rig) {
    std::string whole;
    wait_until([&] {
      rig.step(1);
      poll();
      whole = reply();
      return !whole.empty() || ended_;
    });
    return whole;
  }

 private:
  int fd_ = -1;
  bool ended_ = false;
  std::string text_;
};

inline std::string body_of(const std::string& reply) {
  const size_t head = reply.find("\r\n\r\n");
  return head == std::string::npos ? std::string() : reply.substr(head + 4);
}

inline std::string status_of(const std::string& reply) { return reply.substr(9, 3); }

inline std::string post(const std::string& body, const std::string& extra = "") {
  return "POST /rpc HTTP/1.1\r\nHost: t\r\n" + extra + "Content-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

inline std::string call_text(const std::string& id, const std::string& method, const std::string& params) {
  return R"({"jsonrpc":"2.0","id":)" + id + R"(,"method":")" + method + R"(","params":)" + params + "}";
}

}  // namespace tailrace::test
