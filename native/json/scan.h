// The slow exact reader: where is a text wrong, and how. Only failed texts come here (and the tests, which
// hold the fast path to it). A byte at a time, no kernel.
#pragma once

#include <cstddef>
#include <cstdint>

#include "json/parser.h"

namespace tailrace::json {

/** UTF-8 a byte at a time (Unicode table 3-7). All zero is the state between two sequences. */
struct Utf8State {
  uint8_t need = 0;
  uint8_t low = 0;
  uint8_t high = 0;

  /** false: this byte cannot stand here. */
  bool feed(uint8_t c) noexcept {
    if (need) {
      if (c < low || c > high) return false;
      low = 0x80;
      high = 0xbf;
      need--;
      return true;
    }
    if (c < 0x80) return true;
    low = 0x80;
    high = 0xbf;
    if (c < 0xc2 || c > 0xf4) return false;
    need = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
    if (c == 0xe0) low = 0xa0;
    if (c == 0xed) high = 0x9f;
    if (c == 0xf0) low = 0x90;
    if (c == 0xf4) high = 0x8f;
    return true;
  }
};

/** Offset of the first byte of the first sequence that is not UTF-8, or `size`. */
size_t find_bad_utf8(const char* data, size_t size) noexcept;

/**
 * Reads the whole text by the grammar of RFC 8259 and finds the first error: json_unexpected_end (offset
 * `size`), json_unexpected_token, json_invalid_number, json_invalid_string, json_trailing or json_depth;
 * json_invalid_utf8 before all others when `strict_utf8`. Error::ok: nothing is wrong. Error::out_of_memory
 * when there is none for the nesting.
 */
ParseError scan(memory::Cache& cache, const char* data, size_t size, uint32_t max_depth,
                bool strict_utf8) noexcept;

}  // namespace tailrace::json
