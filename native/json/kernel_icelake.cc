// The kernel for AVX-512 machines with VBMI2 (Ice Lake, Zen 4 and later): a block is one register.
#include <cstdint>
#include <cstring>

#include "base/check.h"
#include "json/kernel.h"
#include "json/number.h"
#include "json/outline.h"
#include "json/shapes.h"
#include "json/unescape.h"
#include "json/utf8_tables.h"

#if defined(__x86_64__)
// gcc 12's own header trips these two at every use of an undefined vector (its PR 105593)
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>

#if defined(__clang__)
#pragma clang attribute push(                                                                                                      \
    __attribute__((target(                                                                                                         \
        "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx512vbmi,avx512vbmi2,avx512vpopcntdq,avx2,bmi,bmi2,lzcnt,popcnt,pclmul"))), \
    apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx512vbmi,avx512vbmi2,avx512vpopcntdq")
#pragma GCC target("avx2,bmi,bmi2,lzcnt,popcnt,pclmul")
#endif

namespace tailrace::json::icelake {

struct Block {
  __m512i v;
  static inline Block load(const uint8_t* p) noexcept { return {_mm512_loadu_si512(p)}; }
};

struct Masks {
  uint64_t quote, op, space, rare;
};

inline __m512i table_of(const uint8_t* t) noexcept {
  return _mm512_broadcast_i32x4(_mm_load_si128(reinterpret_cast<const __m128i*>(t)));
}

inline Masks classify(const Block& b) noexcept {
  // as in kernel_haswell.cc
  alignas(16) static constexpr uint8_t kSpaces[16] = {' ', 100,  100,  100, 17,  100,  113, 2,
                                                      100, '\t', '\n', 112, 100, '\r', 100, 100};
  alignas(16) static constexpr uint8_t kOps[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ':', '{', ',', '}', 0, 0};
  Masks m;
  m.quote = _mm512_cmpeq_epi8_mask(b.v, _mm512_set1_epi8('"'));
  m.space = _mm512_cmpeq_epi8_mask(b.v, _mm512_shuffle_epi8(table_of(kSpaces), b.v));
  m.op = _mm512_cmpeq_epi8_mask(_mm512_or_si512(b.v, _mm512_set1_epi8(0x20)),
                                _mm512_shuffle_epi8(table_of(kOps), b.v));
  m.rare = _cvtmask64_u64(_kor_mask64(_mm512_cmplt_epi8_mask(b.v, _mm512_set1_epi8(0x20)),
                                      _mm512_cmpeq_epi8_mask(b.v, _mm512_set1_epi8('\\'))));
  return m;
}

inline uint64_t high_bits(const Block& b) noexcept { return _mm512_movepi8_mask(b.v); }

inline uint64_t equal(const Block& b, char c) noexcept {
  return _mm512_cmpeq_epi8_mask(b.v, _mm512_set1_epi8(c));
}

inline uint64_t bit6(const Block& b) noexcept { return _mm512_test_epi8_mask(b.v, _mm512_set1_epi8(0x40)); }

inline uint64_t prefix_xor(uint64_t bits) noexcept {
  return static_cast<uint64_t>(_mm_cvtsi128_si64(
      _mm_clmulepi64_si128(_mm_set_epi64x(0, static_cast<long long>(bits)), _mm_set1_epi8(-1), 0)));
}

alignas(64) constexpr struct Identity {
  uint8_t of[64];
  constexpr Identity() : of() {
    for (int i = 0; i < 64; i++) of[i] = static_cast<uint8_t>(i);
  }
} kIdentity;

inline uint32_t* flatten(uint32_t* out, uint32_t base, uint64_t bits) noexcept {
  __m512i places = _mm512_maskz_compress_epi8(bits, _mm512_load_si512(kIdentity.of));
  __m512i from = _mm512_set1_epi32(static_cast<int>(base));
  int n = __builtin_popcountll(bits);
  auto put = [&](int at, __m128i sixteen) noexcept {
    _mm512_storeu_si512(out + at, _mm512_add_epi32(_mm512_cvtepu8_epi32(sixteen), from));
  };
  put(0, _mm512_castsi512_si128(places));
  if (n > 16) {
    put(16, _mm512_extracti32x4_epi32(places, 1));
    if (n > 32) {
      put(32, _mm512_extracti32x4_epi32(places, 2));
      put(48, _mm512_extracti32x4_epi32(places, 3));
    }
  }
  return out + n;
}

/** As in kernel_haswell.cc, 64 bytes a step. */
struct Utf8 {
  __m512i before;
  __m512i error = _mm512_setzero_si512();
  bool clean;

  explicit Utf8(const uint8_t* carry) noexcept : before(_mm512_loadu_si512(carry)) {
    clean = _mm512_movepi8_mask(before) == 0;
  }
  void save(uint8_t* carry) const noexcept { _mm512_storeu_si512(carry, before); }
  bool failed() const noexcept { return any(error); }
  bool incomplete() const noexcept { return !clean && any(unfinished()); }
  static bool any(__m512i v) noexcept { return _mm512_test_epi8_mask(v, v) != 0; }

  /** The last byte begins a sequence, or the one before it one of three, or the one before of four. */
  __m512i unfinished() const noexcept {
    alignas(64) static constexpr struct Limit {
      uint8_t of[64];
      constexpr Limit() : of() {
        for (uint8_t& byte : of) byte = 0xff;
        of[61] = 0xef;
        of[62] = 0xdf;
        of[63] = 0xbf;
      }
    } kLimit;
    return _mm512_subs_epu8(before, _mm512_load_si512(kLimit.of));
  }

  template <int N>
  static __m512i back(__m512i now, __m512i before) noexcept {
    const __m512i shift = _mm512_set_epi64(13, 12, 11, 10, 9, 8, 7, 6);  // the last lane of before, then now
    return _mm512_alignr_epi8(now, _mm512_permutex2var_epi64(before, shift, now), 16 - N);
  }

  bool idle() const noexcept { return clean; }
  void pass(const Block& block) noexcept { before = block.v; }

  void check(const Block& block, uint64_t high) noexcept {
    if (!high) {
      if (!clean) error = _mm512_or_si512(error, unfinished());
      pass(block);
      clean = true;
      return;
    }
    const __m512i now = block.v;
    const __m512i nibble = _mm512_set1_epi8(0x0f);
    __m512i back1 = back<1>(now, before);
    __m512i named = _mm512_and_si512(
        _mm512_and_si512(_mm512_shuffle_epi8(table_of(utf8::kFirstHigh),
                                             _mm512_and_si512(_mm512_srli_epi16(back1, 4), nibble)),
                         _mm512_shuffle_epi8(table_of(utf8::kFirstLow), _mm512_and_si512(back1, nibble))),
        _mm512_shuffle_epi8(table_of(utf8::kSecondHigh),
                            _mm512_and_si512(_mm512_srli_epi16(now, 4), nibble)));
    __m512i third = _mm512_subs_epu8(back<2>(now, before), _mm512_set1_epi8(0xe0 - 0x80));
    __m512i fourth = _mm512_subs_epu8(back<3>(now, before), _mm512_set1_epi8(0xf0 - 0x80));
    __m512i must =
        _mm512_and_si512(_mm512_or_si512(third, fourth), _mm512_set1_epi8(static_cast<char>(0x80)));
    error = _mm512_or_si512(error, _mm512_xor_si512(must, named));
    before = now;
    clean = false;
  }
};

#include "json/stage1.inc"

#include "json/short_avx2.inc"

/** Copies the bytes before the first that is odd; returns their count; may write 32 beyond. */
inline size_t copy_ascii(uint8_t* to, const uint8_t* from, size_t n, const uint8_t*) noexcept {
  for (size_t i = 0; i < n; i += 32) {
    // a masked load touches nothing else
    const __m256i v = n - i >= 32
                          ? load32(from + i)
                          : _mm256_maskz_loadu_epi8(_bzhi_u32(~0u, static_cast<unsigned>(n - i)), from + i);
    store32(to + i, v);
    if (const uint32_t odd = odd_bytes(v)) return i + static_cast<size_t>(__builtin_ctz(odd));
  }
  return n;
}

/** Where the characters' second and last bytes are when each has three; their first ones are one before. */
struct ThreeBytes {
  alignas(64) uint8_t rest[64];
  alignas(64) uint8_t lead[64];
  constexpr ThreeBytes() : rest(), lead() {
    for (int unit = 0; unit < 21; unit++) {
      rest[2 * unit] = static_cast<uint8_t>(3 * unit + 2);
      rest[2 * unit + 1] = static_cast<uint8_t>(3 * unit + 1);
      lead[2 * unit] = static_cast<uint8_t>(3 * unit);
    }
  }
};
inline constexpr ThreeBytes kThreeBytes;
constexpr uint64_t kEveryThird = 0x9249'2492'4924'9249;

/**
 * Characters of one to three bytes, as many as 64 bytes hold. Each becomes a unit from its last byte and the
 * two before it, which are picked by where characters end.
 */
template <bool stop>
inline bool wide_step(const uint8_t*& p, const uint8_t* last, const uint8_t*, char16_t*& to) noexcept {
  const size_t left = static_cast<size_t>(last - p);
  unsigned n = left < 64 ? static_cast<unsigned>(left) : 64;
  const __m512i v = _mm512_maskz_loadu_epi8(_bzhi_u64(~0ull, n), p);
  uint64_t hinders = _mm512_cmpge_epu8_mask(v, _mm512_set1_epi8(static_cast<char>(0xf0)));
  if constexpr (stop) hinders |= _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('\\'));
  if (hinders) {
    n = static_cast<unsigned>(__builtin_ctzll(hinders));
    if (n == 0) return false;
  }
  if ((_mm512_movepi8_mask(v) & _bzhi_u64(~0ull, n)) == 0) {  // ASCII all of them
    _mm512_storeu_si512(to, _mm512_cvtepu8_epi16(_mm512_castsi512_si256(v)));
    if (n > 32) _mm512_storeu_si512(to + 32, _mm512_cvtepu8_epi16(_mm512_extracti64x4_epi64(v, 1)));
    to += n;
    p += n;
    return true;
  }
  const uint64_t begins =
      _mm512_cmpge_epi8_mask(v, _mm512_set1_epi8(static_cast<char>(0xc0))) & _bzhi_u64(~0ull, n);
  // Chinese and Japanese are mostly this. One of two bytes at the end looks the same, and is left for the
  // next step.
  if (begins == _bzhi_u64(kEveryThird, n) && n >= 3) {
    const __m512i rest = _mm512_permutexvar_epi8(_mm512_load_si512(kThreeBytes.rest), v);
    const __m512i lead = _mm512_permutexvar_epi8(_mm512_load_si512(kThreeBytes.lead), v);
    const __m512i low = _mm512_and_si512(rest, _mm512_set1_epi16(0x3f));
    const __m512i middle = _mm512_srli_epi16(_mm512_and_si512(rest, _mm512_set1_epi16(0x3f00)), 2);
    _mm512_storeu_si512(to, _mm512_or_si512(_mm512_or_si512(low, middle), _mm512_slli_epi16(lead, 12)));
    to += n / 3;
    p += n / 3 * 3;
    return true;
  }
  uint64_t ends = begins >> 1;
  if (n < 64) ends |= 1ull << (n - 1);  // a whole character, since another one or the end follows
  if (ends == 0) return false;
  const unsigned units = static_cast<unsigned>(__builtin_popcountll(ends));
  const __m512i places = _mm512_maskz_compress_epi8(ends, _mm512_load_si512(kIdentity.of));
  auto put = [&](char16_t* at, __m256i half) noexcept {
    constexpr uint64_t kLow = 0x5555'5555'5555'5555ull;
    const __m512i place = _mm512_cvtepu8_epi16(half);
    const __m512i c = _mm512_maskz_permutexvar_epi8(kLow, place, v);
    const __m512i b = _mm512_maskz_permutexvar_epi8(kLow, _mm512_sub_epi16(place, _mm512_set1_epi16(1)), v);
    const __m512i a = _mm512_maskz_permutexvar_epi8(kLow, _mm512_sub_epi16(place, _mm512_set1_epi16(2)), v);
    const __mmask32 many = _mm512_cmpge_epu16_mask(c, _mm512_set1_epi16(0x80));
    const __mmask32 three = _mm512_mask_cmplt_epu16_mask(many, b, _mm512_set1_epi16(0xc0));
    const __m512i six = _mm512_set1_epi16(0x3f);
    __m512i unit = _mm512_or_si512(_mm512_and_si512(c, six), _mm512_slli_epi16(_mm512_and_si512(b, six), 6));
    unit = _mm512_mask_or_epi32(unit, 0xffff, unit, _mm512_maskz_mov_epi16(three, _mm512_slli_epi16(a, 12)));
    _mm512_storeu_si512(at, _mm512_mask_mov_epi16(c, many, unit));
  };
  put(to, _mm512_castsi512_si256(places));
  if (units > 32) put(to + 32, _mm512_extracti64x4_epi64(places, 1));
  to += units;
  p += 64 - static_cast<unsigned>(__builtin_clzll(ends));
  return true;
}

#include "json/digits_x86.inc"
#include "json/number.inc"

// these use the primitives above
#include "json/value_tape.inc"

inline uint8_t* gather(uint8_t* to, const Block& b, const uint8_t*, uint64_t bits) noexcept {
  const __m512i packed = _mm512_maskz_compress_epi8(bits, b.v);
  const int n = __builtin_popcountll(bits);
  // half a store crosses a line half as often, and few blocks have more
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm512_castsi512_si256(packed));
  if (n > 32) [[unlikely]]
    _mm512_storeu_si512(to, packed);
  return to + n;
}

#include "json/digit_bits_avx2.inc"
#include "json/plain_number_x86.inc"

#include "json/token_walk.inc"

#include "json/program.inc"

#include "json/outline.inc"

}  // namespace tailrace::json::icelake

namespace tailrace::json {
const Kernel kIcelakeKernel = {
    cpu::Isa::icelake,          icelake::refill,        icelake::write_values, icelake::run_program,
    icelake::run_program_lines, icelake::to_utf16_text, icelake::valid_utf8,   icelake::outline_piece};
}

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
