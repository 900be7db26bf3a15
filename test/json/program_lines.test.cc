// Lines decoded many at once, on every kernel, held to the same lines decoded one by one: which are taken,
// where they stand, and every word of the tape.
#include "json/program_lines.h"

#include <doctest/doctest.h>

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "json/lines.h"
#include "schema_program.h"
#include "times.h"

namespace json = tailrace::json;
namespace test = tailrace::json_test;

namespace {

std::vector<const json::Kernel*> kernels() {
  std::vector<const json::Kernel*> list = {&json::kFallbackKernel};
#if defined(__x86_64__)
  for (const json::Kernel* kernel : {&json::kWestmereKernel, &json::kHaswellKernel, &json::kIcelakeKernel})
    if (json::choose_kernel(kernel->isa)) list.push_back(kernel);
#elif defined(__aarch64__)
  list.push_back(&json::kArm64Kernel);
#endif
  return list;
}

/** What became of a text's lines, and the tape. */
struct Outcome {
  explicit Outcome(size_t rows) : tape(cache), words(1 << 16), doubles(1 << 14), table(rows) {
    tape.words = words.data();
    tape.word_capacity = words.size();
    tape.doubles = doubles.data();
    tape.double_capacity = doubles.size();
  }
  tailrace::memory::Cache cache;
  json::DecodeTape tape;
  std::vector<int32_t> words;
  std::vector<double> doubles;
  std::vector<json::DecodedLine> table;
  json::DecodedLines done;
};

/** Each line by itself, up to the first that is not taken. */
void one_by_one(Outcome& out, const json::Program& program, const uint8_t* text, size_t size,
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
  REQUIRE(out.tape.end_batch());
}

void same(const Outcome& a, const Outcome& b) {
  REQUIRE(a.done.status == b.done.status);
  REQUIRE(a.done.count == b.done.count);
  REQUIRE(a.done.lines == b.done.lines);
  REQUIRE(a.done.consumed == b.done.consumed);
  REQUIRE(memcmp(a.table.data(), b.table.data(), a.done.count * sizeof(json::DecodedLine)) == 0);
  REQUIRE(a.tape.used.words == b.tape.used.words);
  REQUIRE(memcmp(a.words.data(), b.words.data(), a.tape.used.words * sizeof(int32_t)) == 0);
  REQUIRE(a.tape.used.doubles == b.tape.used.doubles);
  REQUIRE(memcmp(a.doubles.data(), b.doubles.data(), a.tape.used.doubles * sizeof(double)) == 0);
  REQUIRE(a.tape.latin_chunks == b.tape.latin_chunks);
  REQUIRE(a.tape.utf16_chunks == b.tape.utf16_chunks);
  const uint32_t latin = a.tape.latin_chunks ? a.tape.latin_ends[a.tape.latin_chunks - 1] : 0;
  if (latin) REQUIRE(memcmp(a.tape.latin.data(), b.tape.latin.data(), latin) == 0);
  const uint32_t utf16 = a.tape.utf16_chunks ? a.tape.utf16_ends[a.tape.utf16_chunks - 1] : 0;
  if (utf16) REQUIRE(memcmp(a.tape.utf16.data(), b.tape.utf16.data(), utf16 * sizeof(char16_t)) == 0);
}

/** Decodes a text, going on behind each line that is refused, both ways; returns the lines taken. */
uint32_t decode(unsigned variant, const std::string& all, size_t rows, size_t max_line) {
  const test::MadeProgram made(variant);
  uint32_t taken = 0;
  for (size_t from = 0; from < all.size();) {
    // memory that ends where the text ends
    const size_t size = all.size() - from;
    std::unique_ptr<uint8_t[]> text(new uint8_t[size]);
    memcpy(text.get(), all.data() + from, size);
    auto stage1 = std::make_unique<json::Stage1>();
    Outcome expected(rows), found(rows);
    one_by_one(expected, made.program(), text.get(), size, max_line);
    found.done = json::decode_lines(*stage1, made.program(), found.tape, text.get(), size,
                                    {found.table.data(), rows, max_line});
    same(found, expected);
    taken += found.done.count;
    const size_t refused = found.done.status == json::DecodeStatus::yes
                               ? 0
                               : all.find('\n', from + found.done.consumed) + 1 - from - found.done.consumed;
    from += found.done.consumed + refused;
  }
  return taken;
}

std::string pick(std::mt19937_64& random, std::initializer_list<const char*> list) {
  return list.begin()[random() % list.size()];
}

std::string good_line(std::mt19937_64& random) {
  std::string line = R"({"a":)" + std::to_string(static_cast<int64_t>(random() % 2000) - 1000) +
                     pick(random, {"", ".5", "e3", ".1234567890123456"});
  if (random() % 2) line += R"(,"bc":")" + pick(random, {"x", "é", "日本", "\\n", "\\u00e9z", "abc"}) + "\"";
  if (random() % 3 == 0) line += R"(,"d":[1.5,2.5,-3,4e2])";
  if (random() % 4 == 0) line += R"( , "e":{"a":0,"f":[{},[true,null,false,"\ud83d\ude00"]]})";
  if (random() % 3 == 0)
    line += R"(,"more":{"deep":[[{"k":"{}[],:\"\\"}]],"text":")" + std::string(random() % 900, 'y') + "\"}";
  return line + "}" + pick(random, {"", "", " ", "\r", "\t \r"});
}

std::string bad_line(std::mt19937_64& random) {
  return pick(random, {"{\"a\":1",
                       "{\"a\":\"",
                       "\"",
                       "[",
                       "}",
                       "{\"a\":1},{\"a\":2}",
                       "{\"a\":1} {\"a\":2}",
                       "{\"a\":1}\\",
                       "\\",
                       "{\"f\":\"\\",
                       "{\"f\":\"\\q\"}",
                       "{\"f\":\"\\u12\"}",
                       "{\"f\":tru}",
                       "1",
                       "true",
                       "\"text\"",
                       "{\"f\":\"\x01\"}",
                       "{\"f\":\"\xff\"}",
                       "{\"f\":\"\xe3\x81",
                       "{}\xff",
                       "{}\xe3",
                       "{\"f\":01}",
                       "{\"a\":\"wrong\"}",
                       ",",
                       ":",
                       "{},",
                       "{\"\\u0061\":1}",
                       "[{}",
                       "{}]",
                       "{\"f\":[1,2}",
                       "nul",
                       "{\"f\":-}"});
}

}  // namespace

TEST_CASE("lines at once are lines one by one: made from a seed") {
  for (const json::Kernel* kernel : kernels()) {
    REQUIRE(json::choose_kernel(kernel->isa));
    const uint64_t seed = 20261127;
    std::mt19937_64 random(seed);
    uint32_t taken = 0;
    for (int i = tailrace::test_times(400); i > 0; i--) {
      CAPTURE(i);
      CAPTURE(seed);
      std::string text;
      const uint64_t bad = random() % 3 ? 3 + random() % 40 : 0;
      for (uint64_t lines = random() % 60; lines > 0; lines--) {
        text += bad && random() % bad == 0 ? bad_line(random)
                : random() % 12 == 0       ? pick(random, {"", " ", "\r", "\t\r "})
                                           : good_line(random);
        text += '\n';
      }
      taken += decode(static_cast<unsigned>(random() % 16), text, random() % 4 ? 4096 : 1 + random() % 20,
                      random() % 4 ? 1 << 20 : 5 + random() % 300);
    }
    CHECK(taken > 0);
  }
}

TEST_CASE("a bad line at every place relative to a piece's edge") {
  for (const json::Kernel* kernel : kernels()) {
    REQUIRE(json::choose_kernel(kernel->isa));
    const std::string line = "{\"a\":1}\n";
    for (const std::string bad : {"{\"f\":\"\xe3\x81\n", "{}\xff\n", "{\"f\":\"\n", "{\"f\":\"\\\n"}) {
      for (size_t gap = 0; gap < 24; gap++) {
        const std::string filler = std::string(json::kPieceBytes - 32 - line.size() * 2 + gap, ' ') + "\n";
        CHECK(decode(0, line + line + filler + line + bad + line, 4096, 1 << 20) == 4);
      }
    }
  }
}

TEST_CASE("a value over several lines is none") {
  for (const json::Kernel* kernel : kernels()) {
    REQUIRE(json::choose_kernel(kernel->isa));
    CHECK(decode(0, "{\n\"a\":1\n}\n{\"a\":\n2}\n{\"a\"\n:3}\n[\n{}]\n{\"f\":[\n]}\n{\"a\":1}\n", 4096,
                 1 << 20) == 1);
    CHECK(decode(16, "[{}\n,{}]\n[{}]\n[\n]\n", 4096, 1 << 20) == 1);
  }
}
