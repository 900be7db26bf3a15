// The slower ways to a double: see number.h.
#include "json/number.h"

#include <charconv>
#include <cstring>
#include <limits>

namespace tailrace::json {
namespace {

// 5^q for every q, as the leading 128 bits (highest bit set); truncated for q >= 0, rounded up for q < 0, as
// the algorithm wants. Computed by the compiler: up by multiplying, down by dividing 2^960 by 5 again and
// again (the floor of a floor is the floor of the whole, so nothing is lost; 5^342 has 795 bits, 165 are
// left).
struct Powers {
  Wide of[kHighestPower - kLowestPower + 1];

  static constexpr int kLimbs = 31;

  constexpr Powers() : of() {
    uint32_t up[kLimbs] = {1};
    for (int q = 0; q <= kHighestPower; q++) {
      of[q - kLowestPower] = leading(up);
      uint64_t carry = 0;
      for (int i = 0; i < kLimbs; i++) {
        uint64_t product = static_cast<uint64_t>(up[i]) * 5 + carry;
        up[i] = static_cast<uint32_t>(product);
        carry = product >> 32;
      }
    }
    uint32_t down[kLimbs] = {};
    down[kLimbs - 1] = 1;
    for (int q = -1; q >= kLowestPower; q--) {
      uint64_t rest = 0;
      for (int i = kLimbs - 1; i >= 0; i--) {
        uint64_t value = rest << 32 | down[i];
        down[i] = static_cast<uint32_t>(value / 5);
        rest = value % 5;
      }
      Wide w = leading(down);
      if (++w.low == 0) w.high++;  // never exact: a power of two is not divisible by 5
      of[q - kLowestPower] = w;
    }
  }

  /** The highest 128 bits of n; below bit 0 there are zeros. */
  static constexpr Wide leading(const uint32_t* n) {
    int bits = 0;
    for (int i = kLimbs - 1; i >= 0 && bits == 0; i--)
      if (n[i]) bits = i * 32 + 32 - std::countl_zero(n[i]);
    return {static_cast<uint64_t>(limb(n, bits - 32)) << 32 | limb(n, bits - 64),
            static_cast<uint64_t>(limb(n, bits - 96)) << 32 | limb(n, bits - 128)};
  }

  /** Bits [at, at + 32) of n. */
  static constexpr uint32_t limb(const uint32_t* n, int at) {
    uint64_t value = 0;
    int i = at >= 0 ? at / 32 : -((31 - at) / 32);
    int shift = at - i * 32;
    if (i >= 0 && i < kLimbs) value |= n[i];
    if (i + 1 >= 0 && i + 1 < kLimbs) value |= static_cast<uint64_t>(n[i + 1]) << 32;
    return static_cast<uint32_t>(value >> shift);
  }
};

constexpr Powers kPowers;

}  // namespace

const Wide* const kPowersOfFive = kPowers.of;

constexpr auto digit_constants() {
  DigitConstants c = {};
  for (int i = 0; i < 16; i++) {
    c.zeros[i] = '0';
    c.above[i] = 128 - 10;
    c.to_the_right[i] = 128;
    c.to_the_right[16 + i] = static_cast<uint8_t>(i);
  }
  return c;
}
constinit const DigitConstants kDigits = digit_constants();

bool first_digits(const uint8_t* p, ptrdiff_t count, uint64_t* mantissa, int64_t* exponent) noexcept {
  while (count > 0 && (*p == '0' || *p == '.')) {
    count -= *p++ == '0';
    // nobody writes many zeros but to take somebody's time
    for (; count > 8 && memcmp(p, "00000000", 8) == 0; p += 8) count -= 8;
  }
  *mantissa = 0;
  ptrdiff_t taken = 0;
  for (; taken < count && taken < kMantissaDigits; p++) {
    if (*p == '.') continue;
    *mantissa = *mantissa * 10 + static_cast<uint32_t>(*p - '0');
    taken++;
  }
  *exponent += count - taken;
  return taken < count;
}

double to_double(uint64_t mantissa, int64_t exponent, bool negative, bool truncated, const char* text,
                 size_t size) noexcept {
  double value = 0;
  if (near_double(mantissa, exponent, negative, &value)) {
    // the number lies between the mantissa and the next one
    double next;
    if (!truncated || (near_double(mantissa + 1, exponent, negative, &next) && next == value)) return value;
  } else {
    // the first digit's place
    int64_t place = exponent - 1;
    for (uint64_t rest = mantissa; rest; rest /= 10) place++;
    if (place > 308 || place < -324) {
      value = place > 308 ? std::numeric_limits<double>::infinity() : 0.0;
      return negative ? -value : value;
    }
  }
  const auto result = std::from_chars(text, text + size, value);
  if (result.ec == std::errc::result_out_of_range) {
    value = exponent > 0 ? std::numeric_limits<double>::infinity() : 0.0;
    return negative ? -value : value;
  }
  return value;
}

}  // namespace tailrace::json
