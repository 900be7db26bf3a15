// The entry of the addon, a table of contents: one init function a part, each in its own small file.
#include <napi.h>

#include "binding/census.h"
#include "binding/env_local.h"
#include "binding/json.h"
#include "binding/json_documents.h"
#include "binding/json_encode.h"
#include "binding/json_schema.h"
#include "binding/memory.h"
#include "binding/net.h"
#include "binding/sched.h"
#include "binding/server.h"

namespace tailrace::binding {

EnvLocal& env_local(Napi::Env env) { return *env.GetInstanceData<EnvLocal>(); }

static Napi::Object init(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(new EnvLocal);
  exports.Set("census", init_census(env));
  exports.Set("jsonSchema", init_json_schema(env));
  Napi::Object json = init_json(env);
  add_json_documents(env, json);
  exports.Set("json", json);
  exports.Set("jsonEncode", init_json_encode(env));
  exports.Set("memory", init_memory(env));
  exports.Set("net", init_net(env));
  exports.Set("sched", init_sched(env));
  exports.Set("server", init_server(env));
  return exports;
}

}  // namespace tailrace::binding

static Napi::Object Init(Napi::Env env, Napi::Object exports) {
  return tailrace::binding::init(env, exports);
}

NODE_API_MODULE(tailrace, Init)
