// See envelope.h.
#include "rpc/envelope.h"

#include <memory>
#include <new>
#include <vector>

namespace tailrace::rpc {

namespace {

enum class Member : uint8_t { other, id, jsonrpc, method, params };

Member member(const json::Node& key) noexcept {
  std::string_view name;
  if (key.plain_string(&name)) {
    if (name == "id") return Member::id;
    if (name == "jsonrpc") return Member::jsonrpc;
    if (name == "method") return Member::method;
    if (name == "params") return Member::params;
    return Member::other;
  }
  // An escaped name is the same name ("\u0069d").
  if (key.string_equals("id")) return Member::id;
  if (key.string_equals("jsonrpc")) return Member::jsonrpc;
  if (key.string_equals("method")) return Member::method;
  if (key.string_equals("params")) return Member::params;
  return Member::other;
}

int32_t find_method(const json::Node& name, const MethodTable& methods) noexcept {
  std::string_view plain;
  if (name.plain_string(&plain)) return methods.find(plain);
  char small[256];
  const size_t bound = name.string_bytes();
  if (bound <= sizeof small) return methods.find({small, name.get_string(small)});
  std::unique_ptr<char[]> large(new (std::nothrow) char[bound]);
  return large ? methods.find({large.get(), name.get_string(large.get())}) : -1;
}

bool valid_id(const json::Node& id) noexcept {
  return id.is(json::Type::string) || id.is(json::Type::number) || id.is(json::Type::null);
}

}  // namespace

bool has_forbidden_key(const json::Node& value) noexcept {
  // Not by recursion: limits.depth may be more than a thread's stack has room for.
  struct Level {
    json::Node::Iterator at;
    bool object;
  };
  std::vector<Level> open{{value.begin(), value.is(json::Type::object)}};
  while (!open.empty()) {
    Level& level = open.back();
    if (!level.at.more()) {
      open.pop_back();
      continue;
    }
    const json::Node item = level.at.value();
    json::Node prototype;
    if (level.object && level.at.key().string_equals("__proto__")) return true;
    if (level.object && level.at.key().string_equals("constructor") && item.find("prototype", &prototype))
      return true;
    level.at.next();
    if (item.is_container()) open.push_back({item.begin(), item.is(json::Type::object)});
  }
  return false;
}

Envelope read_envelope(const json::Node& call, const MethodTable& methods, bool check_keys) noexcept {
  Envelope envelope;
  envelope.id = "null";
  envelope.failure = Failure::invalid_request;
  if (!call.is(json::Type::object)) return envelope;

  json::Node id, version, method, params;
  for (auto it = call.begin(); it.more(); it.next()) {
    switch (member(it.key())) {  // of duplicates the last counts, as in JSON.parse
      case Member::id:
        id = it.value();
        break;
      case Member::jsonrpc:
        version = it.value();
        break;
      case Member::method:
        method = it.value();
        break;
      case Member::params:
        params = it.value();
        break;
      case Member::other:
        break;
    }
  }
  const bool id_fits = id.valid() && valid_id(id);
  if (id_fits) envelope.id = id.raw();
  if ((id.valid() && !id_fits) || !version.valid() || !version.is(json::Type::string) ||
      !version.string_equals("2.0") || !method.valid() || !method.is(json::Type::string) ||
      (params.valid() && !params.is_container())) {
    return envelope;
  }
  envelope.notification = !id.valid();
  envelope.has_params = params.valid();
  envelope.method = find_method(method, methods);
  if (envelope.method < 0) {
    envelope.failure = Failure::method_not_found;
    return envelope;
  }
  if (params.valid()) {
    envelope.params = params.raw();
    if (check_keys && !methods[static_cast<uint32_t>(envelope.method)].lazy && has_forbidden_key(params)) {
      envelope.failure = Failure::forbidden_key;
      return envelope;
    }
  }
  envelope.failure = Failure::none;
  return envelope;
}

}  // namespace tailrace::rpc
