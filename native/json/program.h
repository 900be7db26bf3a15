// Decoding by a schema: the schema, compiled to a table of nodes by
// lib/backend/native/json/schema-program.ts, is walked along with the tokens of stage 1. What it declares
// goes to a tape of slots, everything else is checked to be JSON and passed over; the JavaScript side builds
// plain objects out of the slots.
//
// The runner only ever says yes or no. A text that is not JSON, a value that does not fit, and anything rare
// (an escaped key, a key twice, a number beyond doubles, very deep nesting) is a no: the facade then reads
// the text again by JSON.parse and the schema's checks, which know the exact error. So nothing here can be
// wrong in a way that a user sees but by saying yes too often, and the tests compare exactly that.
//
// Slots (two int32): tag in the low three bits of the first, length above it; payload in the second.
//   0 absent
//   1 integer    payload: its value
//   2 double     payload: index into the doubles
//   3 latin      length; payload: chunk << 12 | offset, in characters
//   4 utf16      length; payload: chunk << 12 | offset, in units
//   5 other      "length": 0 null, 1 true, 2 false, 3 one of the schema's strings (payload: which),
//                4 "", from 16 on an array of so many doubles more (payload: index of the first)
//   6 array      length; payload: word where its slots begin
//   7 object     payload: word where it begins. By schema: a slot a declared name, then one (array, key and
//   value
//                slots in turn) for the others that are kept. Else length members, key and value slots in
//                turn.
#pragma once

#include <cstddef>
#include <cstdint>

#include "json/buffer.h"

namespace tailrace::json {

struct Slot {
  int32_t head;
  int32_t payload;
};

enum SlotTag : int32_t {
  kSlotAbsent = 0,
  kSlotInteger = 1,
  kSlotDouble = 2,
  kSlotLatin = 3,
  kSlotUtf16 = 4,
  kSlotOther = 5,
  kSlotArray = 6,
  kSlotObject = 7
};
enum SlotOther : int32_t {
  kSlotNull = 0,
  kSlotTrue = 1,
  kSlotFalse = 2,
  kSlotEnum = 3,
  kSlotEmpty = 4,
  kSlotDoubles = 16
};

/** Bits of ProgramNode::types. */
enum TypeBit : int32_t {
  kTypeNull = 1,
  kTypeBoolean = 2,
  kTypeInteger = 4,
  kTypeNumber = 8,
  kTypeString = 16,
  kTypeArray = 32,
  kTypeObject = 64,
};
enum NodeFlag : int32_t {
  kBounded = 1,      // bounds
  kOpenLow = 2,      // the lower bound itself is out
  kOpenHigh = 4,     // the upper bound itself is out
  kLineKeys = 8,     // further names are a pattern's that line ends do not match
  kObjectRule = 16,  // names, required, additional hold; else any object
  kArrayRule = 32,   // items, prefix, counts hold; else any array
  kPlainItems = 64,  // nothing is asked of an element that this program does not ask
};
/** Instead of a node. */
enum : int32_t { kSkipIt = -1, kRefuseIt = -2 };

/** One node, as it stands in the program's words; offsets count words from the program's begin. */
struct ProgramNode {
  int32_t types;
  int32_t flags;
  int32_t bounds;  // two doubles at an even offset
  int32_t min_length, max_length;
  int32_t strings;  // name table; 0: any string
  int32_t min_items, max_items;
  int32_t items;  // node, or kRefuseIt
  int32_t prefix_count, prefix;
  int32_t names;  // name table; 0: none
  int32_t name_count;
  int32_t required_count;
  int32_t additional;  // node, kSkipIt or kRefuseIt
  int32_t members;     // a node for each name; kSkipIt: only that it is there
  int32_t required;    // 1 or 0 for each name
  int32_t unused;
};

/**
 * A table of names: `mask`; 64 bits, which lengths there are (modulo 64); `mask + 1` buckets (entry or -1);
 * entries {length, offset, next}. Most names that are not in it have another length than all that are.
 */
struct ProgramNames {
  const int32_t* words;

  static uint32_t hash(const uint8_t* text, uint32_t n) noexcept {
    if (n == 0) return 0;
    return n * 0x9e3779b1u + text[0] * 0x85ebca77u + text[n - 1] * 0xc2b2ae3du;
  }
  uint64_t lengths() const noexcept {
    return static_cast<uint32_t>(words[1]) | static_cast<uint64_t>(static_cast<uint32_t>(words[2])) << 32;
  }
  const int32_t* entry(int32_t i) const noexcept { return words + 3 + (words[0] + 1) + i * 3; }
  /** The first entry that may be it, or -1. */
  int32_t first(const uint8_t* text, uint32_t n) const noexcept {
    if (!(lengths() >> (n & 63) & 1)) return -1;
    return words[3 + (hash(text, n) >> 15 & static_cast<uint32_t>(words[0]))];
  }
};

struct Program {
  const int32_t* words = nullptr;
  size_t size = 0;
  const ProgramNode& node(int32_t i) const noexcept {
    return reinterpret_cast<const ProgramNode*>(words + words[0])[i];
  }
};

enum class DecodeStatus : uint8_t { yes, no, need_words, need_doubles, no_memory };

struct DecodeTape {
  explicit DecodeTape(memory::Cache& cache) noexcept
      : scratch(cache), latin(cache), utf16(cache), latin_ends(cache), utf16_ends(cache) {}

  /** Deeper values are left to the slow way: each level is a C++ frame here and a JavaScript frame there. */
  static constexpr uint32_t kMaxNesting = 200;
  /** Containers open at once inside a value that is passed over; each is a bit. */
  static constexpr uint32_t kMaxSkipNesting = 1024;
  static constexpr uint32_t kChunk = 4096;

  int32_t* words = nullptr;
  size_t word_capacity = 0;
  double* doubles = nullptr;
  size_t double_capacity = 0;

  Buffer<Slot> scratch;
  Buffer<uint8_t> latin;
  Buffer<char16_t> utf16;
  Buffer<uint32_t> latin_ends;  // where each chunk ends
  Buffer<uint32_t> utf16_ends;
  size_t latin_chunks = 0;
  size_t utf16_chunks = 0;

  /**
   * Several texts on one tape: the next one goes on where the last one that was taken ended, its root slot at
   * words[used.words]. A text that is refused leaves everything as it was. end_batch() closes the open
   * chunks.
   */
  bool batch = false;
  struct Used {
    size_t words = 0;
    size_t doubles = 0;
    uint32_t latin = 0, latin_start = 0;  // characters, and where the open chunk begins
    uint32_t utf16 = 0, utf16_start = 0;
  };
  Used used;

  void begin_batch() noexcept {
    batch = true;
    used = {};
    latin_chunks = utf16_chunks = 0;
  }
  /** false: no memory. */
  [[nodiscard]] bool end_batch() noexcept {
    batch = false;
    return close(latin_ends, latin_chunks, used.latin, used.latin_start) &&
           close(utf16_ends, utf16_chunks, used.utf16, used.utf16_start);
  }

 private:
  static bool close(Buffer<uint32_t>& ends, size_t& count, uint32_t at, uint32_t start) noexcept {
    if (at == start) return true;
    if (!ends.reserve(count + 1, count)) return false;
    ends[count++] = at;
    return true;
  }
};

/** One decoded line in the table: its root slot, and where it stands in the text. */
struct DecodedLine {
  uint32_t root;  // word of the tape
  uint32_t start, end;
  uint32_t line;  // lines of the text before it, blank ones included
};

struct DecodedLines {
  uint32_t count = 0;   // decoded: entries of the table
  uint32_t lines = 0;   // passed, blank ones included
  size_t consumed = 0;  // bytes of them, newlines included
  /** yes: the end of the text, or of the table. Else why the line at `consumed` was not taken. */
  DecodeStatus status = DecodeStatus::yes;
};

/** Where decoded lines go, and how long they may be. */
struct LineTable {
  DecodedLine* rows;
  size_t room;
  size_t max_line;
};

}  // namespace tailrace::json
