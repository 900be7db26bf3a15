// See encode_text.h. Sixteen units at a time while they are ASCII: nearly all of most JSON.
#include "json/encode_text.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace tailrace::json {

size_t encode_text(const char16_t* text, size_t units, uint8_t* to, uint32_t quotes,
                   uint32_t backslashes) noexcept {
  uint8_t* out = to;
  size_t i = 0;
  uint32_t seen_quotes = 0, seen_backslashes = 0;
  while (i < units) {
#if defined(__SSE2__)
    while (i + 16 <= units) {
      const __m128i a = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text + i));
      const __m128i b = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text + i + 8));
      const __m128i high = _mm_and_si128(_mm_or_si128(a, b), _mm_set1_epi16(static_cast<short>(0xff80)));
      if (_mm_movemask_epi8(_mm_cmpeq_epi16(high, _mm_setzero_si128())) != 0xffff) break;
      const __m128i v = _mm_packus_epi16(a, b);
      if (_mm_movemask_epi8(_mm_cmplt_epi8(v, _mm_set1_epi8(0x20)))) return kNeedsEscape;
      seen_quotes += static_cast<uint32_t>(__builtin_popcount(
          static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(v, _mm_set1_epi8('"'))))));
      seen_backslashes += static_cast<uint32_t>(__builtin_popcount(
          static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(v, _mm_set1_epi8('\\'))))));
      _mm_storeu_si128(reinterpret_cast<__m128i*>(out), v);
      out += 16;
      i += 16;
    }
    if (i == units) break;
#endif
    // up to sixteen of the others, then the fast way is tried again
    for (const size_t stop = units - i < 16 ? units : i + 16; i < stop;) {
      uint32_t c = text[i++];
      if (c < 0x80) {
        if (c < 0x20) return kNeedsEscape;
        seen_quotes += c == '"';
        seen_backslashes += c == '\\';
        *out++ = static_cast<uint8_t>(c);
      } else if (c < 0x800) {
        *out++ = static_cast<uint8_t>(0xc0 | c >> 6);
        *out++ = static_cast<uint8_t>(0x80 | (c & 63));
      } else {
        if (c >= 0xd800 && c < 0xe000) {
          if (c >= 0xdc00 || i == units || text[i] < 0xdc00 || text[i] >= 0xe000) return kNeedsEscape;
          c = 0x10000 + ((c - 0xd800) << 10) + (text[i++] - 0xdc00u);
          *out++ = static_cast<uint8_t>(0xf0 | c >> 18);
          *out++ = static_cast<uint8_t>(0x80 | (c >> 12 & 63));
        } else {
          *out++ = static_cast<uint8_t>(0xe0 | c >> 12);
        }
        *out++ = static_cast<uint8_t>(0x80 | (c >> 6 & 63));
        *out++ = static_cast<uint8_t>(0x80 | (c & 63));
      }
    }
  }
  if (seen_quotes != quotes || seen_backslashes != backslashes) return kNeedsEscape;
  return static_cast<size_t>(out - to);
}

}  // namespace tailrace::json
