// Reading values in place: see node.h.
#include "json/node.h"

#include <cstring>

#include "json/number.h"
#include "json/unescape.h"

namespace tailrace::json {
namespace {

/** Whether the string between the quotes at `raw` is exactly `text`. */
bool same_string(std::string_view raw, std::string_view text, bool escapes) noexcept {
  std::string_view inner = raw.substr(1, raw.size() - 2);
  if (!escapes || memchr(inner.data(), '\\', inner.size()) == nullptr) return inner == text;
  if (inner.size() < text.size()) return false;  // escapes never make a string longer
  // unescaped piece by piece: between two escapes the bytes stand for themselves
  const uint8_t* p = reinterpret_cast<const uint8_t*>(inner.data());
  const uint8_t* end = p + inner.size();
  size_t at = 0;
  while (p < end) {
    uint8_t piece[16];
    size_t length = 1;
    if (*p == '\\') {
      length = p[1] == 'u' ? 6 : 2;
      // a pair of surrogates is one character
      if (length == 6 && end - p >= 12 && p[6] == '\\' && p[7] == 'u') {
        int high = hex4(p + 2), low = hex4(p + 8);
        if (high >= 0xd800 && high < 0xdc00 && low >= 0xdc00 && low < 0xe000) length = 12;
      }
    }
    ptrdiff_t n = to_utf8(p, length, piece, false);
    if (n < 0 || text.size() - at < static_cast<size_t>(n) ||
        memcmp(text.data() + at, piece, static_cast<size_t>(n)) != 0)
      return false;
    at += static_cast<size_t>(n);
    p += length;
  }
  return at == text.size();
}

}  // namespace

bool Node::find(std::string_view key, Node* out) const noexcept {
  if (!is(Type::object)) return false;
  const char* text = tape_->text;
  const Entry* entries = tape_->entries;
  uint32_t end = entry().link;
  bool found = false;
  for (uint32_t at = index_ + 1; at < end;) {
    const Entry& k = entries[at];
    size_t length = k.link - k.begin - 2;
    bool same = tape_->escapes ? same_string({text + k.begin, length + 2}, key, true)
                               : length == key.size() && memcmp(text + k.begin + 1, key.data(), length) == 0;
    Node value(*tape_, at + 1);
    if (same) {
      *out = value;
      found = true;
    }
    at = value.after();
  }
  return found;
}

bool Node::string_equals(std::string_view text) const noexcept {
  return is(Type::string) && same_string(raw(), text, tape_->escapes);
}

bool Node::plain_string(std::string_view* out) const noexcept {
  if (!is(Type::string)) return false;
  std::string_view r = raw();
  r = r.substr(1, r.size() - 2);
  if (tape_->escapes && memchr(r.data(), '\\', r.size())) return false;
  *out = r;
  return true;
}

size_t Node::get_string(char* buffer) const noexcept {
  std::string_view r = raw();
  ptrdiff_t n = to_utf8(reinterpret_cast<const uint8_t*>(r.data()) + 1, r.size() - 2,
                        reinterpret_cast<uint8_t*>(buffer), false);
  return n < 0 ? 0 : static_cast<size_t>(n);  // parse() has checked the escapes: never below 0
}

bool Node::get_int64(int64_t* out) const noexcept {
  if (!is(Type::number)) return false;
  std::string_view r = raw();
  bool negative = r[0] == '-';
  uint64_t value = 0;
  for (size_t i = negative; i < r.size(); i++) {
    uint32_t digit = static_cast<uint32_t>(r[i] - '0');
    if (digit > 9 || __builtin_mul_overflow(value, 10u, &value) ||
        __builtin_add_overflow(value, digit, &value))
      return false;
  }
  if (negative ? value == 0 || value > 1ull << 63 : value >= 1ull << 63) return false;
  *out = negative ? static_cast<int64_t>(0 - value) : static_cast<int64_t>(value);
  return true;
}

double Node::number() const noexcept {
  const std::string_view r = raw();
  const uint8_t* p = reinterpret_cast<const uint8_t*>(r.data());
  Number n;
  if (!read_number<true>(p, &n, p + r.size())) return 0;  // parse() has checked it: never
  return n.integer ? static_cast<double>(n.whole) : n.value;
}

}  // namespace tailrace::json
