// Decimal to double, held to the C library's strtod, which glibc rounds exactly.
#include "json/number.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <memory>
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
  // and where nothing may be read behind it
  std::unique_ptr<uint8_t[]> alone(new uint8_t[text.size()]);
  memcpy(alone.get(), text.data(), text.size());
  Number same;
  if (read_number<true>(alone.get(), &same, alone.get() + text.size()) != alone.get() + text.size() ||
      same.integer != n.integer || same.beyond_double != n.beyond_double ||
      memcmp(&same.value, &n.value, n.integer ? 0 : sizeof n.value) != 0 ||
      (n.integer && same.whole != n.whole))
    return false;
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
        "0.00000000000000000000000000000000000000000000000000000000000000000000000000000001e400",
        "1797693134862315807937289714053034150799341327100378269361737789804449682927647509466490179775872070"
        "9633028641669288791094655554785194040263065748867150582068190890200070838367627385484581771153176447"
        "5730270069855571366959622842914819860834936475292719074168444365510704342711559699508093042880",
        "1797693134862315807e290",
        "17976931348623158079372897140530341507993413271003782693617377898044496829276475094664901797758720e2"
        "11",
        "2470328229206232720882843964341106861825299013071623822127928412503377536351043e-402",
        "2470328229206232720882843964341106861825299013071623822127928412503377536351044e-402",
        "2225073858507201136057409796709131975934819546351645648023426109724822222021076e-386"}) {
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

TEST_CASE("long numbers: any place of the point, and just beside the middle of two doubles") {
  std::mt19937_64 random(11);
  char text[2048];
  for (int i = tailrace::test_times(20'000); i > 0; i--) {
    std::string digits(random() % 3 ? 0 : random() % 400, '0');
    for (size_t n = 20 + random() % (random() % 8 ? 30 : 1000); n > 0; n--)
      digits += static_cast<char>('0' + (random() % 4 ? random() % 10 : 0));
    const size_t point = 1 + random() % (digits.size() - 1);
    std::string whole = digits.substr(0, point);
    whole.erase(0, std::min(whole.find_first_not_of('0'), whole.size() - 1));
    std::string number = (random() % 2 ? "-" : "") + whole;
    if (random() % 4) number += "." + digits.substr(point);
    if (random() % 2) number += "e" + std::to_string(static_cast<int>(random() % 1400) - 700);
    CAPTURE(number);
    REQUIRE(exact(number));
    // an exact middle has 54 bits; its digits are written in full, then one more of them makes it larger
    double value;
    const uint64_t bits = random() >> 1;
    memcpy(&value, &bits, sizeof value);
    if (value - value != 0 || value == 0) continue;
    const long double middle = (static_cast<long double>(value) + std::nextafter(value, 0)) / 2;
    snprintf(text, sizeof text, "%.*Le", 1100, middle);
    number = text;
    const size_t e = number.find('e');
    const std::string power = number.substr(e);
    number.erase(number.find_last_not_of('0', e - 1) + 1);
    if (number.back() == '.') number += '0';
    CAPTURE(number);
    REQUIRE(exact(number + power));
    REQUIRE(exact(number + std::string(random() % 50, '0') + "1" + power));
    number.back()--;  // its last digit is not 0, or it is the 0 behind the point
    if (number.back() >= '0') REQUIRE(exact(number + "9" + power));
  }
}

TEST_CASE("what is no number") {
  for (const char* text : {"-", "01", "-01", "1.", ".5", "1e", "1e+", "+1", "-a", "1.e5"}) {
    std::string ended = std::string(text) + ",";
    const uint8_t* p = reinterpret_cast<const uint8_t*>(ended.data());
    Number n;
    CAPTURE(text);
    CHECK(read_number(p, &n) == nullptr);
    CHECK(read_number<true>(p, &n, p + strlen(text)) == nullptr);
    CHECK(skip_number(p, p + ended.size()) == nullptr);
  }
}
