// The outline of a text: checked whole, with just enough kept to walk it. For lazy documents and NDJSON,
// where a few members are read of each text and the check is most of the work.
//
// An outline has one list of slots, in document order:
//   string       two: offsets of its quotes
//   scalar       one: offset of its first byte
//   container    one that says kContainer | number of the container; then its children; then one that has
//                the offset of its closing bracket
//   object       children are key, value, key, value …
// and one list of containers {offset of its bracket, slot of its end, elements or members}, in the order they
// open. Commas and colons are checked and dropped.
//
// Why not the index tape (node.h): that is written token by token, and each token costs a branch that the CPU
// cannot predict. Here 64 tokens are checked at once, as bit masks (outline.inc): whether a token may follow
// the one before it is a few shifts and ands, and so is which commas stand before a key. Only brackets are
// looked at one by one, because only they change what a comma means.
#pragma once

#include <cstddef>
#include <cstdint>

#include "json/buffer.h"
#include "json/kernel.h"

namespace tailrace::json {

constexpr uint32_t kContainer = 0x8000'0000u;
/** Offsets share their words with kContainer. */
constexpr size_t kMaxOutlineBytes = 0x7fff'ffffu;

struct Container {
  uint32_t begin;
  /** While it is open: the container around it. */
  uint32_t end;
  uint32_t count;
};

enum class OutlineStatus : int32_t { ok, bad, bad_utf8, no_memory, too_large };

/** Tokens of one kind as bits: those of the group of 64 that is read, and the last 64 before it. */
struct Track {
  uint64_t before = 0;
  uint64_t now = 0;

  /** The tokens whose k-th predecessor is in it. */
  uint64_t prev(unsigned k) const noexcept { return now << k | before >> (64 - k); }
  void end() noexcept { before = now; }
};

/** One run: what is carried from piece to piece, and from group to group. */
struct OutlineState {
  static constexpr uint32_t kNone = 0xffff'ffffu;

  const uint8_t* text = nullptr;
  /** Where the text is copied on the way; or nullptr. */
  uint8_t* copy = nullptr;
  size_t size = 0;
  size_t at = 0;
  uint32_t max_depth = 0;
  /** Room for the slots of a piece and 64 more; for as many containers as there can be tokens. */
  uint32_t* slots = nullptr;
  Container* containers = nullptr;

  // as in Stage1
  uint64_t in_string = 0, escaped = 0, scalar = 0;
  bool bad_utf8 = false, non_ascii = false, escapes = false;
  /** The first token has been seen; the last one, if this text is JSON. */
  bool begun = false, done = false;

  /** Slots whose offsets stand in them; and those of the tokens that have been checked. */
  uint32_t written = 0, slot_count = 0;
  uint32_t container_count = 0;
  uint32_t top = kNone;
  uint32_t depth = 0;
  /** Commas so far of the container on top; all ones when it is an object. */
  uint32_t count = 0;
  uint64_t in_object = 0;
  // a text begins as a value behind a colon does
  Track value_end, comma, colon{1ull << 63, 0}, object, array, string;

  uint8_t utf8[64] = {};
  uint8_t* tokens = nullptr;
  uint32_t token_count = 0;
};

/** The tokens of a piece and those of the last one that made no whole group. */
constexpr size_t kOutlineTokens = kPieceBytes + 64 + 64;

/**
 * Words that the caller has for slots: kPieceBytes + 64 more than there are of them, if all shall come there
 * at once.
 */
struct SlotRoom {
  uint32_t* words = nullptr;
  size_t count = 0;
};

/** Reusable; one owner. An outline lives until the next run. */
class Outliner {
 public:
  explicit Outliner(memory::Cache& cache) noexcept : slots_(cache), containers_(cache) {}

  /**
   * Exactly the texts that JSON.parse takes, nested at most `max_depth` deep: a scalar is 0 deep. Bytes that
   * are not UTF-8 are bad_utf8 when `strict_utf8`, else they stand in strings and utf8() says so. What has
   * been read of it stands in `copy` afterwards, if there is one. Slots are written to `room` as long as
   * those of a piece are sure to fit, which spares a large text as much memory again.
   */
  OutlineStatus run(const char* data, size_t size, uint32_t max_depth, bool strict_utf8, char* copy = nullptr,
                    SlotRoom room = {}) noexcept;
  /** Only whether: there is no outline afterwards, and the memory it takes grows with depth alone. */
  OutlineStatus check(const char* data, size_t size, uint32_t max_depth, bool strict_utf8) noexcept;

  uint32_t slot_count() const noexcept { return slot_count_; }
  uint32_t container_count() const noexcept { return container_count_; }
  const uint32_t* slots() const noexcept { return slot_data_; }
  const Container* containers() const noexcept { return containers_.data(); }
  /** Some string has a backslash. */
  bool escapes() const noexcept { return escapes_; }
  bool ascii() const noexcept { return ascii_; }
  bool utf8() const noexcept { return utf8_; }

  /** Words that write() writes. */
  size_t words() const noexcept { return slot_count_ + size_t{3} * container_count_; }
  /** Slots, then containers. */
  void write(uint32_t* to) const noexcept;
  /** The same for a text that stands at an offset of a larger one: offsets are those of the larger. */
  void write_at(uint32_t* to, uint32_t offset) const noexcept;
  /** Forgets the outline and gives back what a large text needed. */
  void shrink() noexcept;

 private:
  template <bool keeps>
  OutlineStatus read(const char* data, size_t size, uint32_t max_depth, bool strict_utf8, char* copy,
                     SlotRoom room) noexcept;

  uint8_t tokens_[kOutlineTokens];
  Buffer<uint32_t> slots_;
  /** Where the slots of the last run stand: in slots_, or where the caller wanted them. */
  const uint32_t* slot_data_ = nullptr;
  Buffer<Container> containers_;
  uint32_t slot_count_ = 0;
  uint32_t container_count_ = 0;
  bool escapes_ = false;
  bool ascii_ = true;
  bool utf8_ = true;
};

}  // namespace tailrace::json
