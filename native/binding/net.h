// The init function of net and http (net.cc).
#pragma once

#include <napi.h>

namespace tailrace::binding {

/** exports.net: { parseRequests }. */
Napi::Object init_net(Napi::Env env);

}  // namespace tailrace::binding
