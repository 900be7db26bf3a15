// Encoding by a schema: lib/backend/native/json/schema-encoder.ts walks a value and writes down what its JSON
// text is made of; here it becomes UTF-8, in one pass. The result is what JSON.stringify gives, byte for
// byte.
//
// Words (Int32): an operation in the low three bits, a fragment (a constant piece of text: punctuation and
// keys) above them, which is written first. Then
//   0 nothing more
//   1 integer   one word: its value
//   2 double    the next double
//   3 string    one word: its length; the next units, quoted and escaped
//   4 text      one word: its length; the next units, which are JSON already
//   5 integers  one word: how many; then as many words: an array
//   6 short     one word: its length; then its units, two in a word: a string
//   7 doubles   one word: how many; the next so many doubles: an array
#pragma once

#include <cstddef>
#include <cstdint>

namespace tailrace::json {

enum EncodeOp : int32_t {
  kEncodeNothing = 0,
  kEncodeInteger = 1,
  kEncodeDouble = 2,
  kEncodeString = 3,
  kEncodeText = 4,
  kEncodeIntegers = 5,
  kEncodeShort = 6,
  kEncodeDoubles = 7
};

/** Constant pieces: `offsets` has one more than there are; kFragmentSlack bytes behind the last can be read.
 */
constexpr size_t kFragmentSlack = 16;
struct Fragments {
  const uint8_t* bytes;
  const int32_t* offsets;
  uint32_t count;
};

struct EncodeInput {
  const int32_t* words;
  size_t word_count;
  const double* doubles;
  size_t double_count;
  const char16_t* units;
  size_t unit_count;
};

/** Bytes the result can need at most. */
size_t encode_bound(const Fragments& fragments, const EncodeInput& input) noexcept;
/** Writes it to `out`, which has room for encode_bound(). Returns the bytes; 0: the input is not well-formed.
 */
size_t encode_tape(const Fragments& fragments, const EncodeInput& input, uint8_t* out) noexcept;

/** As Number::toString of ECMA-262 (6.1.6.1.20); `value` is finite. At most 25 bytes. */
size_t write_double(double value, uint8_t* out) noexcept;

}  // namespace tailrace::json
