// The calls of a handler group as JS takes and answers them; see calls.cc.
#pragma once

#include <napi.h>

#include "binding/server_host.h"
#include "server/group_table.h"

namespace tailrace::binding {

/** The group (or server) that the first argument names; null with a JS exception pending when it is stale. */
JsGroup* group_of(const Napi::CallbackInfo& info);
void throw_stale(Napi::Env env);
/** {words: Int32Array, replyWords: Int32Array, replyBytes: Uint8Array, onCalls}: what JS shares with its
 * group. */
void connect(JsGroup& group, const Napi::Object& spec, const char* resource);
/** [table, slot, generation], as share() returned it, here or in another isolate. */
server::GroupHandle handle_of(const Napi::Value& value);
/** The functions of this file, for lib/backend/native/calls.ts and group.ts. */
void add_calls(Napi::Env env, Napi::Object& out);

}  // namespace tailrace::binding
