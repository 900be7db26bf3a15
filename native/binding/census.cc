// See census.h.
#include "binding/census.h"

#include "sched/runtime.h"

namespace tailrace::binding {

namespace {

/** census(): [environments, loop hosts, groups (a server has one), net hosts, Ps alive, Ps ever made] */
Napi::Value census(const Napi::CallbackInfo& info) {
  constexpr auto kKinds = static_cast<unsigned>(Kind::kinds);
  Napi::Array out = Napi::Array::New(info.Env(), kKinds + 2);
  for (unsigned kind = 0; kind < kKinds; kind++) {
    out.Set(kind, Napi::Number::New(info.Env(), static_cast<double>(Alive::read(kind))));
  }
  const sched::Runtime::Counts counts = sched::runtime().counts();
  out.Set(kKinds, Napi::Number::New(info.Env(), counts.ps - counts.free_ps));
  out.Set(kKinds + 1, Napi::Number::New(info.Env(), counts.ps));
  return out;
}

}  // namespace

Napi::Function init_census(Napi::Env env) { return Napi::Function::New(env, census, "census"); }

}  // namespace tailrace::binding
