// The bytes between two quotes to their value. The bytes are as stage 1 lets them through: no control
// character, no bare quote; UTF-8 is checked here again only as far as memory safety needs it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tailrace::json {

/** What the bytes of escapes stand for; looked up, because digits and letters follow each other without rule.
 */
struct Escapes {
  int8_t hex[256];      // a digit's value, or -1
  uint8_t simple[256];  // the character a one-letter escape stands for; 0: not one
  constexpr Escapes() : hex(), simple() {
    for (int8_t& value : hex) value = -1;
    for (int i = 0; i < 10; i++) hex['0' + i] = static_cast<int8_t>(i);
    for (int i = 10; i < 16; i++) hex['a' + i - 10] = hex['A' + i - 10] = static_cast<int8_t>(i);
    simple[static_cast<int>('"')] = '"';
    simple[static_cast<int>('\\')] = '\\';
    simple[static_cast<int>('/')] = '/';
    simple[static_cast<int>('b')] = '\b';
    simple[static_cast<int>('f')] = '\f';
    simple[static_cast<int>('n')] = '\n';
    simple[static_cast<int>('r')] = '\r';
    simple[static_cast<int>('t')] = '\t';
  }
};
inline constexpr Escapes kEscapes;

/** The four hex digits at p, or -1. */
inline int hex4(const uint8_t* p) noexcept {
  const int a = kEscapes.hex[p[0]], b = kEscapes.hex[p[1]], c = kEscapes.hex[p[2]], d = kEscapes.hex[p[3]];
  return (a | b | c | d) < 0 ? -1 : a << 12 | b << 8 | c << 4 | d;
}

/** The character a one-letter escape stands for; 0: not one. */
inline uint8_t simple_escape(uint8_t c) noexcept { return kEscapes.simple[c]; }

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
