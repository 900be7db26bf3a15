// See outline.h.
#include "json/outline.h"

#include <cstring>

namespace tailrace::json {

namespace {

/** Of a check: containers that are open take the places of those that are closed. */
void forget_closed(OutlineState& g) noexcept {
  constexpr uint32_t kNone = OutlineState::kNone;
  // the links, which go outwards, are turned round: a container moves to a lower number, where another that
  // is open may stand until it has moved itself
  uint32_t outermost = kNone;
  for (uint32_t at = g.top; at != kNone;) {
    const uint32_t around = g.containers[at].end;
    g.containers[at].end = outermost;
    outermost = at;
    at = around;
  }
  uint32_t count = 0;
  for (uint32_t at = outermost; at != kNone; count++) {
    const uint32_t inside = g.containers[at].end;
    g.containers[count] = g.containers[at];
    g.containers[count].end = count ? count - 1 : kNone;
    at = inside;
  }
  g.container_count = count;
  g.top = count ? count - 1 : kNone;
}

}  // namespace

OutlineStatus Outliner::run(const char* data, size_t size, uint32_t max_depth, bool strict_utf8, char* copy,
                            SlotRoom room) noexcept {
  return read<true>(data, size, max_depth, strict_utf8, copy, room);
}

OutlineStatus Outliner::check(const char* data, size_t size, uint32_t max_depth, bool strict_utf8) noexcept {
  return read<false>(data, size, max_depth, strict_utf8, nullptr, {});
}

template <bool keeps>
OutlineStatus Outliner::read(const char* data, size_t size, uint32_t max_depth, bool strict_utf8, char* copy,
                             SlotRoom room) noexcept {
  slot_count_ = container_count_ = 0;
  if (size > kMaxOutlineBytes) return OutlineStatus::too_large;
  const auto piece = kernel().outline_piece;
  OutlineState g;
  g.text = reinterpret_cast<const uint8_t*>(data);
  g.copy = reinterpret_cast<uint8_t*>(copy);
  g.size = size;
  g.max_depth = max_depth;
  g.tokens = tokens_;
  g.slots = room.words;
  [[maybe_unused]] size_t most_containers = kPieceBytes;  // of a check
  do {
    const size_t left = size - g.at;
    const size_t most = left < kPieceBytes ? left : kPieceBytes;
    const size_t slots = size_t{g.written} + most + 64;
    if (slots > room.count) {
      if (!slots_.reserve(slots, room.words ? 0 : g.written)) return OutlineStatus::no_memory;
      // from here on in memory of our own
      if (room.words && g.written) memcpy(slots_.data(), room.words, g.written * sizeof(uint32_t));
      room = {};
      g.slots = slots_.data();
    }
    if (!containers_.reserve(size_t{g.container_count} + g.token_count + most, g.container_count))
      return OutlineStatus::no_memory;
    g.containers = containers_.data();
    const bool right = piece(g);
    if (g.bad_utf8 && strict_utf8) return OutlineStatus::bad_utf8;
    if (!right) return OutlineStatus::bad;
    if constexpr (!keeps) {
      // Slots that have been looked at are not needed again, but a bracket reads the one before its own.
      const uint32_t passed = g.slot_count ? g.slot_count - 1 : 0;
      g.written -= passed;
      g.slot_count -= passed;
      if (passed) memmove(g.slots, g.slots + passed, g.written * sizeof(uint32_t));
      if (g.container_count > most_containers) {
        forget_closed(g);
        most_containers = 2 * size_t{g.container_count} + kPieceBytes;
      }
    }
  } while (g.at < size);
  slot_data_ = g.slots;
  slot_count_ = keeps ? g.slot_count : 0;
  container_count_ = keeps ? g.container_count : 0;
  escapes_ = g.escapes;
  ascii_ = !g.non_ascii;
  utf8_ = !g.bad_utf8;
  return OutlineStatus::ok;
}

void Outliner::write(uint32_t* to) const noexcept {
  if (slot_count_ && to != slot_data_) memcpy(to, slot_data_, slot_count_ * sizeof(uint32_t));
  if (container_count_) memcpy(to + slot_count_, containers_.data(), container_count_ * sizeof(Container));
}

void Outliner::write_at(uint32_t* to, uint32_t offset) const noexcept {
  const uint32_t* slots = slot_data_;
  // what says that it is a container holds no offset
  for (uint32_t i = 0; i < slot_count_; i++) to[i] = slots[i] + (slots[i] < kContainer ? offset : 0);
  to += slot_count_;
  for (uint32_t i = 0; i < container_count_; i++) {
    const Container& c = containers_.data()[i];
    *to++ = c.begin + offset;
    *to++ = c.end;
    *to++ = c.count;
  }
}

void Outliner::shrink() noexcept {
  slot_count_ = container_count_ = 0;
  slot_data_ = nullptr;
  constexpr size_t kKept = 1u << 18;
  if (slots_.capacity() > kKept) slots_.release();
  if (containers_.capacity() > kKept) containers_.release();
}

}  // namespace tailrace::json
