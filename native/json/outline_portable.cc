// The masks of outline.inc a token at a time: for machines without AVX-512.
#include <cstring>

#include "json/number.h"
#include "json/outline.h"

namespace tailrace::json::portable {
namespace {

struct TokenMasks {
  uint64_t quote, comma, colon, open_object, close_object, open_array, close_array, end;
};

/** A number for each kind of token; 0: a scalar. */
struct Kinds {
  uint8_t of[256];
  constexpr Kinds() : of() {
    uint8_t kind = 0;
    for (char c : {'"', ',', ':', '{', '}', '[', ']'}) of[static_cast<uint8_t>(c)] = ++kind;
  }
};
constexpr Kinds kKinds;

inline TokenMasks masks(const uint8_t* text, const uint32_t* tokens, unsigned n, uint32_t size) noexcept {
  uint64_t of[8] = {};
  uint64_t end = 0;
  if (tokens[n - 1] == size) end = 1ull << --n;
  for (unsigned i = 0; i < n; i++) of[kKinds.of[text[tokens[i]]]] |= 1ull << i;
  return {of[1], of[2], of[3], of[4], of[5], of[6], of[7], end};
}

inline uint64_t prefix_xor(uint64_t bits) noexcept {
  for (unsigned shift = 1; shift < 64; shift *= 2) bits ^= bits << shift;
  return bits;
}

inline void keep(uint32_t* to, const uint32_t* tokens, uint64_t kept) noexcept {
  for (; kept; kept &= kept - 1) *to++ = tokens[__builtin_ctzll(kept)];
}

inline bool plain_number(const uint8_t*, size_t) noexcept { return false; }

}  // namespace

#include "json/outline.inc"

}  // namespace tailrace::json::portable
