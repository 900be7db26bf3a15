// The value tape: everything JavaScript needs to build a text's values, written in one pass over the tokens
// and read once, front to back, by lib/backend/native/json/materialise.ts.
//
// Words (Int32) carry a tag in their low three bits and a payload above it; doubles stand in their own array,
// string contents in Latin-1 and UTF-16 blobs, all read by running cursors:
//   0 small    payload: an integer of 29 bits
//   1 double   the next double
//   2 latin    payload: length; the next Latin-1 characters
//   3 utf16    payload: length; the next UTF-16 units
//   4 object   payload: number of its shape; the members' values follow
//   5 array    payload: length; the elements follow
//   6 other    bits 3..6 say what, bits 7..31 are its payload:
//        0..3  null, true, false, ""
//        4     {}
//        5     map: payload members, each a key (latin, utf16 or "") and a value
//        6     payload doubles: an array of numbers
//        7     payload words, each an int32 untagged: an array of integers
//        8, 9  as latin, utf16 (payload: length), but at the start of the blob's next chunk
//        10    mixed: payload: index into the list of mixed objects, {node, members}: first the values of
//              the node's keys, then keys and values
//        11    points: payload arrays of two or three doubles each; the next word says two or three
//        12, 13  text: the blob's next chunk, payload: its length, is a value for JSON.parse
//   7 node     payload: trie node; the values of its keys follow: an object without a constructor (yet)
// A blob is cut into chunks, each one JavaScript string: a substring pins the whole string it came from, so
// chunks are as small as the `strings` policy wants.
#pragma once

#include <cstddef>
#include <cstdint>

#include "json/buffer.h"
#include "json/shapes.h"

namespace tailrace::json {

enum Tag : int32_t {
  kSmall = 0,
  kDouble = 1,
  kLatin = 2,
  kUtf16 = 3,
  kObject = 4,
  kArray = 5,
  kOther = 6,
  kNode = 7
};
enum Other : int32_t {
  kNull = 0,
  kTrue = 1,
  kFalse = 2,
  kEmptyString = 3,
  kEmptyObject = 4,
  kMap = 5,
  kDoubles = 6,
  kIntegers = 7,
  kNextLatin = 8,
  kNextUtf16 = 9,
  kMixed = 10,
  kPoints = 11,
  kLatinText = 12,
  kUtf16Text = 13,
};
/** Fewer arrays of doubles travel one by one. */
constexpr uint32_t kFewestPoints = 4;
constexpr int32_t other(Other what, uint32_t payload = 0) noexcept {
  return static_cast<int32_t>(kOther | static_cast<uint32_t>(what) << 3 | payload << 7);
}
constexpr uint32_t kMaxOtherPayload = (1u << 25) - 1;

enum class TapeStatus : uint8_t {
  ok,
  bad,           // not JSON: scan.h says where
  bad_utf8,      // not UTF-8: the caller decides
  unsuited,      // better left to JSON.parse: very deep, a bare number
  generic,       // better left to JSON.parse: mostly objects without a constructor
  need_doubles,  // again, with more room for doubles
  no_memory,
};

/** Seen in this text. Policies look closer only when their flag is set; a flag may be set without cause. */
enum TapeFlags : uint32_t {
  kSawProto = 1,
  kSawConstructor = 2,
  kSawDuplicate = 4,
  kSawBeyondDouble = 8,  // an integer that a double may not hold
  kSawGeneric = 16,      // nodes, maps or mixed objects on the tape: objects built by assignment
  kSawRefused = 32,      // maps or mixed objects: keys the trie would not take
};
static_assert(int{kDrifts} == int{kSawRefused} && int{kHasProto} == int{kSawProto} &&
              int{kHasConstructor} == int{kSawConstructor} && int{kHasDuplicate} == int{kSawDuplicate});

struct Mixed {
  int32_t node;
  int32_t members;
};

struct ValueTape {
  explicit ValueTape(memory::Cache& cache) noexcept
      : shapes(cache), latin(cache), utf16(cache), latin_ends(cache), utf16_ends(cache), mixed(cache) {}

  /**
   * Words a text of that many bytes can need, so that no word needs a check: half a word a byte, and as much
   * again for each container that is open (the text may end, or fail, before it is closed).
   */
  static constexpr size_t words_for(size_t bytes) noexcept { return bytes / 2 + 64 + kMaxNesting; }
  /** Deeper texts are unsuited: each level is a C++ frame while writing and a JavaScript frame while reading.
   */
  static constexpr uint32_t kMaxNesting = 200;

  // the caller's arrays
  int32_t* words = nullptr;  // room for words_for(size)
  double* doubles = nullptr;
  size_t double_capacity = 0;
  /** Characters a chunk may have (a longer string is a chunk of its own); strings of `alone` and more get
   * their own. */
  uint32_t latin_chunk = 2048;
  uint32_t utf16_chunk = 1024;
  uint32_t alone = 0xffff'ffffu;
  /** Fewer words of objects without a constructor are built one by one, whatever else there is. */
  uint32_t fewest_generic = 8;
  /** So many members of maps are read before a text that has little else is left to JSON.parse half-way. */
  uint32_t most_refused = 512;
  Shapes shapes;

  // out
  size_t word_count = 0;
  size_t double_count = 0;
  uint32_t flags = 0;
  uint32_t deepest = 0;  // containers open at once
  Buffer<uint8_t> latin;
  Buffer<char16_t> utf16;
  size_t latin_count = 0;
  size_t utf16_count = 0;
  Buffer<uint32_t> latin_ends;  // where each chunk but the last ends
  Buffer<uint32_t> utf16_ends;
  size_t latin_end_count = 0;
  size_t utf16_end_count = 0;
  Buffer<Mixed> mixed;
  size_t mixed_count = 0;
};

struct Stage1;

/** Texts above this are left to others: payloads have 25 bits and more only where they need them. */
constexpr uint32_t kMaxValueTapeBytes = 256u << 20;

}  // namespace tailrace::json
