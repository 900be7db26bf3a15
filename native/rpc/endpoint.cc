// See endpoint.h.
#include "rpc/endpoint.h"

#include <cstring>

#include "base/bytes.h"
#include "json/scan.h"
#include "rpc/envelope.h"
#include "server/connection.h"
#include "server/local.h"
#include "server/server.h"

namespace tailrace::rpc {

namespace {

using server::Call;
using server::CallState;
using server::RequestRecord;

constexpr std::string_view kResult = R"({"jsonrpc":"2.0","result":)";
constexpr std::string_view kError = R"({"jsonrpc":"2.0","error":)";
constexpr std::string_view kId = R"(,"id":)";

/** What a settled call says: its head, and the JSON text behind it. Nothing for a notification. */
struct Said {
  std::string_view head;
  std::string_view text;
};

Said said(const Call& call) noexcept {
  if (call.flags & Call::kNotification) return {};
  // relaxed: the record came through the inbox, or this thread settled the call
  const CallState state = call.state.load(std::memory_order_relaxed);
  if (state == CallState::expired) return {kError, failure_text(Failure::timeout)};
  if (state == CallState::abandoned) return {kError, failure_text(Failure::internal)};
  if (call.kind == Call::Kind::failure) return {kError, failure_text(static_cast<Failure>(call.status))};
  return {call.kind == Call::Kind::error ? kError : kResult, call.result_view()};
}

std::string_view id_of(const RequestRecord& record, const Call& call) noexcept {
  return call.id.bytes ? record.view(call.id) : std::string_view("null");
}

/** Settled here: nobody else knows of the call. */
void fail(Call& call, Failure failure) noexcept {
  call.kind = Call::Kind::failure;
  call.status = static_cast<uint16_t>(failure);
  call.state.store(CallState::finished, std::memory_order_relaxed);
}

server::Span span_in(std::string_view part, std::string_view whole, size_t base) noexcept {
  return {static_cast<uint32_t>(base + static_cast<size_t>(part.data() - whole.data())),
          static_cast<uint32_t>(part.size())};
}

}  // namespace

/** One failure for the whole body, with the id null. */
void RpcEndpoint::answer(server::Exchange& exchange, Failure failure) const noexcept {
  char text[160];
  char* at = append(text, kError);
  at = append(at, failure_text(failure));
  at = append(at, R"(,"id":null})");
  server::Reply reply;
  reply.content_type = server::kJson;
  reply.body = {text, static_cast<size_t>(at - text)};
  exchange.connection.reply(exchange, reply);
}

void RpcEndpoint::serve(server::Exchange& exchange) noexcept {
  if (group_.full()) return server::shed(exchange);

  const Body body = parse(exchange);
  if (body.failure != Failure::none) return answer(exchange, body.failure);
  const bool batch = body.root.is(json::Type::array);
  const uint32_t count = batch ? body.root.size() : 1;
  if (batch ? count == 0 : !body.root.is(json::Type::object))
    return answer(exchange, Failure::invalid_request);
  if (batch && count > max_batch_) return answer(exchange, Failure::batch_too_large);

  const size_t head_bytes = exchange.head.size();
  RequestRecord* record =
      exchange.connection.open_record(exchange, *this, count, head_bytes + exchange.body.size());
  if (!record) return;
  append(append(record->data(), exchange.head), exchange.body);
  record->head = {0, static_cast<uint32_t>(head_bytes)};
  record->batch = batch;

  uint32_t lent = 0;
  json::Node::Iterator element = batch ? body.root.begin() : json::Node::Iterator();
  for (uint32_t i = 0; i < count; i++) {
    const Envelope envelope = read_envelope(batch ? element.value() : body.root, methods_, body.check_keys);
    if (batch) element.next();
    if (fill(exchange, *record, record->calls()[i], envelope)) lent++;
  }
  lend(exchange, *record, lent);
}

RpcEndpoint::Body RpcEndpoint::parse(server::Exchange& exchange) const noexcept {
  json::Parser& parser = exchange.local.parser;
  json::DocumentOptions options;
  options.max_depth = max_depth_;
  options.strict_utf8 = true;
  options.forbid_proto = options.forbid_constructor = true;
  json::ParseError error;
  const std::string_view text = exchange.body;
  Result<json::Node> root = parser.parse(text.data(), text.size(), options, &error);
  // A forbidden key is a failure of the calls that have it, so then the calls are looked at one by one.
  const bool check_keys = !root && error.error == Error::json_forbidden_key;
  if (check_keys) {
    options.forbid_proto = options.forbid_constructor = false;
    root = parser.parse(text.data(), text.size(), options, &error);
  }
  if (root) return {*root, check_keys, Failure::none};
  // The parser stops where it gets too deep. What is no JSON further on is that in the first place.
  const bool deep =
      error.error == Error::json_depth &&
      json::scan(exchange.p.cache(), text.data(), text.size(), json::kNoDepthLimit, true).error == Error::ok;
  return {{}, false, deep ? Failure::too_deep : Failure::parse};
}

/** What a call is, from its envelope. True: an isolate has to run it; false: it is settled, as failed. */
bool RpcEndpoint::fill(server::Exchange& exchange, RequestRecord& record, Call& call,
                       const Envelope& envelope) const noexcept {
  const std::string_view body = exchange.body;
  const size_t head_bytes = exchange.head.size();
  if (envelope.notification) call.flags |= Call::kNotification;
  // An id of the text, not the "null" that stands for a missing one.
  if (envelope.id.data() >= body.data() && envelope.id.data() < body.data() + body.size()) {
    call.id = span_in(envelope.id, body, head_bytes);
  }
  if (envelope.failure != Failure::none) {
    fail(call, envelope.failure);
    return false;
  }
  const Method& method = methods_[static_cast<uint32_t>(envelope.method)];
  call.target = static_cast<uint32_t>(envelope.method);
  call.kind = Call::Kind::result;
  call.lane = method.lane;
  if (method.lazy) call.flags |= Call::kLazy;
  if (envelope.has_params) {
    call.flags |= Call::kHasParams;
    call.params = span_in(envelope.params, body, head_bytes);
  }
  if (method.timeout_ms > 0) {
    exchange.connection.tighten(exchange.p, record, call,
                                exchange.p.now_ns() + method.timeout_ms * 1'000'000ull);
  }
  return true;
}

/** Hands the `lent` calls of the record that are not settled to the group. */
void RpcEndpoint::lend(server::Exchange& exchange, RequestRecord& record, uint32_t lent) noexcept {
  // Before the first push: an isolate may settle a call while the next one is being pushed. relaxed: the
  // pushes publish it.
  record.outstanding.store(lent, std::memory_order_relaxed);
  uint32_t pushed = 0;
  uint32_t refused = 0;
  for (uint32_t i = 0; i < record.call_count && pushed + refused < lent; i++) {
    Call& call = record.calls()[i];
    if (call.kind == Call::Kind::failure) continue;
    if (group_.push(call)) {
      pushed++;
      continue;
    }
    exchange.server.stats().shed.add(1);
    fail(call, Failure::overloaded);
    refused++;
  }
  // acq_rel: as in give_back; with nothing lent, or all of it settled meanwhile, the record is ready here
  if (lent == refused ||
      (refused > 0 && record.outstanding.fetch_sub(refused, std::memory_order_acq_rel) == refused)) {
    record.returned = true;
    exchange.connection.record_ready(exchange.p, record);
  }
  if (pushed > 0) exchange.server.calls_pushed(exchange.p, group_);
}

server::Reply RpcEndpoint::plan(const RequestRecord& record) const noexcept {
  uint64_t bytes = 0;
  uint32_t replies = 0;
  for (uint32_t i = 0; i < record.call_count; i++) {
    const Call& call = record.calls()[i];
    const Said says = said(call);
    if (says.head.empty()) continue;
    replies++;
    bytes += says.head.size() + says.text.size() + kId.size() + id_of(record, call).size() + 1;
  }
  server::Reply reply;
  if (replies == 0) {
    reply.status = 204;
    return reply;
  }
  reply.content_type = server::kJson;
  reply.body_bytes = bytes + (record.batch ? 2 + replies - 1 : 0);
  return reply;
}

char* RpcEndpoint::write_body(const RequestRecord& record, char* out) const noexcept {
  bool first = true;
  if (record.batch) *out++ = '[';
  for (uint32_t i = 0; i < record.call_count; i++) {
    const Call& call = record.calls()[i];
    const Said says = said(call);
    if (says.head.empty()) continue;
    if (!first) *out++ = ',';
    first = false;
    out = append(out, says.head);
    out = append(out, says.text);
    out = append(out, kId);
    out = append(out, id_of(record, call));
    *out++ = '}';
  }
  if (record.batch) *out++ = ']';
  return out;
}

}  // namespace tailrace::rpc
