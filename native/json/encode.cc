// JSON text out of a tape of operations: see encode.h.
#include "json/encode.h"

#include <charconv>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace tailrace::json {
namespace {

constexpr size_t kIntegerBytes = 11;
constexpr size_t kDoubleBytes = 25;
/** A unit as an escape. */
constexpr size_t kUnitBytes = 6;

struct Pairs {
  char of[200];
  constexpr Pairs() : of() {
    for (int i = 0; i < 100; i++) {
      of[i * 2] = static_cast<char>('0' + i / 10);
      of[i * 2 + 1] = static_cast<char>('0' + i % 10);
    }
  }
};
constexpr Pairs kPairs;

uint8_t* write_integer(int32_t value, uint8_t* out) noexcept {
  uint32_t n = static_cast<uint32_t>(value);
  if (value < 0) {
    *out++ = '-';
    n = 0 - n;
  }
  uint8_t text[10];
  int at = 10;
  while (n >= 100) {
    at -= 2;
    memcpy(text + at, kPairs.of + n % 100 * 2, 2);
    n /= 100;
  }
  if (n >= 10) {
    at -= 2;
    memcpy(text + at, kPairs.of + n * 2, 2);
  } else {
    text[--at] = static_cast<uint8_t>('0' + n);
  }
  memcpy(out, text + at, static_cast<size_t>(10 - at));
  return out + (10 - at);
}

uint8_t* write_eight(uint32_t value, uint8_t* out) noexcept {
  for (int at = 6; at >= 0; at -= 2) {
    memcpy(out + at, kPairs.of + value % 100 * 2, 2);
    value /= 100;
  }
  return out + 8;
}

/** Of numbers up to 10^15. */
uint8_t* write_whole(uint64_t value, uint8_t* out) noexcept {
  if (value >= 100'000'000) {
    out = write_whole(value / 100'000'000, out);
    return write_eight(static_cast<uint32_t>(value % 100'000'000), out);
  }
  return write_integer(static_cast<int32_t>(value), out);
}

constexpr double kTens[] = {1,   1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                            1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};

/**
 * Integers, and numbers of few decimals, as most numbers in JSON are; nullptr: neither. Two decimals of at
 * most fifteen digits are never the same double, so the first that is this double has the digits that
 * Number::toString gives.
 */
uint8_t* write_simple(double value, uint8_t* out) noexcept {
  const double size = value < 0 ? -value : value;
  if (!(size < 1e15 && size >= 1e-3)) return nullptr;
  const uint64_t whole = static_cast<uint64_t>(size);
  if (value < 0) *out++ = '-';
  if (static_cast<double>(whole) == size) return write_whole(whole, out);
  // 10^3 and 10^6 first: what people write; then all that leaves fifteen digits
  int most = 15;
  for (uint64_t rest = whole; rest; rest /= 10) most--;
  const int tries[] = {3, 6, most};
  for (int places : tries) {
    if (places > most) continue;
    const double scaled = size * kTens[places];
    uint64_t digits = static_cast<uint64_t>(scaled + 0.5);
    if (digits >= 1'000'000'000'000'000 || static_cast<double>(digits) / kTens[places] != size) continue;
    while (digits % 10 == 0) {
      digits /= 10;
      places--;
    }
    uint64_t power = 1;
    for (int i = 0; i < places; i++) power *= 10;
    out = write_whole(digits / power, out);
    *out++ = '.';
    uint64_t fraction = digits % power;
    for (int i = places - 1; i >= 0; i--) {
      out[i] = static_cast<uint8_t>('0' + fraction % 10);
      fraction /= 10;
    }
    return out + places;
  }
  return nullptr;
}

constexpr char kHex[] = "0123456789abcdef";

uint8_t* write_escape(char16_t c, uint8_t* out) noexcept {
  *out++ = '\\';
  switch (c) {
    case '"':
    case '\\':
      *out++ = static_cast<uint8_t>(c);
      return out;
    case '\b':
      *out++ = 'b';
      return out;
    case '\f':
      *out++ = 'f';
      return out;
    case '\n':
      *out++ = 'n';
      return out;
    case '\r':
      *out++ = 'r';
      return out;
    case '\t':
      *out++ = 't';
      return out;
    default:
      *out++ = 'u';
      for (int shift = 12; shift >= 0; shift -= 4) *out++ = static_cast<uint8_t>(kHex[c >> shift & 15]);
      return out;
  }
}

/** Units that stand for themselves in ASCII, from the first on: how many were written. Blocks only. */
size_t write_plain(const char16_t* from, size_t n, uint8_t* out, bool escaping) noexcept {
  size_t i = 0;
#if defined(__SSE2__)
  const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\'), space = _mm_set1_epi8(0x1f);
  const __m128i high = _mm_set1_epi16(static_cast<short>(0xff80));
  for (; i + 16 <= n; i += 16) {
    __m128i a = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + i));
    __m128i b = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + i + 8));
    __m128i beyond = _mm_and_si128(_mm_or_si128(a, b), high);
    if (_mm_movemask_epi8(_mm_cmpeq_epi8(beyond, _mm_setzero_si128())) != 0xffff) break;
    __m128i text = _mm_packus_epi16(a, b);
    if (escaping) {
      __m128i odd = _mm_or_si128(_mm_cmpeq_epi8(text, quote), _mm_cmpeq_epi8(text, backslash));
      odd = _mm_or_si128(odd, _mm_cmpeq_epi8(_mm_min_epu8(text, space), text));
      if (_mm_movemask_epi8(odd)) break;
    }
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + i), text);
  }
  if (n - i >= 8) {
    __m128i a = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + i));
    __m128i text = _mm_packus_epi16(a, a);
    bool plain = _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_and_si128(a, high), _mm_setzero_si128())) == 0xffff;
    if (escaping && plain) {
      __m128i odd = _mm_or_si128(_mm_cmpeq_epi8(text, quote), _mm_cmpeq_epi8(text, backslash));
      odd = _mm_or_si128(odd, _mm_cmpeq_epi8(_mm_min_epu8(text, space), text));
      plain = _mm_movemask_epi8(odd) == 0;
    }
    if (plain) {
      _mm_storel_epi64(reinterpret_cast<__m128i*>(out + i), text);
      i += 8;
    }
  }
#else
  (void)from, (void)n, (void)out, (void)escaping;
#endif
  return i;
}

/** UTF-16 to UTF-8; with `escaping` as JSON.stringify writes strings, lone surrogates as escapes. */
uint8_t* write_units(const char16_t* from, size_t n, uint8_t* out, bool escaping) noexcept {
  size_t i = 0;
  while (i < n) {
    size_t plain = write_plain(from + i, n - i, out, escaping);
    i += plain;
    out += plain;
    // to the end of the block that was not plain, or of the text
    size_t stop = n - i > 16 ? i + 16 : n;
    while (i < stop) {
      char16_t c = from[i++];
      if (c < 0x80) {
        if (escaping && (c < 0x20 || c == '"' || c == '\\'))
          out = write_escape(c, out);
        else
          *out++ = static_cast<uint8_t>(c);
      } else if (c < 0x800) {
        *out++ = static_cast<uint8_t>(0xc0 | c >> 6);
        *out++ = static_cast<uint8_t>(0x80 | (c & 0x3f));
      } else if ((c & 0xf800) != 0xd800) {
        *out++ = static_cast<uint8_t>(0xe0 | c >> 12);
        *out++ = static_cast<uint8_t>(0x80 | (c >> 6 & 0x3f));
        *out++ = static_cast<uint8_t>(0x80 | (c & 0x3f));
      } else if (c < 0xdc00 && i < n && (from[i] & 0xfc00) == 0xdc00) {
        uint32_t point = 0x10000 + ((static_cast<uint32_t>(c) & 0x3ff) << 10 | (from[i++] & 0x3ff));
        *out++ = static_cast<uint8_t>(0xf0 | point >> 18);
        *out++ = static_cast<uint8_t>(0x80 | (point >> 12 & 0x3f));
        *out++ = static_cast<uint8_t>(0x80 | (point >> 6 & 0x3f));
        *out++ = static_cast<uint8_t>(0x80 | (point & 0x3f));
      } else {
        out = write_escape(c, out);
      }
    }
  }
  return out;
}

}  // namespace

size_t write_double(double value, uint8_t* out) noexcept {
  uint8_t* begin = out;
  if (value == 0) {  // -0 too
    *out = '0';
    return 1;
  }
  if (uint8_t* end = write_simple(value, out)) return static_cast<size_t>(end - begin);
  char text[32];
  std::to_chars_result end = std::to_chars(text, text + sizeof text, value, std::chars_format::scientific);
  // [-]d[.ddd]e±xx: the digits, and the power of ten of the first
  const char* p = text;
  if (*p == '-') *out++ = static_cast<uint8_t>(*p++);
  char digits[20];
  int count = 0;
  digits[count++] = *p++;
  if (*p == '.')
    for (p++; *p != 'e'; p++) digits[count++] = *p;
  int power = 0;
  bool minus = *++p == '-';
  for (p++; p < end.ptr; p++) power = power * 10 + (*p - '0');
  int point = (minus ? -power : power) + 1;  // n of ECMA-262: digits before the point
  auto put = [&](const char* from, int n) noexcept {
    memcpy(out, from, static_cast<size_t>(n));
    out += n;
  };
  if (point > 0 && point <= 21) {
    if (count <= point) {
      put(digits, count);
      for (int i = count; i < point; i++) *out++ = '0';
    } else {
      put(digits, point);
      *out++ = '.';
      put(digits + point, count - point);
    }
  } else if (point > -6 && point <= 0) {
    *out++ = '0';
    *out++ = '.';
    for (int i = point; i < 0; i++) *out++ = '0';
    put(digits, count);
  } else {
    put(digits, 1);
    if (count > 1) {
      *out++ = '.';
      put(digits + 1, count - 1);
    }
    *out++ = 'e';
    *out++ = point > 0 ? '+' : '-';
    out = write_integer(point > 0 ? point - 1 : 1 - point, out);
  }
  return static_cast<size_t>(out - begin);
}

size_t encode_bound(const Fragments& fragments, const EncodeInput& input) noexcept {
  size_t bound = input.unit_count * kUnitBytes + input.double_count * kDoubleBytes + 64;
  for (size_t i = 0; i < input.word_count; i++) {
    int32_t word = input.words[i];
    uint32_t fragment = static_cast<uint32_t>(word) >> 3;
    if (fragment >= fragments.count) return 0;
    bound += static_cast<size_t>(fragments.offsets[fragment + 1] - fragments.offsets[fragment]);
    switch (word & 7) {
      case kEncodeInteger:
        bound += kIntegerBytes;
        i++;
        break;
      case kEncodeString:
      case kEncodeText:
        bound += 2;
        i++;
        break;
      case kEncodeIntegers: {
        if (++i >= input.word_count) return 0;
        size_t n = static_cast<uint32_t>(input.words[i]);
        if (n > input.word_count - i - 1) return 0;
        bound += 2 + n * (kIntegerBytes + 1);
        i += n;
        break;
      }
      case kEncodeShort: {
        if (++i >= input.word_count) return 0;
        size_t n = static_cast<uint32_t>(input.words[i]);
        size_t words = n / 2 + (n & 1);
        if (words > input.word_count - i - 1) return 0;
        bound += 2 + n * kUnitBytes;
        i += words;
        break;
      }
      case kEncodeDoubles: {
        if (++i >= input.word_count) return 0;
        size_t n = static_cast<uint32_t>(input.words[i]);
        if (n > input.double_count) return 0;
        bound += 2 + n;
        break;
      }
      default:
        break;
    }
    if (i >= input.word_count) return 0;
  }
  return bound;
}

size_t encode_tape(const Fragments& fragments, const EncodeInput& input, uint8_t* out) noexcept {
  uint8_t* begin = out;
  const double* d = input.doubles;
  const double* d_end = d + input.double_count;
  const char16_t* u = input.units;
  const char16_t* u_end = u + input.unit_count;
  const int32_t* w = input.words;
  const int32_t* end = w + input.word_count;
  while (w < end) {
    int32_t word = *w++;
    uint32_t fragment = static_cast<uint32_t>(word) >> 3;
    int32_t from = fragments.offsets[fragment];
    size_t size = static_cast<size_t>(fragments.offsets[fragment + 1] - from);
    // most are short: a copy of known size, and what is too much of it is written over
    if (size <= kFragmentSlack)
      memcpy(out, fragments.bytes + from, kFragmentSlack);
    else
      memcpy(out, fragments.bytes + from, size);
    out += size;
    switch (word & 7) {
      case kEncodeNothing:
        break;
      case kEncodeInteger:
        out = write_integer(*w++, out);
        break;
      case kEncodeDouble:
        if (d == d_end) return 0;
        out += write_double(*d++, out);
        break;
      case kEncodeString:
      case kEncodeText: {
        size_t n = static_cast<uint32_t>(*w++);
        if (n > static_cast<size_t>(u_end - u)) return 0;
        bool quoted = (word & 7) == kEncodeString;
        if (quoted) *out++ = '"';
        out = write_units(u, n, out, quoted);
        if (quoted) *out++ = '"';
        u += n;
        break;
      }
      case kEncodeIntegers: {
        size_t n = static_cast<uint32_t>(*w++);
        *out++ = '[';
        for (size_t i = 0; i < n; i++) {
          if (i) *out++ = ',';
          out = write_integer(w[i], out);
        }
        *out++ = ']';
        w += n;
        break;
      }
      case kEncodeShort: {
        size_t n = static_cast<uint32_t>(*w++);
        *out++ = '"';
        // both machines we know are little-endian: the first unit of a word is its low half
        out = write_units(reinterpret_cast<const char16_t*>(w), n, out, true);
        *out++ = '"';
        w += n / 2 + (n & 1);
        break;
      }
      case kEncodeDoubles: {
        size_t n = static_cast<uint32_t>(*w++);
        if (n > static_cast<size_t>(d_end - d)) return 0;
        *out++ = '[';
        for (size_t i = 0; i < n; i++) {
          if (i) *out++ = ',';
          out += write_double(d[i], out);
        }
        *out++ = ']';
        d += n;
        break;
      }
      default:
        return 0;
    }
  }
  return static_cast<size_t>(out - begin);
}

}  // namespace tailrace::json
