// The memory part's init function (memory.cc).
#pragma once

#include "binding/env_local.h"

namespace tailrace::binding {

/** exports.memory: { giveBack, stats, publish, purge, debug }; typed in lib/backend/native/memory.ts. */
Napi::Object init_memory(Napi::Env env);

}  // namespace tailrace::binding
