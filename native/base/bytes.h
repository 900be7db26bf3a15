// Copying text into a buffer that is large enough. An empty view may have a null pointer, which memcpy must
// not see.
#pragma once

#include <cstring>
#include <string_view>

namespace tailrace {

/** Returns the end. */
inline char* append(char* out, std::string_view text) noexcept {
  if (!text.empty()) std::memcpy(out, text.data(), text.size());
  return out + text.size();
}

}  // namespace tailrace
