// The memory part for JS: giving pages of JS-made arenas back, and the figures of the core's heap.
//
// An arena is only touched during the call: no pointer into one is kept, so nothing here outlives an
// environment.
#include "binding/memory.h"

#include <cmath>

#include "base/os.h"
#include "memory/heap.h"

namespace tailrace::binding {

namespace {

Napi::Value give_back(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (info.Length() < 3 || !info[0].IsArrayBuffer() || !info[1].IsNumber() || !info[2].IsNumber()) {
    Napi::TypeError::New(env, "giveBack(arena, offset, bytes)").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  Napi::ArrayBuffer arena = info[0].As<Napi::ArrayBuffer>();
  const double offset = info[1].As<Napi::Number>().DoubleValue();
  const double bytes = info[2].As<Napi::Number>().DoubleValue();
  // Written so that NaN fails too.
  if (!(offset >= 0 && bytes >= 0 && offset + bytes <= static_cast<double>(arena.ByteLength()))) {
    Napi::RangeError::New(env, "outside the arena").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  // Only whole pages inside the range: the rest of an edge page belongs to a neighbour, or to the C library.
  const uintptr_t page = os::page_bytes();
  const auto base = reinterpret_cast<uintptr_t>(arena.Data());
  const uintptr_t from = (base + static_cast<size_t>(offset) + page - 1) & ~(page - 1);
  const uintptr_t to = (base + static_cast<size_t>(offset) + static_cast<size_t>(bytes)) & ~(page - 1);
  if (from >= to || !os::map_decommit(reinterpret_cast<void*>(from), to - from))
    return Napi::Number::New(env, 0);
  return Napi::Number::New(env, static_cast<double>(to - from));
}

/** preferHuge(bytes): asks for the whole huge pages in them; the offset of the first one, or where it would
 * be. */
Napi::Value prefer_huge(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  void* at = nullptr;
  size_t bytes = 0;
  // By the plain call: node-addon-api wants an ArrayBuffer behind a typed array, and here may be a shared
  // one.
  if (info.Length() < 1 ||
      napi_get_typedarray_info(env, info[0], nullptr, &bytes, &at, nullptr, nullptr) != napi_ok) {
    Napi::TypeError::New(env, "preferHuge(Uint8Array)").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  os::prefer_huge(at, bytes);
  const auto offset = static_cast<double>(-reinterpret_cast<uintptr_t>(at) & (os::kHugeBytes - 1));
  return Napi::Number::New(env, offset);
}

Napi::Value heap_stats(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  constexpr size_t kFigures = 10;
  if (info.Length() < 1 || !info[0].IsTypedArray() ||
      info[0].As<Napi::TypedArray>().TypedArrayType() != napi_float64_array ||
      info[0].As<Napi::TypedArray>().ElementLength() < kFigures) {
    Napi::TypeError::New(env, "stats(Float64Array(10))").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  const memory::Stats stats = memory::stats();
  Napi::Float64Array out = info[0].As<Napi::Float64Array>();
  const double limit =
      stats.limit_bytes == memory::kUnlimited ? INFINITY : static_cast<double>(stats.limit_bytes);
  // In the order of CoreHeapStats in lib/backend/contract.ts.
  const double figures[kFigures] = {static_cast<double>(stats.reserved_bytes),
                                    static_cast<double>(stats.committed_bytes),
                                    static_cast<double>(stats.in_use_bytes),
                                    static_cast<double>(stats.cached_bytes),
                                    limit,
                                    static_cast<double>(stats.refills),
                                    static_cast<double>(stats.releases),
                                    static_cast<double>(stats.given_back_bytes),
                                    static_cast<double>(stats.refused),
                                    static_cast<double>(stats.caches)};
  for (size_t i = 0; i < kFigures; i++) out[i] = figures[i];
  return env.Undefined();
}

Napi::Value publish_heap(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (info.Length() < 1 || !info[0].IsTypedArray() ||
      info[0].As<Napi::TypedArray>().TypedArrayType() != napi_biguint64_array ||
      info[0].As<Napi::TypedArray>().ElementLength() < memory::Publication::kWords) {
    Napi::TypeError::New(env, "publish(BigUint64Array(10))").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  // By the plain call: node-addon-api wants an ArrayBuffer behind a typed array, and here is a shared one.
  void* words = nullptr;
  if (napi_get_typedarray_info(env, info[0], nullptr, nullptr, &words, nullptr, nullptr) != napi_ok ||
      !words) {
    Napi::TypeError::New(env, "not memory that can be shared").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  EnvLocal& local = env_local(env);
  local.heap_figures.stop();
  local.heap_words = Napi::Persistent(info[0].As<Napi::TypedArray>());
  local.heap_figures.start(static_cast<std::atomic<uint64_t>*>(words));
  return env.Undefined();
}

Napi::Value limit_heap(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const double bytes =
      info.Length() > 0 && info[0].IsNumber() ? info[0].As<Napi::Number>().DoubleValue() : -1.0;
  // Written so that NaN fails too.
  if (!(bytes >= 0)) {
    Napi::TypeError::New(env, "limit(bytes)").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  memory::set_limit(bytes >= 0x1p63 ? memory::kUnlimited : static_cast<size_t>(bytes));
  return env.Undefined();
}

/** scavenge(): how many milliseconds later another call will have something to give back; -1: not before
 * more becomes free. */
Napi::Value scavenge_heap(const Napi::CallbackInfo& info) {
  constexpr size_t kMostBytes = 4u << 20;  // as sysmon, a millisecond or two
  constexpr double kPauseMs = 5, kPeriodMs = memory::kScavengePeriodNs / 1'000'000;
  const bool more = memory::scavenge(os::monotonic_ns(), kMostBytes) >= kMostBytes;
  return Napi::Number::New(info.Env(), more ? kPauseMs : memory::scavenge_pending() ? kPeriodMs : -1);
}

Napi::Value purge_heap(const Napi::CallbackInfo& info) {
  env_local(info.Env()).cache.flush();
  return Napi::Number::New(info.Env(), static_cast<double>(memory::purge()));
}

}  // namespace

Napi::Object init_memory(Napi::Env env) {
  Napi::Object exports = Napi::Object::New(env);
  exports.Set("giveBack", Napi::Function::New(env, give_back, "giveBack"));
  exports.Set("preferHuge", Napi::Function::New(env, prefer_huge, "preferHuge"));
  exports.Set("stats", Napi::Function::New(env, heap_stats, "stats"));
  exports.Set("publish", Napi::Function::New(env, publish_heap, "publish"));
  exports.Set("limit", Napi::Function::New(env, limit_heap, "limit"));
  exports.Set("scavenge", Napi::Function::New(env, scavenge_heap, "scavenge"));
  exports.Set("purge", Napi::Function::New(env, purge_heap, "purge"));
#if defined(NDEBUG)
  exports.Set("debug", Napi::Boolean::New(env, false));
#else
  exports.Set("debug", Napi::Boolean::New(env, true));
#endif
  return exports;
}

}  // namespace tailrace::binding
