// Parser: JSON text to a lazy document (node.h), for whoever reads a few members of it and leaves the rest as
// text: the RPC layer, lazy documents, validation.
//
// It accepts exactly what JSON.parse accepts. Two stages: SIMD finds where tokens begin (kernel.h), in pieces
// of 8 KB so that the positions stay in the cache and a short text pays for nothing but itself; the second
// stage checks the grammar and writes one entry a value (the index tape, node.h). Where either stage sees
// anything wrong, the slow exact scanner (scan.h) reads the text again and says what is wrong and where, so
// the fast path never has to know offsets.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/status.h"
#include "json/node.h"

namespace tailrace::memory {
class Cache;
}

namespace tailrace::json {

/** Every limit and policy off: what JSON.parse does. */
constexpr uint32_t kNoDepthLimit = 0xffff'ffffu;

struct DocumentOptions {
  /** Arrays and objects open at once: `[]` needs 1, a scalar 0. Beyond it: Error::json_depth. */
  uint32_t max_depth = 1024;
  /** Bytes that are not UTF-8 are Error::json_invalid_utf8; else they are let stand inside strings. */
  bool strict_utf8 = true;
  /** A key `__proto__` (unescaped) is Error::json_forbidden_key. */
  bool forbid_proto = false;
  /** A key `constructor` whose last value is an object with a key `prototype`: Error::json_forbidden_key. */
  bool forbid_constructor = false;
  /** A key that stands twice in an object is Error::json_duplicate_key. */
  bool forbid_duplicates = false;
};

struct ParseError {
  Error error = Error::ok;
  /** Bytes that some valid JSON text begins with: index of the first that cannot stand, or the size. */
  size_t offset = 0;
  /** json_forbidden_key: the key was constructor, not __proto__. */
  bool constructor = false;
};

/**
 * Reusable; single owner. A Node lives until the next parse() of its Parser and no longer than the text.
 * Texts of 4 GB and more are Error::json_size.
 */
class Parser {
 public:
  explicit Parser(memory::Cache& cache) noexcept;
  ~Parser();
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;

  /** The root. On failure the Status has the error and `*error` (may be null) its offset too. */
  Result<Node> parse(const char* data, size_t size, const DocumentOptions& options,
                     ParseError* error) noexcept;

  /** The tape of the last successful parse. */
  const Tape& tape() const noexcept { return tape_; }
  /** Gives back what a large text needed; called by an owner that is idle. */
  void shrink() noexcept;

 private:
  struct Work;
  Error index(const char* data, size_t size, const DocumentOptions& options) noexcept;
  bool reserve(size_t entries) noexcept;

  memory::Cache& cache_;
  Work* work_ = nullptr;
  Tape tape_;
  size_t capacity_ = 0;
};

}  // namespace tailrace::json
