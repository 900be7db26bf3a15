// See minify.h. What is inside a string is found as stage 1 finds it: quotes that no backslash escapes, and
// the parity of those before a byte. The byte-wise way is text.cc's.
#include "json/minify.h"

#include <cstring>

#include "json/kernel.h"
#include "json/text.h"

#if defined(__x86_64__)
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>
#define TAILRACE_MINIFY_TARGET \
  __attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi2,bmi,bmi2,popcnt,pclmul")))
#endif

namespace tailrace::json {

#if defined(__x86_64__)
namespace {

TAILRACE_MINIFY_TARGET size_t minify_wide(const uint8_t* text, size_t size, uint8_t* to) noexcept {
  uint8_t* out = to;
  uint64_t in_string = 0;
  bool escaped = false;  // the next byte is
  for (size_t i = 0; i < size; i += 64) {
    const uint64_t some = _bzhi_u64(~0ull, size - i < 64 ? static_cast<unsigned>(size - i) : 64);
    const __m512i v = _mm512_maskz_loadu_epi8(some, text + i);
    uint64_t quote = _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('"'));
    const uint64_t backslash = _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('\\'));
    if (backslash || escaped) {
      // rare enough to be done one by one: each backslash that is not escaped escapes the byte after it
      uint64_t escapes = escaped ? 1 : 0;
      for (uint64_t left = backslash & ~escapes; left; left &= left - 1) {
        const uint64_t one = left & (0 - left);
        escapes |= one << 1;
        left &= ~(one << 1);
        escaped = one >> 63;
      }
      if (!(backslash >> 63) || escapes >> 63) escaped = false;
      quote &= ~escapes;
    }
    const uint64_t inside = static_cast<uint64_t>(_mm_cvtsi128_si64(_mm_clmulepi64_si128(
                                _mm_set_epi64x(0, static_cast<long long>(quote)), _mm_set1_epi8(-1), 0))) ^
                            in_string;
    in_string = static_cast<uint64_t>(static_cast<int64_t>(inside) >> 63);
    // outside of strings, what is not above a space is space
    const uint64_t space = _mm512_cmple_epu8_mask(v, _mm512_set1_epi8(' ')) & ~inside;
    const uint64_t kept = some & ~space;
    _mm512_storeu_si512(out, _mm512_maskz_compress_epi8(kept, v));
    out += _mm_popcnt_u64(kept);
  }
  return static_cast<size_t>(out - to);
}

}  // namespace
#endif

size_t minify_text(const uint8_t* text, size_t size, uint8_t* to) noexcept {
#if defined(__x86_64__)
  if (kernel().isa == cpu::Isa::icelake) return minify_wide(text, size, to);
#endif
  return minify(text, size, to);
}

}  // namespace tailrace::json
