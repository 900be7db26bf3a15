// See json_ahead.h.
#include "binding/json_ahead.h"

namespace tailrace::binding {

namespace {
constexpr size_t kFirstWords = 1 << 12;
constexpr size_t kFirstDoubles = 1 << 8;
/** As lib/backend/native/json/schema-tape.ts keeps them; a line that needs more is read by itself. */
constexpr size_t kMostWords = 1 << 20;
constexpr size_t kMostDoubles = 1 << 18;
}  // namespace

bool DecodeJob::fill(const What& what, const uint8_t* data, size_t bytes) noexcept {
  if (!table.reserve(kRows, 0) || !words.reserve(kFirstWords, 0) || !doubles.reserve(kFirstDoubles, 0))
    return false;
  if (program_serial != what.serial) {
    program_serial = 0;
    if (!program_words.reserve(what.program.size, 0)) return false;
    memcpy(program_words.data(), what.program.words, what.program.size * sizeof(int32_t));
    program = {program_words.data(), what.program.size};
    program_serial = what.serial;
  }
  max_line = what.max_line;
  return copy(data, bytes);
}

void DecodeJob::run() noexcept {
  for (;;) {
    tape.words = words.data();
    tape.word_capacity = words.capacity();
    tape.doubles = doubles.data();
    tape.double_capacity = doubles.capacity();
    result = json::decode_lines(stage1, program, tape, text.data(), size, {table.data(), kRows, max_line});
    const bool more = (result.status == json::DecodeStatus::need_words && words.capacity() < kMostWords &&
                       words.reserve(words.capacity() * 2, 0)) ||
                      (result.status == json::DecodeStatus::need_doubles &&
                       doubles.capacity() < kMostDoubles && doubles.reserve(doubles.capacity() * 2, 0));
    if (!more) return;
  }
}

bool JoinJob::fill(const What& what, const uint8_t* data, size_t bytes) noexcept {
  max_line = what.max_line;
  return joined.reserve(bytes + json::kJoinSlack, 0) && copy(data, bytes);
}

void JoinJob::run() noexcept {
  result = json::join_lines(outliner, text.data(), size, max_line, joined.data());
}

}  // namespace tailrace::binding
