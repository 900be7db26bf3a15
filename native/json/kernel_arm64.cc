// The kernel for arm64: NEON, which every such CPU has; a block is four registers.
#include <cstdint>
#include <cstring>

#include "base/check.h"
#include "json/kernel.h"
#include "json/number.h"
#include "json/outline.h"
#include "json/shapes.h"
#include "json/unescape.h"
#include "json/utf8_tables.h"

#if defined(__aarch64__)
#include <arm_neon.h>

namespace tailrace::json::arm64 {

struct Block {
  uint8x16_t part[4];
  static inline Block load(const uint8_t* p) noexcept {
    return {{vld1q_u8(p), vld1q_u8(p + 16), vld1q_u8(p + 32), vld1q_u8(p + 48)}};
  }
};

struct Masks {
  uint64_t quote, op, space, rare;
};

/**
 * One bit a byte of what `each` makes of the four parts, which must be all ones or all zeros. Each byte keeps
 * the bit of its place among eight; adding up neighbours three times joins them.
 */
template <class Each>
[[gnu::always_inline]] inline uint64_t bits_of(const Block& b, const Each& each) noexcept {
  const uint8x16_t place = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
  uint8x16_t low = vpaddq_u8(vandq_u8(each(b.part[0]), place), vandq_u8(each(b.part[1]), place));
  uint8x16_t high = vpaddq_u8(vandq_u8(each(b.part[2]), place), vandq_u8(each(b.part[3]), place));
  low = vpaddq_u8(low, high);
  low = vpaddq_u8(low, low);
  return vgetq_lane_u64(vreinterpretq_u64_u8(low), 0);
}

/** Four bits a byte of a vector whose bytes are all ones or all zeros. */
inline uint64_t nibbles_of(uint8x16_t v) noexcept {
  return vget_lane_u64(vreinterpret_u64_u8(vshrn_n_u16(vreinterpretq_u16_u8(v), 4)), 0);
}

inline bool any(uint8x16_t v) noexcept { return vmaxvq_u8(v) != 0; }

inline uint64_t equal(const Block& b, char c) noexcept {
  const uint8x16_t v = vdupq_n_u8(static_cast<uint8_t>(c));
  return bits_of(b, [v](uint8x16_t part) noexcept { return vceqq_u8(part, v); });
}

inline uint64_t bit6(const Block& b) noexcept {
  return bits_of(b, [](uint8x16_t part) noexcept { return vtstq_u8(part, vdupq_n_u8(0x40)); });
}

inline uint64_t high_bits(const Block& b) noexcept {
  // most blocks are ASCII, and one look at all of them says so
  if (vmaxvq_u8(vorrq_u8(vorrq_u8(b.part[0], b.part[1]), vorrq_u8(b.part[2], b.part[3]))) < 0x80) return 0;
  return bits_of(b, [](uint8x16_t part) noexcept { return vcgeq_u8(part, vdupq_n_u8(0x80)); });
}

inline Masks classify(const Block& b) noexcept {
  // as in kernel_haswell.cc; only the low nibble indexes, since bytes from 0x10 on give zero here
  const uint8x16_t space_table = {' ', 100,  100,  100, 17,  100,  113, 2,
                                  100, '\t', '\n', 112, 100, '\r', 100, 100};
  const uint8x16_t op_table = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ':', '{', ',', '}', 0, 0};
  const uint8x16_t nibble = vdupq_n_u8(0x0f);
  const uint8x16_t lower = vdupq_n_u8(0x20);
  Masks m;
  m.quote = equal(b, '"');
  m.space = bits_of(b, [=](uint8x16_t part) noexcept {
    return vceqq_u8(part, vqtbl1q_u8(space_table, vandq_u8(part, nibble)));
  });
  m.op = bits_of(b, [=](uint8x16_t part) noexcept {
    return vceqq_u8(vorrq_u8(part, lower), vqtbl1q_u8(op_table, vandq_u8(part, nibble)));
  });
  const int8x16_t space = vdupq_n_s8(0x20);
  const uint8x16_t backslash = vdupq_n_u8('\\');
  m.rare = bits_of(b, [=](uint8x16_t part) noexcept {
    return vorrq_u8(vcltq_s8(vreinterpretq_s8_u8(part), space), vceqq_u8(part, backslash));
  });
  return m;
}

/** By shifts: a carry-less product needs the cryptographic extension, which not every CPU has. */
inline uint64_t prefix_xor(uint64_t bits) noexcept {
  for (int shift = 1; shift < 64; shift *= 2) bits ^= bits << shift;
  return bits;
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
  uint8x16_t before;  // the last 16 bytes read
  uint8x16_t error;
  bool clean;  // the last block was ASCII

  explicit Utf8(const uint8_t* carry) noexcept : before(vld1q_u8(carry)), error(vdupq_n_u8(0)) {
    clean = vmaxvq_u8(before) < 0x80;
  }
  void save(uint8_t* carry) const noexcept { vst1q_u8(carry, before); }
  bool failed() const noexcept { return any(error); }
  bool incomplete() const noexcept { return !clean && any(unfinished()); }

  uint8x16_t unfinished() const noexcept {
    const uint8x16_t limit = {255, 255, 255, 255, 255, 255,  255,  255,
                              255, 255, 255, 255, 255, 0xef, 0xdf, 0xbf};
    return vqsubq_u8(before, limit);
  }

  void step(uint8x16_t now) noexcept {
    const uint8x16_t nibble = vdupq_n_u8(0x0f);
    uint8x16_t back1 = vextq_u8(before, now, 15);
    uint8x16_t named = vandq_u8(vandq_u8(vqtbl1q_u8(vld1q_u8(utf8::kFirstHigh), vshrq_n_u8(back1, 4)),
                                         vqtbl1q_u8(vld1q_u8(utf8::kFirstLow), vandq_u8(back1, nibble))),
                                vqtbl1q_u8(vld1q_u8(utf8::kSecondHigh), vshrq_n_u8(now, 4)));
    uint8x16_t third = vqsubq_u8(vextq_u8(before, now, 14), vdupq_n_u8(0xe0 - 0x80));
    uint8x16_t fourth = vqsubq_u8(vextq_u8(before, now, 13), vdupq_n_u8(0xf0 - 0x80));
    uint8x16_t must = vandq_u8(vorrq_u8(third, fourth), vdupq_n_u8(0x80));
    error = vorrq_u8(error, veorq_u8(must, named));
    before = now;
  }

  bool idle() const noexcept { return clean; }
  void pass(const Block& block) noexcept { before = block.part[3]; }

  void check(const Block& block, uint64_t high) noexcept {
    if (high) {
      for (uint8x16_t part : block.part) step(part);
      clean = false;
      return;
    }
    if (!clean) error = vorrq_u8(error, unfinished());
    pass(block);
    clean = true;
  }
};

#include "json/stage1.inc"

/** All ones where a byte of v is no ASCII, or a backslash. */
inline uint8x16_t odd_bytes(uint8x16_t v) noexcept {
  return vorrq_u8(vcgeq_u8(v, vdupq_n_u8(0x80)), vceqq_u8(v, vdupq_n_u8('\\')));
}

/** Copies n bytes if they are few, all ASCII and no backslash; may write 32 beyond. */
[[gnu::always_inline]] inline bool copy_short(uint8_t* to, const uint8_t* from, size_t n,
                                              const uint8_t* end) noexcept {
  if (n > 32 || end - from < 32) return false;
  const uint8x16_t a = vld1q_u8(from), b = vld1q_u8(from + 16);
  vst1q_u8(to, a);
  vst1q_u8(to + 16, b);
  const uint64_t first = nibbles_of(odd_bytes(a));
  if (n < 16) return (first & ((1ull << n * 4) - 1)) == 0;
  if (first != 0) return false;
  const uint64_t second = nibbles_of(odd_bytes(b));
  return n == 32 ? second == 0 : (second & ((1ull << (n - 16) * 4) - 1)) == 0;
}

/** Copies the bytes before the first that is odd; returns their count; may write 16 beyond. */
inline size_t copy_ascii(uint8_t* to, const uint8_t* from, size_t n, const uint8_t* end) noexcept {
  for (size_t i = 0; i < n; i += 16) {
    uint8x16_t v;
    if (end - (from + i) >= 16) {
      v = vld1q_u8(from + i);
    } else {
      uint8_t rest[16] = {};
      memcpy(rest, from + i, n - i < 16 ? n - i : 16);
      v = vld1q_u8(rest);
    }
    vst1q_u8(to + i, v);
    const uint64_t odd = nibbles_of(odd_bytes(v));
    if (odd) {
      const size_t at = i + static_cast<size_t>(__builtin_ctzll(odd)) / 4;
      return at < n ? at : n;
    }
  }
  return n;
}

/** As in plain.inc; reads kKeyInline bytes of both. */
[[gnu::always_inline]] inline bool same_start(const uint8_t* key, const uint8_t* p,
                                              unsigned length) noexcept {
  uint64_t differ = ~nibbles_of(vceqq_u8(vld1q_u8(key), vld1q_u8(p)));
  if (length < 16) return (differ & ((1ull << length * 4) - 1)) == 0;
  if (differ != 0) return false;
  differ = ~nibbles_of(vceqq_u8(vld1q_u8(key + 16), vld1q_u8(p + 16)));
  return (length < kKeyInline ? differ & ((1ull << (length - 16) * 4) - 1) : differ) == 0;
}

/** As in digits_x86.inc. */
inline uint32_t digits16(const uint8_t* p, uint64_t* value) noexcept {
  alignas(16) static constexpr uint8_t kToTheRight[32] = {
      255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
      0,   1,   2,   3,   4,   5,   6,   7,   8,   9,   10,  11,  12,  13,  14,  15};
  const uint8x16_t v = vsubq_u8(vld1q_u8(p), vdupq_n_u8('0'));
  const uint64_t other = nibbles_of(vcgtq_u8(v, vdupq_n_u8(9)));
  const uint32_t n = other ? static_cast<uint32_t>(__builtin_ctzll(other)) / 4 : 16;
  const uint8x16_t digits = vqtbl1q_u8(v, vld1q_u8(kToTheRight + n));  // indices from 16 on give zero
  const uint8x8_t tens = {10, 1, 10, 1, 10, 1, 10, 1};
  const uint16x8_t pairs =
      vpaddq_u16(vmull_u8(vget_low_u8(digits), tens), vmull_u8(vget_high_u8(digits), tens));
  const uint16x4_t hundreds = {100, 1, 100, 1};
  const uint32x4_t fours =
      vpaddq_u32(vmull_u16(vget_low_u16(pairs), hundreds), vmull_u16(vget_high_u16(pairs), hundreds));
  const uint32x2_t myriads = {10'000, 1};
  const uint64x2_t eights =
      vpaddq_u64(vmull_u32(vget_low_u32(fours), myriads), vmull_u32(vget_high_u32(fours), myriads));
  *value = vgetq_lane_u64(eights, 0) * 100'000'000 + vgetq_lane_u64(eights, 1);
  return n;
}

#include "json/number.inc"

/** As in wide_x86.inc, but for mixed characters, which are done by hand. */
template <bool stop>
inline bool wide_step(const uint8_t*& p, const uint8_t* last, const uint8_t*, char16_t*& to) noexcept {
  if (last - p < 16) return false;
  const uint8x16_t v = vld1q_u8(p);
  uint16_t* out = reinterpret_cast<uint16_t*>(to);
  if constexpr (stop)
    if (any(vceqq_u8(v, vdupq_n_u8('\\')))) return false;
  if (vmaxvq_u8(v) < 0x80) {
    vst1q_u16(out, vmovl_u8(vget_low_u8(v)));
    vst1q_u16(out + 8, vmovl_u8(vget_high_u8(v)));
    to += 16;
    p += 16;
    return true;
  }
  const uint64_t follow = nibbles_of(vceqq_u8(vandq_u8(v, vdupq_n_u8(0xc0)), vdupq_n_u8(0x80)));
  // Five of three bytes; were the last byte one that follows, the fifth would have four.
  if (follow == 0x0ff0'ff0f'f0ff'0ff0ull) {
    const uint8x16_t rest_places = {2, 1, 5, 4, 8, 7, 11, 10, 14, 13, 255, 255, 255, 255, 255, 255};
    const uint8x16_t lead_places = {0, 255, 3, 255, 6, 255, 9, 255, 12, 255, 255, 255, 255, 255, 255, 255};
    const uint16x8_t rest = vreinterpretq_u16_u8(vqtbl1q_u8(v, rest_places));
    const uint16x8_t lead = vreinterpretq_u16_u8(vqtbl1q_u8(v, lead_places));
    vst1q_u16(out, vorrq_u16(vshlq_n_u16(lead, 12),
                             vorrq_u16(vandq_u16(rest, vdupq_n_u16(0x3f)),
                                       vshrq_n_u16(vandq_u16(rest, vdupq_n_u16(0x3f00)), 2))));
    to += 5;
    p += 15;
    return true;
  }
  // Eight of two bytes; a byte behind them that follows would make the eighth one of three.
  if (follow == 0xf0f0'f0f0'f0f0'f0f0ull && (p + 16 == last || (p[16] & 0xc0) != 0x80)) {
    const uint16x8_t both = vreinterpretq_u16_u8(v);
    vst1q_u16(out, vorrq_u16(vshlq_n_u16(vandq_u16(both, vdupq_n_u16(0x1f)), 6),
                             vandq_u16(vshrq_n_u16(both, 8), vdupq_n_u16(0x3f))));
    to += 8;
    p += 16;
    return true;
  }
  return false;
}

// these use the primitives above
#include "json/value_tape.inc"

#include "json/gather.inc"

constexpr unsigned kPlainBytes = 16;
/** Not sure. */
inline bool plain_number(const uint8_t*) noexcept { return false; }

#include "json/token_walk.inc"

#include "json/program.inc"

#include "json/outline.inc"

}  // namespace tailrace::json::arm64

namespace tailrace::json {
const Kernel kArm64Kernel = {
    cpu::Isa::arm64,          arm64::refill,        arm64::write_values, arm64::run_program,
    arm64::run_program_lines, arm64::to_utf16_text, arm64::valid_utf8,   arm64::outline_piece};
}
#endif
