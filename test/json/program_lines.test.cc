// Lines decoded many at once, on every kernel, held to the same lines decoded one by one: which are taken,
// where they stand, and every word of the tape.
#include "program_lines.h"

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

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
    for (int i = tailrace::test_times(120); i > 0; i--) {
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
      taken += test::decode_lines_twice(static_cast<unsigned>(random() % 16), text,
                                        random() % 4 ? 4096 : 1 + random() % 20,
                                        random() % 4 ? 1 << 20 : 5 + random() % 300, random() % 6 == 0);
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
        CHECK(test::decode_lines_twice(0, line + line + filler + line + bad + line, 4096, 1 << 20) == 4);
      }
    }
  }
}

TEST_CASE("a value over several lines is none") {
  for (const json::Kernel* kernel : kernels()) {
    REQUIRE(json::choose_kernel(kernel->isa));
    CHECK(test::decode_lines_twice(
              0, "{\n\"a\":1\n}\n{\"a\":\n2}\n{\"a\"\n:3}\n[\n{}]\n{\"f\":[\n]}\n{\"a\":1}\n", 4096,
              1 << 20) == 1);
    CHECK(test::decode_lines_twice(16, "[{}\n,{}]\n[{}]\n[\n]\n", 4096, 1 << 20) == 1);
  }
}

TEST_CASE("a last line without its newline is left, whatever it is") {
  for (const json::Kernel* kernel : kernels()) {
    REQUIRE(json::choose_kernel(kernel->isa));
    for (const char* rest : {"{\"a\":2}", "{\"a\":2", "{\"a\":", "\"", " ", "\\"}) {
      const std::string text = std::string("{\"a\":1}\n") + rest;
      const test::MadeProgram made(0);
      test::Outcome out(64, 4096);
      auto stage1 = std::make_unique<json::Stage1>();
      out.done =
          json::decode_lines(*stage1, made.program(), out.tape, reinterpret_cast<const uint8_t*>(text.data()),
                             text.size(), {out.table.data(), out.table.size(), 1000});
      CHECK(out.done.consumed == 8);
      CHECK(out.done.lines == 1);
      CHECK(out.done.status == json::DecodeStatus::no);
    }
  }
}
