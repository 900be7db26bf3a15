// Programs for decoding, made as lib/backend/native/json/schema-program.ts makes them, and runs of them on
// every kernel this CPU has: the verdicts and the tapes must be the same. Shared by the test and the fuzzer.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "json/encode.h"
#include "json/kernel.h"
#include "json/program.h"
#include "memory/cache.h"

namespace tailrace::json_test {

[[noreturn]] inline void fail(const char* what) {
  std::fprintf(stderr, "schema program: %s\n", what);
  std::abort();
}

/**
 * Node 0: an object {"a": number, "bc": string of 1 to 3, "d": [number …], "e": this again, "f": any}, of
 * which `a` is required when bit 0 is set; bits 1 and 2: other members are refused or kept; bit 3: numbers up
 * to 10; bit 4: the root is an array of such objects.
 */
class MadeProgram {
 public:
  explicit MadeProgram(unsigned variant) {
    const bool list = variant & 16;
    std::vector<json::ProgramNode> nodes(7);
    for (json::ProgramNode& node : nodes) node = plain(0);
    words_.push_back(0);
    const int32_t object = list ? 2 : 0;
    nodes[1] = plain(127);
    nodes[static_cast<size_t>(object)] = plain(json::kTypeObject);
    json::ProgramNode& o = nodes[static_cast<size_t>(object)];
    o.flags = json::kObjectRule;
    const std::vector<std::string> names = {"a", "bc", "d", "e", "f"};
    o.names = table(names);
    o.name_count = 5;
    o.required_count = variant & 1;
    o.additional = variant & 2 ? json::kRefuseIt : variant & 4 ? 1 : json::kSkipIt;
    o.members = list_of({3, 4, 5, object, 1});
    o.required = list_of({static_cast<int32_t>(variant & 1), 0, 0, 0, 0});
    nodes[3] = plain(json::kTypeInteger | json::kTypeNumber);
    if (variant & 8) {
      nodes[3].flags = json::kBounded;
      nodes[3].bounds = bounds(-1e300, 10);
    }
    nodes[4] = plain(json::kTypeString);
    nodes[4].min_length = 1;
    nodes[4].max_length = 3;
    nodes[5] = plain(json::kTypeArray);
    nodes[5].flags = json::kArrayRule | json::kPlainItems;
    nodes[5].items = 3;
    if (list) {
      nodes[0] = plain(json::kTypeArray);
      nodes[0].flags = json::kArrayRule;
      nodes[0].items = 2;
    }
    words_[0] = static_cast<int32_t>(words_.size());
    const int32_t* from = reinterpret_cast<const int32_t*>(nodes.data());
    words_.insert(words_.end(), from, from + nodes.size() * sizeof(json::ProgramNode) / 4);
    for (const auto& [at, text] : texts_) {
      words_[at] = static_cast<int32_t>(words_.size() * 4);
      std::vector<int32_t> padded((text.size() + 3) / 4 + 1);
      memcpy(padded.data(), text.data(), text.size());
      words_.insert(words_.end(), padded.begin(), padded.end());
    }
  }
  json::Program program() const { return {words_.data(), words_.size()}; }

 private:
  static json::ProgramNode plain(int32_t types) {
    json::ProgramNode node{};
    node.types = types;
    node.max_length = node.max_items = 0x7fffffff;
    node.items = 1;
    node.additional = json::kSkipIt;
    return node;
  }
  int32_t list_of(const std::vector<int32_t>& items) {
    const size_t at = words_.size();
    words_.insert(words_.end(), items.begin(), items.end());
    return static_cast<int32_t>(at);
  }
  int32_t bounds(double low, double high) {
    if (words_.size() % 2) words_.push_back(0);
    const double both[] = {low, high};
    const size_t at = words_.size();
    words_.resize(at + 4);
    memcpy(words_.data() + at, both, sizeof both);
    return static_cast<int32_t>(at);
  }
  int32_t table(const std::vector<std::string>& names) {
    constexpr int32_t kBuckets = 64;
    const size_t at = words_.size();
    words_.insert(words_.end(), {kBuckets - 1, 0, 0});
    words_.insert(words_.end(), kBuckets, -1);
    for (size_t i = 0; i < names.size(); i++) {
      const uint32_t n = static_cast<uint32_t>(names[i].size());
      const uint8_t* text = reinterpret_cast<const uint8_t*>(names[i].data());
      const size_t bucket = at + 3 + (json::ProgramNames::hash(text, n) >> 15 & (kBuckets - 1));
      texts_.emplace_back(words_.size() + 1, names[i]);
      const int32_t before = words_[bucket];
      words_.insert(words_.end(), {static_cast<int32_t>(n), 0, before});
      words_[bucket] = static_cast<int32_t>(i);
      words_[at + 1 + (n >> 5 & 1)] |= static_cast<int32_t>(1u << (n & 31));
    }
    return static_cast<int32_t>(at);
  }

  std::vector<int32_t> words_;
  std::vector<std::pair<size_t, std::string>> texts_;
};

struct Decoded {
  json::DecodeStatus status;
  std::vector<int32_t> words;
  std::vector<double> doubles;
  std::string latin;
  std::u16string utf16;
};

/** Memory that ends where it ends, so that a sanitizer sees a step beyond it. */
inline Decoded decode(const json::Kernel& kernel, const MadeProgram& made, const uint8_t* text, size_t size) {
  memory::Cache cache;
  json::DecodeTape tape(cache);
  std::unique_ptr<char[]> copy(new char[size]);
  if (size) memcpy(copy.get(), text, size);
  auto stage1 = std::make_unique<json::Stage1>();
  Decoded out{json::DecodeStatus::no, std::vector<int32_t>(16), std::vector<double>(1), {}, {}};
  for (int tries = 0; tries < 40; tries++) {
    std::fill(out.words.begin(), out.words.end(), 0);
    tape.words = out.words.data();
    tape.word_capacity = out.words.size();
    tape.doubles = out.doubles.data();
    tape.double_capacity = out.doubles.size();
    stage1->begin(copy.get(), size);
    out.status = kernel.run_program(*stage1, made.program(), tape);
    if (out.status == json::DecodeStatus::need_words)
      out.words.resize(out.words.size() * 2);
    else if (out.status == json::DecodeStatus::need_doubles)
      out.doubles.resize(out.doubles.size() * 2);
    else
      break;
  }
  if (out.status != json::DecodeStatus::yes) {
    out.words.clear();
    out.doubles.clear();
    return out;
  }
  if (tape.latin_chunks)
    out.latin.assign(reinterpret_cast<const char*>(tape.latin.data()),
                     tape.latin_ends[tape.latin_chunks - 1]);
  if (tape.utf16_chunks) out.utf16.assign(tape.utf16.data(), tape.utf16_ends[tape.utf16_chunks - 1]);
  return out;
}

inline Decoded decode_everywhere(const MadeProgram& made, const uint8_t* text, size_t size) {
  Decoded first = decode(json::kFallbackKernel, made, text, size);
#if defined(__x86_64__)
  for (const json::Kernel* kernel : {&json::kHaswellKernel, &json::kIcelakeKernel}) {
    if (!json::choose_kernel(kernel->isa)) continue;
    const Decoded other = decode(*kernel, made, text, size);
    if (other.status != first.status) fail("kernels differ about a text");
    if (other.words != first.words || other.latin != first.latin || other.utf16 != first.utf16 ||
        memcmp(other.doubles.data(), first.doubles.data(), first.doubles.size() * sizeof(double)) != 0)
      fail("kernels differ about a value");
  }
#endif
  return first;
}

/** Bytes as an encoder's words: whatever they are, what is written stays inside its bound. */
inline std::string encode_words(const uint8_t* data, size_t size) {
  static const char kText[] = "{\"a\":,\"b\":[]null                ";
  static const int32_t kOffsets[] = {0, 5, 10, 11, 12, 16};
  const json::Fragments fragments{reinterpret_cast<const uint8_t*>(kText), kOffsets, 5};
  std::vector<int32_t> words(size / 4);
  if (size >= 4) memcpy(words.data(), data, words.size() * 4);
  for (int32_t& word : words) word &= 0xff;  // mostly operations and small counts
  const double doubles[] = {0.1, -12345.678, 1e21, 5e-324, 1e15, -0.0, 100, 1.7976931348623157e308};
  const char16_t units[] = u"plain, \"quoted\"\n\u00e9\u20ac\xd83d\xde00\xd800 and so on, as long as a block";
  const json::EncodeInput input{words.data(), words.size(), doubles, 8, units, sizeof units / 2 - 1};
  const size_t bound = json::encode_bound(fragments, input);
  if (bound == 0) return {};
  std::unique_ptr<uint8_t[]> out(new uint8_t[bound]);
  const size_t written = json::encode_tape(fragments, input, out.get());
  if (written > bound) fail("more was written than there is room for");
  return std::string(reinterpret_cast<const char*>(out.get()), written);
}

}  // namespace tailrace::json_test
