// See method_table.h.
#include "rpc/method_table.h"

#include <utility>

namespace tailrace::rpc {

// FNV-1a. The names are the server's own; a client can only choose what is looked up, not what collides.
uint32_t MethodTable::hash(std::string_view name) noexcept {
  uint32_t h = 2166136261u;
  for (const char c : name) h = (h ^ static_cast<unsigned char>(c)) * 16777619u;
  return h;
}

void MethodTable::add(Method method) { methods_.push_back(std::move(method)); }

void MethodTable::seal() {
  size_t size = 2;
  while (size < methods_.size() * 2) size *= 2;
  slots_.assign(size, -1);
  for (size_t i = 0; i < methods_.size(); i++) {
    size_t at = hash(methods_[i].name) & (size - 1);
    while (slots_[at] >= 0) at = (at + 1) & (size - 1);
    slots_[at] = static_cast<int32_t>(i);
  }
}

int32_t MethodTable::find(std::string_view name) const noexcept {
  const size_t mask = slots_.size() - 1;
  for (size_t at = hash(name) & mask;; at = (at + 1) & mask) {
    const int32_t index = slots_[at];
    if (index < 0 || methods_[static_cast<size_t>(index)].name == name) return index;
  }
}

}  // namespace tailrace::rpc
