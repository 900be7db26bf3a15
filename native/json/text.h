// Text as such, without grammar: transcoding, and taking insignificant space out.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tailrace::json {

/** Bytes before the first that is not ASCII. */
size_t ascii_prefix(const uint8_t* text, size_t size) noexcept;

/** Valid UTF-8 (or WTF-8) to UTF-16; room for `size` units. Returns the units. */
size_t transcode(const uint8_t* text, size_t size, char16_t* to) noexcept;

/** Valid JSON without the space between its tokens; room for `size` bytes. Returns the bytes. */
size_t minify(const uint8_t* text, size_t size, uint8_t* to) noexcept;

}  // namespace tailrace::json
