// The envelope of one JSON-RPC 2.0 call (section 4 of its specification), read from a validated document
// without making anything: spans of the text, and what is wrong with it.
#pragma once

#include <string_view>

#include "json/node.h"
#include "rpc/failure.h"
#include "rpc/method_table.h"

namespace tailrace::rpc {

struct Envelope {
  Failure failure = Failure::none;
  bool notification = false;  // no id: no answer, not even to a failure, unless the envelope itself is bad
  bool has_params = false;
  int32_t method = -1;
  std::string_view id;      // JSON text, byte for byte; "null" where there is no valid one
  std::string_view params;  // JSON text
};

/**
 * Reads one call. `check_keys`: the document has a key `__proto__` or `constructor` somewhere, so the params
 * are looked through (not those of lazy methods: their reader looks).
 */
Envelope read_envelope(const json::Node& call, const MethodTable& methods, bool check_keys) noexcept;

/** Whether an object in `value` has a member `__proto__`, or `constructor` with a value that has `prototype`.
 */
bool has_forbidden_key(const json::Node& value) noexcept;

}  // namespace tailrace::rpc
