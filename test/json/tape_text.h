// Both tapes written out in one form, so that tests can compare them: numbers as hexadecimal doubles, strings
// as their UTF-16 units, members in document order. And the driver that runs one text through everything.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "json/kernel.h"
#include "json/parser.h"
#include "json/scan.h"
#include "json/text.h"
#include "json/unescape.h"
#include "memory/cache.h"
#include "outline_text.h"

namespace tailrace::json::test {

inline void put_units(std::string& out, const char16_t* units, size_t n) {
  out += '"';
  char hex[8];
  for (size_t i = 0; i < n; i++) {
    if (units[i] >= 0x20 && units[i] < 0x7f && units[i] != '"' && units[i] != '\\') {
      out += static_cast<char>(units[i]);
      continue;
    }
    snprintf(hex, sizeof hex, "\\%04x", static_cast<unsigned>(units[i]));
    out += hex;
  }
  out += '"';
}

inline void put_number(std::string& out, double value) {
  char text[40];
  snprintf(text, sizeof text, "%a", value);
  out += text;
}

/** What an index tape has. */
inline void put_node(std::string& out, Node node) {
  switch (node.type()) {
    case Type::null:
      out += "null";
      break;
    case Type::boolean:
      out += node.boolean() ? "true" : "false";
      break;
    case Type::number:
      put_number(out, node.number());
      break;
    case Type::string: {
      std::string_view raw = node.raw();
      std::u16string units(raw.size() + 1, u'\0');
      uint32_t any = 0;
      ptrdiff_t n =
          to_utf16(reinterpret_cast<const uint8_t*>(raw.data()) + 1, raw.size() - 2, units.data(), &any);
      put_units(out, units.data(), n < 0 ? 0 : static_cast<size_t>(n));
      break;
    }
    case Type::array: {
      out += '[';
      uint32_t count = 0;
      for (auto it = node.begin(); it.more(); it.next(), count++) {
        put_node(out, it.value());
        out += ',';
      }
      out += ']';
      if (count != node.size()) out += " COUNT";
      break;
    }
    case Type::object: {
      out += '{';
      uint32_t count = 0;
      for (auto it = node.begin(); it.more(); it.next(), count++) {
        put_node(out, it.key());
        out += ':';
        put_node(out, it.value());
        out += ',';
      }
      out += '}';
      if (count != node.size()) out += " COUNT";
      break;
    }
  }
}

/** Reads the value tape as lib/backend/native/json/materialise.ts does. */
class TapeReader {
 public:
  explicit TapeReader(ValueTape& tape) : t_(tape) {}
  std::string read() {
    next_latin_ = next_utf16_ = 0;
    latin_end_ = end_of(t_.latin_ends, t_.latin_end_count, 0, t_.latin_count);
    utf16_end_ = end_of(t_.utf16_ends, t_.utf16_end_count, 0, t_.utf16_count);
    value();
    // every cursor must stand at its end: nothing was written that nobody reads
    if (w_ != t_.word_count || d_ != t_.double_count || l_ != t_.latin_count || u_ != t_.utf16_count)
      out_ += " REST";
    return out_;
  }

 private:
  static size_t end_of(const Buffer<uint32_t>& ends, size_t count, size_t i, size_t total) {
    return i < count ? ends[i] : total;
  }
  void latin(size_t n, bool next) {
    if (next) {
      if (l_ != latin_end_) out_ += " LATIN-CHUNK";
      next_latin_++;
      latin_end_ = end_of(t_.latin_ends, t_.latin_end_count, next_latin_, t_.latin_count);
    }
    if (l_ + n > latin_end_) out_ += " LATIN-OVERRUN";
    std::u16string units;
    for (size_t i = 0; i < n; i++) units += static_cast<char16_t>(t_.latin[l_ + i]);
    l_ += n;
    put_units(out_, units.data(), units.size());
  }
  void utf16(size_t n, bool next) {
    if (next) {
      if (u_ != utf16_end_) out_ += " UTF16-CHUNK";
      next_utf16_++;
      utf16_end_ = end_of(t_.utf16_ends, t_.utf16_end_count, next_utf16_, t_.utf16_count);
    }
    if (u_ + n > utf16_end_) out_ += " UTF16-OVERRUN";
    put_units(out_, t_.utf16.data() + u_, n);
    u_ += n;
  }
  /** A value that was left to JSON.parse, in a chunk of its own: read by the other reader. */
  void text(size_t n, bool is_latin) {
    std::string bytes;
    if (is_latin) {
      if (l_ != (next_latin_ ? t_.latin_ends[next_latin_ - 1] : 0)) {
        if (l_ != latin_end_) out_ += " LATIN-CHUNK";
        next_latin_++;
        latin_end_ = end_of(t_.latin_ends, t_.latin_end_count, next_latin_, t_.latin_count);
      }
      bytes.assign(reinterpret_cast<const char*>(t_.latin.data()) + l_, n);
      l_ += n;
      if (l_ != latin_end_) out_ += " LATIN-TEXT";
    } else {
      if (u_ != (next_utf16_ ? t_.utf16_ends[next_utf16_ - 1] : 0)) {
        if (u_ != utf16_end_) out_ += " UTF16-CHUNK";
        next_utf16_++;
        utf16_end_ = end_of(t_.utf16_ends, t_.utf16_end_count, next_utf16_, t_.utf16_count);
      }
      bytes = utf8_of(t_.utf16.data() + u_, n);
      u_ += n;
      if (u_ != utf16_end_) out_ += " UTF16-TEXT";
    }
    Parser parser(t_.latin.cache());
    DocumentOptions options;
    options.max_depth = kNoDepthLimit;
    auto root = parser.parse(bytes.data(), bytes.size(), options, nullptr);
    if (!root.ok()) {
      out_ += " BAD-TEXT";
    } else {
      put_node(out_, *root);
    }
  }
  static std::string utf8_of(const char16_t* units, size_t n) {
    std::string out;
    for (size_t i = 0; i < n; i++) {
      uint32_t c = units[i];
      if (c >= 0xd800 && c < 0xdc00 && i + 1 < n) c = 0x10000 + ((c - 0xd800) << 10) + (units[++i] - 0xdc00u);
      if (c < 0x80) {
        out += static_cast<char>(c);
        continue;
      }
      int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
      out += static_cast<char>((more == 1 ? 0xc0 : more == 2 ? 0xe0 : 0xf0) | c >> (6 * more));
      while (more-- > 0) out += static_cast<char>(0x80 | (c >> (6 * more) & 63));
    }
    return out;
  }
  std::vector<uint32_t> keys_of(uint32_t node) {
    std::vector<uint32_t> keys;
    for (; t_.shapes.origin(node).parent != Shapes::kNoParent; node = t_.shapes.origin(node).parent)
      keys.push_back(t_.shapes.origin(node).key_id);
    return {keys.rbegin(), keys.rend()};
  }
  void key(uint32_t id) {
    const Shapes::Key& k = t_.shapes.key(id);
    std::u16string units(k.length + 1, u'\0');
    size_t n = transcode(t_.shapes.arena() + k.offset, k.length, units.data());
    put_units(out_, units.data(), n);
    out_ += ':';
  }
  void known(uint32_t node) {
    for (uint32_t id : keys_of(node)) {
      key(id);
      value();
      out_ += ',';
    }
  }
  void members(size_t n) {
    for (; n > 0; n--) {
      value();
      out_ += ':';
      value();
      out_ += ',';
    }
  }
  void value() {
    int32_t word = t_.words[w_++];
    uint32_t payload = static_cast<uint32_t>(word) >> 3;
    switch (word & 7) {
      case kSmall:
        put_number(out_, word >> 3);
        break;
      case kDouble:
        put_number(out_, t_.doubles[d_++]);
        break;
      case kLatin:
        latin(payload, false);
        break;
      case kUtf16:
        utf16(payload, false);
        break;
      case kObject:
        out_ += '{';
        known(t_.shapes.shape_node(payload));
        out_ += '}';
        break;
      case kArray:
        out_ += '[';
        for (uint32_t i = 0; i < payload; i++) {
          value();
          out_ += ',';
        }
        out_ += ']';
        break;
      case kNode:
        out_ += '{';
        known(payload);
        out_ += '}';
        break;
      default:
        other_value((word >> 3) & 15, static_cast<uint32_t>(word) >> 7);
    }
  }
  void other_value(int what, uint32_t n) {
    switch (what) {
      case kNull:
        out_ += "null";
        break;
      case kTrue:
        out_ += "true";
        break;
      case kFalse:
        out_ += "false";
        break;
      case kEmptyString:
        out_ += "\"\"";
        break;
      case kEmptyObject:
        out_ += "{}";
        break;
      case kMap:
        out_ += '{';
        members(n);
        out_ += '}';
        break;
      case kDoubles:
      case kIntegers:
        out_ += '[';
        for (uint32_t i = 0; i < n; i++) {
          put_number(out_, what == kDoubles ? t_.doubles[d_++] : t_.words[w_++]);
          out_ += ',';
        }
        out_ += ']';
        break;
      case kPoints: {
        int32_t each = t_.words[w_++];
        out_ += '[';
        for (uint32_t i = 0; i < n; i++) {
          out_ += '[';
          for (int32_t k = 0; k < each; k++) {
            put_number(out_, t_.doubles[d_++]);
            out_ += ',';
          }
          out_ += "],";
        }
        out_ += ']';
        break;
      }
      case kLatinText:
      case kUtf16Text:
        text(n, what == kLatinText);
        break;
      case kNextLatin:
        latin(n, true);
        break;
      case kNextUtf16:
        utf16(n, true);
        break;
      case kMixed: {
        Mixed m = t_.mixed[n];
        out_ += '{';
        known(static_cast<uint32_t>(m.node));
        members(static_cast<size_t>(m.members) - keys_of(static_cast<uint32_t>(m.node)).size());
        out_ += '}';
        break;
      }
      default:
        out_ += " UNKNOWN";
    }
  }

  ValueTape& t_;
  std::string out_;
  size_t w_ = 0, d_ = 0, l_ = 0, u_ = 0;
  size_t next_latin_ = 0, next_utf16_ = 0, latin_end_ = 0, utf16_end_ = 0;
};

/** One text through every kernel and every reader. Returns what disagrees, empty when nothing does. */
class Everything {
 public:
  Everything() : parser_(cache_), outliner_(cache_) {}

  std::string compare(const char* data, size_t size) {
    // put_node() is recursive, so what may be very deep is not written out
    const bool readable = size < 65536 && depth(data, size) < 1000;
    // a copy of exactly this size: a read beyond it is seen by AddressSanitizer
    std::unique_ptr<char[]> exact(new char[size]);
    if (size) memcpy(exact.get(), data, size);
    const char* text = exact.get();
    bool utf8 = find_bad_utf8(text, size) == size;
    bool lenient = scan(cache_, text, size, kNoDepthLimit, false).error == Error::ok;
    std::string first_index, first_values;
    for (int isa = 0; isa < static_cast<int>(cpu::Isa::count_); isa++) {
      if (!cpu::supports(static_cast<cpu::Isa>(isa))) continue;
      if (!choose_kernel(static_cast<cpu::Isa>(isa))) return "kernel refused";
      for (bool strict : {true, false}) {
        DocumentOptions options;
        options.strict_utf8 = strict;
        options.max_depth = kNoDepthLimit;
        ParseError error;
        auto root = parser_.parse(text, size, options, &error);
        bool want = lenient && (utf8 || !strict);
        if (root.ok() != want) return "index tape disagrees with scan()";
        if (root.ok() && utf8 && readable) {
          std::string out;
          put_node(out, *root);
          if (first_index.empty()) first_index = out;
          if (out != first_index) return "kernels give different index tapes";
        }
        std::string copy(size + 1, '\0');
        const OutlineStatus status = outliner_.run(text, size, kNoDepthLimit, strict, copy.data());
        if ((status == OutlineStatus::ok) != want) return "outline disagrees with scan()";
        if (status != outliner_.check(text, size, kNoDepthLimit, strict)) return "check differs from outline";
        if (status != outliner_.run(text, size, kNoDepthLimit, strict))
          return "outline without a copy differs";
        if (want) {
          if (memcmp(copy.data(), text, size) != 0) return "outline does not copy the text";
          if (outliner_.utf8() != utf8) return "outline is wrong about UTF-8";
          if (utf8 && readable) {
            const std::string out = OutlineReader(cache_, outliner_, text, size).read();
            if (out != first_index) return "outline differs: " + out + " / " + first_index;
          }
        }
        std::vector<uint32_t> outline(outliner_.words());
        outliner_.write(outline.data());
        // room for none, for the first piece or two, for all but what the last piece might need, for all
        const size_t slots = outliner_.slot_count() + size_t{1};
        for (const size_t count : {size_t{1}, 2 * kPieceBytes, slots, slots + kPieceBytes + 64}) {
          std::unique_ptr<uint32_t[]> room(new uint32_t[count]);
          if (status != outliner_.run(text, size, kNoDepthLimit, strict, nullptr, {room.get(), count}))
            return "outline in the caller's room differs";
          if (want && outliner_.words() != outline.size())
            return "outline in the caller's room is longer or shorter";
          std::vector<uint32_t> other(outliner_.words());
          outliner_.write(other.data());
          if (want && other != outline) return "outline in the caller's room has other words";
          if (want && count == slots + kPieceBytes + 64 && outliner_.slots() != room.get())
            return "the caller's room is not used";
        }
      }
      // a second trie would hide what depends on the first text's shapes, so each kernel has its own
      ValueTape tape(cache_);
      words_.assign(ValueTape::words_for(size), 0x7e7e7e7e);
      doubles_.assign(size + 8, 0);
      tape.words = words_.data();
      tape.doubles = doubles_.data();
      tape.double_capacity = doubles_.size();
      if (small_chunks) {
        tape.latin_chunk = 16;
        tape.utf16_chunk = 8;
        tape.alone = 13;
      }
      if (!texts) tape.fewest_generic = 0xffff'ffff;
      for (int round = 0; round < rounds; round++) {
        // the last time a text of maps is given up half-way, whatever its rest is
        const bool early = texts && round == rounds - 1;
        tape.most_refused = early ? 4 : 0xffff'ffffu;
        std::unique_ptr<Stage1> stage1(new Stage1);
        stage1->begin(text, size);
        TapeStatus status = kernel().write_values(*stage1, tape);
        if (status == TapeStatus::unsuited) break;
        if (status == TapeStatus::generic) {
          if (!early && (!lenient || !utf8)) return "value tape disagrees with scan()";
          continue;
        }
        if (status == TapeStatus::need_doubles || status == TapeStatus::no_memory) return "out of room";
        if ((status == TapeStatus::ok) != (lenient && utf8)) return "value tape disagrees with scan()";
        if (status != TapeStatus::ok) break;
        if (tape.word_count + tape.mixed_count * 2 > words_.size()) return "tape too long";
        std::string out = TapeReader(tape).read();
        if (out != first_index && readable) return "value tape differs: " + out + " / " + first_index;
      }
    }
    return "";
  }

  int rounds = 2;
  bool small_chunks = false;
  /** Whether values may be left to JSON.parse: off, all of them are on the tape. */
  bool texts = false;

 private:
  /** At most so many containers are open at once: brackets outside of strings. */
  static size_t depth(const char* text, size_t size) {
    size_t open = 0;
    bool string = false;
    for (size_t i = 0; i < size; i++) {
      if (text[i] == '"') string = !string;
      if (string && text[i] == '\\') i++;
      open += !string && (text[i] == '[' || text[i] == '{');
    }
    return open;
  }

  memory::Cache cache_;
  Parser parser_;
  Outliner outliner_;
  std::vector<int32_t> words_;
  std::vector<double> doubles_;
};

}  // namespace tailrace::json::test
