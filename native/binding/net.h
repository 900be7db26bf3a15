// The init function of net and http (net.cc).
#pragma once

#include <napi.h>

namespace tailrace::binding {

/** exports.net: { parseRequests, and the functions of net_host.cc }. */
Napi::Object init_net(Napi::Env env);

}  // namespace tailrace::binding
