// The JSON part's init function (json.cc).
#pragma once

#include "binding/env_local.h"

namespace tailrace::binding {

/** exports.json; typed in lib/backend/native/json/addon.ts. */
Napi::Object init_json(Napi::Env env);

}  // namespace tailrace::binding
