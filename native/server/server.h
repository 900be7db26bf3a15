// A server on one P: its listener, its connections, what it counts, and how it ends. Everything here runs on
// the P's owner, whichever thread that is; only the counters and `closed` are read from elsewhere.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/counter.h"
#include "net/listener.h"
#include "server/connection.h"
#include "server/handler_group.h"
#include "server/health.h"
#include "server/limits.h"
#include "server/raw_endpoint.h"
#include "server/router.h"

namespace tailrace::server {

struct ServerStats {
  Counter connections, accepted, refused, requests, replies, shed, timeouts, malformed, in_flight, bytes_in,
      bytes_out;
};

class Server {
 public:
  /** `group` outlives the server. Null when memory is out. */
  static Server* create(sched::P& p, const Limits& limits, const Health& health,
                        HandlerGroup& group) noexcept;
  /** After kill(): frees it. Records that are still lent find their way to the P without it. */
  void destroy(sched::P& p) noexcept;

  /** Routes are added before listen(). */
  Router& router() noexcept { return router_; }
  RawEndpoint& js_routes() noexcept { return js_routes_; }

  Status listen(sched::P& p, const os::Address& address, const net::ListenOptions& options) noexcept;
  os::Address address() const noexcept { return listener_.local(); }

  /** Stops accepting, lets what is under way finish until `deadline_ns`, then kills. Idempotent. */
  void drain(sched::P& p, uint64_t deadline_ns) noexcept;
  /** Closes everything now. */
  void kill(sched::P& p) noexcept;
  bool draining() const noexcept { return draining_; }
  /** Drained or killed: no connection is left. Any thread. */
  // acquire: partner of the release in check_closed
  bool closed() const noexcept { return closed_.load(std::memory_order_acquire); }

  const Limits& limits() const noexcept { return limits_; }
  const http::Limits& http_limits() const noexcept { return http_limits_; }
  /** The group of the isolate whose server this is: its routes, and its methods when they are closures. */
  HandlerGroup& group() noexcept { return group_; }
  /** A further group, whose isolates are others'. Once, before listen(); it outlives the server. */
  void share(HandlerGroup& group) noexcept { shared_ = &group; }
  /** Calls waiting for JavaScript, in all groups. */
  uint32_t queued() const noexcept { return group_.size() + (shared_ ? shared_->size() : 0); }
  ServerStats& stats() noexcept { return stats_; }
  http::Header* headers() noexcept { return headers_; }

  /** Who answers: finds the route and serves, or answers 404, 405 and OPTIONS *. */
  void route(Exchange& exchange) noexcept;
  /** Whether a route answers it: only then is a client told to send the body that it holds back. */
  bool leads(const http::Request& request) const noexcept;
  /** A group's queue is full: Retry-After. */
  bool shedding() const noexcept { return group_.full() || (shared_ && shared_->full()); }
  /** Calls were put into the group: wake whom that concerns. */
  void calls_pushed(sched::P& p, HandlerGroup& group) noexcept;
  /** A peer went away or a deadline passed: AbortSignals may have to fire. */
  void cancelled() noexcept {
    group_.cancelled();
    if (shared_) shared_->cancelled();
  }

  /** Where a record comes back to its P. */
  static void record_returned(sched::Message& message, sched::P& p) noexcept;
  static void record_expired(TimerNode& node, void* p) noexcept;

  /** JS visits its loop: counted, so that a blocked one can be told. The isolate's thread. */
  // relaxed: a statistic with a single writer
  void visited() noexcept { visits_.add(1); }
  /** How long JS has been blocked, as far as it is known here; 0 while it is not. P's owner. */
  uint64_t blocked_ns(sched::P& p) noexcept;

  void connection_gone(sched::P& p, Connection& connection) noexcept;

 private:
  Server(const Limits& limits, const Health& health, HandlerGroup& group, http::Header* headers) noexcept;
  ~Server() = default;
  static Waiter::Next accept_ready(Waiter& self, uint32_t events, void* p) noexcept;
  static void retry_accept(TimerNode& node, void* p) noexcept;
  static void drain_over(TimerNode& node, void* p) noexcept;
  static void wake_others(TimerNode& node, void* p) noexcept;
  void admit(sched::P& p, const net::Accepted& accepted) noexcept;
  void stop_listening(sched::P& p) noexcept;
  void check_closed(sched::P& p) noexcept;

  struct Acceptor : Waiter {
    Server* server = nullptr;
  };

  Limits limits_;
  http::Limits http_limits_;
  HandlerGroup& group_;
  HandlerGroup* shared_ = nullptr;
  http::Header* headers_;
  Router router_;
  RawEndpoint js_routes_;
  HealthEndpoint health_;
  net::Listener listener_;
  net::Slot listener_slot_;
  Acceptor acceptor_;
  Deadline<Server> retry_;
  Deadline<Server> drain_timer_;
  Deadline<Server> wake_timer_;  // armed while calls may wait in the shared group
  Connection* connections_ = nullptr;
  uint32_t connection_count_ = 0;
  bool draining_ = false;
  std::atomic<bool> closed_{false};
  Counter visits_;
  uint64_t visits_seen_ = 0;
  uint64_t blocked_since_ns_ = 0;
  ServerStats stats_;
};

}  // namespace tailrace::server
