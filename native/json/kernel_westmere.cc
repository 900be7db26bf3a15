// The kernel for machines with SSE4.2 and PCLMUL but no AVX2 (x86-64-v2: Westmere and later, and what many
// virtual machines show of better ones): a block is four registers.
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
#pragma clang attribute push(__attribute__((target("sse4.2,popcnt,pclmul"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("sse4.2,popcnt,pclmul")
#endif

namespace tailrace::json::westmere {

struct Block {
  __m128i part[4];
  static inline Block load(const uint8_t* p) noexcept {
    const __m128i* from = reinterpret_cast<const __m128i*>(p);
    return {{_mm_loadu_si128(from), _mm_loadu_si128(from + 1), _mm_loadu_si128(from + 2),
             _mm_loadu_si128(from + 3)}};
  }
};

struct Masks {
  uint64_t quote, op, space, rare;
};

/** One bit a byte: the highest of what `each` makes of the four parts. */
template <class Each>
[[gnu::always_inline]] inline uint64_t bits_of(const Block& b, const Each& each) noexcept {
  auto bits = [&](int i) noexcept {
    return static_cast<uint64_t>(static_cast<uint32_t>(_mm_movemask_epi8(each(b.part[i]))));
  };
  return bits(0) | bits(1) << 16 | bits(2) << 32 | bits(3) << 48;
}

inline __m128i table_of(const uint8_t* t) noexcept {
  return _mm_load_si128(reinterpret_cast<const __m128i*>(t));
}

inline uint64_t equal(const Block& b, char c) noexcept {
  const __m128i v = _mm_set1_epi8(c);
  return bits_of(b, [v](__m128i part) noexcept { return _mm_cmpeq_epi8(part, v); });
}

inline uint64_t bit6(const Block& b) noexcept {
  return bits_of(b, [](__m128i part) noexcept { return _mm_slli_epi16(part, 1); });
}

inline uint64_t high_bits(const Block& b) noexcept {
  return bits_of(b, [](__m128i part) noexcept { return part; });
}

inline Masks classify(const Block& b) noexcept {
  // as in kernel_haswell.cc
  const __m128i space_table =
      _mm_setr_epi8(' ', 100, 100, 100, 17, 100, 113, 2, 100, '\t', '\n', 112, 100, '\r', 100, 100);
  const __m128i op_table = _mm_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ':', '{', ',', '}', 0, 0);
  const __m128i lower = _mm_set1_epi8(0x20);
  const __m128i backslash = _mm_set1_epi8('\\');
  Masks m;
  m.quote = equal(b, '"');
  m.space = bits_of(b, [space_table](__m128i part) noexcept {
    return _mm_cmpeq_epi8(part, _mm_shuffle_epi8(space_table, part));
  });
  m.op = bits_of(b, [op_table, lower](__m128i part) noexcept {
    return _mm_cmpeq_epi8(_mm_or_si128(part, lower), _mm_shuffle_epi8(op_table, part));
  });
  m.rare = bits_of(b, [backslash, lower](__m128i part) noexcept {
    return _mm_or_si128(_mm_cmpgt_epi8(lower, part), _mm_cmpeq_epi8(part, backslash));
  });
  return m;
}

inline uint64_t prefix_xor(uint64_t bits) noexcept {
  return static_cast<uint64_t>(_mm_cvtsi128_si64(
      _mm_clmulepi64_si128(_mm_set_epi64x(0, static_cast<long long>(bits)), _mm_set1_epi8(-1), 0)));
}

inline uint32_t* flatten(uint32_t* out, uint32_t base, uint64_t bits) noexcept {
  uint32_t* end = out + __builtin_popcountll(bits);
  while (bits) {
    for (int i = 0; i < 4; i++) {  // past the last bit it writes positions nobody reads
      // the bit above all others keeps ctz defined; it is found only when all that were set are used up
      out[i] = base + static_cast<uint32_t>(__builtin_ctzll(bits | 1ull << 63));
      bits &= bits - 1;
    }
    out += 4;
  }
  return end;
}

/** As in kernel_haswell.cc, 16 bytes a step. */
struct Utf8 {
  __m128i before;  // the last 16 bytes read
  __m128i error;
  bool clean;  // the last block was ASCII

  explicit Utf8(const uint8_t* carry) noexcept
      : before(_mm_loadu_si128(reinterpret_cast<const __m128i*>(carry))), error(_mm_setzero_si128()) {
    clean = _mm_movemask_epi8(before) == 0;
  }
  void save(uint8_t* carry) const noexcept { _mm_storeu_si128(reinterpret_cast<__m128i*>(carry), before); }
  bool failed() const noexcept { return !_mm_testz_si128(error, error); }
  bool incomplete() const noexcept {
    __m128i open = unfinished();
    return !clean && !_mm_testz_si128(open, open);
  }

  __m128i unfinished() const noexcept {
    const __m128i limit =
        _mm_setr_epi8(-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, static_cast<char>(0xef),
                      static_cast<char>(0xdf), static_cast<char>(0xbf));
    return _mm_subs_epu8(before, limit);
  }

  void step(__m128i now) noexcept {
    const __m128i nibble = _mm_set1_epi8(0x0f);
    __m128i back1 = _mm_alignr_epi8(now, before, 15);
    __m128i named = _mm_and_si128(
        _mm_and_si128(
            _mm_shuffle_epi8(table_of(utf8::kFirstHigh), _mm_and_si128(_mm_srli_epi16(back1, 4), nibble)),
            _mm_shuffle_epi8(table_of(utf8::kFirstLow), _mm_and_si128(back1, nibble))),
        _mm_shuffle_epi8(table_of(utf8::kSecondHigh), _mm_and_si128(_mm_srli_epi16(now, 4), nibble)));
    __m128i third = _mm_subs_epu8(_mm_alignr_epi8(now, before, 14), _mm_set1_epi8(0xe0 - 0x80));
    __m128i fourth = _mm_subs_epu8(_mm_alignr_epi8(now, before, 13), _mm_set1_epi8(0xf0 - 0x80));
    __m128i must = _mm_and_si128(_mm_or_si128(third, fourth), _mm_set1_epi8(static_cast<char>(0x80)));
    error = _mm_or_si128(error, _mm_xor_si128(must, named));
    before = now;
  }

  bool idle() const noexcept { return clean; }
  void pass(const Block& block) noexcept { before = block.part[3]; }

  void check(const Block& block, uint64_t high) noexcept {
    if (high) {
      for (__m128i part : block.part) step(part);
      clean = false;
      return;
    }
    if (!clean) error = _mm_or_si128(error, unfinished());
    pass(block);
    clean = true;
  }
};

#include "json/stage1.inc"

/** Which bytes of v are no ASCII, or a backslash. */
inline uint32_t odd_bytes(__m128i v) noexcept {
  return static_cast<uint32_t>(_mm_movemask_epi8(_mm_or_si128(v, _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')))));
}

/** Copies n bytes if they are few, all ASCII and no backslash; may write 32 beyond. */
[[gnu::always_inline]] inline bool copy_short(uint8_t* to, const uint8_t* from, size_t n,
                                              const uint8_t* end) noexcept {
  if (n > 32 || end - from < 32) return false;
  const __m128i* in = reinterpret_cast<const __m128i*>(from);
  __m128i* out = reinterpret_cast<__m128i*>(to);
  const __m128i a = _mm_loadu_si128(in), b = _mm_loadu_si128(in + 1);
  _mm_storeu_si128(out, a);
  _mm_storeu_si128(out + 1, b);
  const uint64_t odd = odd_bytes(a) | static_cast<uint64_t>(odd_bytes(b)) << 16;
  return (odd & ((1ull << n) - 1)) == 0;
}

/** Copies the bytes before the first that is odd; returns their count; may write 16 beyond. */
inline size_t copy_ascii(uint8_t* to, const uint8_t* from, size_t n, const uint8_t* end) noexcept {
  for (size_t i = 0; i < n; i += 16) {
    __m128i v;
    if (end - (from + i) >= 16) {
      v = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + i));
    } else {
      alignas(16) uint8_t rest[16] = {};
      memcpy(rest, from + i, n - i < 16 ? n - i : 16);
      v = _mm_load_si128(reinterpret_cast<const __m128i*>(rest));
    }
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + i), v);
    const uint32_t odd = odd_bytes(v);
    if (odd) {
      const size_t at = i + static_cast<size_t>(__builtin_ctz(odd));
      return at < n ? at : n;
    }
  }
  return n;
}

/** As in plain.inc; reads kKeyInline bytes of both. */
[[gnu::always_inline]] inline bool same_start(const uint8_t* key, const uint8_t* p,
                                              unsigned length) noexcept {
  const __m128i* a = reinterpret_cast<const __m128i*>(key);
  const __m128i* b = reinterpret_cast<const __m128i*>(p);
  auto equal_bits = [&](int i) noexcept {
    return static_cast<uint64_t>(static_cast<uint32_t>(
        _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_loadu_si128(a + i), _mm_loadu_si128(b + i)))));
  };
  const uint64_t differ = ~(equal_bits(0) | equal_bits(1) << 16) & 0xffff'ffffu;
  return (differ & ((1ull << (length < kKeyInline ? length : kKeyInline)) - 1)) == 0;
}

#include "json/digits_x86.inc"
#include "json/number.inc"
#include "json/wide_x86.inc"

// these use the primitives above
#include "json/value_tape.inc"

#include "json/gather.inc"

constexpr unsigned kPlainBytes = 16;
inline uint64_t digit_bits(const uint8_t* p) noexcept {
  const __m128i v = _mm_sub_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)), _mm_set1_epi8('0'));
  return static_cast<uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(9)), v)));
}
#include "json/plain_number_x86.inc"

#include "json/token_walk.inc"

#include "json/program.inc"

#include "json/outline.inc"

}  // namespace tailrace::json::westmere

namespace tailrace::json {
const Kernel kWestmereKernel = {
    cpu::Isa::westmere,          westmere::refill,        westmere::write_values, westmere::run_program,
    westmere::run_program_lines, westmere::to_utf16_text, westmere::valid_utf8,   westmere::outline_piece};
}

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
