// See outline.h.
#include "json/outline.h"

#include "json/unescape.h"

namespace tailrace::json {
namespace {

/** Checks the escapes that begin in [*at, stop) and leaves the first byte that is not looked at yet. */
bool escapes_right(const uint8_t* text, size_t* at, size_t stop, size_t size) noexcept {
  size_t i = *at;
  while (i < stop) {
    const void* found = memchr(text + i, '\\', stop - i);
    if (!found) break;
    i = static_cast<size_t>(static_cast<const uint8_t*>(found) - text);
    if (size - i < 2) return false;
    if (text[i + 1] == 'u') {
      if (size - i < 6 || hex4(text + i + 2) < 0) return false;
      i += 6;
    } else {
      if (!simple_escape(text[i + 1])) return false;
      i += 2;
    }
  }
  *at = i > stop ? i : stop;
  return true;
}

OutlineTokens tokens_for(cpu::Isa isa) noexcept {
#if defined(__x86_64__)
  if (isa == cpu::Isa::icelake) return icelake::outline_tokens;
#endif
  (void)isa;
  return portable::outline_tokens;
}

}  // namespace

OutlineStatus Outliner::run(const char* data, size_t size, uint32_t max_depth, bool strict_utf8) noexcept {
  slot_count_ = container_count_ = 0;
  escapes_ = false;
  if (size > kMaxOutlineBytes) return OutlineStatus::too_large;
  const auto refill = kernel().refill;
  const OutlineTokens take = tokens_for(kernel().isa);
  Stage1& s = stage1_;
  s.begin(data, size);
  OutlineState g;
  g.text = s.data;
  g.size = static_cast<uint32_t>(size);
  g.max_depth = max_depth;
  g.colon.before = 1ull << 63;  // a text begins as a value behind a colon does
  size_t escapes_at = 0;
  do {
    const size_t from = s.at;
    s.backslash = false;
    refill(s);
    if (s.bad) return OutlineStatus::bad;
    if (s.bad_utf8 && strict_utf8) return OutlineStatus::bad_utf8;
    if (s.backslash) {
      escapes_ = true;
      if (escapes_at < from) escapes_at = from;
      if (!escapes_right(s.data, &escapes_at, s.at, size)) return OutlineStatus::bad;
    }
    if (!slots_.reserve(size_t{g.slot_count} + s.count + 64, g.slot_count) ||
        !containers_.reserve(size_t{g.container_count} + s.count, g.container_count))
      return OutlineStatus::no_memory;
    g.slots = slots_.data();
    g.containers = containers_.data();
    if (!take(g, s.index, s.count)) return OutlineStatus::bad;
  } while (s.at < s.size);
  if (g.depth != 0) return OutlineStatus::bad;
  slot_count_ = g.slot_count;
  container_count_ = g.container_count;
  return OutlineStatus::ok;
}

void Outliner::write(uint32_t* to) const noexcept {
  if (slot_count_) memcpy(to, slots_.data(), slot_count_ * sizeof(uint32_t));
  if (container_count_) memcpy(to + slot_count_, containers_.data(), container_count_ * sizeof(Container));
}

void Outliner::write_at(uint32_t* to, uint32_t offset) const noexcept {
  const uint32_t* slots = slots_.data();
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
  constexpr size_t kKept = 1u << 18;
  if (slots_.capacity() > kKept) slots_.release();
  if (containers_.capacity() > kKept) containers_.release();
}

}  // namespace tailrace::json
