// Every bound of a server, filled in by the facade (lib/server/limits.ts has the defaults and says why each).
#pragma once

#include <cstdint>

namespace tailrace::server {

struct Limits {
  uint32_t connections = 0;
  uint32_t header_bytes = 0;
  uint32_t headers = 0;
  uint64_t body_bytes = 0;
  uint32_t pipeline = 0;     // requests of one connection under way at once
  uint32_t header_ms = 0;    // first byte of a request to the end of its head
  uint32_t request_ms = 0;   // first byte of a request to its reply
  uint32_t idle_ms = 0;      // between two requests
  uint32_t write_ms = 0;     // without progress in writing
  uint64_t write_bytes = 0;  // reply bytes waiting before reading stops
  uint32_t queue = 0;        // calls waiting for JavaScript
  uint32_t batch = 0;        // calls in one JSON-RPC batch
  uint32_t depth = 0;        // of a JSON body
};

/** Whether /livez and /readyz are served natively, and where. */
struct Health {
  bool enabled = false;
  const char* live = "";
  const char* ready = "";
  uint32_t live_bytes = 0;
  uint32_t ready_bytes = 0;
  uint32_t blocked_ms = 0;  // JS blocked for so long: live turns 503
};

}  // namespace tailrace::server
