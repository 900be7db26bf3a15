// The init function of encoding by a schema (json_encode.cc).
#pragma once

#include "binding/env_local.h"

namespace tailrace::binding {

/** exports.jsonEncode; typed in lib/backend/native/json/schema-encoder.ts. */
Napi::Object init_json_encode(Napi::Env env);

}  // namespace tailrace::binding
