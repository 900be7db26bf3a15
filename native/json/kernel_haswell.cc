// The kernel for AVX2 machines (x86-64-v3 with PCLMUL: Haswell, Zen and later).
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
#include <immintrin.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,bmi,bmi2,lzcnt,popcnt,pclmul"))), \
                             apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,bmi,bmi2,lzcnt,popcnt,pclmul")
#endif

namespace tailrace::json::haswell {

struct Block {
  __m256i lo, hi;
  static inline Block load(const uint8_t* p) noexcept {
    return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)),
            _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 32))};
  }
};

struct Masks {
  uint64_t quote, op, space, rare;
};

inline uint64_t join(__m256i lo, __m256i hi) noexcept {
  return static_cast<uint32_t>(_mm256_movemask_epi8(lo)) |
         static_cast<uint64_t>(static_cast<uint32_t>(_mm256_movemask_epi8(hi))) << 32;
}

inline __m256i table_of(const uint8_t* t) noexcept {
  return _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(t)));
}

inline uint64_t equal(const Block& b, char c) noexcept {
  __m256i v = _mm256_set1_epi8(c);
  return join(_mm256_cmpeq_epi8(b.lo, v), _mm256_cmpeq_epi8(b.hi, v));
}

inline Masks classify(const Block& b) noexcept {
  // The low nibble picks the only byte with that nibble that is in the class. Brackets are compared with the
  // bit of lower case set, which makes [ ] equal to { }, and also 0x0c and 0x1a equal to , and : — stage 2
  // looks at the byte itself.
  const __m256i space_table =
      _mm256_setr_epi8(' ', 100, 100, 100, 17, 100, 113, 2, 100, '\t', '\n', 112, 100, '\r', 100, 100, ' ',
                       100, 100, 100, 17, 100, 113, 2, 100, '\t', '\n', 112, 100, '\r', 100, 100);
  const __m256i op_table = _mm256_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ':', '{', ',', '}', 0, 0, 0, 0, 0,
                                            0, 0, 0, 0, 0, 0, 0, ':', '{', ',', '}', 0, 0);
  const __m256i lower = _mm256_set1_epi8(0x20);
  const __m256i backslash = _mm256_set1_epi8('\\');
  // below a space as signed numbers: controls, and all that is not ASCII
  auto rare = [=](__m256i v) noexcept {
    return _mm256_or_si256(_mm256_cmpgt_epi8(lower, v), _mm256_cmpeq_epi8(v, backslash));
  };
  Masks m;
  m.quote = equal(b, '"');
  m.space = join(_mm256_cmpeq_epi8(b.lo, _mm256_shuffle_epi8(space_table, b.lo)),
                 _mm256_cmpeq_epi8(b.hi, _mm256_shuffle_epi8(space_table, b.hi)));
  m.op = join(_mm256_cmpeq_epi8(_mm256_or_si256(b.lo, lower), _mm256_shuffle_epi8(op_table, b.lo)),
              _mm256_cmpeq_epi8(_mm256_or_si256(b.hi, lower), _mm256_shuffle_epi8(op_table, b.hi)));
  m.rare = join(rare(b.lo), rare(b.hi));
  return m;
}

inline uint64_t high_bits(const Block& b) noexcept { return join(b.lo, b.hi); }

inline uint64_t bit6(const Block& b) noexcept {
  return join(_mm256_slli_epi16(b.lo, 1), _mm256_slli_epi16(b.hi, 1));
}

inline uint64_t prefix_xor(uint64_t bits) noexcept {
  return static_cast<uint64_t>(_mm_cvtsi128_si64(
      _mm_clmulepi64_si128(_mm_set_epi64x(0, static_cast<long long>(bits)), _mm_set1_epi8(-1), 0)));
}

inline uint32_t* flatten(uint32_t* out, uint32_t base, uint64_t bits) noexcept {
  uint32_t* end = out + __builtin_popcountll(bits);
  while (bits) {
    for (int i = 0; i < 8; i++) {  // past the last bit it writes positions nobody reads
      out[i] = base + static_cast<uint32_t>(_tzcnt_u64(bits));
      bits = _blsr_u64(bits);
    }
    out += 8;
  }
  return end;
}

// Keiser and Lemire, "Validating UTF-8 in less than one instruction per byte": three table look-ups (nibbles
// of the byte before and of this byte) name every two-byte error; what must be a third or fourth byte is
// found by comparing the bytes two and three places back.
struct Utf8 {
  __m256i before;  // the last 32 bytes read
  __m256i error;
  bool clean;  // the last block was ASCII

  explicit Utf8(const uint8_t* carry) noexcept
      : before(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(carry))), error(_mm256_setzero_si256()) {
    clean = _mm256_movemask_epi8(before) == 0;
  }
  void save(uint8_t* carry) const noexcept { _mm256_storeu_si256(reinterpret_cast<__m256i*>(carry), before); }
  bool failed() const noexcept { return !_mm256_testz_si256(error, error); }
  bool incomplete() const noexcept {
    __m256i open = unfinished();
    return !clean && !_mm256_testz_si256(open, open);
  }

  __m256i unfinished() const noexcept {
    const __m256i limit = _mm256_setr_epi8(
        -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
        -1, -1, -1, -1, static_cast<char>(0xef), static_cast<char>(0xdf), static_cast<char>(0xbf));
    return _mm256_subs_epu8(before, limit);
  }

  template <int N>
  static __m256i back(__m256i now, __m256i before) noexcept {
    return _mm256_alignr_epi8(now, _mm256_permute2x128_si256(before, now, 0x21), 16 - N);
  }

  void step(__m256i now) noexcept {
    const __m256i nibble = _mm256_set1_epi8(0x0f);
    __m256i back1 = back<1>(now, before);
    __m256i named = _mm256_and_si256(
        _mm256_and_si256(_mm256_shuffle_epi8(table_of(utf8::kFirstHigh),
                                             _mm256_and_si256(_mm256_srli_epi16(back1, 4), nibble)),
                         _mm256_shuffle_epi8(table_of(utf8::kFirstLow), _mm256_and_si256(back1, nibble))),
        _mm256_shuffle_epi8(table_of(utf8::kSecondHigh),
                            _mm256_and_si256(_mm256_srli_epi16(now, 4), nibble)));
    __m256i third = _mm256_subs_epu8(back<2>(now, before), _mm256_set1_epi8(0xe0 - 0x80));
    __m256i fourth = _mm256_subs_epu8(back<3>(now, before), _mm256_set1_epi8(0xf0 - 0x80));
    __m256i must =
        _mm256_and_si256(_mm256_or_si256(third, fourth), _mm256_set1_epi8(static_cast<char>(0x80)));
    error = _mm256_or_si256(error, _mm256_xor_si256(must, named));
    before = now;
  }

  bool idle() const noexcept { return clean; }
  void pass(const Block& block) noexcept { before = block.hi; }

  void check(const Block& block, uint64_t high) noexcept {
    if (high) {
      step(block.lo);
      step(block.hi);
      clean = false;
      return;
    }
    if (!clean) error = _mm256_or_si256(error, unfinished());
    pass(block);
    clean = true;
  }
};

#include "json/stage1.inc"

#include "json/short_avx2.inc"

/** Copies the bytes before the first that is odd; returns their count; may write 32 beyond. */
inline size_t copy_ascii(uint8_t* to, const uint8_t* from, size_t n, const uint8_t* end) noexcept {
  for (size_t i = 0; i < n; i += 32) {
    __m256i v;
    if (from + i + 32 <= end) {
      v = load32(from + i);
    } else {
      alignas(32) uint8_t rest[32] = {};
      memcpy(rest, from + i, n - i < 32 ? n - i : 32);
      v = load32(rest);
    }
    store32(to + i, v);
    if (const uint32_t odd = odd_bytes(v)) {
      const size_t at = i + static_cast<size_t>(__builtin_ctz(odd));
      return at < n ? at : n;
    }
  }
  return n;
}

#include "json/digits_x86.inc"
#include "json/number.inc"
#include "json/wide_x86.inc"

// these use the primitives above
#include "json/value_tape.inc"

#include "json/gather.inc"

#include "json/digit_bits_avx2.inc"
#include "json/plain_number_x86.inc"

#include "json/token_walk.inc"

#include "json/program.inc"

#include "json/outline.inc"

}  // namespace tailrace::json::haswell

namespace tailrace::json {
const Kernel kHaswellKernel = {
    cpu::Isa::haswell,          haswell::refill,        haswell::write_values, haswell::run_program,
    haswell::run_program_lines, haswell::to_utf16_text, haswell::valid_utf8,   haswell::outline_piece};
}

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
