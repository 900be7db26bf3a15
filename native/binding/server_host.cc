// See server_host.h.
#include "binding/server_host.h"

#include <new>

#include "binding/env_local.h"

namespace tailrace::binding {

namespace {
// Entries into JS for one shared group in a turn of the loop: then timers and other libraries have theirs.
constexpr uint32_t kEntriesATurn = 64;
}  // namespace

ServerHost* ServerHost::of(Napi::Env env) { return on(env, LoopHost::of(env)); }

ServerHost* ServerHost::without_p(Napi::Env env) { return on(env, LoopHost::without_p(env)); }

ServerHost* ServerHost::on(Napi::Env env, Result<LoopHost*> loop) {
  if (!loop) {
    Napi::Error::New(env, error_info(loop.error()).text).ThrowAsJavaScriptException();
    return nullptr;
  }
  EnvLocal& local = env_local(env);
  if (!local.server_host) {
    local.server_host = new ServerHost(env, **loop, local.cache);
    (*loop)->add_client(*local.server_host);
  }
  return local.server_host;
}

Status ServerHost::add(JsGroup& group) noexcept {
  group.seat = group.group.join(group);
  if (group.seat == server::HandlerGroup::kNoSeat) return Error::limit_exceeded;
  group.number = ++numbers_;
  group.next = groups_;
  groups_ = &group;
  loop_.wake();  // calls may wait already; and so that it parks
  return {};
}

JsGroup* ServerHost::find(uint32_t number) const noexcept {
  for (JsGroup* group = groups_; group; group = group->next) {
    if (group->number == number) return group;
  }
  return nullptr;
}

void ServerHost::remove(JsGroup& group) noexcept {
  for (JsGroup** at = &groups_; *at; at = &(*at)->next) {
    if (*at != &group) continue;
    *at = group.next;
    break;
  }
  if (group.server) {
    sched::Hold hold(isolate());
    give_up(group);
  } else {
    give_up(group);
  }
  if (group.server && group.server->referenced) loop_.unref();
  discard(group);
}

void ServerHost::give_up(JsGroup& group) noexcept {
  group.group.leave(group.seat);
  if (!group.server) {
    group.drain.abandon();
    group.group.p()->kick();
    return;
  }
  JsServer& server = *group.server;
  sched::P& p = isolate().p();
  server.core->kill(p);
  // Calls that JS has not settled come home; their records are freed by the turn, while the P is still there.
  // Those that other isolates have come later.
  group.drain.abandon();
  group.group.give_back_all();
  if (server.shared) server.shared->give_back_all();
  (void)p.turn({.poll = false});
  server.core->destroy(p);
}

void ServerHost::discard(JsGroup& group) noexcept {
  if (group.context) napi_async_destroy(env_, group.context);
  JsServer* server = group.server;
  if (server && server->shared) server->shared->release(cache_);
  group.group.release(cache_);
  if (server) {
    delete server;
  } else {
    delete &group;
  }
}

// ---------------------------------------------------------------- the loop calls back

bool ServerHost::on_loop() noexcept {
  for (JsGroup* group = groups_; group; group = group->next) {
    if (group->server) group->server->core->visited();
  }
  bool settled = false;
  for (JsGroup* group = groups_; group;) {
    JsGroup* next = group->next;  // JS may close and dispose of this one
    const uint32_t number = group->number;
    group->group.unpark(group->seat);
    const uint32_t cancellations = group->group.cancellations();
    const bool cancelled = cancellations != group->cancellations;
    if (group->drain.pending() || cancelled) {
      group->cancellations = cancellations;
      enter(*group, cancelled ? JsGroup::kWithCancellations : JsGroup::kForCalls);
    }
    // Of a shared group JS takes one call an entry: answers leave before the next call is begun, which may be
    // slow.
    for (uint32_t i = 1; i < kEntriesATurn && find(number) && !group->server && group->drain.pending(); i++) {
      settled |= settle_replies(*group);
      enter(*group, JsGroup::kForCalls);
    }
    if (find(number)) {
      settled |= settle_replies(*group);
      if (cancelled) settled |= give_back_expired(*group);  // after JS: signals have fired
      // More than a turn's share waits, or came just now: come back for it.
      if (group->drain.pending() || !group->group.park(group->seat, group->table.size())) loop_.wake();
      if (group->server) tell(*group->server);
    }
    group = next;
  }
  for (JsGroup* group = groups_; group; group = group->next) {
    if (group->server) group->server->core->visited();
  }
  return settled;
}

bool ServerHost::pending() const noexcept {
  for (JsGroup* group = groups_; group; group = group->next) {
    if (group->drain.pending()) return true;
  }
  return false;
}

void ServerHost::enter(JsGroup& group, JsGroup::Entered how) noexcept {
  Napi::HandleScope scope(env_);
  int32_t* words = group.reply_words;  // they outlive the group: JS holds them too
  // JS sees that its replies need no flush of their own: they are settled when this scope has closed.
  words[1] = how;
  call(group, group.on_calls, 0, nullptr);
  words[1] = JsGroup::kNot;
}

/** What happened to the server since JS was told last. */
void ServerHost::tell(JsServer& server) noexcept {
  const uint64_t refused = server.core->stats().refused.read();
  const bool closed = server.core->closed() && !server.closed_told;
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
void ServerHost::call(JsGroup& group, const Napi::FunctionReference& function, size_t count,
                      const napi_value* values) noexcept {
  napi_value receiver = env_.Global();
  napi_value result = nullptr;
  if (napi_make_callback(env_, group.context, receiver, function.Value(), count, values, &result) ==
      napi_pending_exception) {
    napi_value error = nullptr;
    napi_get_and_clear_last_exception(env_, &error);
    napi_fatal_exception(env_, error);  // 'uncaughtException': nothing of ours throws, so somebody must know
  }
}

bool ServerHost::settle_replies(JsGroup& group) noexcept {
  int32_t* words = group.reply_words;
  const int32_t count = words[0];
  words[0] = 0;
  const int32_t* word = words + 2;
  for (int32_t i = 0; i < count; i++, word += JsGroup::kReplyWords) {
    server::Call* call = group.table.take(static_cast<uint32_t>(word[0]), static_cast<uint32_t>(word[1]));
    if (!call) continue;
    server::Answer answer;
    answer.kind = static_cast<server::Call::Kind>(word[2]);
    answer.status = static_cast<uint16_t>(word[3]);
    answer.head_bytes = static_cast<uint32_t>(word[4]);
    answer.bytes = {group.reply_bytes + word[5], static_cast<size_t>(word[6])};
    (void)server::settle(*call, answer, cache_);
  }
  return count != 0 && leaves_with_turn(group);
}

bool ServerHost::give_back_expired(JsGroup& group) noexcept {
  return group.drain.give_back_expired() != 0 && leaves_with_turn(group);
}

bool ServerHost::leaves_with_turn(JsGroup& group) noexcept {
  if (ours(group)) return true;
  group.group.p()->kick();
  return false;
}

void ServerHost::deliver(JsGroup& group) noexcept {
  if (ours(group)) {
    loop_.deliver();
  } else {
    group.group.p()->kick();
  }
}

// ---------------------------------------------------------------- the environment ends

void ServerHost::on_teardown() noexcept {
  while (JsGroup* group = groups_) {
    groups_ = group->next;
    give_up(*group);
    // No JS may run any more, but what holds its values is ours to free: Node drops the values of an
    // environment that ends, and leaves the references and contexts themselves to whoever made them.
    discard(*group);
  }
  env_local(env_).server_host = nullptr;
  delete this;
}

}  // namespace tailrace::binding
