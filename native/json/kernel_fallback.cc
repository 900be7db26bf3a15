// The kernel for every machine: plain C++, a byte at a time through one table of classes. It is the reference
// the SIMD kernels are fuzzed against.
#include <cstdint>
#include <cstring>

#include "base/check.h"
#include "json/kernel.h"
#include "json/number.h"
#include "json/outline.h"
#include "json/scan.h"
#include "json/shapes.h"
#include "json/unescape.h"

namespace tailrace::json::fallback {

struct Block {
  const uint8_t* p;
  static inline Block load(const uint8_t* p) noexcept { return {p}; }
};

struct Masks {
  uint64_t quote, op, space, rare;
};

enum : uint8_t { kQuote = 1, kOp = 2, kSpace = 4, kRare = 8 };

struct Classes {
  uint8_t of[256];
  constexpr Classes() : of() {
    for (int i = 0; i < 256; i++) of[i] = i < 0x20 || i >= 0x80 ? kRare : 0;
    of[static_cast<int>('"')] |= kQuote;
    of[static_cast<int>('\\')] |= kRare;
    for (char c : {'{', '}', '[', ']', ':', ','}) of[static_cast<int>(c)] |= kOp;
    for (char c : {' ', '\t', '\n', '\r'}) of[static_cast<int>(c)] |= kSpace;
  }
};
constexpr Classes kClasses;

inline Masks classify(const Block& b) noexcept {
  Masks m = {};
  for (int i = 0; i < 64; i++) {
    uint64_t c = kClasses.of[b.p[i]];
    m.quote |= (c & 1) << i;
    m.op |= (c >> 1 & 1) << i;
    m.space |= (c >> 2 & 1) << i;
    m.rare |= (c >> 3 & 1) << i;
  }
  return m;
}

inline uint64_t equal(const Block& b, char c) noexcept {
  uint64_t bits = 0;
  for (int i = 0; i < 64; i++) bits |= static_cast<uint64_t>(b.p[i] == static_cast<uint8_t>(c)) << i;
  return bits;
}

inline uint64_t bit6(const Block& b) noexcept {
  uint64_t bits = 0;
  for (int i = 0; i < 64; i++) bits |= static_cast<uint64_t>(b.p[i] >> 6 & 1) << i;
  return bits;
}

inline uint64_t high_bits(const Block& b) noexcept {
  uint64_t bits = 0;
  for (int i = 0; i < 64; i++) bits |= static_cast<uint64_t>(b.p[i] >> 7) << i;
  return bits;
}

inline uint64_t prefix_xor(uint64_t bits) noexcept {
  for (int shift = 1; shift < 64; shift *= 2) bits ^= bits << shift;
  return bits;
}

inline uint32_t* flatten(uint32_t* out, uint32_t base, uint64_t bits) noexcept {
  for (; bits; bits &= bits - 1) *out++ = base + static_cast<uint32_t>(__builtin_ctzll(bits));
  return out;
}

/** The state machine of scan.h over every byte; its state is the whole carry. */
struct Utf8 {
  Utf8State state;
  bool bad = false;

  explicit Utf8(const uint8_t* carry) noexcept { memcpy(&state, carry, sizeof state); }
  void save(uint8_t* carry) const noexcept { memcpy(carry, &state, sizeof state); }
  bool failed() const noexcept { return bad; }
  bool incomplete() const noexcept { return state.need != 0; }
  bool idle() const noexcept { return state.need == 0; }
  void pass(const Block&) noexcept {}
  void check(const Block& block, uint64_t high) noexcept {
    if (!high && idle()) return;
    for (int i = 0; i < 64 && !bad; i++) bad = !state.feed(block.p[i]);
  }
};

#include "json/stage1.inc"

#include "json/plain.inc"

// these use the primitives above
#include "json/value_tape.inc"

#include "json/gather.inc"

constexpr unsigned kPlainBytes = 16;
/** Not sure. */
inline bool plain_number(const uint8_t*) noexcept { return false; }

#include "json/token_walk.inc"

#include "json/program.inc"

#include "json/outline.inc"

}  // namespace tailrace::json::fallback

namespace tailrace::json {
const Kernel kFallbackKernel = {
    cpu::Isa::fallback,          fallback::refill,        fallback::write_values, fallback::run_program,
    fallback::run_program_lines, fallback::to_utf16_text, fallback::valid_utf8,   fallback::outline_piece};
}
