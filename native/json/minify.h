// Insignificant space out of a text that is JSON, 64 bytes at a time where the machine can.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tailrace::json {

/** Whole vectors are stored: the room behind the last byte that may be overwritten. */
constexpr size_t kMinifySlack = 64;

/** Room for `size` and kMinifySlack bytes. Returns the bytes. */
size_t minify_text(const uint8_t* text, size_t size, uint8_t* to) noexcept;

}  // namespace tailrace::json
