// The servers' functions for lib/backend/native/server.ts. Arguments were checked by the facade; numbers and
// strings come by position, what is shared (words, reply buffer) as typed arrays made once.
#include "binding/server.h"

#include <string>

#include "base/os.h"
#include "binding/calls.h"
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
  JsGroup* group = group_of(info);
  if (!group) return nullptr;
  if (!group->server) throw_stale(info.Env());
  return group->server;
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
    server.core->router().add(method, path, server.core->js_routes(), i / 2);
  }
}

/** methods: name, lazy, timeoutMs, lane, name … */
void add_rpc(JsServer& server, const std::string& path, const Napi::Array& methods) {
  for (uint32_t i = 0; i + 3 < methods.Length(); i += 4) {
    rpc::Method method;
    method.name = methods.Get(i).As<Napi::String>();
    method.lazy = methods.Get(i + 1).ToBoolean();
    method.timeout_ms = methods.Get(i + 2).As<Napi::Number>().Uint32Value();
    method.lane = static_cast<uint8_t>(methods.Get(i + 3).As<Napi::Number>().Uint32Value());
    server.rpc.methods().add(std::move(method));
  }
  server.rpc.methods().seal();
  server.core->router().add("POST", path, server.rpc, 0);
}

/**
 * create({limits: Float64Array, host, port, backlog, reusePort, live, ready, blockedMs, routes, rpcPath,
 * methods, lanes, group, words, replyWords, replyBytes, onCalls, onEvent}): number. live '' switches health
 * off; rpcPath '' rpc; group is the handle of a shared group that takes the calls of methods, or null.
 * Listens when it returns; see failed() for a negative number.
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

  server::HandlerGroup* shared = nullptr;
  if (const Napi::Value handle = spec.Get("group"); handle.IsArray()) {
    shared = server::find_group(handle_of(handle));
    if (!shared) {
      throw_stale(env);
      return env.Undefined();
    }
  }
  sched::Hold hold(servers->isolate());
  sched::P& p = servers->isolate().p();
  server::HandlerGroup* group =
      server::HandlerGroup::create(servers->cache(), &p, limits.queue, number("lanes"));
  server::Server* core = group ? server::Server::create(p, limits, health, *group) : nullptr;
  if (!core) {
    if (group) group->release(servers->cache());
    if (shared) shared->release(servers->cache());
    return failed(env, Error::out_of_memory);
  }
  if (shared) core->share(*shared);
  auto* server = new JsServer(servers->loop(), servers->cache(), *group, shared, limits.batch, limits.depth);
  server->core = core;
  add_routes(*server, spec.Get("routes").As<Napi::Array>());
  if (const std::string path = text("rpcPath"); !path.empty()) {
    add_rpc(*server, path, spec.Get("methods").As<Napi::Array>());
  }

  net::ListenOptions options;
  options.backlog = static_cast<int>(number("backlog"));
  options.reuse_port = spec.Get("reusePort").ToBoolean();
  if (Status listening = core->listen(p, *address, options); !listening) {
    core->destroy(p);
    servers->discard(*server);
    return failed(env, listening);
  }
  connect(*server, spec, "TAILRACE_SERVER");
  server->on_event = Napi::Persistent(spec.Get("onEvent").As<Napi::Function>());
  (void)servers->add(*server);  // the first in a group of its own
  servers->loop().ref();
  server->referenced = true;
  return Napi::Number::New(env, server->number);
}

/** address(server): [host, family 4 or 6, port] */
Napi::Value address(const Info& info) {
  JsServer* server = server_of(info);
  if (!server) return info.Env().Undefined();
  sched::Hold hold(env_local(info.Env()).server_host->isolate());
  const os::Address at = server->core->address();
  char text[os::Address::kTextBytes];
  const size_t bytes = at.host_text(text);
  Napi::Array out = Napi::Array::New(info.Env(), 3);
  out.Set(0u, Napi::String::New(info.Env(), text, bytes));
  out.Set(1u, Napi::Number::New(info.Env(), at.family() == AF_INET6 ? 6 : 4));
  out.Set(2u, Napi::Number::New(info.Env(), at.port()));
  return out;
}

/** close(server, drainMs): the event 'closed' follows; then dispose(). */
Napi::Value close(const Info& info) {
  JsServer* server = server_of(info);
  if (!server) return info.Env().Undefined();
  ServerHost& host = *env_local(info.Env()).server_host;
  sched::Hold hold(host.isolate());
  const uint64_t drain_ns = static_cast<uint64_t>(info[1].As<Napi::Number>().DoubleValue() * 1e6);
  server->core->drain(host.isolate().p(), os::monotonic_ns() + drain_ns);
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
  server::ServerStats& stats = server->core->stats();
  const Counter* const counters[] = {&stats.connections, &stats.accepted, &stats.refused,  &stats.requests,
                                     &stats.replies,     &stats.shed,     &stats.timeouts, &stats.malformed};
  uint32_t at = 0;
  for (const Counter* counter : counters) out[at++] = static_cast<double>(counter->read());
  out[at++] = server->core->queued();
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
  add("close", close);
  add("dispose", dispose);
  add("hold", hold);
  add("stats", stats);
  add_calls(env, out);
  return out;
}

}  // namespace tailrace::binding
