// See program_lines.h.
#include "json/program_lines.h"

#include "json/lines.h"

namespace tailrace::json {

DecodedLines decode_lines(Stage1& stage1, const Program& program, DecodeTape& tape, const uint8_t* text,
                          size_t size, size_t max_line, DecodedLine* table, size_t rows) noexcept {
  DecodedLines result;
  const auto run = kernel().run_program;
  LineCursor line(text, size, max_line);
  tape.begin_batch();
  for (;;) {
    const LineCursor::Kind kind = line.next();
    if (kind == LineCursor::Kind::end) break;
    if (kind == LineCursor::Kind::too_long) {
      result.status = DecodeStatus::no;
      break;
    }
    if (kind == LineCursor::Kind::line) {
      if (result.count == rows) break;
      const size_t root = tape.used.words;
      stage1.begin(reinterpret_cast<const char*>(line.data()), line.size());
      result.status = run(stage1, program, tape);
      if (result.status != DecodeStatus::yes) break;
      table[result.count++] = {static_cast<uint32_t>(root), line.start(), line.stop(), line.lines()};
    }
    line.take();
  }
  result.lines = line.lines();
  result.consumed = line.consumed();
  if (!tape.end_batch()) {
    // nothing is lost: the caller reads these lines one by one
    result = {};
    result.status = DecodeStatus::no_memory;
  }
  return result;
}

}  // namespace tailrace::json
