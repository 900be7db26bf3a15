// The slower ways to a double: see number.h.
#include "json/number.h"

#include <bit>
#include <charconv>
#include <limits>

namespace tailrace::json {
namespace {

constexpr int kLowest = -342;  // below: zero, whatever 64 bits the mantissa has
constexpr int kHighest = 308;  // above: infinity

struct Wide {
  uint64_t high, low;
};

// 5^q for every q, as the leading 128 bits (highest bit set); truncated for q >= 0, rounded up for q < 0, as
// the algorithm wants. Computed by the compiler: up by multiplying, down by dividing 2^960 by 5 again and
// again (the floor of a floor is the floor of the whole, so nothing is lost; 5^342 has 795 bits, 165 are
// left).
struct Powers {
  Wide of[kHighest - kLowest + 1];

  static constexpr int kLimbs = 31;

  constexpr Powers() : of() {
    uint32_t up[kLimbs] = {1};
    for (int q = 0; q <= kHighest; q++) {
      of[q - kLowest] = leading(up);
      uint64_t carry = 0;
      for (int i = 0; i < kLimbs; i++) {
        uint64_t product = static_cast<uint64_t>(up[i]) * 5 + carry;
        up[i] = static_cast<uint32_t>(product);
        carry = product >> 32;
      }
    }
    uint32_t down[kLimbs] = {};
    down[kLimbs - 1] = 1;
    for (int q = -1; q >= kLowest; q--) {
      uint64_t rest = 0;
      for (int i = kLimbs - 1; i >= 0; i--) {
        uint64_t value = rest << 32 | down[i];
        down[i] = static_cast<uint32_t>(value / 5);
        rest = value % 5;
      }
      Wide w = leading(down);
      if (++w.low == 0) w.high++;  // never exact: a power of two is not divisible by 5
      of[q - kLowest] = w;
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

/** Eisel-Lemire; false: it cannot decide. mantissa is not 0. */
bool eisel_lemire(uint64_t mantissa, int64_t exponent, double* out) noexcept {
  if (exponent < kLowest) {
    *out = 0;
    return true;
  }
  if (exponent > kHighest) {
    *out = std::numeric_limits<double>::infinity();
    return true;
  }
  int zeros = std::countl_zero(mantissa);
  uint64_t w = mantissa << zeros;
  const Wide& power = kPowers.of[exponent - kLowest];
  unsigned __int128 product = static_cast<unsigned __int128>(w) * power.high;
  uint64_t high = static_cast<uint64_t>(product >> 64);
  uint64_t low = static_cast<uint64_t>(product);
  if ((high & 0x1ff) == 0x1ff) {
    uint64_t second = static_cast<uint64_t>((static_cast<unsigned __int128>(w) * power.low) >> 64);
    low += second;
    if (low < second) high++;
  }
  if (low == ~0ull && (exponent < -27 || exponent > 55)) return false;
  int top = static_cast<int>(high >> 63);
  uint64_t bits = high >> (top + 64 - 52 - 3);
  // floor(log2(5^q)) + q, for |q| < 400
  int binary = static_cast<int>((((152170 + 65536) * exponent) >> 16) + 63) + top - zeros + 1023;
  if (binary <= 0) return false;  // subnormal: rare, left to the exact way
  if (low <= 1 && exponent >= -4 && exponent <= 23 && (bits & 3) == 1) {
    // halfway between two doubles: to the even one
    if (bits << (top + 64 - 52 - 3) == high) bits &= ~1ull;
  }
  bits += bits & 1;
  bits >>= 1;
  if (bits >= 2ull << 52) {
    bits = 1ull << 52;
    binary++;
  }
  bits &= ~(1ull << 52);
  if (binary >= 2047) {
    *out = std::numeric_limits<double>::infinity();
    return true;
  }
  *out = std::bit_cast<double>(bits | static_cast<uint64_t>(binary) << 52);
  return true;
}

}  // namespace

double to_double(uint64_t mantissa, int64_t exponent, bool negative, bool truncated, const char* text,
                 size_t size) noexcept {
  double value = 0;
  if (!truncated) {
    if (mantissa == 0) return negative ? -0.0 : 0.0;
    static constexpr double kTens[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                       1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (mantissa <= 1ull << 53 && exponent >= -22 && exponent <= 22) {
      value = static_cast<double>(mantissa);
      value = exponent < 0 ? value / kTens[-exponent] : value * kTens[exponent];
      return negative ? -value : value;
    }
    if (eisel_lemire(mantissa, exponent, &value)) return negative ? -value : value;
  }
  auto result = std::from_chars(text, text + size, value);
  if (result.ec == std::errc::result_out_of_range) {
    // too large or too small, and from_chars does not say which: the place of the first digit that counts
    // does
    int64_t place = 0, written = 0;
    bool significant = false, fraction = false;
    size_t i = negative ? 1 : 0;
    for (; i < size && (text[i] | 0x20) != 'e'; i++) {
      if (text[i] == '.')
        fraction = true;
      else if (significant)
        place += fraction ? 0 : 1;
      else if (text[i] != '0')
        significant = true, place = fraction ? -written - 1 : 0;
      else if (fraction)
        written++;
    }
    int64_t power = 0;
    if (i < size) {
      i++;
      bool minus = text[i] == '-';
      if (text[i] == '-' || text[i] == '+') i++;
      for (; i < size; i++)
        if (power < 1'000'000'000'000) power = power * 10 + (text[i] - '0');
      if (minus) power = -power;
    }
    value = significant && place + power > 0 ? std::numeric_limits<double>::infinity() : 0.0;
    return negative ? -value : value;
  }
  return value;
}

}  // namespace tailrace::json
