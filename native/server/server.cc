// See server.h.
#include "server/server.h"

#include <new>

#include "server/local.h"

namespace tailrace::server {

namespace {
constexpr uint64_t kMs = 1'000'000;
// Connections taken in one run of the acceptor: others of the P have their turn between two such runs.
constexpr int kAcceptBatch = 64;
// Out of descriptors, nobody says when there is one again.
constexpr uint64_t kAcceptRetryNs = 50 * kMs;
// An isolate that was woken takes its first call within this time, or its loop is blocked: wake another one.
constexpr uint64_t kWakeOthersNs = 4 * kMs;
}  // namespace

Server::Server(const Limits& limits, const Health& health, HandlerGroup& group,
               http::Header* headers) noexcept
    : limits_(limits), group_(group), headers_(headers), health_(health.blocked_ms * kMs) {
  http_limits_.header_bytes = limits.header_bytes;
  http_limits_.headers = limits.headers;
  http_limits_.body_bytes = limits.body_bytes;
  acceptor_.run = &accept_ready;
  acceptor_.server = this;
  retry_.fire = &retry_accept;
  retry_.owner = this;
  drain_timer_.fire = &drain_over;
  drain_timer_.owner = this;
  wake_timer_.fire = &wake_others;
  wake_timer_.owner = this;
  if (health.enabled) {
    router_.add("GET", {health.live, health.live_bytes}, health_, HealthEndpoint::kLive);
    router_.add("GET", {health.ready, health.ready_bytes}, health_, HealthEndpoint::kReady);
  }
}

Server* Server::create(sched::P& p, const Limits& limits, const Health& health,
                       HandlerGroup& group) noexcept {
  if (!p.prepare_local(server_local)) return nullptr;  // here it is an error; at the first request, an abort
  auto* headers = static_cast<http::Header*>(p.cache().allocate(sizeof(http::Header) * limits.headers));
  if (!headers) return nullptr;
  auto* server = new (std::nothrow) Server(limits, health, group, headers);
  if (!server) p.cache().free(headers);
  return server;
}

void Server::destroy(sched::P& p) noexcept {
  kill(p);
  p.cache().free(headers_);
  delete this;
}

Status Server::listen(sched::P& p, const os::Address& address, const net::ListenOptions& options) noexcept {
  if (Status opened = listener_.open(address, options); !opened) return opened;
  Result<net::Slot> slot = p.poller().add_readable(listener_.fd(), acceptor_);
  if (!slot) {
    listener_.close();
    return slot.status();
  }
  listener_slot_ = *slot;
  return {};
}

Waiter::Next Server::accept_ready(Waiter& self, uint32_t, void* at) noexcept {
  Server& server = *static_cast<Acceptor&>(self).server;
  sched::P& p = *static_cast<sched::P*>(at);
  if (!server.listener_.is_open()) return Waiter::Next::done;
  int failures = 0;
  for (int i = 0; i < kAcceptBatch; i++) {
    const net::Accepted accepted = server.listener_.accept();
    switch (accepted.state) {
      case net::AcceptState::accepted:
        server.admit(p, accepted);
        break;
      case net::AcceptState::drained:
        return Waiter::Next::done;
      case net::AcceptState::refused:
        server.stats_.refused.add(1);
        server.group_.alert();
        break;
      case net::AcceptState::failed:
        failures++;
        break;
      case net::AcceptState::starved:
        p.timers().arm(server.retry_, p.now_ns() + kAcceptRetryNs);
        return Waiter::Next::done;
    }
  }
  if (failures < kAcceptBatch) return Waiter::Next::again;
  // One peer that gave up is nothing; a whole batch of failures is a socket that is broken: do not spin on
  // it.
  p.timers().arm(server.retry_, p.now_ns() + kAcceptRetryNs);
  return Waiter::Next::done;
}

void Server::retry_accept(TimerNode& node, void* p) noexcept {
  Server& server = *static_cast<Deadline<Server>&>(node).owner;
  static_cast<sched::P*>(p)->ready(server.acceptor_, kAgain);
}

void Server::admit(sched::P& p, const net::Accepted& accepted) noexcept {
  stats_.accepted.add(1);
  void* block = connection_count_ < limits_.connections ? p.cache().allocate(sizeof(Connection)) : nullptr;
  if (!block) {
    stats_.refused.add(1);
    os::close(accepted.fd);
    group_.alert();
    return;
  }
  (void)os::set_nodelay(accepted.fd, true);
  auto* connection = new (block) Connection(*this, accepted.fd, accepted.peer);
  if (!connection->start(p)) {
    p.cache().free(block);
    return;
  }
  connection->list_next = connections_;
  if (connections_) connections_->list_previous = connection;
  connections_ = connection;
  connection_count_++;
  stats_.connections.set(connection_count_);
}

void Server::connection_gone(sched::P& p, Connection& connection) noexcept {
  if (connection.list_previous) {
    connection.list_previous->list_next = connection.list_next;
  } else {
    connections_ = connection.list_next;
  }
  if (connection.list_next) connection.list_next->list_previous = connection.list_previous;
  connection.~Connection();
  p.cache().free(&connection);
  connection_count_--;
  stats_.connections.set(connection_count_);
  check_closed(p);
}

bool Server::leads(const http::Request& request) const noexcept {
  return router_.find(request.method_text, request.path).endpoint != nullptr;
}

void Server::route(Exchange& exchange) noexcept {
  const http::Request& request = exchange.request;
  if (request.path == "*") {  // asked of the server, not of a path (RFC 9110 9.3.7)
    Reply reply;
    reply.status = 204;
    const std::string allow = "Allow: " + std::string(router_.methods()) + "\r\n";
    reply.lines = allow;
    return exchange.connection.reply(exchange, reply);
  }
  const Router::Match match = router_.find(request.method_text, request.path);
  if (match.endpoint) {
    exchange.target = match.target;
    return match.endpoint->serve(exchange);
  }
  Reply reply;
  reply.content_type = kTextPlain;
  if (match.allow.empty()) {
    reply.status = 404;
    reply.body = "Not Found\n";
    return exchange.connection.reply(exchange, reply);
  }
  reply.status = 405;
  reply.body = "Method Not Allowed\n";
  const std::string allow = "Allow: " + std::string(match.allow) + "\r\n";
  reply.lines = allow;
  exchange.connection.reply(exchange, reply);
}

void Server::calls_pushed(sched::P& p, HandlerGroup& group) noexcept {
  if (&group == &group_) {
    // Run by its own isolate, the P's turn is followed by a drain: no wake is needed.
    if (p.word().native_owned()) group.notify();
    return;
  }
  group.notify();
  if (!wake_timer_.armed()) p.timers().arm(wake_timer_, p.now_ns() + kWakeOthersNs);
}

void Server::wake_others(TimerNode& node, void* p) noexcept {
  Server& server = *static_cast<Deadline<Server>&>(node).owner;
  if (server.shared_->size() == 0) return;
  server.shared_->notify();
  auto& owner = *static_cast<sched::P*>(p);
  owner.timers().arm(server.wake_timer_, owner.now_ns() + kWakeOthersNs);
}

void Server::record_returned(sched::Message& message, sched::P& p) noexcept {
  auto& record = static_cast<RequestRecord&>(message);
  record.returned = true;
  if (p.closed()) return record.destroy_anywhere();
  if (record.connection) {
    if (record.ready) return;  // expired already and waiting for its turn to be written
    record.connection->record_ready(p, record);
  } else {
    // Answered in its isolate's place, or its peer is gone.
    record.destroy(p.cache());
  }
}

void Server::record_expired(TimerNode& node, void* at) noexcept {
  RequestRecord& record = *static_cast<Deadline<RequestRecord>&>(node).owner;
  sched::P& p = *static_cast<sched::P*>(at);
  Server& server = record.connection->server();
  bool newly = false;
  const uint64_t again = record.expire(p.now_ns(), &newly);
  if (newly) server.cancelled();  // after it: whoever is told looks once
  if (again != RequestRecord::kSettled) {
    p.timers().arm(record.timer, again);
    return;
  }
  server.stats_.timeouts.add(1);
  record.connection->record_ready(p, record);
}

uint64_t Server::blocked_ns(sched::P& p) noexcept {
  const uint64_t visits = visits_.read();
  if (!p.word().native_owned() || visits != visits_seen_ || blocked_since_ns_ == 0) {
    visits_seen_ = visits;
    blocked_since_ns_ = p.word().native_owned() ? p.now_ns() : 0;
    return 0;
  }
  return p.now_ns() - blocked_since_ns_;
}

void Server::stop_listening(sched::P& p) noexcept {
  if (!listener_.is_open()) return;
  p.poller().remove(listener_slot_);
  listener_.close();
  p.timers().cancel(retry_);
  p.forget(acceptor_);
}

void Server::drain(sched::P& p, uint64_t deadline_ns) noexcept {
  stop_listening(p);
  draining_ = true;
  for (Connection* connection = connections_; connection;) {
    Connection* next = connection->list_next;
    connection->drain(p);
    connection = next;
  }
  if (connection_count_ > 0) p.timers().arm(drain_timer_, deadline_ns);
  check_closed(p);
}

void Server::drain_over(TimerNode& node, void* p) noexcept {
  static_cast<Deadline<Server>&>(node).owner->kill(*static_cast<sched::P*>(p));
}

void Server::kill(sched::P& p) noexcept {
  stop_listening(p);
  draining_ = true;
  while (Connection* connection = connections_) {
    connection->destroy(p);
    p.forget(*connection);
    connection_gone(p, *connection);
  }
  check_closed(p);
}

void Server::check_closed(sched::P& p) noexcept {
  if (!draining_ || connection_count_ > 0) return;
  p.timers().cancel(drain_timer_);
  p.timers().cancel(wake_timer_);
  // release: partner of closed(); whoever sees it may take the server apart
  if (!closed_.exchange(true, std::memory_order_release)) group_.alert();
}

}  // namespace tailrace::server
