// Decoding by programs on every kernel, and encoding: what is taken, what is refused, where slots and bytes
// end.
#include "schema_program.h"

#include <doctest/doctest.h>

#include <cmath>
#include <random>

#include "times.h"

namespace json = tailrace::json;
namespace test = tailrace::json_test;

namespace {

test::Decoded run(unsigned variant, const std::string& text) {
  return test::decode_everywhere(test::MadeProgram(variant), reinterpret_cast<const uint8_t*>(text.data()),
                                 text.size());
}
bool takes(unsigned variant, const std::string& text) {
  return run(variant, text).status == json::DecodeStatus::yes;
}

std::string number(double value) {
  uint8_t out[32];
  return std::string(reinterpret_cast<const char*>(out), json::write_double(value, out));
}

}  // namespace

TEST_CASE("a program takes what fits and nothing else") {
  CHECK(takes(0, R"({})"));
  CHECK(takes(0, R"( {"a":1,"bc":"xyz","d":[1,2.5,-3e2],"e":{"a":0},"f":[{"z":[null]}],"other":[[]]} )"));
  CHECK_FALSE(takes(1, R"({})"));
  CHECK(takes(1, R"({"a":1.5})"));
  CHECK_FALSE(takes(2, R"({"a":1,"other":1})"));
  CHECK(takes(4, R"({"a":1,"other":{"deep":[1,"é","日本"]}})"));
  CHECK(takes(8, R"({"a":10})"));
  CHECK_FALSE(takes(8, R"({"a":10.5})"));
  CHECK_FALSE(takes(0, R"({"a":"1"})"));
  CHECK_FALSE(takes(0, R"({"a":1e999})"));
  CHECK_FALSE(takes(0, R"({"bc":""})"));
  CHECK_FALSE(takes(0, R"({"bc":"four"})"));
  CHECK(takes(0, R"({"bc":"\ud83d\ude00\ud83d\ude00\ud83d\ude00"})"));
  CHECK_FALSE(takes(0, R"({"a":1,"a":2})"));
  CHECK(takes(16, R"([{"a":1},{},{"d":[]}])"));
  CHECK_FALSE(takes(16, R"([{"a":1},2])"));
  for (const char* bad :
       {"", " ", "{", "{}}", "{\"a\"}", "{\"other\":01}", "{\"other\":[1,]}", "{\"other\":\"\\x\"}",
        "{\"other\":tru}", "{\"other\":\"\n\"}", "{\"other\":\"\xff\"}", "[]", "1", "{\"a\":1,}"})
    CHECK_FALSE(takes(0, bad));
}

TEST_CASE("lists of doubles are one piece, mixed ones are slots") {
  const test::Decoded even = run(0, R"({"d":[1.5,2.5]})");
  REQUIRE(even.status == json::DecodeStatus::yes);
  const int32_t* d = even.words.data() + even.words[1] + 4;
  CHECK(d[0] == (json::kSlotOther | (json::kSlotDoubles + 2) << 3));
  CHECK(even.doubles[static_cast<size_t>(d[1])] == 1.5);
  CHECK(even.doubles[static_cast<size_t>(d[1]) + 1] == 2.5);
  const test::Decoded mixed = run(0, R"({"d":[1.5,2]})");
  REQUIRE(mixed.status == json::DecodeStatus::yes);
  CHECK(mixed.words[static_cast<size_t>(mixed.words[1]) + 4] == (json::kSlotArray | 2 << 3));
}

TEST_CASE("made and broken texts: all kernels agree, at every length") {
  std::mt19937 random(20261);
  const std::string whole =
      R"({"a":-12.5,"bc":"日本","d":[1.5,2.25,3,1e22],"e":{"e":{"bc":"q\"é"},"x":"\u0041"},"f":{"k":[true,null,"long enough for a block of bytes"]},"more":[{"a":[[],{}]}]})";
  for (unsigned variant = 0; variant < 32; variant++) {
    const std::string text = variant & 16 ? "[" + whole + "," + whole + "]" : whole;
    for (size_t n = 0; n <= text.size(); n++) run(variant, text.substr(0, n));
    for (int i = 0; i < 400; i++) {
      std::string broken = text;
      for (int k = static_cast<int>(random() % 3); k >= 0; k--)
        broken[random() % broken.size()] =
            "{}[],:\"\\0159.eE-tfn \n\xff\xe3"
            "a"[random() % 24];
      run(variant, std::string(random() % 70, ' ') + broken);
    }
  }
}

TEST_CASE("doubles as ECMA-262 writes them: the shortest text that reads back") {
  CHECK(number(0.1) == "0.1");
  CHECK(number(-0.0) == "0");
  CHECK(number(-1.5) == "-1.5");
  CHECK(number(123456.789) == "123456.789");
  CHECK(number(0.001) == "0.001");
  CHECK(number(0.1 + 0.2) == "0.30000000000000004");
  CHECK(number(999999999999999) == "999999999999999");
  CHECK(number(1e15) == "1000000000000000");
  CHECK(number(1e21) == "1e+21");
  CHECK(number(1e-7) == "1e-7");
  CHECK(number(5e-324) == "5e-324");
  std::mt19937_64 random(7);
  for (int i = tailrace::test_times(20'000); i > 0; i--) {
    // decimals of every length, which the quick way writes, and the doubles beside them, which it must not
    const int places = static_cast<int>(random() % 14);
    const double tens = std::pow(10, places);
    const double decimal =
        static_cast<double>(random() % (1ull << (10 + random() % 43))) / tens * (random() & 1 ? 1 : -1);
    for (double value : {decimal, std::nextafter(decimal, 1e300), std::nextafter(decimal, 0)}) {
      const std::string text = number(value);
      CHECK_MESSAGE(std::strtod(text.c_str(), nullptr) == value, text);
      char shorter[40];
      if (value == 0) continue;
      // no text with a digit fewer reads back
      size_t digits = 0;
      bool leading = true;
      for (char c : text) {
        if (c == 'e') break;
        if (c < '0' || c > '9' || (leading && c == '0')) continue;
        leading = false;
        digits++;
      }
      if (text.find_first_of(".e") == std::string::npos || digits < 2) continue;
      std::snprintf(shorter, sizeof shorter, "%.*e", static_cast<int>(digits) - 2, value);
      CHECK_MESSAGE(std::strtod(shorter, nullptr) != value, text);
    }
  }
}

TEST_CASE("arbitrary words never write beyond their bound") {
  std::mt19937 random(99);
  size_t written = 0;
  for (int i = tailrace::test_times(20'000); i > 0; i--) {
    std::vector<uint8_t> bytes(random() % 200);
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random() % 3 ? random() % 48 : random());
    written += test::encode_words(bytes.data(), bytes.size()).size();
  }
  CHECK(written > 0);
}
