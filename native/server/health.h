// /livez and /readyz, answered on the P itself, so also while JavaScript is blocked.
//
// live: 200 as long as JS comes back; 503 once it has been blocked for `blocked_ms` (an orchestrator then
// restarts the process). ready: 503 at once when the group's queue is full or the server drains: send the
// traffic elsewhere.
#pragma once

#include "server/endpoint.h"

namespace tailrace::server {

class HealthEndpoint final : public Endpoint {
 public:
  enum Target : uint32_t { kLive, kReady };

  explicit HealthEndpoint(uint64_t blocked_ns) noexcept : blocked_ns_(blocked_ns) {}
  void serve(Exchange& exchange) noexcept override;
  // Always answered at once: there is never a record of its own.
  Reply plan(const RequestRecord&) const noexcept override { return {}; }
  char* write_body(const RequestRecord&, char* out) const noexcept override { return out; }

 private:
  uint64_t blocked_ns_;
};

}  // namespace tailrace::server
