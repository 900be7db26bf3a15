// The methods of an endpoint by name: a hash table that is filled once and only read afterwards, by every P.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tailrace::rpc {

struct Method {
  std::string name;
  bool lazy = false;        // params are handed on as text
  uint32_t timeout_ms = 0;  // 0: the request's own
  uint8_t lane = 0;         // of its group: calls of a higher one are taken first
};

class MethodTable {
 public:
  /** Methods are known by the order in which they were added. */
  void add(Method method);
  /** After the last add. */
  void seal();
  /** The index of that name, or -1. */
  int32_t find(std::string_view name) const noexcept;
  const Method& operator[](uint32_t index) const noexcept { return methods_[index]; }

 private:
  static uint32_t hash(std::string_view name) noexcept;

  std::vector<Method> methods_;
  std::vector<int32_t> slots_;  // open addressing, at most half full; -1: empty
};

}  // namespace tailrace::rpc
