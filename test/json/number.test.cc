// Decimal to double, held to the C library's strtod, which glibc rounds exactly.
#include "json/number.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <cstring>
#include <random>
#include <string>

#include "times.h"

using namespace tailrace::json;

namespace {

bool exact(const std::string& text) {
  std::string ended = text + ",";
  const uint8_t* p = reinterpret_cast<const uint8_t*>(ended.data());
  Number n;
  const uint8_t* after = read_number(p, &n);
  if (after != p + text.size() || skip_number(p, p + text.size()) != after) return false;
  double got = n.integer ? static_cast<double>(n.whole) : n.value;
  double want = strtod(text.c_str(), nullptr);
  return memcmp(&got, &want, sizeof got) == 0;
}

}  // namespace

TEST_CASE("chosen numbers") {
  for (const char* text :
       {"0",
        "-0",
        "-0.0",
        "0e99999999999999999999",
        "1e999",
        "-1e999",
        "1e-999",
        "1e308",
        "1.7976931348623158e308",
        "1.7976931348623159e308",
        "2.2250738585072011e-308",
        "2.2250738585072014e-308",
        "4.9e-324",
        "2.4703282292062327e-324",
        "2.4703282292062328e-324",
        "9007199254740993",
        "9007199254740992.5",
        "9007199254740991",
        "123456789012345678",
        "1234567890123456789012",
        "18446744073709551616",
        "0.1",
        "0.30000000000000004",
        "5e-1",
        "1.00000000000000011102230246251565",
        "1.00000000000000011102230246251565404236316680908203125",
        "1.00000000000000011102230246251565404236316680908203124",
        "0.000000000000000000000000000000000000000000000000000000000000000001",
        "10000000000000000000000000000000000000000000e-400",
        "100000000000000000000000000000000000e-9999999999999",
        "0.00000000000000000000000000000000000000000000000000000000000000000000000000000001e400"}) {
    CAPTURE(text);
    CHECK(exact(text));
  }
}

TEST_CASE("random numbers: bits, digits, halfway cases") {
  std::mt19937_64 random(7);
  char text[128];
  for (int i = tailrace::test_times(200'000); i > 0; i--) {
    uint64_t bits = random();
    double value;
    memcpy(&value, &bits, sizeof value);
    if (value - value != 0) continue;
    snprintf(text, sizeof text, "%.*e", static_cast<int>(random() % 20), value);
    CAPTURE(text);
    REQUIRE(exact(text));
    snprintf(text, sizeof text, "%llu.%llue%d", static_cast<unsigned long long>(random() >> random() % 64),
             static_cast<unsigned long long>(random() >> random() % 64),
             static_cast<int>(random() % 700) - 350);
    REQUIRE(exact(text));
    // between two neighbours, exactly: only the even one is right
    snprintf(text, sizeof text, "%llu.5", static_cast<unsigned long long>(random() >> 12));
    REQUIRE(exact(text));
  }
}

TEST_CASE("what is no number") {
  for (const char* text : {"-", "01", "-01", "1.", ".5", "1e", "1e+", "+1", "-a", "1.e5"}) {
    std::string ended = std::string(text) + ",";
    const uint8_t* p = reinterpret_cast<const uint8_t*>(ended.data());
    Number n;
    CAPTURE(text);
    CHECK(read_number(p, &n) == nullptr);
    CHECK(skip_number(p, p + ended.size()) == nullptr);
  }
}
