// A kernel: the work over bytes that is worth doing with one machine's widest registers. The algorithms stand
// once (stage1.inc, value_tape.inc); kernel_<isa>.cc gives them the primitives inside one target region and
// its own namespace, so that no AVX-512 copy of a shared template can be kept by the linker.
//
// Stage 1 works in pieces: refill() reads the next 8 KB at most and leaves the positions of the tokens in
// `index`; whoever walks them asks for more when they are used up. A token is one of { } [ ] : , outside
// strings, an unescaped quote (opening and closing: a string's length is known without looking at it), or the
// first byte of a run of anything else; of lines, a newline too. Nothing beyond the text is read: its last
// block is copied and padded.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/cpu.h"
#include "json/program.h"
#include "json/value_tape.h"

namespace tailrace::json {

constexpr size_t kPieceBytes = 8192;
/**
 * Tokens that whoever keeps some may read without asking for more. The value tape's longest step between two
 * questions takes six: a comma, a key's quotes, its colon, and a string's quotes.
 */
constexpr size_t kMostKept = 16;

struct Stage1 {
  const uint8_t* data;
  size_t size;
  size_t at;           // bytes read
  uint64_t in_string;  // all ones: the last block ended inside a string
  uint64_t escaped;    // 1: the next byte is escaped
  uint64_t scalar;     // 1: the last byte was part of a run of anything else
  bool bad;            // a control character inside a string
  bool bad_utf8;       // seen when its piece was read, before any token of it is used
  bool backslash;      // seen so far
  bool non_ascii;      // seen so far
  bool lines;          // a text a line: newlines are tokens
  uint8_t utf8[64];    // the kernel's carry between blocks
  uint32_t count;
  uint32_t used;
  uint32_t kept;  // tokens of earlier pieces that stand before the new ones, fewer than kMostKept
  // besides a piece's: kept ones, the end mark or what its reader puts behind the tokens, and 64 for the
  // whole vectors that are stored at the end
  uint32_t index[kPieceBytes + kMostKept + 128];

  /** Leaves `index` as it is: a short text must not pay for it. */
  void begin(const char* text, size_t bytes) noexcept {
    data = reinterpret_cast<const uint8_t*>(text);
    size = bytes;
    at = 0;
    in_string = escaped = scalar = 0;
    bad = bad_utf8 = backslash = non_ascii = lines = false;
    for (uint8_t& byte : utf8) byte = 0;
    count = used = kept = 0;
  }
};

struct OutlineState;

struct Kernel {
  cpu::Isa isa;
  /** Reads on until there are new tokens or the text ends; at the end the token `size` stands as end mark. */
  void (*refill)(Stage1&);
  /** Stage 2 of full values (value_tape.h). */
  TapeStatus (*write_values)(Stage1&, ValueTape&);
  /** Decoding by a schema (program.h). */
  DecodeStatus (*run_program)(Stage1&, const Program&, DecodeTape&);
  /** The lines of a text from `done.consumed` on, where stage 1 has begun (program_lines.h). */
  void (*run_program_lines)(Stage1&, const Program&, DecodeTape&, const LineTable&, DecodedLines& done);
  /** Valid UTF-8 to UTF-16; room for size + 64 units. Returns the units. */
  size_t (*to_utf16)(const uint8_t* text, size_t size, char16_t* to);
  /** Whether all of it is UTF-8. */
  bool (*valid_utf8)(const uint8_t* text, size_t size);
  /** The next piece of an outline (outline.h). false: no JSON. */
  bool (*outline_piece)(OutlineState&);
};

const Kernel& kernel_for(cpu::Isa isa) noexcept;
/** The best this CPU has, unless choose_kernel() said otherwise. */
const Kernel& kernel() noexcept;
/** Before any parsing, or in tests. false: this CPU cannot run it. */
bool choose_kernel(cpu::Isa isa) noexcept;

extern const Kernel kFallbackKernel;
#if defined(__aarch64__)
extern const Kernel kArm64Kernel;
#endif
#if defined(__x86_64__)
extern const Kernel kWestmereKernel;
extern const Kernel kHaswellKernel;
extern const Kernel kIcelakeKernel;
#endif

}  // namespace tailrace::json
