// See outline_find.h.
#include "json/outline_find.h"

#include <cstring>

namespace tailrace::json {
namespace {

constexpr uint32_t kNone = 0xffff'ffffu;
constexpr uint32_t kMaybe = 0xffff'fffeu;

struct Step {
  uint32_t index;
  uint32_t size;
  const uint8_t* key;
};

/** A container's first and last slot; false: it is none, or not of this view. */
struct Inside {
  uint32_t begin;
  uint32_t end;
  uint32_t count;
  uint8_t bracket;
};

bool inside(const OutlineView& v, uint32_t slot, Inside* out) noexcept {
  const uint32_t word = v.slots[slot];
  if (word < kContainer) return false;
  const uint32_t number = word - kContainer;
  if (number >= v.container_count) return false;
  const Container& c = v.containers[number];
  if (c.begin >= v.text_size || c.end >= v.slot_count || c.end <= slot) return false;
  *out = {slot + 1, c.end, c.count, v.text[c.begin]};
  return true;
}

/** The slot behind a value; always further. */
inline uint32_t after(const OutlineView& v, uint32_t slot) noexcept {
  const uint32_t word = v.slots[slot];
  if (word < kContainer) return slot + (word < v.text_size && v.text[word] == '"' ? 2 : 1);
  const uint32_t number = word - kContainer;
  if (number >= v.container_count) return v.slot_count;
  const uint32_t end = v.containers[number].end;
  return end > slot && end < v.slot_count ? end + 1 : v.slot_count;
}

/** Or kNone, or kMaybe. */
uint32_t member(const OutlineView& v, const Inside& object, const Step& step) noexcept {
  uint32_t found = kNone;
  for (uint32_t at = object.begin; at + 2 < object.end;) {
    const uint32_t begin = v.slots[at] + 1;
    const uint32_t end = v.slots[at + 1];
    at += 2;
    // an escape is longer than what it stands for
    if (v.escapes && end - begin > step.size && end <= v.text_size && begin <= end &&
        memchr(v.text + begin, '\\', end - begin))
      return kMaybe;
    if (end - begin == step.size && end <= v.text_size && begin <= end &&
        memcmp(v.text + begin, step.key, step.size) == 0)
      found = at;
    at = after(v, at);
  }
  return found;
}

uint32_t element(const OutlineView& v, const Inside& array, uint32_t index) noexcept {
  if (index >= array.count) return kNone;
  // elements of one slot each stand at their index
  if (array.end - array.begin == array.count) return array.begin + index;
  uint32_t at = array.begin;
  for (uint32_t left = index; left > 0 && at < array.end; left--) at = after(v, at);
  return at < array.end ? at : kNone;
}

}  // namespace

int32_t find_path(const OutlineView& view, const uint8_t* path, size_t path_size) noexcept {
  uint32_t at = 0;
  for (size_t i = 0; i < path_size;) {
    if (path_size - i < 8) return -1;
    Step step;
    memcpy(&step.index, path + i, 4);
    memcpy(&step.size, path + i + 4, 4);
    step.key = path + i + 8;
    if (path_size - i - 8 < step.size) return -1;
    i += 8 + ((size_t{step.size} + 3) & ~size_t{3});
    Inside in;
    if (!inside(view, at, &in)) return -1;
    at = in.bracket == '{'     ? member(view, in, step)
         : step.index == kNone ? kNone
                               : element(view, in, step.index);
    if (at == kMaybe) return kUndecided;
    if (at == kNone || at >= view.slot_count) return -1;
  }
  return static_cast<int32_t>(at);
}

}  // namespace tailrace::json
