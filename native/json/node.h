// Node: a value of a parsed text, read in place.
//
// The index tape has one entry {begin, link} a value, in document order; what type it is says its first byte
// in the text, so nothing is stored twice.
//   scalar       begin: offset of its first byte; link: offset after its last byte (strings: quotes included)
//   array        begin: offset of `[`; link: tape index of its end entry; then the elements; then the end
//   object       the same with `{`; then key, value, key, value …; then the end
//   end entry    begin: offset of the closing bracket; link: elements, or members (duplicates counted)
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tailrace::json {

enum class Type : uint8_t { null, boolean, number, string, array, object };

struct Entry {
  uint32_t begin;
  uint32_t link;
};

struct Tape {
  const char* text = nullptr;
  Entry* entries = nullptr;
  uint32_t size = 0;
  /** Some string has a backslash: comparing keys byte by byte is not enough. */
  bool escapes = false;
  /** Every byte is below 0x80. */
  bool ascii = true;
};

class Node {
 public:
  Node() noexcept = default;
  Node(const Tape& tape, uint32_t index) noexcept : tape_(&tape), index_(index) {}

  bool valid() const noexcept { return tape_ != nullptr; }
  Type type() const noexcept {
    switch (tape_->text[entry().begin]) {
      case '{':
        return Type::object;
      case '[':
        return Type::array;
      case '"':
        return Type::string;
      case 't':
      case 'f':
        return Type::boolean;
      case 'n':
        return Type::null;
      default:
        return Type::number;
    }
  }
  bool is(Type t) const noexcept { return type() == t; }
  bool is_container() const noexcept {
    char c = tape_->text[entry().begin];
    return c == '{' || c == '[';
  }
  /** Elements of an array, members of an object (duplicates counted), else 0. */
  uint32_t size() const noexcept { return is_container() ? tape_->entries[entry().link].link : 0; }
  bool boolean() const noexcept { return tape_->text[entry().begin] == 't'; }

  /** The source text of the value, without space around it; strings with their quotes. */
  std::string_view raw() const noexcept {
    uint32_t begin = entry().begin;
    uint32_t end = is_container() ? tape_->entries[entry().link].begin + 1 : entry().link;
    return {tape_->text + begin, end - begin};
  }
  uint32_t index() const noexcept { return index_; }

  /** The value of the last member of that name (UTF-8, unescaped); false: none, or not an object. */
  bool find(std::string_view key, Node* out) const noexcept;
  /** A string whose value is exactly `text` (UTF-8, unescaped). */
  bool string_equals(std::string_view text) const noexcept;
  /** The text between the quotes if it needs no unescaping: then it is the value. */
  bool plain_string(std::string_view* out) const noexcept;
  /**
   * The string's value as UTF-8 into `buffer` (at least string_bytes() long); returns the length. Lone
   * surrogates written as escapes come out as U+FFFD, as Buffer.from gives them.
   */
  size_t get_string(char* buffer) const noexcept;
  /** An upper bound for get_string(). */
  size_t string_bytes() const noexcept { return entry().link - entry().begin; }
  /** A number without fraction and exponent that fits; -0 is none. */
  bool get_int64(int64_t* out) const noexcept;
  /** The double JSON.parse would give. */
  double number() const noexcept;

  /** Walks elements, or keys and values, in document order: `for (auto it = n.begin(); it.more();
   * it.next())`. */
  class Iterator {
   public:
    Iterator() noexcept = default;
    Iterator(const Tape& tape, uint32_t at, uint32_t end, bool object) noexcept
        : tape_(&tape), at_(at), end_(end), object_(object) {}
    bool more() const noexcept { return at_ < end_; }
    Node key() const noexcept { return Node(*tape_, at_); }
    Node value() const noexcept { return Node(*tape_, at_ + (object_ ? 1 : 0)); }
    void next() noexcept { at_ = value().after(); }

   private:
    const Tape* tape_ = nullptr;
    uint32_t at_ = 0;
    uint32_t end_ = 0;
    bool object_ = false;
  };
  /** Of a scalar: an empty walk. */
  Iterator begin() const noexcept {
    if (!is_container()) return Iterator();
    return Iterator(*tape_, index_ + 1, entry().link, tape_->text[entry().begin] == '{');
  }

  /** Tape index of what follows this value. */
  uint32_t after() const noexcept { return is_container() ? entry().link + 1 : index_ + 1; }

 private:
  const Entry& entry() const noexcept { return tape_->entries[index_]; }

  const Tape* tape_ = nullptr;
  uint32_t index_ = 0;
};

}  // namespace tailrace::json
