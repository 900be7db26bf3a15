// UTF-16 to UTF-8 for JSON text made by joining pieces, and the proof that it is JSON: strings were put
// between quotes as they are, in the hope that none needs an escape. If one does, there is a quote, a
// backslash or a control character too many.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tailrace::json {

constexpr size_t kNeedsEscape = ~size_t{0};

/**
 * Returns the bytes written, or kNeedsEscape when the text has not exactly so many quotes and backslashes, a
 * control character, or a surrogate without its other half. `to` has room for three bytes a unit, and may
 * overlap the text's last part: reading is always ahead of writing when the text stands at the end of a block
 * of at least three bytes a unit.
 */
size_t encode_text(const char16_t* text, size_t units, uint8_t* to, uint32_t quotes,
                   uint32_t backslashes) noexcept;

}  // namespace tailrace::json
