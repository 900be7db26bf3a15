// See raw_endpoint.h.
#include "server/raw_endpoint.h"

#include <cstring>

#include "base/bytes.h"
#include "server/connection.h"
#include "server/server.h"

namespace tailrace::server {

static constexpr std::string_view kUnavailable = "Service Unavailable\n";

/** By its handler: not expired, and not in an isolate that has ended. */
static bool answered(const Call& call) noexcept {
  // relaxed: the record came through the inbox, or was expired by this thread
  return call.state.load(std::memory_order_relaxed) == CallState::finished;
}

void shed(Exchange& exchange) noexcept {
  exchange.server.stats().shed.add(1);
  Reply reply;
  reply.status = 503;
  reply.content_type = kTextPlain;
  reply.lines = "Retry-After: 1\r\n";
  reply.body = kUnavailable;
  exchange.connection.reply(exchange, reply);
}

void RawEndpoint::serve(Exchange& exchange) noexcept {
  if (exchange.server.group().full()) return shed(exchange);
  const size_t head_bytes = exchange.head.size();
  const size_t body_bytes = exchange.body.size();
  RequestRecord* record = exchange.connection.open_record(exchange, *this, 1, head_bytes + body_bytes);
  if (!record) return;
  char* data = record->data();
  append(append(data, exchange.head), exchange.body);
  record->head = {0, static_cast<uint32_t>(head_bytes)};

  Call& call = record->calls()[0];
  const std::string_view line = exchange.head.substr(0, exchange.head.find('\r'));
  call.line = {0, static_cast<uint32_t>(line.size())};
  call.params = {static_cast<uint32_t>(head_bytes), static_cast<uint32_t>(body_bytes)};
  call.target = exchange.target;
  call.kind = Call::Kind::raw;
  call.lane = exchange.server.group().normal_lane();
  // relaxed: the push publishes the record
  record->outstanding.store(1, std::memory_order_relaxed);
  if (exchange.server.group().push(call)) {
    exchange.server.calls_pushed(exchange.p, exchange.server.group());
    return;
  }
  record->outstanding.store(0, std::memory_order_relaxed);
  exchange.server.stats().shed.add(1);
  call.status = 503;
  static constexpr std::string_view kBusy = "Retry-After: 1\r\n";
  append(call.small, kBusy);
  call.result_head_bytes = call.result_bytes = kBusy.size();
  // relaxed: nobody else has seen the call
  call.state.store(CallState::finished, std::memory_order_relaxed);
  record->returned = true;
  exchange.connection.record_ready(exchange.p, *record);
}

Reply RawEndpoint::plan(const RequestRecord& record) const noexcept {
  const Call& call = record.calls()[0];
  Reply reply;
  if (!answered(call)) {
    reply.status = 503;
    reply.content_type = kTextPlain;
    reply.body_bytes = kUnavailable.size();
    return reply;
  }
  reply.status = call.status;
  reply.lines = call.result_view().substr(0, call.result_head_bytes);
  reply.body_bytes = call.result_bytes - call.result_head_bytes;
  return reply;
}

char* RawEndpoint::write_body(const RequestRecord& record, char* out) const noexcept {
  const Call& call = record.calls()[0];
  if (!answered(call)) return append(out, kUnavailable);
  return append(out, call.result_view().substr(call.result_head_bytes));
}

}  // namespace tailrace::server
