// What the binding keeps for one environment (a Node isolate: the main thread or a worker thread). Functions
// called from JS need no P; what they need stands here, and only this environment's thread touches it.
#pragma once

#include <napi.h>

namespace tailrace::binding {

struct EnvLocal {
  // Each part adds what it needs; members are destroyed by the environment's cleanup, in reverse order.
};

/** The environment's EnvLocal (instance data); never null between init and cleanup. */
EnvLocal& env_local(Napi::Env env);

}  // namespace tailrace::binding
