// Numbers: decimal text to the double nearest to it (ties to even), exactly as JSON.parse rounds.
//
// Three ways, the first that can: Clinger's (mantissa and power of ten both exact doubles: one
// multiplication), Eisel and Lemire's ("Number parsing at a gigabyte per second", 2021: a 64 by 128 bit
// product decides), and the standard library's std::from_chars, which is exact, for the rest: subnormals, and
// numbers of more than 19 digits whose first 19 leave two doubles to choose from.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace tailrace::json {

/** Bytes that may follow a number or a literal: space, comma, closing bracket. (`:` and quotes fail later.)
 */
constexpr bool ends_token(uint8_t c) noexcept {
  return c == ',' || c == '}' || c == ']' || c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/** The same without a branch: 1 or 0. */
struct EndsToken {
  uint8_t of[256];
  constexpr EndsToken() : of() {
    for (int c = 0; c < 256; c++) of[c] = ends_token(static_cast<uint8_t>(c));
  }
};
constexpr EndsToken kEndsToken;

struct BeginsNumber {
  uint8_t of[256];
  constexpr BeginsNumber() : of() {
    for (int c = '0'; c <= '9'; c++) of[c] = 1;
    of[static_cast<int>('-')] = 1;
  }
};
constexpr BeginsNumber kBeginsNumber;
/** `-` or a digit: without a question for the sign, which the CPU guesses wrong half the time where both
 * come. */
constexpr bool begins_number(uint8_t c) noexcept { return kBeginsNumber.of[c]; }

struct Number {
  double value;        // if !integer
  int64_t whole;       // if integer
  bool integer;        // no fraction, no exponent, at most 18 digits, not -0
  bool beyond_double;  // without fraction and exponent, and a double may not hold it
};

/**
 * mantissa · 10^exponent; `truncated`: digits follow the mantissa's, which are 19. `text`, `size` are the
 * number as written, for the slow way. Overflow gives Infinity.
 */
double to_double(uint64_t mantissa, int64_t exponent, bool negative, bool truncated, const char* text,
                 size_t size) noexcept;

/** Powers of ten that are exact: as doubles, and as 64-bit integers. */
inline constexpr double kTens[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                   1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
inline constexpr uint64_t kWholeTens[] = {1ull,
                                          10ull,
                                          100ull,
                                          1'000ull,
                                          10'000ull,
                                          100'000ull,
                                          1'000'000ull,
                                          10'000'000ull,
                                          100'000'000ull,
                                          1'000'000'000ull,
                                          10'000'000'000ull,
                                          100'000'000'000ull,
                                          1'000'000'000'000ull,
                                          10'000'000'000'000ull,
                                          100'000'000'000'000ull,
                                          1'000'000'000'000'000ull,
                                          10'000'000'000'000'000ull,
                                          100'000'000'000'000'000ull,
                                          1'000'000'000'000'000'000ull,
                                          10'000'000'000'000'000'000ull};

/** 5^q as its leading 128 bits, highest bit set: what Eisel and Lemire multiply by. */
struct Wide {
  uint64_t high, low;
};
constexpr int kLowestPower = -342;       // below: zero, whatever 64 bits the mantissa has
constexpr int kHighestPower = 308;       // above: infinity, unless the mantissa is 0
extern const Wide* const kPowersOfFive;  // [q - kLowestPower]

/**
 * Constants of the kernels' digits16(). Not known where they are used: as operands in memory they cost
 * nothing, and compilers that know them build them in registers each time.
 */
struct alignas(16) DigitConstants {
  uint8_t zeros[16];         // '0'
  uint8_t above[16];         // added to what is no digit's value, it sets the highest bit
  uint8_t to_the_right[32];  // at [n]: shuffles n bytes to the right end, and zeros before them
};
extern const DigitConstants kDigits;

/** Eisel-Lemire: the double's bits but for its sign; false: subnormal, zero or infinite, left to the exact
 * way. mantissa is not 0. */
[[gnu::always_inline]] inline bool eisel_lemire(uint64_t mantissa, int64_t exponent, uint64_t* out) noexcept {
  if (exponent < kLowestPower || exponent > kHighestPower) [[unlikely]]
    return false;
  const int zeros = std::countl_zero(mantissa);
  const uint64_t w = mantissa << zeros;
  const Wide& power = kPowersOfFive[exponent - kLowestPower];
  unsigned __int128 product = static_cast<unsigned __int128>(w) * power.high;
  if ((static_cast<uint64_t>(product >> 64) & 0x1ff) == 0x1ff) [[unlikely]]
    product += static_cast<uint64_t>((static_cast<unsigned __int128>(w) * power.low) >> 64);
  // that these 128 bits always decide: Mushtak and Lemire, "Fast number parsing without fallback", 2022
  const uint64_t high = static_cast<uint64_t>(product >> 64), low = static_cast<uint64_t>(product);
  const int top = static_cast<int>(high >> 63);
  uint64_t bits = high >> (top + 64 - 52 - 3);
  // floor(log2(5^q)) + q, for |q| < 400
  int binary = static_cast<int>((((152170 + 65536) * exponent) >> 16) + 63) + top - zeros + 1023;
  if (low <= 1 && exponent >= -4 && exponent <= 23 && (bits & 3) == 1) [[unlikely]] {
    // halfway between two doubles: to the even one
    if (bits << (top + 64 - 52 - 3) == high) bits &= ~1ull;
  }
  bits += bits & 1;
  bits >>= 1;
  if (bits >= 2ull << 52) [[unlikely]] {
    bits = 1ull << 52;
    binary++;
  }
  if (static_cast<unsigned>(binary - 1) >= 2046) [[unlikely]]
    return false;
  *out = (bits & ~(1ull << 52)) | static_cast<uint64_t>(binary) << 52;
  return true;
}

/** As to_double, for a mantissa that has all digits; false: only to_double can tell. */
[[gnu::always_inline]] inline bool near_double(uint64_t mantissa, int64_t exponent, bool negative,
                                               double* out) noexcept {
  const uint64_t sign = static_cast<uint64_t>(negative) << 63;
  uint64_t bits;
  if (mantissa <= 1ull << 53 && exponent >= -22 && exponent <= 22) {
    const double value = static_cast<double>(mantissa);
    bits = std::bit_cast<uint64_t>(exponent < 0 ? value / kTens[-exponent] : value * kTens[exponent]);
  } else if (mantissa == 0) {
    bits = 0;
  } else if (!eisel_lemire(mantissa, exponent, &bits)) [[unlikely]] {
    return false;
  }
  *out = std::bit_cast<double>(bits | sign);
  return true;
}

/** What fits 64 bits whatever it is. */
constexpr int kMantissaDigits = 19;

/**
 * The mantissa of a number of `count` digits and maybe a point, the first of them at p: as many as fit from
 * the first that is not 0. `exponent`: of the last digit that is written; then of the mantissa's. true: more
 * follow.
 */
bool first_digits(const uint8_t* p, ptrdiff_t count, uint64_t* mantissa, int64_t* exponent) noexcept;

/**
 * Reads the number whose first byte (`-` or a digit) is at p. The text must have a byte after the number
 * that cannot belong to one, or an `end`, which is not looked beyond. Returns the byte after the number, or
 * nullptr when it is none of JSON's grammar.
 */
template <bool bounded = false>
inline const uint8_t* read_number(const uint8_t* p, Number* out, const uint8_t* end = nullptr) noexcept {
  const auto at = [&](const uint8_t* q) noexcept -> uint32_t { return bounded && q == end ? ' ' : *q; };
  const auto digit = [&](const uint8_t* q) noexcept { return at(q) - '0'; };
  const uint8_t* start = p;
  bool negative = *p == '-';
  p += negative;
  const uint8_t* digits = p;
  uint64_t mantissa = 0;
  // the first of them into the mantissa; all that follow are only passed over
  const auto run = [&]() noexcept {
    const uint8_t* first = p;
    for (uint32_t d; (d = digit(p)) < 10; p++) {
      mantissa = mantissa * 10 + d;
      if (p - first == kMantissaDigits) [[unlikely]] {
        while (digit(p) < 10) p++;
        break;
      }
    }
    return p - first;
  };
  ptrdiff_t count = run();
  if (count == 0 || (*digits == '0' && count > 1)) [[unlikely]]
    return nullptr;
  int64_t exponent = 0;
  bool whole = true;
  if (at(p) == '.') {
    whole = false;
    p++;
    const ptrdiff_t fraction = run();
    if (fraction == 0) [[unlikely]]
      return nullptr;
    exponent = -fraction;
    count += fraction;
  }
  if ((at(p) | 0x20) == 'e') {
    whole = false;
    p++;
    bool minus = at(p) == '-';
    if (minus || at(p) == '+') p++;
    const uint8_t* power = p;
    int64_t e = 0;
    for (uint32_t d; (d = digit(p)) < 10; p++)
      if (e < 1'000'000'000'000) e = e * 10 + d;
    if (p == power) [[unlikely]]
      return nullptr;
    exponent += minus ? -e : e;
  }
  if (whole && count <= 18 && !(negative && mantissa == 0)) [[likely]] {
    out->integer = true;
    out->whole = negative ? -static_cast<int64_t>(mantissa) : static_cast<int64_t>(mantissa);
    out->beyond_double = mantissa > 1ull << 53;
    return p;
  }
  out->integer = false;
  out->beyond_double = whole && count > 15;
  const bool truncated = count > kMantissaDigits && first_digits(digits, count, &mantissa, &exponent);
  out->value = to_double(mantissa, exponent, negative, truncated, reinterpret_cast<const char*>(start),
                         static_cast<size_t>(p - start));
  return p;
}

/** The byte after the number at p, or nullptr; reads nothing at `end` or beyond. */
inline const uint8_t* skip_number(const uint8_t* p, const uint8_t* end) noexcept {
  auto digits = [&]() noexcept {
    const uint8_t* first = p;
    while (p < end && static_cast<uint8_t>(*p - '0') < 10) p++;
    return p - first;
  };
  if (*p == '-') p++;
  const uint8_t* first = p;
  ptrdiff_t whole = digits();
  if (whole == 0 || (whole > 1 && *first == '0')) return nullptr;
  if (p < end && *p == '.') {
    p++;
    if (digits() == 0) return nullptr;
  }
  if (p < end && (*p | 0x20) == 'e') {
    p++;
    if (p < end && (*p == '+' || *p == '-')) p++;
    if (digits() == 0) return nullptr;
  }
  return p;
}

}  // namespace tailrace::json
