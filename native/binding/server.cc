// The servers' functions for lib/backend/native/server.ts. Arguments were checked by the facade; numbers and
// strings come by position, what is shared (words, reply buffer) as typed arrays made once.
#include "binding/server.h"

#include <string>

#include "base/os.h"
#include "binding/env_local.h"
#include "binding/server_host.h"

namespace tailrace::binding {

namespace {

using Info = Napi::CallbackInfo;

/** What create() returns instead of a handle: -errno, or -10000 - Error where there is no errno. */
Napi::Value failed(Napi::Env env, Status status) {
  const int number = status.sys() ? -status.sys() : -10000 - static_cast<int>(status.error());
  return Napi::Number::New(env, number);
}

JsServer* server_of(const Info& info) {
  ServerHost* host = env_local(info.Env()).server_host;
  JsServer* server = host ? host->find(info[0].As<Napi::Number>().Uint32Value()) : nullptr;
  if (!server) {
    Napi::Error error = Napi::Error::New(info.Env(), error_info(Error::stale_handle).text);
    error.Set("code", error_info(Error::stale_handle).code);
    error.ThrowAsJavaScriptException();
  }
  return server;
}

server::Limits limits_of(const Napi::Float64Array& numbers) {
  server::Limits limits;
  uint32_t at = 0;
  const auto next = [&] { return numbers[at++]; };
  const auto next32 = [&] { return static_cast<uint32_t>(next()); };
  limits.connections = next32();
  limits.header_bytes = next32();
  limits.headers = next32();
  limits.body_bytes = static_cast<uint64_t>(next());
  limits.pipeline = next32();
  limits.header_ms = next32();
  limits.request_ms = next32();
  limits.idle_ms = next32();
  limits.write_ms = next32();
  limits.write_bytes = static_cast<uint64_t>(next());
  limits.queue = next32();
  limits.batch = next32();
  limits.depth = next32();
  return limits;
}

void add_routes(JsServer& server, const Napi::Array& routes) {
  for (uint32_t i = 0; i + 1 < routes.Length(); i += 2) {
    const std::string method = routes.Get(i).As<Napi::String>();
    const std::string path = routes.Get(i + 1).As<Napi::String>();
    server.server->router().add(method, path, server.server->js_routes(), i / 2);
  }
}

/** methods: name, lazy, timeoutMs, name, lazy, timeoutMs … */
void add_rpc(JsServer& server, const std::string& path, const Napi::Array& methods) {
  for (uint32_t i = 0; i + 2 < methods.Length(); i += 3) {
    rpc::Method method;
    method.name = methods.Get(i).As<Napi::String>();
    method.lazy = methods.Get(i + 1).ToBoolean();
    method.timeout_ms = methods.Get(i + 2).As<Napi::Number>().Uint32Value();
    server.rpc.methods().add(std::move(method));
  }
  server.rpc.methods().seal();
  server.server->router().add("POST", path, server.rpc, 0);
}

/**
 * create({limits: Float64Array, host, port, backlog, reusePort, live, ready, blockedMs, routes, rpcPath,
 * methods, words: Int32Array, replyWords: Int32Array, replyBytes: Uint8Array, onCalls, onEvent}): number live
 * '' switches health off; rpcPath '' rpc. Listens when it returns; see failed() for a negative number.
 */
Napi::Value create(const Info& info) {
  Napi::Env env = info.Env();
  const auto spec = info[0].As<Napi::Object>();
  const auto text = [&](const char* name) { return spec.Get(name).As<Napi::String>().Utf8Value(); };
  const auto number = [&](const char* name) { return spec.Get(name).As<Napi::Number>().Uint32Value(); };

  const std::string host = text("host");
  const uint32_t port = number("port");
  const auto address = os::Address::ip(host, static_cast<uint16_t>(port));
  if (!address) return failed(env, address.status());
  ServerHost* servers = ServerHost::of(env);
  if (!servers) return env.Undefined();

  const server::Limits limits = limits_of(spec.Get("limits").As<Napi::Float64Array>());
  const std::string live = text("live");
  const std::string ready = text("ready");
  server::Health health;
  health.enabled = !live.empty();
  health.live = live.data();
  health.live_bytes = static_cast<uint32_t>(live.size());
  health.ready = ready.data();
  health.ready_bytes = static_cast<uint32_t>(ready.size());
  health.blocked_ms = number("blockedMs");

  server::HandlerGroup* group = server::HandlerGroup::create(servers->cache(), limits.queue);
  if (!group) return failed(env, Error::out_of_memory);
  sched::Hold hold(servers->isolate());
  sched::P& p = servers->isolate().p();
  server::Server* core = server::Server::create(p, limits, health, *group);
  if (!core) {
    group->destroy(servers->cache());
    return failed(env, Error::out_of_memory);
  }
  auto* server = new JsServer(servers->loop(), servers->cache(), *group, limits.batch, limits.depth);
  server->server = core;
  add_routes(*server, spec.Get("routes").As<Napi::Array>());
  if (const std::string path = text("rpcPath"); !path.empty()) {
    add_rpc(*server, path, spec.Get("methods").As<Napi::Array>());
  }

  net::ListenOptions options;
  options.backlog = static_cast<int>(number("backlog"));
  options.reuse_port = spec.Get("reusePort").ToBoolean();
  if (Status listening = core->listen(p, *address, options); !listening) {
    core->destroy(p);
    group->destroy(servers->cache());
    delete server;
    return failed(env, listening);
  }

  auto words = spec.Get("words").As<Napi::Int32Array>();
  auto reply_words = spec.Get("replyWords").As<Napi::Int32Array>();
  auto reply_bytes = spec.Get("replyBytes").As<Napi::Uint8Array>();
  server->words = words.Data();
  server->reply_words = reply_words.Data();
  server->reply_bytes = reinterpret_cast<char*>(reply_bytes.Data());
  server->reply_capacity = static_cast<uint32_t>(reply_bytes.ByteLength());
  server->buffers = Napi::Persistent(spec);
  server->on_calls = Napi::Persistent(spec.Get("onCalls").As<Napi::Function>());
  server->on_event = Napi::Persistent(spec.Get("onEvent").As<Napi::Function>());
  napi_async_init(env, nullptr, Napi::String::New(env, "TAILRACE_SERVER"), &server->context);
  (void)group->add_listener(*server);
  servers->add(*server);
  servers->loop().ref();
  server->referenced = true;
  return Napi::Number::New(env, server->number);
}

/** address(server): [host, family 4 or 6, port] */
Napi::Value address(const Info& info) {
  JsServer* server = server_of(info);
  if (!server) return info.Env().Undefined();
  sched::Hold hold(env_local(info.Env()).server_host->isolate());
  const os::Address at = server->server->address();
  char text[os::Address::kTextBytes];
  const size_t bytes = at.host_text(text);
  Napi::Array out = Napi::Array::New(info.Env(), 3);
  out.Set(0u, Napi::String::New(info.Env(), text, bytes));
  out.Set(1u, Napi::Number::New(info.Env(), at.family() == AF_INET6 ? 6 : 4));
  out.Set(2u, Napi::Number::New(info.Env(), at.port()));
  return out;
}

/**
 * drain(server, segment: Uint8Array, from, maxCalls): calls sealed; the words array has them, and its last
 * five have joined, joined bytes, ascii, bytes written, bytes needed.
 */
Napi::Value drain(const Info& info) {
  JsServer* server = server_of(info);
  if (!server) return info.Env().Undefined();
  auto segment = info[1].As<Napi::Uint8Array>();
  const uint32_t from = info[2].As<Napi::Number>().Uint32Value();
  const server::Batch batch = server->drain.seal(
      server->words, info[3].As<Napi::Number>().Uint32Value(), reinterpret_cast<char*>(segment.Data()) + from,
      static_cast<uint32_t>(segment.ByteLength()) - from, os::monotonic_ns());
  int32_t* tail = server->words + server::Drain::kWords * server::Drain::kMaxCalls;
  tail[0] = static_cast<int32_t>(batch.joined);
  tail[1] = static_cast<int32_t>(batch.joined_bytes);
  tail[2] = batch.ascii ? 1 : 0;
  tail[3] = static_cast<int32_t>(batch.bytes);
  tail[4] = static_cast<int32_t>(batch.needed);
  return Napi::Number::New(info.Env(), batch.calls);
}

/** flush(server): settles what the reply buffer has and writes it. */
Napi::Value flush(const Info& info) {
  JsServer* server = server_of(info);
  if (!server) return info.Env().Undefined();
  ServerHost& host = *env_local(info.Env()).server_host;
  if (host.settle_replies(*server)) host.loop().deliver();
  return info.Env().Undefined();
}

/** reply(server, slot, generation, kind, status, headBytes, bytes: Uint8Array): one that is too large for the
 * buffer. */
Napi::Value reply(const Info& info) {
  JsServer* server = server_of(info);
  if (!server) return info.Env().Undefined();
  server::Call* call =
      server->table.take(info[1].As<Napi::Number>().Uint32Value(), info[2].As<Napi::Number>().Uint32Value());
  if (!call) return info.Env().Undefined();
  const auto bytes = info[6].As<Napi::Uint8Array>();
  server::Answer answer;
  answer.kind = static_cast<server::Call::Kind>(info[3].As<Napi::Number>().Int32Value());
  answer.status = static_cast<uint16_t>(info[4].As<Napi::Number>().Uint32Value());
  answer.head_bytes = info[5].As<Napi::Number>().Uint32Value();
  answer.bytes = {reinterpret_cast<const char*>(bytes.Data()), bytes.ByteLength()};
  ServerHost& host = *env_local(info.Env()).server_host;
  (void)server::settle(*call, answer, host.cache());
  host.loop().deliver();
  return info.Env().Undefined();
}

server::Call* call_of(const Info& info, JsServer** server) {
  *server = server_of(info);
  if (!*server) return nullptr;
  return (*server)->table.find(info[1].As<Napi::Number>().Uint32Value(),
                               info[2].As<Napi::Number>().Uint32Value());
}

/** head(server, slot, generation): request line and header lines as Latin-1; '' once the call is settled. */
Napi::Value head(const Info& info) {
  JsServer* server = nullptr;
  const server::Call* call = call_of(info, &server);
  const std::string_view text = call ? call->record->view(call->record->head) : std::string_view();
  napi_value out = nullptr;
  napi_create_string_latin1(info.Env(), text.data() ? text.data() : "", text.size(), &out);
  return Napi::Value(info.Env(), out);
}

/** remote(server, slot, generation): the peer's numeric address; '' once the call is settled. */
Napi::Value remote(const Info& info) {
  JsServer* server = nullptr;
  const server::Call* call = call_of(info, &server);
  char text[server::PeerAddress::kTextBytes];
  const size_t bytes = call ? call->record->peer.text(text) : 0;
  return Napi::String::New(info.Env(), text, bytes);
}

/** cancelled(server, slot, generation): 0 no, 1 its peer went away, 2 its time ran out. */
Napi::Value cancelled(const Info& info) {
  JsServer* server = nullptr;
  const server::Call* call = call_of(info, &server);
  int32_t answer = 0;
  if (call) {
    // acquire: what was stored before the expiry; relaxed: a hint. Partners: RequestRecord::expire, and
    // Connection::peer_ended and leave_records
    const bool expired = call->state.load(std::memory_order_acquire) == server::CallState::expired;
    const bool gone = call->record->peer_gone.load(std::memory_order_relaxed);
    answer = gone ? 1 : expired ? 2 : 0;
  }
  return Napi::Number::New(info.Env(), answer);
}

/** close(server, drainMs): the event 'closed' follows; then dispose(). */
Napi::Value close(const Info& info) {
  JsServer* server = server_of(info);
  if (!server) return info.Env().Undefined();
  ServerHost& host = *env_local(info.Env()).server_host;
  sched::Hold hold(host.isolate());
  const uint64_t drain_ns = static_cast<uint64_t>(info[1].As<Napi::Number>().DoubleValue() * 1e6);
  server->server->drain(host.isolate().p(), os::monotonic_ns() + drain_ns);
  host.loop().wake();
  return info.Env().Undefined();
}

Napi::Value dispose(const Info& info) {
  JsServer* server = server_of(info);
  if (server) env_local(info.Env()).server_host->remove(*server);
  return info.Env().Undefined();
}

/** hold(server, on): keeps the loop alive, or not. */
Napi::Value hold(const Info& info) {
  JsServer* server = server_of(info);
  if (!server) return info.Env().Undefined();
  const bool on = info[1].ToBoolean();
  if (on != server->referenced) {
    if (on) {
      server->loop.ref();
    } else {
      server->loop.unref();
    }
    server->referenced = on;
  }
  return info.Env().Undefined();
}

/** stats(server, out: Float64Array): in the order of ServerStats in contract.ts. */
Napi::Value stats(const Info& info) {
  JsServer* server = server_of(info);
  if (!server) return info.Env().Undefined();
  auto out = info[1].As<Napi::Float64Array>();
  server::ServerStats& stats = server->server->stats();
  const Counter* const counters[] = {&stats.connections, &stats.accepted, &stats.refused,  &stats.requests,
                                     &stats.replies,     &stats.shed,     &stats.timeouts, &stats.malformed};
  uint32_t at = 0;
  for (const Counter* counter : counters) out[at++] = static_cast<double>(counter->read());
  out[at++] = server->group.size();
  out[at++] = static_cast<double>(stats.in_flight.read());
  out[at++] = static_cast<double>(stats.bytes_in.read());
  out[at++] = static_cast<double>(stats.bytes_out.read());
  out[at++] = static_cast<double>(env_local(info.Env()).server_host->isolate().p().handoffs());
  return info.Env().Undefined();
}

}  // namespace

Napi::Object init_server(Napi::Env env) {
  Napi::Object out = Napi::Object::New(env);
  const auto add = [&](const char* name, Napi::Value (*function)(const Info&)) {
    out.Set(name, Napi::Function::New(env, function, name));
  };
  add("create", create);
  add("address", address);
  add("drain", drain);
  add("flush", flush);
  add("reply", reply);
  add("head", head);
  add("remote", remote);
  add("cancelled", cancelled);
  add("close", close);
  add("dispose", dispose);
  add("hold", hold);
  add("stats", stats);
  out.Set("callWords", server::Drain::kWords);
  out.Set("replyWords", JsServer::kReplyWords);
  out.Set("maxCalls", server::Drain::kMaxCalls);
  return out;
}

}  // namespace tailrace::binding
