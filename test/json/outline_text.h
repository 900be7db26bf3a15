// An outline written out in the form of tape_text.h, so that tests can hold it to the other readers.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>

#include "json/outline.h"
#include "json/parser.h"
#include "memory/cache.h"

namespace tailrace::json::test {

inline void put_node(std::string& out, Node node);

/** Reads an outline as lib/backend/native/json/document.ts does. */
class OutlineReader {
 public:
  OutlineReader(memory::Cache& cache, const Outliner& outliner, const char* text, size_t size)
      : parser_(cache), o_(outliner), text_(text), size_(size) {}

  std::string read() {
    value();
    if (at_ != o_.slot_count() || next_ != o_.container_count()) out_ += " REST";
    return out_;
  }

 private:
  void scalar(uint32_t begin, uint32_t end) {
    auto root = parser_.parse(text_ + begin, end - begin, {}, nullptr);
    if (root.ok())
      put_node(out_, *root);
    else
      out_ += " BAD-SCALAR";
  }
  void value() {
    if (at_ >= o_.slot_count()) {
      out_ += " SHORT";
      return;
    }
    const uint32_t word = o_.slots()[at_++];
    if (word >= kContainer) return container(word - kContainer);
    if (text_[word] == '"') {
      const uint32_t end = at_ < o_.slot_count() ? o_.slots()[at_++] : 0;
      if (end <= word || text_[end] != '"')
        out_ += " QUOTE";
      else
        scalar(word, end + 1);
      return;
    }
    uint32_t end = word;
    while (end < size_ && !strchr(",]} \n\r\t", text_[end])) end++;
    scalar(word, end);
  }
  void container(uint32_t number) {
    if (number != next_++) out_ += " NUMBER";
    if (number >= o_.container_count()) return;
    const Container& c = o_.containers()[number];
    const bool object = text_[c.begin] == '{';
    if (!object && text_[c.begin] != '[') out_ += " BRACKET";
    out_ += object ? '{' : '[';
    uint32_t count = 0;
    for (; at_ < c.end && at_ < o_.slot_count(); count++) {
      if (object) {
        value();
        out_ += ':';
      }
      value();
      out_ += ',';
    }
    if (at_ != c.end || text_[o_.slots()[at_++]] != (object ? '}' : ']')) out_ += " END";
    if (count != c.count) out_ += " COUNT";
    out_ += object ? '}' : ']';
  }

  Parser parser_;
  const Outliner& o_;
  const char* text_;
  size_t size_;
  std::string out_;
  uint32_t at_ = 0;
  uint32_t next_ = 0;
};

}  // namespace tailrace::json::test
