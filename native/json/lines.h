// NDJSON at hand, cut into lines: what all that reads many lines at once has in common.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace tailrace::json {

/** Walks the lines of a text that ends with a newline. */
class LineCursor {
 public:
  LineCursor(const uint8_t* text, size_t size, size_t longest) noexcept
      : text_(text), p_(text), end_(text + size), longest_(longest) {}

  enum class Kind : uint8_t { line, blank, too_long, end };

  /** Looks at the next line; take() goes past it. Blank: nothing but spaces, tabs and carriage returns. */
  Kind next() noexcept {
    const void* newline = p_ < end_ ? memchr(p_, '\n', static_cast<size_t>(end_ - p_)) : nullptr;
    if (!newline) return Kind::end;
    stop_ = static_cast<const uint8_t*>(newline);
    if (size() > longest_) return Kind::too_long;
    const uint8_t* c = p_;
    while (c < stop_ && (*c == ' ' || *c == '\t' || *c == '\r')) c++;
    return c < stop_ ? Kind::line : Kind::blank;
  }
  void take() noexcept {
    lines_++;
    p_ = stop_ + 1;
  }

  /** The line next() found, without its newline. */
  const uint8_t* data() const noexcept { return p_; }
  size_t size() const noexcept { return static_cast<size_t>(stop_ - p_); }
  /** Where it begins and ends in the text. */
  uint32_t start() const noexcept { return static_cast<uint32_t>(p_ - text_); }
  uint32_t stop() const noexcept { return static_cast<uint32_t>(stop_ - text_); }
  /** Lines taken, blank ones included, and their bytes with the newlines. */
  uint32_t lines() const noexcept { return lines_; }
  size_t consumed() const noexcept { return static_cast<size_t>(p_ - text_); }

 private:
  const uint8_t* text_;
  const uint8_t* p_;
  const uint8_t* end_;
  const uint8_t* stop_ = nullptr;
  size_t longest_;
  uint32_t lines_ = 0;
};

}  // namespace tailrace::json
