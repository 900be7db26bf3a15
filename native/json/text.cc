// Transcoding and minifying: see text.h.
#include "json/text.h"

#include <cstring>

namespace tailrace::json {
namespace {

constexpr uint64_t kHighBits = 0x8080808080808080ull;

inline uint64_t load8(const uint8_t* p) noexcept {
  uint64_t v;
  memcpy(&v, p, 8);
  return v;
}

}  // namespace

size_t ascii_prefix(const uint8_t* text, size_t size) noexcept {
  size_t i = 0;
  while (i + 8 <= size && !(load8(text + i) & kHighBits)) i += 8;
  while (i < size && text[i] < 0x80) i++;
  return i;
}

size_t transcode(const uint8_t* text, size_t size, char16_t* to) noexcept {
  char16_t* out = to;
  size_t i = 0;
  while (i < size) {
    if (i + 8 <= size && !(load8(text + i) & kHighBits)) {
      for (int k = 0; k < 8; k++) out[k] = text[i + k];
      out += 8;
      i += 8;
      continue;
    }
    uint32_t c = text[i];
    size_t left = size - i;
    if (c < 0x80) {
      *out++ = static_cast<char16_t>(c);
      i++;
    } else if (c < 0xe0 && left >= 2) {
      *out++ = static_cast<char16_t>((c & 31) << 6 | (text[i + 1] & 63u));
      i += 2;
    } else if (c < 0xf0 && left >= 3) {
      *out++ = static_cast<char16_t>((c & 15) << 12 | (text[i + 1] & 63u) << 6 | (text[i + 2] & 63u));
      i += 3;
    } else if (left >= 4) {
      c = ((c & 7) << 18 | (text[i + 1] & 63u) << 12 | (text[i + 2] & 63u) << 6 | (text[i + 3] & 63u)) -
          0x10000;
      *out++ = static_cast<char16_t>(0xd800 + (c >> 10 & 0x3ff));
      *out++ = static_cast<char16_t>(0xdc00 + (c & 0x3ff));
      i += 4;
    } else {
      break;  // not UTF-8: the caller has checked it
    }
  }
  return static_cast<size_t>(out - to);
}

size_t minify(const uint8_t* text, size_t size, uint8_t* to) noexcept {
  uint8_t* out = to;
  for (size_t i = 0; i < size;) {
    uint8_t c = text[i];
    if (c == ' ' || c == '\n' || c == '\r' || c == '\t') {
      i++;
      continue;
    }
    *out++ = c;
    i++;
    if (c != '"') continue;
    for (; i < size; i++) {
      *out++ = text[i];
      if (text[i] == '"') {
        i++;
        break;
      }
      if (text[i] == '\\' && i + 1 < size) *out++ = text[++i];
    }
  }
  return static_cast<size_t>(out - to);
}

}  // namespace tailrace::json
