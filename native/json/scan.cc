// Finding the first error of a text: see scan.h.
#include "json/scan.h"

#include "json/buffer.h"

namespace tailrace::json {

size_t find_bad_utf8(const char* data, size_t size) noexcept {
  Utf8State state;
  size_t start = 0;
  for (size_t i = 0; i < size; i++) {
    if (state.need == 0) start = i;
    if (!state.feed(static_cast<uint8_t>(data[i]))) return start;
  }
  return state.need == 0 ? size : start;
}

namespace {

class Scanner {
 public:
  Scanner(memory::Cache& cache, const char* data, size_t size, uint32_t max_depth) noexcept
      : data_(data), size_(size), max_depth_(max_depth), kinds_(cache) {}

  ParseError run() noexcept {
    Error error = document();
    if (error == Error::ok) return {};
    if (at_ >= size_ && error != Error::json_depth && error != Error::out_of_memory)
      error = Error::json_unexpected_end;
    return {error, at_, false};
  }

 private:
  /** At the end: 0, which no grammar rule wants (a 0 byte in the text is refused the same way). */
  char peek() const noexcept { return at_ < size_ ? data_[at_] : '\0'; }
  static bool digit(char c) noexcept { return c >= '0' && c <= '9'; }

  void space() noexcept {
    while (at_ < size_ &&
           (data_[at_] == ' ' || data_[at_] == '\n' || data_[at_] == '\r' || data_[at_] == '\t'))
      at_++;
  }

  bool open(bool object) noexcept {
    size_t byte = depth_ / 8;
    if (!kinds_.reserve(byte + 1, byte + (depth_ % 8 ? 1 : 0))) return false;
    uint8_t bit = static_cast<uint8_t>(1u << depth_ % 8);
    uint8_t before = depth_ % 8 ? kinds_[byte] : 0;
    kinds_[byte] = static_cast<uint8_t>(object ? before | bit : before & ~bit);
    depth_++;
    return true;
  }
  bool in_object() const noexcept { return kinds_[(depth_ - 1) / 8] >> (depth_ - 1) % 8 & 1; }

  Error document() noexcept {
    for (;;) {  // a value begins
      space();
      char c = peek();
      if (c == '{' || c == '[') {
        if (depth_ >= max_depth_) return Error::json_depth;
        if (!open(c == '{')) return Error::out_of_memory;
        at_++;
        space();
        if (peek() == (c == '{' ? '}' : ']') && at_ < size_) {
          at_++;
          depth_--;
        } else if (c == '{') {
          Error error = key();
          if (error != Error::ok) return error;
          continue;
        } else {
          continue;
        }
      } else {
        Error error = scalar(c);
        if (error != Error::ok) return error;
      }
      for (;;) {  // a value has ended
        space();
        if (depth_ == 0) return at_ == size_ ? Error::ok : Error::json_trailing;
        bool object = in_object();
        char next = peek();
        if (next == ',') {
          at_++;
          if (object) {
            space();
            Error error = key();
            if (error != Error::ok) return error;
          }
          break;
        }
        if (next != (object ? '}' : ']') || at_ >= size_) return Error::json_unexpected_token;
        at_++;
        depth_--;
      }
    }
  }

  Error key() noexcept {
    if (peek() != '"') return Error::json_unexpected_token;
    Error error = string();
    if (error != Error::ok) return error;
    space();
    if (peek() != ':') return Error::json_unexpected_token;
    at_++;
    return Error::ok;
  }

  Error scalar(char c) noexcept {
    if (c == '"') return string();
    if (c == '-' || digit(c)) return number();
    const char* word = c == 't' ? "true" : c == 'f' ? "false" : c == 'n' ? "null" : nullptr;
    if (!word) return Error::json_unexpected_token;
    for (; *word; word++, at_++)
      if (peek() != *word) return Error::json_unexpected_token;
    return Error::ok;
  }

  Error number() noexcept {
    if (peek() == '-') at_++;
    if (!digit(peek())) return Error::json_invalid_number;
    if (peek() == '0')
      at_++;
    else
      while (digit(peek())) at_++;
    if (peek() == '.') {
      at_++;
      if (!digit(peek())) return Error::json_invalid_number;
      while (digit(peek())) at_++;
    }
    if (peek() == 'e' || peek() == 'E') {
      at_++;
      if (peek() == '+' || peek() == '-') at_++;
      if (!digit(peek())) return Error::json_invalid_number;
      while (digit(peek())) at_++;
    }
    return Error::ok;
  }

  Error string() noexcept {
    for (at_++; at_ < size_; at_++) {
      uint8_t c = static_cast<uint8_t>(data_[at_]);
      if (c == '"') {
        at_++;
        return Error::ok;
      }
      if (c < 0x20) return Error::json_invalid_string;
      if (c != '\\') continue;
      at_++;
      char e = peek();
      if (e == 'u') {
        for (int i = 0; i < 4; i++) {
          at_++;
          char h = peek();
          if (!digit(h) && !(h >= 'a' && h <= 'f') && !(h >= 'A' && h <= 'F'))
            return Error::json_invalid_string;
        }
      } else if (e != '"' && e != '\\' && e != '/' && e != 'b' && e != 'f' && e != 'n' && e != 'r' &&
                 e != 't') {
        return Error::json_invalid_string;
      }
    }
    return Error::json_unexpected_end;
  }

  const char* data_;
  size_t size_;
  size_t at_ = 0;
  uint32_t max_depth_;
  uint32_t depth_ = 0;
  Buffer<uint8_t> kinds_;  // a bit an open container: object or array
};

}  // namespace

ParseError scan(memory::Cache& cache, const char* data, size_t size, uint32_t max_depth,
                bool strict_utf8) noexcept {
  if (strict_utf8) {
    size_t bad = find_bad_utf8(data, size);
    if (bad != size) return {Error::json_invalid_utf8, bad, false};
  }
  return Scanner(cache, data, size, max_depth).run();
}

}  // namespace tailrace::json
