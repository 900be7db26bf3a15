// The init function of decoding by a schema (json_schema.cc).
#pragma once

#include "binding/env_local.h"

namespace tailrace::binding {

/** exports.jsonSchema; typed in lib/backend/native/json/schema-decoder.ts. */
Napi::Object init_json_schema(Napi::Env env);

}  // namespace tailrace::binding
