// Shapes: what keys the objects at one place of a document have, in which order. A trie along the path: a key
// slot knows the shapes of the objects that stand in it, so a key that follows as it did last time costs one
// compare, and an object seen often enough gets a constructor in JavaScript.
//
// Keys are compared as they are written; two spellings of one key (escapes) are two edges with one key id.
// Everything is bounded: hostile texts fill the trie, not the memory. A full trie refuses new edges (such
// objects travel with their keys, as maps do) and is thrown away at the start of the next parse.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "json/buffer.h"

namespace tailrace::json {

constexpr uint32_t kKeyInline = 32;

/** Flags of a path: or-ed from the root of the object to here. */
enum ShapeFlags : uint8_t {
  kHasProto = 1,        // a key __proto__
  kHasConstructor = 2,  // a key constructor
  kHasDuplicate = 4,    // a key twice
  kDrifts = 32,    // of a place with more shapes than constructors pay for; as kSawRefused in value_tape.h
  kHasIndex = 64,  // a key that is an array index
};
/** No constructor: it would be a wrong one (a key twice), or a slow one. A literal makes room for 17 elements
 * where there is one, and takes a slow way to a property __proto__. */
constexpr uint8_t kNeverAShape = kHasProto | kHasDuplicate | kHasIndex;

/** What following a known path touches: one line of the cache. */
struct ShapeNode {
  uint8_t key[kKeyInline];  // the key as written, both quotes included: its first bytes
  uint32_t predicted;       // the child taken last; 0: none (0 is the trie's own root, nobody's child)
  uint32_t sub;             // root of the objects that stand in this slot
  int32_t shape;            // its constructor's number, or -1
  uint32_t first_child;
  uint32_t sibling;     // of a root: of its objects, how many brought keys in an order that was not known
  uint32_t key_offset;  // the whole key, quotes included, in the arena; of a root: objects that stood here
  uint16_t key_length;  // quotes included; 0: a root, which no text is equal to
  uint16_t hits;        // objects that ended here
  uint8_t children;
  uint8_t depth;  // keys from the root of the object to here
  uint8_t flags;
  bool map;  // of a root: no other orders of keys are learned
};
static_assert(sizeof(ShapeNode) == 64);

/** What is asked for once: when a node is made, and when JavaScript is told of it. */
struct ShapeOrigin {
  uint32_t parent;  // kNoParent: the root of an object, before its first key
  uint32_t root;    // the root of the object; its own index for a root
  uint32_t key_id;  // of a root: how many of its objects' shapes have a constructor
};

class Shapes {
 public:
  static constexpr uint32_t kNoParent = 0xffff'ffffu;
  /** Nodes 1 to 32: the slots of whole texts. */
  static constexpr uint32_t kTextSlots = 32;
  static constexpr uint32_t kMaxNodes = 1u << 14;
  static constexpr uint32_t kMaxKeyBytes = 1u << 20;
  static constexpr uint32_t kMaxKeyLength = 256;  // without quotes
  static constexpr uint32_t kMaxDepth = 128;
  static constexpr uint32_t kMaxRootChildren = 48;
  static constexpr uint32_t kMaxChildren = 8;
  static constexpr uint32_t kMaxShapes = 2048;
  /** Keys of one hash: by chance there are a handful; more were made to be looked through one by one. */
  static constexpr uint32_t kMaxAlike = 32;
  /**
   * Constructors for the objects of one root. Hundreds of them are called from one place: V8 compiles each by
   * itself, and is faster at looking keys up in JSON.parse.
   */
  static constexpr uint32_t kMaxRootShapes = 64;
  /** Objects of one root that may bring unknown orders of keys, before a quarter of all is too much. */
  static constexpr uint32_t kStrangeAllowed = 32;
  static constexpr uint32_t kFirstPause = 128;  // objects; doubled each time
  static constexpr uint32_t kLongestPause = 10;
  /**
   * Once all constructors are taken: objects of one shape that go without before it is held for one that
   * comes again and again, and objects of such shapes before everything is forgotten and learned anew. Shapes
   * that come and go never bring that about: 2,048 constructors take V8 some 50 ms. The second number doubles
   * each time, for processes that always have more shapes than that.
   */
  static constexpr uint32_t kComesAgain = 64;
  static constexpr uint32_t kFirstPatience = 256;
  static constexpr uint32_t kLongestPatience = 12;
  /** Sightings before a shape is worth a constructor. */
  static constexpr uint32_t kShapeAfter = 12;

  explicit Shapes(memory::Cache& cache) noexcept
      : nodes_(cache), origins_(cache), arena_(cache), keys_(cache), table_(cache), shapes_(cache) {}

  /** Before each parse: empties a full trie. false: no memory. `generation` moves when it was emptied. */
  [[nodiscard]] bool begin() noexcept;

  /**
   * The slot of a whole text. Texts whose first keys differ have different ones, or all kinds of texts that
   * one process reads would share the bounds of one root.
   */
  uint32_t text_slot(const uint8_t* text, size_t size) const noexcept {
    size_t look = size < 256 ? size : 256;
    const void* quote = memchr(text, '"', look);
    if (!quote) return 1;
    const uint8_t* p = static_cast<const uint8_t*>(quote) + 1;
    uint32_t hash = 0;
    for (int i = 0; i < 8 && p < text + size && *p != '"'; i++, p++) hash = (hash + *p) * 0x9e3779b1u;
    return 1 + (hash >> 27);
  }

  ShapeNode* nodes() noexcept { return nodes_.data(); }
  const ShapeOrigin& origin(uint32_t node) const noexcept { return origins_[node]; }
  const uint8_t* arena() const noexcept { return arena_.data(); }

  /** The root of the objects that stand in `slot`; made when there is none; 0: refused. */
  uint32_t root_of(uint32_t slot) noexcept {
    uint32_t root = nodes_[slot].sub;
    return root ? root : make_root(slot);
  }
  /**
   * The child of `node` for a key (without its quotes, which stand around it), made when there is none; 0:
   * refused. May move nodes().
   */
  uint32_t child(uint32_t node, const uint8_t* key, uint32_t length) noexcept;
  /** An object ended at `node`. Its shape's number if it has a constructor now, or -1. */
  int32_t ended(uint32_t node) noexcept {
    ShapeNode& n = nodes_[node];
    if (n.shape >= 0) return n.shape;
    if (n.flags & kNeverAShape) return -1;
    if (n.flags & kDrifts) {
      // another chance after many objects: other texts may come here
      const uint32_t root = origins_[node].root;
      if (nodes_[root].key_offset >= kFirstPause << kLongestPause) settle(root);
      return -1;
    }
    if (n.hits < kShapeAfter) {
      n.hits++;
      return -1;
    }
    return make_shape(node);
  }

  // What JavaScript does not know yet; told() when it does.
  struct Key {
    uint32_t offset;  // unescaped, WTF-8, in the arena
    uint32_t length;
    uint32_t next;  // same hash slot
  };
  uint32_t generation() const noexcept { return generation_; }
  uint32_t node_count() const noexcept { return node_count_; }
  uint32_t key_count() const noexcept { return key_count_; }
  uint32_t shape_count() const noexcept { return shape_count_; }
  const Key& key(uint32_t id) const noexcept { return keys_[id]; }
  uint32_t shape_node(uint32_t shape) const noexcept { return shapes_[shape]; }
  uint32_t told_nodes = 1, told_keys = 0, told_shapes = 0;

 private:
  void clear() noexcept;
  uint32_t make_root(uint32_t slot) noexcept;
  bool pauses(uint32_t root) noexcept;
  bool churns(uint32_t root) noexcept;
  int32_t make_shape(uint32_t node) noexcept;
  void refuse(uint32_t node) noexcept;
  void drift(uint32_t root) noexcept;
  void settle(uint32_t root) noexcept;
  uint32_t make_node() noexcept;
  bool intern(const uint8_t* key, uint32_t length, uint32_t* id) noexcept;

  Buffer<ShapeNode> nodes_;
  Buffer<ShapeOrigin> origins_;
  Buffer<uint8_t> arena_;
  Buffer<Key> keys_;
  Buffer<uint32_t> table_;
  Buffer<uint32_t> shapes_;
  uint32_t node_count_ = 0;
  uint32_t arena_used_ = 0;
  uint32_t key_count_ = 0;
  uint32_t shape_count_ = 0;
  uint32_t generation_ = 0;
  uint32_t refused_ = 0;
  uint32_t renewals_ = 0;
  bool full_ = true;  // nothing is there yet: the first begin() makes it
};

}  // namespace tailrace::json
