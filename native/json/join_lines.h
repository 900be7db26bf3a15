// Lines of NDJSON as the text of one array: each is checked to be a JSON text of its own before it is joined
// to the others, or `1],[2` would make up lines.
#pragma once

#include <cstddef>
#include <cstdint>

#include "json/outline.h"

namespace tailrace::json {

struct JoinedLines {
  size_t bytes = 0;     // of the array's text
  int32_t count = 0;    // its elements: lines that are not blank
  uint32_t lines = 0;   // passed, blank ones included
  size_t consumed = 0;  // bytes of them, newlines included
};

/** Bytes that the array's text may be longer than the lines. */
constexpr size_t kJoinSlack = 2;

/**
 * Joins the lines of a text that ends with a newline, up to the first that is no JSON text in UTF-8, or
 * longer than `max_line`. `to` has room for `size` + kJoinSlack.
 */
JoinedLines join_lines(Outliner& outliner, const uint8_t* text, size_t size, size_t max_line,
                       uint8_t* to) noexcept;

}  // namespace tailrace::json
