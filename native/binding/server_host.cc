// See server_host.h.
#include "binding/server_host.h"

#include <new>

#include "binding/env_local.h"

namespace tailrace::binding {

ServerHost* ServerHost::of(Napi::Env env) {
  EnvLocal& local = env_local(env);
  if (local.server_host) return local.server_host;
  Result<LoopHost*> loop = LoopHost::of(env);
  if (!loop) {
    Napi::Error::New(env, error_info(loop.error()).text).ThrowAsJavaScriptException();
    return nullptr;
  }
  local.server_host = new ServerHost(env, **loop, local.cache);
  (*loop)->add_client(*local.server_host);
  return local.server_host;
}

void ServerHost::add(JsServer& server) noexcept {
  server.number = ++numbers_;
  server.next = servers_;
  servers_ = &server;
}

JsServer* ServerHost::find(uint32_t number) const noexcept {
  for (JsServer* server = servers_; server; server = server->next) {
    if (server->number == number) return server;
  }
  return nullptr;
}

void ServerHost::remove(JsServer& server) noexcept {
  for (JsServer** at = &servers_; *at; at = &(*at)->next) {
    if (*at != &server) continue;
    *at = server.next;
    break;
  }
  server.group.remove_listener(server);
  {
    sched::Hold hold(isolate());
    sched::P& p = isolate().p();
    server.server->kill(p);
    // Calls that JS has not settled come home; their records are freed by the turn, while the P is still
    // there.
    server.drain.abandon(true);
    (void)p.turn({.poll = false});
    server.server->destroy(p);
  }
  if (server.referenced) loop_.unref();
  if (server.context) napi_async_destroy(env_, server.context);
  server.group.destroy(cache_);
  delete &server;
}

// ---------------------------------------------------------------- the loop calls back

bool ServerHost::on_loop() noexcept {
  for (JsServer* server = servers_; server; server = server->next) server->server->visited();
  bool settled = false;
  for (JsServer* server = servers_; server;) {
    JsServer* next = server->next;  // JS may close and dispose of this one
    server->group.listening();
    const uint32_t number = server->number;
    const uint32_t cancellations = server->group.cancellations();
    if (server->drain.pending() || cancellations != server->cancellations) {
      server->cancellations = cancellations;
      enter(*server);
    }
    if (find(number)) {
      settled |= settle_replies(*server);
      tell(*server);
    }
    server = next;
  }
  for (JsServer* server = servers_; server; server = server->next) server->server->visited();
  return settled;
}

bool ServerHost::pending() const noexcept {
  for (JsServer* server = servers_; server; server = server->next) {
    if (server->drain.pending()) return true;
  }
  return false;
}

void ServerHost::enter(JsServer& server) noexcept {
  Napi::HandleScope scope(env_);
  int32_t* words = server.reply_words;  // they outlive the server: JS holds them too
  // JS sees that its replies need no flush of their own: they are settled when this scope has closed.
  words[1] = 1;
  call(server, server.on_calls, 0, nullptr);
  words[1] = 0;
}

/** What happened to the server since JS was told last. */
void ServerHost::tell(JsServer& server) noexcept {
  const uint64_t refused = server.server->stats().refused.read();
  const bool closed = server.server->closed() && !server.closed_told;
  if (refused == server.refused && !closed) return;
  Napi::HandleScope scope(env_);
  if (refused != server.refused) {
    const napi_value values[] = {Napi::Number::New(env_, kRefused),
                                 Napi::Number::New(env_, static_cast<double>(refused - server.refused))};
    server.refused = refused;
    call(server, server.on_event, 2, values);
  }
  if (closed) {
    server.closed_told = true;
    const napi_value values[] = {Napi::Number::New(env_, kClosed), Napi::Number::New(env_, 0)};
    call(server, server.on_event, 2, values);  // the last touch: JS may dispose of the server
  }
}

/** Calls JS in a callback scope: microtasks and ticks run before this returns. */
void ServerHost::call(JsServer& server, const Napi::FunctionReference& function, size_t count,
                      const napi_value* values) noexcept {
  napi_value receiver = env_.Global();
  napi_value result = nullptr;
  if (napi_make_callback(env_, server.context, receiver, function.Value(), count, values, &result) ==
      napi_pending_exception) {
    napi_value error = nullptr;
    napi_get_and_clear_last_exception(env_, &error);
    napi_fatal_exception(env_, error);  // 'uncaughtException': nothing of ours throws, so somebody must know
  }
}

bool ServerHost::settle_replies(JsServer& server) noexcept {
  int32_t* words = server.reply_words;
  const int32_t count = words[0];
  words[0] = 0;
  const int32_t* word = words + 2;
  for (int32_t i = 0; i < count; i++, word += JsServer::kReplyWords) {
    server::Call* call = server.table.take(static_cast<uint32_t>(word[0]), static_cast<uint32_t>(word[1]));
    if (!call) continue;
    server::Answer answer;
    answer.kind = static_cast<server::Call::Kind>(word[2]);
    answer.status = static_cast<uint16_t>(word[3]);
    answer.head_bytes = static_cast<uint32_t>(word[4]);
    answer.bytes = {server.reply_bytes + word[5], static_cast<size_t>(word[6])};
    (void)server::settle(*call, answer, cache_);
  }
  return count > 0;
}

// ---------------------------------------------------------------- the environment ends

void ServerHost::on_teardown() noexcept {
  sched::P& p = isolate().p();
  while (JsServer* server = servers_) {
    servers_ = server->next;
    server->group.remove_listener(*server);
    server->server->kill(p);
    server->drain.abandon(true);
    (void)p.turn({.poll = false});
    server->server->destroy(p);
    // No JS value may be touched any more: references go with the environment.
    server->on_calls.SuppressDestruct();
    server->on_event.SuppressDestruct();
    server->buffers.SuppressDestruct();
    server->group.destroy(cache_);
    delete server;
  }
  env_local(env_).server_host = nullptr;
  delete this;
}

}  // namespace tailrace::binding
