// Stage 2 of lazy documents: the grammar, and one entry a value. See parser.h and node.h.
#include "json/parser.h"

#include <new>

#include "json/buffer.h"
#include "json/kernel.h"
#include "json/number.h"
#include "json/policy.h"
#include "json/scan.h"
#include "json/unescape.h"

namespace tailrace::json {
namespace {

/** An open container: its entry, and the values it has so far. */
struct Open {
  uint32_t entry;
  uint32_t count;
};
constexpr uint32_t kInlineDepth = 64;

}  // namespace

struct Parser::Work {
  explicit Work(memory::Cache& cache) noexcept : deep(cache) {}
  Open shallow[kInlineDepth];
  Buffer<Open> deep;
  Stage1 stage1;
};

Parser::Parser(memory::Cache& cache) noexcept : cache_(cache) {}

Parser::~Parser() {
  if (work_) {
    work_->~Work();
    cache_.free(work_);
  }
  if (tape_.entries) cache_.free(tape_.entries);
}

void Parser::shrink() noexcept {
  constexpr size_t kKeptEntries = 1u << 17;
  if (capacity_ > kKeptEntries) {
    cache_.free(tape_.entries);
    tape_ = Tape();
    capacity_ = 0;
  }
  if (work_) work_->deep.release();
}

bool Parser::reserve(size_t entries) noexcept {
  if (entries <= capacity_) return true;
  size_t capacity = capacity_ * 2 > entries ? capacity_ * 2 : entries < 64 ? 64 : entries;
  Entry* grown = static_cast<Entry*>(cache_.allocate(capacity * sizeof(Entry)));
  if (!grown) return false;
  if (tape_.size) memcpy(grown, tape_.entries, tape_.size * sizeof(Entry));
  if (tape_.entries) cache_.free(tape_.entries);
  tape_.entries = grown;
  capacity_ = capacity;
  return true;
}

Result<Node> Parser::parse(const char* data, size_t size, const DocumentOptions& options,
                           ParseError* error) noexcept {
  ParseError failure;
  if (size >= 0xffff'ffffu) {
    failure = {Error::json_size, 0, false};
  } else {
    failure.error = index(data, size, options);
    if (failure.error != Error::ok && failure.error != Error::out_of_memory) {
      failure = scan(cache_, data, size, options.max_depth, options.strict_utf8);
      // the two must agree; if they ever did not, the text is refused all the same
      if (failure.error == Error::ok) failure = {Error::json_unexpected_token, 0, false};
    } else if (failure.error == Error::ok &&
               (options.forbid_proto || options.forbid_constructor || options.forbid_duplicates)) {
      failure = check_keys(cache_, tape_, options);
    }
  }
  if (failure.error == Error::ok) return Node(tape_, 0);
  if (error) *error = failure;
  return failure.error;
}

/** ok, out_of_memory, or any other error: then scan() is asked. */
Error Parser::index(const char* data, size_t size, const DocumentOptions& options) noexcept {
  if (!work_) {
    void* block = cache_.allocate(sizeof(Work));
    if (!block) return Error::out_of_memory;
    work_ = new (block) Work(cache_);
  }
  constexpr Error kWrong = Error::json_unexpected_token;
  const auto refill = kernel().refill;
  Stage1& s = work_->stage1;
  s.begin(data, size);
  tape_.text = data;
  tape_.size = 0;
  const uint8_t* text = s.data;
  const uint32_t end = static_cast<uint32_t>(size);
  Open* open = work_->shallow;
  uint32_t open_capacity = kInlineDepth;
  uint32_t depth = 0;
  bool memory = true;

  // The next token. A piece of text brings at most its tokens in entries: each value begins with one, and
  // containers end with one.
  auto token = [&]() noexcept -> uint32_t {
    if (s.used == s.count) [[unlikely]] {
      refill(s);
      if (!reserve(static_cast<size_t>(tape_.size) + s.count + 2)) memory = false;
      if (s.bad || (s.bad_utf8 && options.strict_utf8) || !memory) {
        s.index[0] = end;
        s.count = 1;
        s.at = s.size;
        s.bad = true;
      }
    }
    return s.index[s.used++];
  };
  auto byte = [&](uint32_t at) noexcept -> uint8_t { return at < end ? text[at] : 0; };
  auto string = [&](uint32_t at) noexcept -> bool {
    uint32_t close = token();
    if (close >= end) return false;
    if (s.backslash && !escapes_valid(text + at + 1, close - at - 1)) return false;
    tape_.entries[tape_.size++] = {at, close + 1};
    return true;
  };
  auto scalar = [&](uint32_t at, uint8_t c) noexcept -> bool {
    const uint8_t* p = text + at;
    size_t left = end - at;
    const uint8_t* after = nullptr;
    if (c == 't' || c == 'f' || c == 'n') {
      size_t n = c == 'f' ? 5 : 4;
      if (left < n || memcmp(p, c == 't' ? "true" : c == 'f' ? "false" : "null", n) != 0) return false;
      if (left > n && !ends_token(p[n])) return false;
      after = p + n;
    } else if (c == '-' || static_cast<uint8_t>(c - '0') < 10) {
      after = skip_number(p, text + end);
      if (!after || (after < text + end && !ends_token(*after))) return false;
    } else {
      return false;
    }
    tape_.entries[tape_.size++] = {at, static_cast<uint32_t>(after - text)};
    return true;
  };

  auto close = [&](uint32_t bracket) noexcept {
    const Open& top = open[--depth];
    tape_.entries[top.entry].link = tape_.size;
    tape_.entries[tape_.size++] = {bracket, top.count};
  };

  uint32_t at = token();
  uint8_t c;
  for (;;) {  // a value begins at `at`
    c = byte(at);
    if (c == '"') {
      if (!string(at)) goto wrong;
    } else if (c == '{' || c == '[') {
      if (depth >= options.max_depth) goto wrong;
      if (depth == open_capacity) [[unlikely]] {
        uint32_t capacity = open_capacity * 2;
        bool moved = open != work_->shallow;
        if (!work_->deep.reserve(capacity, moved ? depth : 0)) return Error::out_of_memory;
        if (!moved) memcpy(work_->deep.data(), open, depth * sizeof(Open));
        open = work_->deep.data();
        open_capacity = capacity;
      }
      open[depth++] = {tape_.size, 0};
      tape_.entries[tape_.size++] = {at, 0};
      at = token();
      if (c == '[') {
        if (byte(at) != ']') continue;
      } else if (byte(at) != '}') {
        if (byte(at) != '"' || !string(at) || byte(token()) != ':') goto wrong;
        at = token();
        continue;
      }
      close(at);
    } else if (!scalar(at, c)) {
      goto wrong;
    }
    for (;;) {  // a value has ended
      if (depth == 0) {
        if (token() != end || s.bad) goto wrong;
        tape_.escapes = s.backslash;
        tape_.ascii = !s.non_ascii;
        return Error::ok;
      }
      Open& top = open[depth - 1];
      top.count++;
      at = token();
      c = byte(at);
      bool object = text[tape_.entries[top.entry].begin] == '{';
      if (c == ',') {
        at = token();
        if (!object) break;
        if (byte(at) != '"' || !string(at) || byte(token()) != ':') goto wrong;
        at = token();
        break;
      }
      if (c != (object ? '}' : ']')) goto wrong;
      close(at);
    }
  }
wrong:
  return memory ? kWrong : Error::out_of_memory;
}

}  // namespace tailrace::json
