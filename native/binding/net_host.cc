// See net_host.h. The functions below are those of lib/backend/native/net.ts; arguments come by position and
// were checked by the facade. Failures are numbers, -errno: JS makes the error.
#include "binding/net_host.h"

#include <cerrno>
#include <new>
#include <string>

#include "base/os.h"
#include "binding/env_local.h"

namespace tailrace::binding {

namespace {

using Info = Napi::CallbackInfo;

Napi::Value number(Napi::Env env, int64_t value) {
  return Napi::Number::New(env, static_cast<double>(value));
}

Napi::Value failed(Napi::Env env, Status status) { return number(env, -(status.sys() ? status.sys() : EIO)); }

server::SocketHandle handle_of(const Info& info) {
  return {info[0].As<Napi::Number>().Uint32Value(), info[1].As<Napi::Number>().Uint32Value()};
}

/** port < 0: `text` is the path of a Unix socket, else a numeric address. */
Result<os::Address> address_of(const std::string& text, int32_t port) {
  if (port < 0) return os::Address::path(text);
  return os::Address::ip(text, static_cast<uint16_t>(port));
}

/** attach({words: Int32Array, bytes: Uint8Array, result: Int32Array, onEvents(count)}) */
Napi::Value attach(const Info& info) {
  (void)NetHost::make(info.Env(), info[0].As<Napi::Object>());
  return info.Env().Undefined();
}

/** connect(address, port): 0, the handle is in the result; or -errno. */
Napi::Value connect(const Info& info) {
  NetHost* host = NetHost::of(info.Env());
  if (!host) return info.Env().Undefined();
  const auto address = address_of(info[0].As<Napi::String>(), info[1].As<Napi::Number>().Int32Value());
  if (!address) return number(info.Env(), -EINVAL);
  sched::Hold hold(host->isolate());
  const auto handle = host->sockets().connect(*address);
  if (!handle) return failed(info.Env(), handle.status());
  host->give(*handle);
  if (host->sockets().pending()) host->loop().wake();
  return number(info.Env(), 0);
}

/** listen(address, port, backlog, reusePort): as connect. */
Napi::Value listen(const Info& info) {
  NetHost* host = NetHost::of(info.Env());
  if (!host) return info.Env().Undefined();
  const auto address = address_of(info[0].As<Napi::String>(), info[1].As<Napi::Number>().Int32Value());
  if (!address) return number(info.Env(), -EINVAL);
  net::ListenOptions options;
  options.backlog = info[2].As<Napi::Number>().Int32Value();
  options.reuse_port = info[3].ToBoolean();
  sched::Hold hold(host->isolate());
  const auto handle = host->sockets().listen(*address, options);
  if (!handle) return failed(info.Env(), handle.status());
  host->give(*handle);
  return number(info.Env(), 0);
}

/** address(slot, generation) of a listener: [host, port]. */
Napi::Value address(const Info& info) {
  NetHost* host = NetHost::of(info.Env());
  if (!host) return info.Env().Undefined();
  sched::Hold hold(host->isolate());
  const os::Address at = host->sockets().address(handle_of(info));
  char text[os::Address::kTextBytes];
  const size_t bytes = at.host_text(text);
  Napi::Array out = Napi::Array::New(info.Env(), 2);
  out.Set(0u, Napi::String::New(info.Env(), text, bytes));
  out.Set(1u, Napi::Number::New(info.Env(), at.port()));
  return out;
}

/** write(slot, generation, bytes, at): bytes taken from `at` on, or -errno. Fewer: 'writable' follows. */
Napi::Value write(const Info& info) {
  NetHost* host = NetHost::of(info.Env());
  if (!host) return info.Env().Undefined();
  const auto bytes = info[2].As<Napi::Uint8Array>();
  const auto at = static_cast<size_t>(info[3].As<Napi::Number>().Int64Value());
  if (at > bytes.ByteLength()) return number(info.Env(), -EINVAL);
  sched::Hold hold(host->isolate());
  const auto taken = host->sockets().write(handle_of(info), reinterpret_cast<const char*>(bytes.Data()) + at,
                                           bytes.ByteLength() - at);
  return taken ? number(info.Env(), static_cast<int64_t>(*taken)) : failed(info.Env(), taken.status());
}

/** shutdown(slot, generation) */
Napi::Value shutdown(const Info& info) {
  if (NetHost* host = NetHost::of(info.Env())) {
    sched::Hold hold(host->isolate());
    host->sockets().shutdown(handle_of(info));
  }
  return info.Env().Undefined();
}

/** consumed(slot, generation, bytes): so many more were read by the program. */
Napi::Value consumed(const Info& info) {
  if (NetHost* host = NetHost::of(info.Env())) {
    sched::Hold hold(host->isolate());
    host->sockets().consumed(handle_of(info), info[2].As<Napi::Number>().Uint32Value());
  }
  return info.Env().Undefined();
}

/** close(slot, generation): of a connection or a listener; no event of it follows. */
Napi::Value close(const Info& info) {
  if (NetHost* host = NetHost::of(info.Env())) {
    sched::Hold hold(host->isolate());
    host->sockets().close(handle_of(info));
  }
  return info.Env().Undefined();
}

/** hold(on): keeps the event loop alive, or not. */
Napi::Value hold(const Info& info) {
  if (NetHost* host = NetHost::of(info.Env())) host->hold(info[0].ToBoolean());
  return info.Env().Undefined();
}

}  // namespace

NetHost* NetHost::of(Napi::Env env) {
  NetHost* host = env_local(env).net_host;
  if (!host) {
    Napi::Error error = Napi::Error::New(env, error_info(Error::stale_handle).text);
    error.Set("code", error_info(Error::stale_handle).code);
    error.ThrowAsJavaScriptException();
  }
  return host;
}

NetHost* NetHost::make(Napi::Env env, const Napi::Object& spec) {
  EnvLocal& local = env_local(env);
  Status status = local.net_host ? Status(Error::invalid_argument) : Status();
  Result<LoopHost*> loop = status.ok() ? LoopHost::of(env) : Result<LoopHost*>(status);
  auto* host = loop ? new (std::nothrow) NetHost(env, **loop) : nullptr;
  if (!host) {
    Napi::Error::New(env, error_info(loop ? Error::out_of_memory : loop.error()).text)
        .ThrowAsJavaScriptException();
    return nullptr;
  }
  auto words = spec.Get("words").As<Napi::Int32Array>();
  auto bytes = spec.Get("bytes").As<Napi::Uint8Array>();
  host->words_ = words.Data();
  host->max_events_ = static_cast<uint32_t>(words.ElementLength()) / server::SocketSet::kWords;
  host->bytes_ = reinterpret_cast<char*>(bytes.Data());
  host->capacity_ = static_cast<uint32_t>(bytes.ByteLength());
  host->result_ = spec.Get("result").As<Napi::Int32Array>().Data();
  host->buffers_ = Napi::Persistent(spec);
  host->on_events_ = Napi::Persistent(spec.Get("onEvents").As<Napi::Function>());
  napi_async_init(env, nullptr, Napi::String::New(env, "TAILRACE_NET"), &host->context_);
  (*loop)->add_client(*host);
  local.net_host = host;
  return host;
}

void NetHost::give(server::SocketHandle handle) noexcept {
  result_[0] = static_cast<int32_t>(handle.slot);
  result_[1] = static_cast<int32_t>(handle.generation);
}

void NetHost::hold(bool on) noexcept {
  if (on == referenced_) return;
  referenced_ = on;
  if (on) {
    loop_.ref();
  } else {
    loop_.unref();
  }
}

bool NetHost::on_loop() noexcept {
  if (!set_.pending()) return false;
  away_ = !isolate().acquire();
  if (away_) return false;
  const uint32_t events = set_.seal(words_, max_events_, bytes_, capacity_);
  isolate().lend();
  if (events > 0) enter(events);
  return false;
}

/** Calls JS in a callback scope: microtasks and ticks run before this returns. */
void NetHost::enter(uint32_t events) noexcept {
  Napi::HandleScope scope(env_);
  const napi_value count = Napi::Number::New(env_, events);
  napi_value result = nullptr;
  if (napi_make_callback(env_, context_, env_.Global(), on_events_.Value(), 1, &count, &result) ==
      napi_pending_exception) {
    napi_value error = nullptr;
    napi_get_and_clear_last_exception(env_, &error);
    napi_fatal_exception(env_, error);  // 'uncaughtException': nothing of ours throws, so somebody must know
  }
}

void NetHost::on_teardown() noexcept {
  set_.close_all();
  // The references go with this: Node would leave them (as in ServerHost::on_teardown).
  if (context_) napi_async_destroy(env_, context_);
  env_local(env_).net_host = nullptr;
  delete this;
}

void init_net_host(Napi::Env env, Napi::Object exports) {
  const auto add = [&](const char* name, Napi::Value (*function)(const Info&)) {
    exports.Set(name, Napi::Function::New(env, function, name));
  };
  add("attach", attach);
  add("connect", connect);
  add("listen", listen);
  add("address", address);
  add("write", write);
  add("shutdown", shutdown);
  add("consumed", consumed);
  add("close", close);
  add("hold", hold);
  exports.Set("eventWords", server::SocketSet::kWords);
}

}  // namespace tailrace::binding
