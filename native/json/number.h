// Numbers: decimal text to the double nearest to it (ties to even), exactly as JSON.parse rounds.
//
// Three ways, the first that can: Clinger's (mantissa and power of ten both exact doubles: one
// multiplication), Eisel and Lemire's ("Number parsing at a gigabyte per second", 2021: a 64 by 128 bit
// product decides nearly always), and the standard library's std::from_chars, which is exact, for the rest:
// more than 19 digits, halfway cases, subnormals.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tailrace::json {

/** Bytes that may follow a number or a literal: space, comma, closing bracket. (`:` and quotes fail later.)
 */
inline bool ends_token(uint8_t c) noexcept {
  return c == ',' || c == '}' || c == ']' || c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

struct Number {
  double value;        // if !integer
  int64_t whole;       // if integer
  bool integer;        // no fraction, no exponent, at most 18 digits, not -0
  bool beyond_double;  // without fraction and exponent, and a double may not hold it
};

/** mantissa · 10^exponent; `text`, `size` are the number as written, for the slow way. Overflow gives
 * Infinity. */
double to_double(uint64_t mantissa, int64_t exponent, bool negative, bool truncated, const char* text,
                 size_t size) noexcept;

/**
 * Reads the number whose first byte (`-` or a digit) is at p. The text must have a byte after the number
 * that cannot belong to one. Returns the byte after it, or nullptr when it is no number of JSON's grammar.
 */
inline const uint8_t* read_number(const uint8_t* p, Number* out) noexcept {
  const uint8_t* start = p;
  bool negative = *p == '-';
  p += negative;
  const uint8_t* digits = p;
  uint64_t mantissa = 0;
  for (uint32_t d; (d = static_cast<uint32_t>(*p - '0')) < 10; p++) mantissa = mantissa * 10 + d;
  ptrdiff_t count = p - digits;
  if (count == 0 || (*digits == '0' && count > 1)) [[unlikely]]
    return nullptr;
  int64_t exponent = 0;
  bool whole = true;
  if (*p == '.') {
    whole = false;
    const uint8_t* fraction = ++p;
    for (uint32_t d; (d = static_cast<uint32_t>(*p - '0')) < 10; p++) mantissa = mantissa * 10 + d;
    if (p == fraction) [[unlikely]]
      return nullptr;
    exponent = fraction - p;
    count += p - fraction;
  }
  if ((*p | 0x20) == 'e') {
    whole = false;
    p++;
    bool minus = *p == '-';
    if (*p == '-' || *p == '+') p++;
    const uint8_t* power = p;
    int64_t e = 0;
    for (uint32_t d; (d = static_cast<uint32_t>(*p - '0')) < 10; p++)
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
  // leading zeros are no digits: 0.000…1 would else look truncated
  bool truncated = false;
  if (count > 19) {
    const uint8_t* q = digits;
    while (*q == '0' || *q == '.') {
      count -= *q == '0';
      q++;
    }
    truncated = count > 19;
  }
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
