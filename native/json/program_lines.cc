// See program_lines.h.
#include "json/program_lines.h"

#include "json/lines.h"

namespace tailrace::json {

namespace {

/** The next line by itself, whatever stands behind it. */
void decode_alone(Stage1& stage1, const Program& program, DecodeTape& tape, const uint8_t* text, size_t size,
                  const LineTable& table, DecodedLines& done) noexcept {
  LineCursor line(text + done.consumed, size - done.consumed, table.max_line);
  const LineCursor::Kind kind = line.next();
  if (kind == LineCursor::Kind::line) {
    const uint32_t root = static_cast<uint32_t>(tape.used.words);
    stage1.begin(reinterpret_cast<const char*>(line.data()), line.size());
    done.status = kernel().run_program(stage1, program, tape);
    if (done.status != DecodeStatus::yes) return;
    const uint32_t start = static_cast<uint32_t>(done.consumed);
    table.rows[done.count++] = {root, start, start + static_cast<uint32_t>(line.size()), done.lines};
  } else if (kind != LineCursor::Kind::blank) {
    // too long, or somebody has written over the newline at the end
    done.status = DecodeStatus::no;
    return;
  }
  line.take();
  done.lines++;
  done.consumed += line.consumed();
}

}  // namespace

DecodedLines decode_lines(Stage1& stage1, const Program& program, DecodeTape& tape, const uint8_t* text,
                          size_t size, const LineTable& table) noexcept {
  DecodedLines done;
  tape.begin_batch();
  while (done.status == DecodeStatus::yes && done.consumed < size && done.count < table.room) {
    stage1.begin(reinterpret_cast<const char*>(text), size);
    stage1.at = done.consumed;
    stage1.lines = true;
    kernel().run_program_lines(stage1, program, tape, table, done);
    if (done.status != DecodeStatus::no) break;
    // Stage 1 tells of a piece only that something in it is wrong: its lines are tried one by one.
    const size_t piece_end = stage1.at;
    done.status = DecodeStatus::yes;
    while (done.status == DecodeStatus::yes && done.consumed < piece_end && done.count < table.room)
      decode_alone(stage1, program, tape, text, size, table, done);
  }
  if (!tape.end_batch()) {
    // nothing is lost: the caller reads these lines one by one
    done = {};
    done.status = DecodeStatus::no_memory;
  }
  return done;
}

}  // namespace tailrace::json
