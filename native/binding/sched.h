// The scheduler's part of the addon: procs and figures. Starts nothing.
#pragma once

#include <napi.h>

namespace tailrace::binding {

/** exports.sched: { procs, setProcs, figures, latency }; typed in lib/backend/native/sched.ts. */
Napi::Object init_sched(Napi::Env env);

}  // namespace tailrace::binding
