// See sched.h. Figures are written into a typed array that JS owns: an object of seventeen properties made
// through Node-API would cost 2 µs.
#include "binding/sched.h"

#include "sched/metrics.h"
#include "sched/scheduler.h"

namespace tailrace::binding {

namespace {

Napi::Value procs(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), sched::scheduler().procs());
}

Napi::Value set_procs(const Napi::CallbackInfo& info) {
  const uint32_t count = info.Length() > 0 ? info[0].ToNumber().Uint32Value() : 1;
  return Napi::Number::New(info.Env(), sched::scheduler().set_procs(count));
}

/** The Float64Array in info[0] if it has at least `length` elements, else throws. */
bool target(const Napi::CallbackInfo& info, size_t length, double** out) {
  if (info.Length() > 0 && info[0].IsTypedArray()) {
    auto array = info[0].As<Napi::TypedArray>();
    if (array.TypedArrayType() == napi_float64_array && array.ElementLength() >= length) {
      *out = info[0].As<Napi::Float64Array>().Data();
      return true;
    }
  }
  Napi::TypeError::New(info.Env(), "a Float64Array of the right length").ThrowAsJavaScriptException();
  return false;
}

Napi::Value figures(const Napi::CallbackInfo& info) {
  const sched::Metrics m = sched::metrics();
  // In the order of `names` in lib/backend/native/sched.ts.
  const uint64_t values[] = {m.procs,      m.threads,      m.idle,    m.spinning, m.isolates, m.goroutines,
                             m.run_queues, m.global_queue, m.gs_made, m.gs_run,   m.parks,    m.steals,
                             m.stolen,     m.handoffs,     m.turns,   m.messages, m.waiters};
  double* out = nullptr;
  if (!target(info, sizeof values / sizeof *values, &out)) return info.Env().Undefined();
  for (uint64_t value : values) *out++ = static_cast<double>(value);
  return info.Env().Undefined();
}

Napi::Value latency(const Napi::CallbackInfo& info) {
  double* out = nullptr;
  if (!target(info, sched::Latency::kBuckets, &out)) return info.Env().Undefined();
  const sched::Metrics m = sched::metrics();
  for (uint32_t i = 0; i < sched::Latency::kBuckets; i++) out[i] += static_cast<double>(m.sched_latency[i]);
  return info.Env().Undefined();
}

}  // namespace

Napi::Object init_sched(Napi::Env env) {
  Napi::Object exports = Napi::Object::New(env);
  exports.Set("procs", Napi::Function::New(env, procs, "procs"));
  exports.Set("setProcs", Napi::Function::New(env, set_procs, "setProcs"));
  exports.Set("figures", Napi::Function::New(env, figures, "figures"));
  exports.Set("latency", Napi::Function::New(env, latency, "latency"));
  return exports;
}

}  // namespace tailrace::binding
