// Decoding by a schema, many lines at once: what a crossing into the core and back costs is paid once for all
// of them, and their strings come out of the same few chunks.
#pragma once

#include <cstddef>
#include <cstdint>

#include "json/kernel.h"

namespace tailrace::json {

/** One decoded line in the table: its root slot, and where it stands in the text. */
struct DecodedLine {
  uint32_t root;  // word of the tape
  uint32_t start, end;
  uint32_t line;  // lines of the text before it, blank ones included
};

struct DecodedLines {
  uint32_t count = 0;   // decoded: entries of the table
  uint32_t lines = 0;   // passed, blank ones included
  size_t consumed = 0;  // bytes of them, newlines included
  /** yes: the end of the text, or of the table. Else why the line at `consumed` was not taken. */
  DecodeStatus status = DecodeStatus::yes;
};

/**
 * Decodes the lines of a text that ends with a newline, up to the first that is refused or longer than
 * `max_line`. `table` has room for `rows`.
 */
DecodedLines decode_lines(Stage1& stage1, const Program& program, DecodeTape& tape, const uint8_t* text,
                          size_t size, size_t max_line, DecodedLine* table, size_t rows) noexcept;

}  // namespace tailrace::json
