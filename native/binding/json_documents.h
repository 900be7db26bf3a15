// Lazy documents and texts as bytes, for JavaScript: functions that join those of json.cc in the same object.
#pragma once

#include <napi.h>

namespace tailrace::binding {

void add_json_documents(Napi::Env env, Napi::Object json);

}  // namespace tailrace::binding
