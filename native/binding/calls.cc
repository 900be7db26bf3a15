// Calls that cross into JavaScript and answers that come back, for a server's own group and for one that
// worker isolates share. A group is known to JS by the number that create() or join() returned; a call by
// slot and generation.
#include "binding/calls.h"

#include "base/os.h"
#include "binding/env_local.h"

namespace tailrace::binding {

using Info = Napi::CallbackInfo;

void throw_stale(Napi::Env env) {
  Napi::Error error = Napi::Error::New(env, error_info(Error::stale_handle).text);
  error.Set("code", error_info(Error::stale_handle).code);
  error.ThrowAsJavaScriptException();
}

JsGroup* group_of(const Info& info) {
  ServerHost* host = env_local(info.Env()).server_host;
  JsGroup* group = host ? host->find(info[0].As<Napi::Number>().Uint32Value()) : nullptr;
  if (!group) throw_stale(info.Env());
  return group;
}

void connect(JsGroup& group, const Napi::Object& spec, const char* resource) {
  Napi::Env env = spec.Env();
  group.words = spec.Get("words").As<Napi::Int32Array>().Data();
  group.reply_words = spec.Get("replyWords").As<Napi::Int32Array>().Data();
  group.reply_bytes = reinterpret_cast<char*>(spec.Get("replyBytes").As<Napi::Uint8Array>().Data());
  group.buffers = Napi::Persistent(spec);
  group.on_calls = Napi::Persistent(spec.Get("onCalls").As<Napi::Function>());
  napi_async_init(env, nullptr, Napi::String::New(env, resource), &group.context);
}

server::GroupHandle handle_of(const Napi::Value& value) {
  const auto numbers = value.As<Napi::Array>();
  const auto at = [&](uint32_t i) { return numbers.Get(i).As<Napi::Number>().Uint32Value(); };
  return {at(0), at(1), at(2)};
}

namespace {

/**
 * drain(group, segment: Uint8Array, from, maxCalls): calls sealed; the words array has them, and its last
 * five have joined, joined bytes, ascii, bytes written, bytes needed.
 */
Napi::Value drain(const Info& info) {
  JsGroup* group = group_of(info);
  if (!group) return info.Env().Undefined();
  auto segment = info[1].As<Napi::Uint8Array>();
  const uint32_t from = info[2].As<Napi::Number>().Uint32Value();
  const server::Batch batch = group->drain.seal(
      group->words, info[3].As<Napi::Number>().Uint32Value(), reinterpret_cast<char*>(segment.Data()) + from,
      static_cast<uint32_t>(segment.ByteLength()) - from, os::monotonic_ns());
  int32_t* tail = group->words + server::Drain::kWords * server::Drain::kMaxCalls;
  tail[0] = static_cast<int32_t>(batch.joined);
  tail[1] = static_cast<int32_t>(batch.joined_bytes);
  tail[2] = batch.ascii ? 1 : 0;
  tail[3] = static_cast<int32_t>(batch.bytes);
  tail[4] = static_cast<int32_t>(batch.needed);
  if (batch.refused > 0) env_local(info.Env()).server_host->deliver(*group);
  return Napi::Number::New(info.Env(), batch.calls);
}

/** refuse(group, maxCalls): JS has no memory to run calls in; so many that wait are answered as failed. */
Napi::Value refuse(const Info& info) {
  JsGroup* group = group_of(info);
  if (!group) return info.Env().Undefined();
  const uint32_t refused = group->drain.refuse(info[1].As<Napi::Number>().Uint32Value());
  if (refused > 0) env_local(info.Env()).server_host->deliver(*group);
  return Napi::Number::New(info.Env(), refused);
}

/** flush(server): settles what the reply buffer has and writes it. */
Napi::Value flush(const Info& info) {
  JsGroup* group = group_of(info);
  if (!group) return info.Env().Undefined();
  ServerHost& host = *env_local(info.Env()).server_host;
  if (host.settle_replies(*group)) host.loop().deliver();
  return info.Env().Undefined();
}

/** reply(group, slot, generation, kind, status, headBytes, bytes: Uint8Array): one that is too large for the
 * buffer. */
Napi::Value reply(const Info& info) {
  JsGroup* group = group_of(info);
  if (!group) return info.Env().Undefined();
  server::Call* call =
      group->table.take(info[1].As<Napi::Number>().Uint32Value(), info[2].As<Napi::Number>().Uint32Value());
  if (!call) return info.Env().Undefined();
  const auto bytes = info[6].As<Napi::Uint8Array>();
  server::Answer answer;
  answer.kind = static_cast<server::Call::Kind>(info[3].As<Napi::Number>().Int32Value());
  answer.status = static_cast<uint16_t>(info[4].As<Napi::Number>().Uint32Value());
  answer.head_bytes = info[5].As<Napi::Number>().Uint32Value();
  answer.bytes = {reinterpret_cast<const char*>(bytes.Data()), bytes.ByteLength()};
  ServerHost& host = *env_local(info.Env()).server_host;
  (void)server::settle(*call, answer, host.cache());
  host.deliver(*group);
  return info.Env().Undefined();
}

server::Call* call_of(const Info& info) {
  JsGroup* group = group_of(info);
  if (!group) return nullptr;
  return group->table.find(info[1].As<Napi::Number>().Uint32Value(),
                           info[2].As<Napi::Number>().Uint32Value());
}

/** head(group, slot, generation): request line and header lines as Latin-1; '' once the call is settled. */
Napi::Value head(const Info& info) {
  const server::Call* call = call_of(info);
  const std::string_view text = call ? call->record->view(call->record->head) : std::string_view();
  napi_value out = nullptr;
  napi_create_string_latin1(info.Env(), text.data() ? text.data() : "", text.size(), &out);
  return Napi::Value(info.Env(), out);
}

/** remote(group, slot, generation): the peer's numeric address; '' once the call is settled. */
Napi::Value remote(const Info& info) {
  const server::Call* call = call_of(info);
  char text[server::PeerAddress::kTextBytes];
  const size_t bytes = call ? call->record->peer.text(text) : 0;
  return Napi::String::New(info.Env(), text, bytes);
}

/** cancelled(group, slot, generation): 0 no, 1 its peer went away, 2 its time ran out, 3 either, and it is
 * forgotten. */
Napi::Value cancelled(const Info& info) {
  const server::Call* call = call_of(info);
  int32_t answer = 3;
  if (call) {
    // acquire: what was stored before the expiry; relaxed: a hint. Partners: RequestRecord::expire, and
    // Connection::peer_ended and leave_records
    const bool expired = call->state.load(std::memory_order_acquire) == server::CallState::expired;
    const bool gone = call->record->peer_gone.load(std::memory_order_relaxed);
    answer = gone ? 1 : expired ? 2 : 0;
  }
  return Napi::Number::New(info.Env(), answer);
}

/**
 * share(bound, lanes): a group of its own that is fed by this environment's P, as a handle [table, slot,
 * generation] for create() here and join() in other isolates. Until unshare().
 */
Napi::Value share(const Info& info) {
  Napi::Env env = info.Env();
  ServerHost* host = ServerHost::of(env);
  if (!host) return env.Undefined();
  server::HandlerGroup* group =
      server::HandlerGroup::create(host->cache(), host->loop().p(), info[0].As<Napi::Number>().Uint32Value(),
                                   info[1].As<Napi::Number>().Uint32Value());
  Result<server::GroupHandle> handle = Error::out_of_memory;
  if (group) handle = server::share_group(*group);
  if (!handle) {
    if (group) group->release(host->cache());
    const ErrorInfo& error = error_info(handle.error());
    Napi::Error thrown = Napi::Error::New(env, error.text);
    thrown.Set("code", error.code);
    thrown.ThrowAsJavaScriptException();
    return env.Undefined();
  }
  Napi::Array out = Napi::Array::New(env, 3);
  out.Set(0u, Napi::Number::New(env, handle->table));
  out.Set(1u, Napi::Number::New(env, handle->slot));
  out.Set(2u, Napi::Number::New(env, handle->generation));
  return out;
}

/** unshare(handle): nobody can join any more; those who have stay. */
Napi::Value unshare(const Info& info) {
  if (server::HandlerGroup* group = server::withdraw_group(handle_of(info[0]))) {
    group->release(env_local(info.Env()).cache);
  }
  return info.Env().Undefined();
}

/** join(handle, spec as for connect()): takes calls from now on; a number for the functions above. */
Napi::Value join(const Info& info) {
  Napi::Env env = info.Env();
  ServerHost* host = ServerHost::without_p(env);
  if (!host) return env.Undefined();
  server::HandlerGroup* shared = server::find_group(handle_of(info[0]));
  if (!shared) {
    throw_stale(env);
    return env.Undefined();
  }
  auto* group = new JsGroup(host->loop(), host->cache(), *shared);
  connect(*group, info[1].As<Napi::Object>(), "TAILRACE_CALLS");
  if (Status added = host->add(*group); !added) {
    host->discard(*group);
    Napi::Error error = Napi::Error::New(env, error_info(added.error()).text);
    error.Set("code", error_info(added.error()).code);
    error.ThrowAsJavaScriptException();
    return env.Undefined();
  }
  return Napi::Number::New(env, group->number);
}

/** leave(group): calls that it has not answered are answered as failed. */
Napi::Value leave(const Info& info) {
  if (JsGroup* group = group_of(info)) env_local(info.Env()).server_host->remove(*group);
  return info.Env().Undefined();
}

}  // namespace

void add_calls(Napi::Env env, Napi::Object& out) {
  const auto add = [&](const char* name, Napi::Value (*function)(const Info&)) {
    out.Set(name, Napi::Function::New(env, function, name));
  };
  add("drain", drain);
  add("refuse", refuse);
  add("flush", flush);
  add("reply", reply);
  add("head", head);
  add("remote", remote);
  add("cancelled", cancelled);
  add("share", share);
  add("unshare", unshare);
  add("join", join);
  add("leave", leave);
  out.Set("callWords", server::Drain::kWords);
  out.Set("replyWords", JsGroup::kReplyWords);
  out.Set("maxCalls", server::Drain::kMaxCalls);
}

}  // namespace tailrace::binding
