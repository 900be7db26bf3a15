// Looking a path up in an outline that stands in somebody else's memory: nothing in it is believed, so that
// whatever was written there the answer may be wrong and never a crash.
#pragma once

#include <cstddef>
#include <cstdint>

#include "json/outline.h"

namespace tailrace::json {

struct OutlineView {
  const uint8_t* text;
  size_t text_size;
  const uint32_t* slots;
  uint32_t slot_count;
  const Container* containers;
  size_t container_count;
  /** Some string has a backslash. */
  bool escapes;
};

/** A key had to be unescaped to be compared. */
constexpr int32_t kUndecided = -2;

/**
 * The slot of the value at a path, or -1. A path is a list of steps of 32-bit words {index, or ~0 for none;
 * bytes of the key} with the key behind them, padded to whole words; keys without a backslash. They are
 * compared with the source, which must be valid UTF-8; a key with an escape that could be the one makes the
 * answer kUndecided. Of several members of a name the last counts.
 */
int32_t find_path(const OutlineView& view, const uint8_t* path, size_t path_size) noexcept;

}  // namespace tailrace::json
