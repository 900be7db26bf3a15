// The slow side of the shape trie: new edges, new keys, new shapes. See shapes.h.
#include "json/shapes.h"

#include <cstring>

#include "json/unescape.h"

namespace tailrace::json {
namespace {

constexpr uint32_t kTableSize = 1u << 12;
constexpr uint32_t kNone = 0xffff'ffffu;

uint32_t hash_of(const uint8_t* p, uint32_t n) noexcept {
  uint64_t h = 0x9e3779b97f4a7c15ull ^ n;
  for (uint32_t i = 0; i < n; i++) h = (h ^ p[i]) * 0x100000001b3ull;
  return static_cast<uint32_t>(h >> 32 ^ h) & (kTableSize - 1);
}

/** Whether a key is an array index (ECMA-262 6.1.7), or looks like one: the last few of ten digits are too
 * large. */
bool is_index(const uint8_t* key, uint32_t n) noexcept {
  if (n == 0 || n > 10 || (key[0] == '0' && n > 1)) return false;
  for (uint32_t i = 0; i < n; i++)
    if (static_cast<uint8_t>(key[i] - '0') >= 10) return false;
  return true;
}

}  // namespace

bool Shapes::begin() noexcept {
  if (!full_) [[likely]]
    return true;
  if (!nodes_.reserve(256, 0) || !origins_.reserve(256, 0) || !arena_.reserve(8192, 0) ||
      !keys_.reserve(128, 0) || !table_.reserve(kTableSize, 0) || !shapes_.reserve(32, 0))
    return false;
  clear();
  return true;
}

void Shapes::clear() noexcept {
  node_count_ = arena_used_ = key_count_ = shape_count_ = 0;
  memset(table_.data(), 0xff, kTableSize * sizeof(uint32_t));
  full_ = false;
  generation_++;
  told_nodes = told_keys = told_shapes = 0;
  for (uint32_t i = 0; i <= kTextSlots; i++) make_node();
}

uint32_t Shapes::make_node() noexcept {
  if (node_count_ >= kMaxNodes || !nodes_.reserve(node_count_ + 1, node_count_) ||
      !origins_.reserve(node_count_ + 1, node_count_)) {
    full_ = true;
    return 0;
  }
  ShapeNode& n = nodes_[node_count_];
  memset(static_cast<void*>(&n), 0, sizeof n);
  n.shape = -1;
  origins_[node_count_] = {kNoParent, node_count_, 0};
  return node_count_++;
}

uint32_t Shapes::make_root(uint32_t slot) noexcept {
  uint32_t root = make_node();
  if (root) nodes_[slot].sub = root;
  return root;
}

/** Another object with keys in an order that was not known. true: too many of them, nothing is learned here
 * for a while. */
bool Shapes::churns(uint32_t root) noexcept {
  ShapeNode& r = nodes_[root];
  const uint32_t strange = ++r.sibling, objects = r.key_offset;
  if (strange > kStrangeAllowed && strange > objects / 4) {
    r.map = true;
    r.key_offset = r.sibling = 0;
    if (r.hits < kLongestPause) r.hits++;
  }
  return r.map;
}

/** Whether the root is one of maps. Each has another chance after twice as many objects, should other texts
 * come here. */
bool Shapes::pauses(uint32_t root) noexcept {
  ShapeNode& r = nodes_[root];
  if (r.map && r.key_offset >= kFirstPause << r.hits) {
    r.map = false;
    r.key_offset = r.sibling = 0;
  }
  return r.map;
}

uint32_t Shapes::child(uint32_t node, const uint8_t* key, uint32_t length) noexcept {
  const uint8_t* written = key - 1;
  const uint32_t written_length = length + 2;
  for (uint32_t at = nodes_[node].first_child; at; at = nodes_[at].sibling) {
    const ShapeNode& n = nodes_[at];
    if (n.key_length != written_length) continue;
    if (memcmp(written_length <= kKeyInline ? n.key : arena_.data() + n.key_offset, written,
               written_length) != 0)
      continue;
    nodes_[node].predicted = at;
    return at;
  }
  if (pauses(origins_[node].root)) return 0;
  const bool is_root = origins_[node].parent == kNoParent;
  if (nodes_[node].children >= (is_root ? kMaxRootChildren : kMaxChildren)) {
    return 0;
  }
  const bool branches = nodes_[node].children > 0 || nodes_[node].hits > 0;
  if (branches && churns(origins_[node].root)) return 0;
  if (length > kMaxKeyLength || nodes_[node].depth >= kMaxDepth) return 0;
  uint32_t id;
  if (arena_used_ + written_length > kMaxKeyBytes ||
      !arena_.reserve(arena_used_ + written_length, arena_used_)) {
    full_ = true;
    return 0;
  }
  uint32_t offset = arena_used_;
  memcpy(arena_.data() + offset, written, written_length);
  arena_used_ += written_length;
  if (!intern(key, length, &id)) {
    arena_used_ = offset;
    return 0;
  }
  uint32_t made = make_node();
  if (!made) return 0;
  ShapeNode& parent = nodes_[node];
  ShapeNode& n = nodes_[made];
  memcpy(n.key, written, written_length < kKeyInline ? written_length : kKeyInline);
  n.key_length = static_cast<uint16_t>(written_length);
  n.key_offset = offset;
  n.sibling = parent.first_child;
  n.depth = static_cast<uint8_t>(parent.depth + 1);
  n.flags = parent.flags;
  origins_[made].parent = node;
  origins_[made].root = origins_[node].root;
  origins_[made].key_id = id;
  const Key& k = keys_[id];
  const uint8_t* text = arena_.data() + k.offset;
  if (k.length == 9 && memcmp(text, "__proto__", 9) == 0) n.flags |= kHasProto;
  if (k.length == 11 && memcmp(text, "constructor", 11) == 0) n.flags |= kHasConstructor;
  if (is_index(text, k.length)) n.flags |= kHasIndex;
  for (uint32_t at = node; origins_[at].parent != kNoParent; at = origins_[at].parent)
    if (origins_[at].key_id == id) n.flags |= kHasDuplicate;
  parent.first_child = made;
  parent.predicted = made;
  parent.children++;
  return made;
}

/** The id of an unescaped key. false: refused, or it is wrong: nobody has checked the escaped text yet. */
bool Shapes::intern(const uint8_t* key, uint32_t length, uint32_t* id) noexcept {
  if (arena_used_ + length > kMaxKeyBytes || !arena_.reserve(arena_used_ + length + 1, arena_used_)) {
    full_ = true;
    return false;
  }
  uint8_t* text = arena_.data() + arena_used_;
  ptrdiff_t bytes = to_utf8(key, length, text, true);
  if (bytes < 0) return false;
  uint32_t n = static_cast<uint32_t>(bytes);
  uint32_t slot = hash_of(text, n), alike = 0;
  for (uint32_t at = table_[slot]; at != kNone; at = keys_[at].next) {
    alike++;
    if (keys_[at].length != n || memcmp(arena_.data() + keys_[at].offset, text, n) != 0) continue;
    *id = at;
    return true;
  }
  if (alike >= kMaxAlike) return false;
  if (!keys_.reserve(key_count_ + 1, key_count_)) {
    full_ = true;
    return false;
  }
  keys_[key_count_] = {arena_used_, n, table_[slot]};
  arena_used_ += n;
  table_[slot] = key_count_;
  *id = key_count_++;
  return true;
}

/** The objects of a root get no constructors, whatever they had, until many of them have gone by. */
void Shapes::drift(uint32_t root) noexcept {
  nodes_[root].key_offset = nodes_[root].sibling = 0;
  for (uint32_t i = root; i < node_count_; i++) {
    if (origins_[i].root != root) continue;
    nodes_[i].flags |= kDrifts;
    nodes_[i].shape = -1;
  }
}

/** The end of drift(). */
void Shapes::settle(uint32_t root) noexcept {
  nodes_[root].key_offset = nodes_[root].sibling = 0;
  origins_[root].key_id = 0;
  for (uint32_t i = root; i < node_count_; i++) {
    if (origins_[i].root != root) continue;
    nodes_[i].flags &= static_cast<uint8_t>(~kDrifts);
    nodes_[i].hits = 0;
  }
}

/** An object that ended at `node` goes without a constructor because others have them all. */
void Shapes::refuse(uint32_t node) noexcept {
  if (nodes_[node].hits < kShapeAfter + kComesAgain) {
    nodes_[node].hits++;
    return;
  }
  if (++refused_ < kFirstPatience << renewals_) return;
  full_ = true;
  refused_ = 0;
  if (renewals_ < kLongestPatience) renewals_++;
}

int32_t Shapes::make_shape(uint32_t node) noexcept {
  if (shape_count_ >= kMaxShapes) {
    refuse(node);
    return -1;
  }
  const uint32_t root = origins_[node].root;
  if (++origins_[root].key_id > kMaxRootShapes) {
    drift(root);
    return -1;
  }
  if (!shapes_.reserve(shape_count_ + 1, shape_count_)) return -1;
  shapes_[shape_count_] = node;
  nodes_[node].shape = static_cast<int32_t>(shape_count_);
  return static_cast<int32_t>(shape_count_++);
}

}  // namespace tailrace::json
