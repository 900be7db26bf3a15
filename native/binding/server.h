// The servers' functions for JS; see server.cc.
#pragma once

#include <napi.h>

namespace tailrace::binding {

Napi::Object init_server(Napi::Env env);

}  // namespace tailrace::binding
