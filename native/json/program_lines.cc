// See program_lines.h.
#include "json/program_lines.h"

#include <cstring>

namespace tailrace::json {

DecodedLines decode_lines(Stage1& stage1, const Program& program, DecodeTape& tape, const uint8_t* text,
                          size_t size, size_t max_line, DecodedLine* table, size_t rows) noexcept {
  DecodedLines result;
  const auto run = kernel().run_program;
  const uint8_t* const end = text + size;
  const uint8_t* p = text;
  tape.begin_batch();
  while (p < end) {
    const uint8_t* stop = static_cast<const uint8_t*>(memchr(p, '\n', static_cast<size_t>(end - p)));
    if (!stop) break;
    const size_t bytes = static_cast<size_t>(stop - p);
    size_t blank = 0;
    while (blank < bytes && (p[blank] == ' ' || p[blank] == '\t' || p[blank] == '\r')) blank++;
    if (bytes > max_line) {
      result.status = DecodeStatus::no;
      break;
    }
    if (blank < bytes) {
      if (result.count == rows) break;
      const size_t root = tape.used.words;
      stage1.begin(reinterpret_cast<const char*>(p), bytes);
      result.status = run(stage1, program, tape);
      if (result.status != DecodeStatus::yes) break;
      table[result.count++] = {static_cast<uint32_t>(root), static_cast<uint32_t>(p - text),
                               static_cast<uint32_t>(stop - text), result.lines};
    }
    result.lines++;
    p = stop + 1;
  }
  result.consumed = static_cast<size_t>(p - text);
  if (!tape.end_batch()) {
    // nothing is lost: the caller reads these lines one by one
    result = {};
    result.status = DecodeStatus::no_memory;
  }
  return result;
}

}  // namespace tailrace::json
