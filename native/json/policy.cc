// Key policies: see policy.h. One walk over the tape; nested objects come by themselves, as their entries do.
#include "json/policy.h"

#include <cstring>

#include "json/buffer.h"
#include "json/unescape.h"

namespace tailrace::json {
namespace {

/** Keys of one object, to find one that stands twice: open addressing over tape indices. */
class KeySet {
 public:
  explicit KeySet(memory::Cache& cache) noexcept : table_(cache), text_(cache), spans_(cache) {}

  /** ok, json_duplicate_key with the later key's tape index in `*found`, or out_of_memory. */
  Error check(Node object, uint32_t* found) noexcept {
    size_t n = object.size();
    size_t slots = 4;
    while (slots < n * 2) slots *= 2;
    size_t bytes = object.raw().size();
    if (!table_.reserve(slots, 0) || !spans_.reserve(n, 0) || !text_.reserve(bytes + 1, 0))
      return Error::out_of_memory;
    memset(table_.data(), 0, slots * sizeof(uint32_t));
    size_t used = 0;
    uint32_t count = 0;
    for (auto it = object.begin(); it.more(); it.next()) {
      std::string_view raw = it.key().raw();
      uint8_t* at = text_.data() + used;
      ptrdiff_t length = to_utf8(reinterpret_cast<const uint8_t*>(raw.data()) + 1, raw.size() - 2, at, true);
      spans_[count] = {static_cast<uint32_t>(used), static_cast<uint32_t>(length)};
      used += static_cast<size_t>(length);
      size_t slot = hash(at, static_cast<size_t>(length)) & (slots - 1);
      for (; table_[slot]; slot = (slot + 1) & (slots - 1)) {
        const Span& other = spans_[table_[slot] - 1];
        if (other.length == spans_[count].length &&
            memcmp(text_.data() + other.offset, at, other.length) == 0) {
          *found = it.key().index();
          return Error::json_duplicate_key;
        }
      }
      table_[slot] = ++count;
    }
    return Error::ok;
  }

 private:
  struct Span {
    uint32_t offset, length;
  };

  /** Keyed by nothing: a text made to collide costs quadratic time, so the mix is strong in every byte. */
  static size_t hash(const uint8_t* p, size_t n) noexcept {
    uint64_t h = n * 0x9e3779b97f4a7c15ull ^ seed();
    for (; n >= 8; p += 8, n -= 8) {
      uint64_t v;
      memcpy(&v, p, 8);
      h = mix(h ^ v);
    }
    uint64_t v = 0;
    memcpy(&v, p, n);
    return static_cast<size_t>(mix(h ^ v));
  }
  static uint64_t mix(uint64_t x) noexcept {
    unsigned __int128 product =
        static_cast<unsigned __int128>(x ^ 0xa0761d6478bd642full) * 0xe7037ed1a0b428dbull;
    return static_cast<uint64_t>(product >> 64) ^ static_cast<uint64_t>(product);
  }
  /** Where this library was loaded: not known to who sends texts. */
  static uint64_t seed() noexcept {
    static const char here = 0;
    return mix(reinterpret_cast<uintptr_t>(&here));
  }

  Buffer<uint32_t> table_;
  Buffer<uint8_t> text_;
  Buffer<Span> spans_;
};

bool is_key(const Tape& tape, Node key, std::string_view name) noexcept {
  std::string_view raw = key.raw();
  if (raw.size() == name.size() + 2) return memcmp(raw.data() + 1, name.data(), name.size()) == 0;
  return tape.escapes && raw.size() > name.size() && key.string_equals(name);
}

}  // namespace

ParseError check_keys(memory::Cache& cache, const Tape& tape, const DocumentOptions& options) noexcept {
  KeySet set(cache);
  ParseError first;
  auto note = [&](Error error, uint32_t key, bool constructor) noexcept {
    size_t offset = tape.entries[key].begin;
    if (first.error == Error::ok || offset < first.offset) first = {error, offset, constructor};
  };
  // Objects begin in document order, but an object's own key may come before one of an object inside it or
  // after: all are looked at, and the first offset wins.
  for (uint32_t at = 0; at < tape.size; at++) {
    Node node(tape, at);
    if (node.is(Type::object)) {
      if (options.forbid_duplicates && node.size() > 1) {
        uint32_t key = 0;
        Error error = set.check(node, &key);
        if (error == Error::out_of_memory) return {error, 0, false};
        if (error != Error::ok) note(error, key, false);
      }
      Node constructor;
      uint32_t constructor_key = 0;
      for (auto it = node.begin(); (options.forbid_proto || options.forbid_constructor) && it.more();
           it.next()) {
        if (options.forbid_proto && is_key(tape, it.key(), "__proto__"))
          note(Error::json_forbidden_key, it.key().index(), false);
        if (options.forbid_constructor && is_key(tape, it.key(), "constructor")) {
          constructor = it.value();
          constructor_key = it.key().index();
        }
      }
      Node prototype;
      if (constructor.valid() && constructor.is(Type::object) && constructor.find("prototype", &prototype))
        note(Error::json_forbidden_key, constructor_key, true);
    }
  }
  return first;
}

}  // namespace tailrace::json
