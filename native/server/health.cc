// See health.h.
#include "server/health.h"

#include "server/connection.h"
#include "server/server.h"

namespace tailrace::server {

void HealthEndpoint::serve(Exchange& exchange) noexcept {
  Server& server = exchange.server;
  const bool well = exchange.target == kReady ? !server.shedding() && !server.draining()
                                              : server.blocked_ns(exchange.p) < blocked_ns_;
  Reply reply;
  reply.status = well ? 200 : 503;
  reply.content_type = kTextPlain;
  reply.body = well ? "ok\n" : exchange.target == kReady ? "not ready\n" : "blocked\n";
  exchange.connection.reply(exchange, reply);
}

}  // namespace tailrace::server
