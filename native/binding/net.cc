// net and http for JS: the connections (net_host.cc), and the HTTP parser as a plain function, for the tests
// that compare it with Node's own.
#include "binding/net.h"

#include <algorithm>
#include <string>
#include <vector>

#include "binding/net_host.h"
#include "http/body.h"
#include "http/request_parser.h"

namespace tailrace::binding {

namespace {

Napi::String text(Napi::Env env, std::string_view view) {
  return Napi::String::New(env, view.data() ? view.data() : "", view.size());
}

/** Bytes as a string of their own numbers (Latin-1), as node:http gives header values. */
Napi::Value latin1(Napi::Env env, std::string_view view) {
  napi_value value = nullptr;
  napi_create_string_latin1(env, view.data() ? view.data() : "", view.size(), &value);
  return {env, value};
}

Napi::Object describe(Napi::Env env, const http::Request& request) {
  Napi::Object out = Napi::Object::New(env);
  out.Set("method", text(env, request.method_text));
  out.Set("target", text(env, request.target));
  out.Set("path", text(env, request.path));
  out.Set("query", text(env, request.query));
  out.Set("host", latin1(env, request.host));
  out.Set("minor", Napi::Number::New(env, request.minor));
  out.Set("keepAlive", Napi::Boolean::New(env, request.keep_alive));
  out.Set("chunked", Napi::Boolean::New(env, request.chunked));
  out.Set("expectContinue", Napi::Boolean::New(env, request.expect_continue));
  Napi::Array headers = Napi::Array::New(env, size_t{request.header_count} * 2);
  for (uint32_t i = 0; i < request.header_count; i++) {
    headers.Set(i * 2, text(env, request.headers[i].name));
    headers.Set(i * 2 + 1, latin1(env, request.headers[i].value));
  }
  out.Set("headers", headers);
  return out;
}

/**
 * parseRequests(bytes, step): what a connection does, without the connection. The bytes arrive `step` at a
 * time; returns { requests, status }: status 0 (all bytes taken), -1 (a request is incomplete) or the
 * refusal; each request with its `body` as Latin-1, or undefined while that is incomplete. Stops behind a
 * request that closes.
 */
Napi::Value parse_requests(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Napi::Uint8Array bytes = info[0].As<Napi::Uint8Array>();
  const size_t step = std::max<size_t>(1, info[1].As<Napi::Number>().Uint32Value());
  const std::string all(reinterpret_cast<const char*>(bytes.Data()), bytes.ByteLength());

  Napi::Array requests = Napi::Array::New(env);
  const http::Limits limits;
  std::vector<http::Header> storage(limits.headers);
  std::string buffer;  // what came and was not taken yet
  std::string body;
  http::BodyDecoder decoder;
  Napi::Object current;
  size_t arrived = 0, seen = 0;
  bool in_body = false, keep = true;
  int status = 0;
  while (status == 0 && keep) {
    if (in_body) {
      http::BodyResult result = decoder.decode(buffer.data(), buffer.size(), buffer.data(), limits);
      body.append(buffer.data(), result.produced);
      buffer.erase(0, result.consumed);
      if (result.state == http::BodyState::bad) status = result.status;
      if (result.state == http::BodyState::done) {
        current.Set("body", latin1(env, body));
        in_body = false;
        keep = current.Get("keepAlive").As<Napi::Boolean>().Value();
        continue;
      }
    } else {
      http::Request request;
      request.headers = storage.data();
      request.header_capacity = static_cast<uint32_t>(storage.size());
      http::ParseResult result =
          http::RequestParser::parse(buffer.data(), buffer.size(), seen, limits, &request);
      seen = buffer.size();
      if (result.state == http::ParseState::bad) status = result.status;
      if (result.state == http::ParseState::done) {
        current = describe(env, request);
        requests.Set(requests.Length(), current);
        decoder = http::BodyDecoder(request);
        body.clear();
        buffer.erase(0, result.consumed);
        seen = 0;
        in_body = true;
        continue;
      }
    }
    if (status != 0) break;
    if (arrived == all.size()) {
      if (in_body || !buffer.empty()) status = -1;
      break;
    }
    const size_t more = std::min(step, all.size() - arrived);
    buffer.append(all, arrived, more);
    arrived += more;
  }
  Napi::Object out = Napi::Object::New(env);
  out.Set("requests", requests);
  out.Set("status", Napi::Number::New(env, status));
  return out;
}

}  // namespace

Napi::Object init_net(Napi::Env env) {
  Napi::Object exports = Napi::Object::New(env);
  exports.Set("parseRequests", Napi::Function::New(env, parse_requests, "parseRequests"));
  init_net_host(env, exports);
  return exports;
}

}  // namespace tailrace::binding
