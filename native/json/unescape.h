// The bytes between two quotes to their value. The bytes are as stage 1 lets them through: no control
// character, no bare quote; UTF-8 is checked here again only as far as memory safety needs it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tailrace::json {

inline int hex_digit(uint8_t c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  c |= 0x20;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/** The four hex digits at p, or -1. */
inline int hex4(const uint8_t* p) noexcept {
  int a = hex_digit(p[0]), b = hex_digit(p[1]), c = hex_digit(p[2]), d = hex_digit(p[3]);
  return (a | b | c | d) < 0 ? -1 : a << 12 | b << 8 | c << 4 | d;
}

/** The character a one-letter escape stands for; 0: not one. */
inline uint8_t simple_escape(uint8_t c) noexcept {
  switch (c) {
    case '"':
    case '\\':
    case '/':
      return c;
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return 0;
  }
}

/**
 * from[0, n) to UTF-16 at `to` (room for n units). Returns the units, or -1 for an escape that is none.
 * `*any` gets the or of all units: below 0x100 it is Latin-1. Bytes must be valid UTF-8.
 */
ptrdiff_t to_utf16(const uint8_t* from, size_t n, char16_t* to, uint32_t* any) noexcept;

/**
 * from[0, n) to UTF-8 at `to` (room for n bytes). Returns the bytes, or -1 for an escape that is none. Pairs
 * of surrogate escapes are joined. Lone ones: three bytes each as WTF-8 writes them when `wtf8`, so that two
 * different keys stay different, else U+FFFD. Other bytes are copied as they are.
 */
ptrdiff_t to_utf8(const uint8_t* from, size_t n, uint8_t* to, bool wtf8) noexcept;

/** Whether all escapes in from[0, n) are right. */
bool escapes_valid(const uint8_t* from, size_t n) noexcept;

}  // namespace tailrace::json
