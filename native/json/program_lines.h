// Decoding by a schema, many lines at once: what a crossing into the core and back costs is paid once for all
// of them, and their strings come out of the same few chunks.
#pragma once

#include <cstddef>
#include <cstdint>

#include "json/kernel.h"

namespace tailrace::json {

/**
 * Decodes the lines of a text that ends with a newline, up to the first that is refused or longer than the
 * table says, or until the table is full.
 */
DecodedLines decode_lines(Stage1& stage1, const Program& program, DecodeTape& tape, const uint8_t* text,
                          size_t size, const LineTable& table) noexcept;

}  // namespace tailrace::json
