// The masks of outline.inc for AVX-512 machines with VBMI2: the tokens' bytes in one register.
#include <cstring>

#include "json/number.h"
#include "json/outline.h"

#if defined(__x86_64__)
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>

#if defined(__clang__)
#pragma clang attribute push(                                                                   \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,bmi,bmi2,lzcnt,popcnt,pclmul"))), \
    apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,bmi,bmi2,lzcnt,popcnt,pclmul")
#endif

namespace tailrace::json::icelake {
namespace {

struct TokenMasks {
  uint64_t quote, comma, colon, open_object, close_object, open_array, close_array, end;
};

inline TokenMasks masks(const uint8_t* text, const uint32_t* tokens, unsigned n, uint32_t size) noexcept {
  alignas(64) uint8_t bytes[64];
  uint64_t end = 0;
  if (tokens[n - 1] == size) end = 1ull << --n;
  unsigned i = 0;
  // eight at a time into one word: fewer stores, and none that a load of the whole must wait for
  for (; i + 8 <= n; i += 8) {
    uint64_t word = 0;
    for (unsigned k = 0; k < 8; k++) word |= static_cast<uint64_t>(text[tokens[i + k]]) << (k * 8);
    memcpy(bytes + i, &word, 8);
  }
  for (; i < n; i++) bytes[i] = text[tokens[i]];
  const __m512i v = _mm512_maskz_loadu_epi8(_bzhi_u64(~0ull, n), bytes);
  const auto is = [&](char c) noexcept { return _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8(c)); };
  return {is('"'), is(','), is(':'), is('{'), is('}'), is('['), is(']'), end};
}

inline uint64_t prefix_xor(uint64_t bits) noexcept {
  return static_cast<uint64_t>(_mm_cvtsi128_si64(
      _mm_clmulepi64_si128(_mm_set_epi64x(0, static_cast<long long>(bits)), _mm_set1_epi8(-1), 0)));
}

inline void keep(uint32_t* to, const uint32_t* tokens, uint64_t kept) noexcept {
  for (unsigned i = 0; i < 64 && kept >> i; i += 16) {
    const __mmask16 sixteen = static_cast<__mmask16>(kept >> i);
    _mm512_storeu_si512(to,
                        _mm512_maskz_compress_epi32(sixteen, _mm512_maskz_loadu_epi32(sixteen, tokens + i)));
    to += __builtin_popcount(sixteen);
  }
}

/** Numbers of up to 15 characters, without an exponent. */
inline bool plain_number(const uint8_t* p, size_t left) noexcept {
  const __m128i v = _mm_maskz_loadu_epi8(
      static_cast<__mmask16>(_bzhi_u32(0xffff, left < 16 ? static_cast<unsigned>(left) : 16)), p);
  const unsigned digits = _mm_cmplt_epu8_mask(_mm_sub_epi8(v, _mm_set1_epi8('0')), _mm_set1_epi8(10));
  const unsigned minus = *p == '-';
  const unsigned rest = ~digits >> minus;  // the first bit that is set: where the digits end
  const unsigned whole = static_cast<unsigned>(__builtin_ctz(rest));
  if (whole == 0 || (whole > 1 && p[minus] == '0')) return false;
  unsigned at = minus + whole;
  if (at >= 16 || at >= left) return false;
  if (p[at] == '.') {
    const unsigned fraction = static_cast<unsigned>(__builtin_ctz(~digits >> (at + 1)));
    if (fraction == 0) return false;
    at += 1 + fraction;
    if (at >= 16 || at >= left) return false;
  }
  return ends_token(p[at]);
}

}  // namespace

#include "json/outline.inc"

}  // namespace tailrace::json::icelake

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
