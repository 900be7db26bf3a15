// Character classes of HTTP (RFC 9110 section 5.6, RFC 9112 section 3), as one table of bits, and the scan
// for the end of a field value eight bytes at a time. Private to this part.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace tailrace::http {

enum CharClass : uint8_t {
  kToken = 1 << 0,      // tchar: methods, field names
  kTarget = 1 << 1,     // request target, '?' included: visible ASCII but '#'
  kAuthority = 1 << 2,  // Host and the authority of an absolute form: reg-name, IP literal, port; no userinfo
  kValue = 1 << 3,      // field-vchar, obs-text, space, tab
  kDigit = 1 << 4,
  kHex = 1 << 5,
};

struct CharTable {
  uint8_t bits[256] = {};

  constexpr CharTable() {
    for (int c = 0x21; c < 0x7f; c++) bits[c] |= kTarget | kValue;
    for (int c = 0x80; c < 0x100; c++) bits[c] |= kValue;
    bits[0x20] |= kValue;                          // space
    bits[0x09] |= kValue;                          // tab
    bits[0x23] &= static_cast<uint8_t>(~kTarget);  // '#'
    for (int c = '0'; c <= '9'; c++) bits[c] |= kToken | kAuthority | kDigit | kHex;
    for (int c = 'a'; c <= 'z'; c++) bits[c] |= kToken | kAuthority;
    for (int c = 'A'; c <= 'Z'; c++) bits[c] |= kToken | kAuthority;
    for (int c = 'a'; c <= 'f'; c++) bits[c] |= kHex;
    for (int c = 'A'; c <= 'F'; c++) bits[c] |= kHex;
    for (const char* p = "!#$%&'*+-.^_`|~"; *p; p++) bits[static_cast<uint8_t>(*p)] |= kToken;
    for (const char* p = "-._~%!$&'()*+,;=:[]"; *p; p++) bits[static_cast<uint8_t>(*p)] |= kAuthority;
  }
};

inline constexpr CharTable kChars{};

inline bool is(char c, uint8_t classes) noexcept { return kChars.bits[static_cast<uint8_t>(c)] & classes; }

/** ASCII lower case; other bytes as they are. */
inline char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

/** The first byte of [at, end) that may not stand in a field value: a control other than tab, or DEL. */
inline const char* value_end(const char* at, const char* end) noexcept {
  if constexpr (std::endian::native == std::endian::little) {
    constexpr uint64_t kOnes = 0x0101010101010101u;
    while (end - at >= 8) {
      uint64_t word;
      memcpy(&word, at, 8);
      uint64_t del = word ^ (kOnes * 0x7f);
      // A byte below 0x20, or equal to 0x7f. Borrows can only raise false flags above a true one, and the
      // lowest is the one that counts.
      uint64_t hit = (((word - kOnes * 0x20) & ~word) | ((del - kOnes) & ~del)) & (kOnes * 0x80);
      if (!hit) {
        at += 8;
        continue;
      }
      at += std::countr_zero(hit) >> 3;
      if (*at != '\t') return at;
      at++;
    }
  }
  while (at < end && is(*at, kValue)) at++;
  return at;
}

}  // namespace tailrace::http
