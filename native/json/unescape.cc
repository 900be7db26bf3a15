// Unescaping and transcoding of string contents: see unescape.h.
#include "json/unescape.h"

#include <cstring>

namespace tailrace::json {

ptrdiff_t to_utf16(const uint8_t* from, size_t n, char16_t* to, uint32_t* any) noexcept {
  const uint8_t* p = from;
  const uint8_t* end = from + n;
  char16_t* out = to;
  uint32_t seen = 0;
  while (p < end) {
    uint32_t c = *p;
    if (c < 0x80) {
      if (c != '\\') {
        *out++ = static_cast<char16_t>(c);
        p++;
        continue;
      }
      if (end - p < 2) return -1;
      if (p[1] == 'u') {
        int unit = end - p < 6 ? -1 : hex4(p + 2);
        if (unit < 0) return -1;
        seen |= static_cast<uint32_t>(unit);
        *out++ = static_cast<char16_t>(unit);
        p += 6;
      } else {
        uint8_t simple = simple_escape(p[1]);
        if (!simple) return -1;
        *out++ = simple;
        p += 2;
      }
    } else if (c >= 0xe0 && c < 0xf0 && end - p >= 3) {
      c = (c & 15) << 12 | (p[1] & 63u) << 6 | (p[2] & 63u);
      seen |= c;
      *out++ = static_cast<char16_t>(c);
      p += 3;
    } else if (c < 0xe0 && end - p >= 2) {
      c = (c & 31) << 6 | (p[1] & 63u);
      seen |= c;
      *out++ = static_cast<char16_t>(c);
      p += 2;
    } else if (c >= 0xf0 && end - p >= 4) {
      c = ((c & 7) << 18 | (p[1] & 63u) << 12 | (p[2] & 63u) << 6 | (p[3] & 63u)) - 0x10000;
      *out++ = static_cast<char16_t>(0xd800 + (c >> 10 & 0x3ff));
      *out++ = static_cast<char16_t>(0xdc00 + (c & 0x3ff));
      seen |= 0xd800;
      p += 4;
    } else {
      return -1;
    }
  }
  *any = seen;
  return out - to;
}

ptrdiff_t to_utf8(const uint8_t* from, size_t n, uint8_t* to, bool wtf8) noexcept {
  const uint8_t* p = from;
  const uint8_t* end = from + n;
  uint8_t* out = to;
  while (p < end) {
    if (*p != '\\') {
      const void* next = memchr(p, '\\', static_cast<size_t>(end - p));
      size_t run =
          next ? static_cast<size_t>(static_cast<const uint8_t*>(next) - p) : static_cast<size_t>(end - p);
      memmove(out, p, run);
      out += run;
      p += run;
      continue;
    }
    if (end - p < 2) return -1;
    if (p[1] != 'u') {
      uint8_t simple = simple_escape(p[1]);
      if (!simple) return -1;
      *out++ = simple;
      p += 2;
      continue;
    }
    int unit = end - p < 6 ? -1 : hex4(p + 2);
    if (unit < 0) return -1;
    uint32_t c = static_cast<uint32_t>(unit);
    p += 6;
    if (c >= 0xd800 && c < 0xdc00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u') {
      int low = hex4(p + 2);
      if (low >= 0xdc00 && low < 0xe000) {
        c = 0x10000 + ((c - 0xd800) << 10) + (static_cast<uint32_t>(low) - 0xdc00);
        p += 6;
      }
    }
    if (c >= 0xd800 && c < 0xe000 && !wtf8) c = 0xfffd;
    if (c < 0x80) {
      *out++ = static_cast<uint8_t>(c);
    } else if (c < 0x800) {
      *out++ = static_cast<uint8_t>(0xc0 | c >> 6);
      *out++ = static_cast<uint8_t>(0x80 | (c & 63));
    } else if (c < 0x10000) {
      *out++ = static_cast<uint8_t>(0xe0 | c >> 12);
      *out++ = static_cast<uint8_t>(0x80 | (c >> 6 & 63));
      *out++ = static_cast<uint8_t>(0x80 | (c & 63));
    } else {
      *out++ = static_cast<uint8_t>(0xf0 | c >> 18);
      *out++ = static_cast<uint8_t>(0x80 | (c >> 12 & 63));
      *out++ = static_cast<uint8_t>(0x80 | (c >> 6 & 63));
      *out++ = static_cast<uint8_t>(0x80 | (c & 63));
    }
  }
  return out - to;
}

bool escapes_valid(const uint8_t* from, size_t n) noexcept {
  const uint8_t* p = from;
  const uint8_t* end = from + n;
  while (p < end) {
    p = static_cast<const uint8_t*>(memchr(p, '\\', static_cast<size_t>(end - p)));
    if (!p) return true;
    if (end - p < 2) return false;
    if (p[1] == 'u') {
      if (end - p < 6 || hex4(p + 2) < 0) return false;
      p += 6;
    } else {
      if (!simple_escape(p[1])) return false;
      p += 2;
    }
  }
  return true;
}

}  // namespace tailrace::json
