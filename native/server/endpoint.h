// What answers a request: the health routes here, the JSON-RPC endpoint one layer up, or JavaScript through a
// handler group. An endpoint runs on the P's owner, must not block, and is told of a request whole: head and
// body.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "http/reply.h"
#include "http/request_parser.h"
#include "sched/p.h"
#include "server/record.h"

namespace tailrace::server {

class Connection;
class Server;
struct ServerLocal;

/** One dispatch. Views live until serve() returns. */
struct Exchange {
  sched::P& p;
  Server& server;
  ServerLocal& local;
  Connection& connection;
  const http::Request& request;
  std::string_view head;  // request line and header lines, as received
  std::string_view body;
  uint32_t target;      // what the router found: the endpoint's own index
  uint64_t started_ns;  // when the first byte of the request was seen
};

/** A reply before it is written. The views live until the reply is. */
struct Reply {
  uint16_t status = 200;
  std::string_view content_type;
  std::string_view lines;  // further header lines, each ended by CRLF, already checked
  std::string_view body;   // or, for a record, `body_bytes` that the endpoint writes itself
  uint64_t body_bytes = 0;
};

inline constexpr std::string_view kTextPlain = "text/plain; charset=utf-8";
inline constexpr std::string_view kJson = "application/json";

class Endpoint {
 public:
  /** Answers with Connection::reply, or opens a record with Connection::open_record. */
  virtual void serve(Exchange& exchange) noexcept = 0;
  /** The reply of a record whose calls are all finished or expired; `body` stays empty, `body_bytes` is
   * exact. */
  virtual Reply plan(const RequestRecord& record) const noexcept = 0;
  /** Writes exactly plan().body_bytes; returns the end. */
  virtual char* write_body(const RequestRecord& record, char* out) const noexcept = 0;

 protected:
  ~Endpoint() = default;
};

}  // namespace tailrace::server
