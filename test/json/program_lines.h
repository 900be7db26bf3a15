// Lines decoded many at once, held to the same lines decoded one by one: which are taken, where they stand,
// and every word of the tape. Shared by the test and the fuzzer.
#pragma once

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "json/lines.h"
#include "json/program_lines.h"
#include "memory/cache.h"
#include "schema_program.h"

namespace tailrace::json_test {

/** What became of a text's lines, and the tape. */
struct Outcome {
  /** Room that nobody clears: most of it is never written. */
  Outcome(size_t rows, size_t room)
      : tape(cache), words(new int32_t[room]), doubles(new double[room / 8]), table(rows) {
    tape.words = words.get();
    tape.word_capacity = room;
    tape.doubles = doubles.get();
    tape.double_capacity = room / 8;
  }
  memory::Cache cache;
  json::DecodeTape tape;
  std::unique_ptr<int32_t[]> words;
  std::unique_ptr<double[]> doubles;
  std::vector<json::DecodedLine> table;
  json::DecodedLines done;
};

/** Each line by itself, up to the first that is not taken. */
inline void one_by_one(Outcome& out, const json::Program& program, const uint8_t* text, size_t size,
                       size_t max_line) {
  auto stage1 = std::make_unique<json::Stage1>();
  json::LineCursor line(text, size, max_line);
  out.tape.begin_batch();
  for (;;) {
    const json::LineCursor::Kind kind = line.next();
    if (kind == json::LineCursor::Kind::end) break;
    if (kind == json::LineCursor::Kind::too_long) {
      out.done.status = json::DecodeStatus::no;
      break;
    }
    if (kind == json::LineCursor::Kind::line) {
      if (out.done.count == out.table.size()) break;
      const uint32_t root = static_cast<uint32_t>(out.tape.used.words);
      stage1->begin(reinterpret_cast<const char*>(line.data()), line.size());
      out.done.status = json::kernel().run_program(*stage1, program, out.tape);
      if (out.done.status != json::DecodeStatus::yes) break;
      out.table[out.done.count++] = {root, line.start(), line.stop(), line.lines()};
    }
    line.take();
  }
  out.done.lines = line.lines();
  out.done.consumed = line.consumed();
  if (!out.tape.end_batch()) fail("no memory for the tape");
}

inline bool same_bytes(const void* a, const void* b, size_t size) {
  return size == 0 || memcmp(a, b, size) == 0;
}

/** What differs, or nullptr. */
inline const char* difference(const Outcome& a, const Outcome& b) {
  if (a.done.count != b.done.count) return "lines taken";
  if (a.done.count < a.table.size()) {  // else nothing need be said of what follows
    // a line that is no JSON may be refused for that, or ask for room first, and be refused when there is
    // some
    const auto taken = [](json::DecodeStatus status) { return status == json::DecodeStatus::yes; };
    if (taken(a.done.status) != taken(b.done.status)) return "status";
    if (a.done.lines != b.done.lines || a.done.consumed != b.done.consumed) return "lines passed";
  }
  if (!same_bytes(a.table.data(), b.table.data(), a.done.count * sizeof(json::DecodedLine))) return "table";
  const json::DecodeTape::Used &used = a.tape.used, &other = b.tape.used;
  if (used.words != other.words || !same_bytes(a.words.get(), b.words.get(), used.words * sizeof(int32_t)))
    return "words";
  if (used.doubles != other.doubles ||
      !same_bytes(a.doubles.get(), b.doubles.get(), used.doubles * sizeof(double)))
    return "doubles";
  if (a.tape.latin_chunks != b.tape.latin_chunks || a.tape.utf16_chunks != b.tape.utf16_chunks)
    return "chunks";
  const uint32_t latin = a.tape.latin_chunks ? a.tape.latin_ends[a.tape.latin_chunks - 1] : 0;
  if (!same_bytes(a.tape.latin.data(), b.tape.latin.data(), latin)) return "Latin-1";
  const uint32_t utf16 = a.tape.utf16_chunks ? a.tape.utf16_ends[a.tape.utf16_chunks - 1] : 0;
  if (!same_bytes(a.tape.utf16.data(), b.tape.utf16.data(), utf16 * sizeof(char16_t))) return "UTF-16";
  return nullptr;
}

/** Decodes a text, going on behind each line that is refused, both ways; returns the lines taken. */
inline uint32_t decode_lines_twice(unsigned variant, const std::string& all, size_t rows, size_t max_line,
                                   bool little_room = false) {
  const MadeProgram made(variant);
  // `{}` takes most words for its bytes: a slot for each name that is declared
  const size_t room = little_room ? 96 : all.size() * 8 + 256;
  uint32_t taken = 0;
  for (size_t from = 0; from < all.size();) {
    // memory that ends where the text ends
    const size_t size = all.size() - from;
    std::unique_ptr<uint8_t[]> text(new uint8_t[size]);
    memcpy(text.get(), all.data() + from, size);
    auto stage1 = std::make_unique<json::Stage1>();
    Outcome expected(rows, room), found(rows, room);
    one_by_one(expected, made.program(), text.get(), size, max_line);
    found.done = json::decode_lines(*stage1, made.program(), found.tape, text.get(), size,
                                    {found.table.data(), rows, max_line});
    if (const char* what = difference(found, expected)) {
      std::fprintf(stderr, "lines at once differ from lines one by one at byte %zu: ", from);
      fail(what);
    }
    taken += found.done.count;
    const size_t refused = found.done.status == json::DecodeStatus::yes
                               ? 0
                               : all.find('\n', from + found.done.consumed) + 1 - from - found.done.consumed;
    from += found.done.consumed + refused;
  }
  return taken;
}

}  // namespace tailrace::json_test
