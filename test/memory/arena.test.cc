// The request arena: alignment, growth, escape, reuse, and no memory.
#include "memory/arena.h"

#include <doctest/doctest.h>

#include <cstring>
#include <vector>

#include "random.h"

using namespace tailrace;
using namespace tailrace::memory;

TEST_CASE("every alignment, every size, no overlap, all back at the end") {
  const uint64_t seed = test::seed();
  CAPTURE(seed);
  test::Random random(seed);
  Cache cache;
  (void)purge();
  {
    Arena arena(cache);
    for (int request = 0; request < 200; request++) {
      struct Piece {
        char* at;
        size_t bytes;
        char mark;
      };
      std::vector<Piece> pieces;
      const int count = static_cast<int>(random.below(200));
      for (int i = 0; i < count; i++) {
        const size_t bytes = random.below(30) == 0 ? random.below(100'000) : random.below(200);
        const size_t align = size_t{1} << random.below(random.below(10) == 0 ? 13 : 5);
        auto* p = static_cast<char*>(arena.allocate(bytes, align));
        REQUIRE(p != nullptr);
        REQUIRE(reinterpret_cast<uintptr_t>(p) % align == 0);
        pieces.push_back({p, bytes, static_cast<char>(i)});
        std::memset(p, i, bytes);
      }
      for (const Piece& piece : pieces) {
        for (size_t i = 0; i < piece.bytes; i++) {
          if (piece.at[i] != piece.mark) FAIL("overwritten");
        }
      }
      arena.reset();
      REQUIRE(arena.held_bytes() <= Arena::kMaxKeptBytes);
    }
    arena.release();
    CHECK(arena.held_bytes() == 0);
    CHECK(arena.allocate(10) != nullptr);
  }
  cache.flush();
  CHECK(stats().in_use_bytes == 0);
}

TEST_CASE("what wants a large alignment first of all stays in memory of its own") {
  Cache cache;
  for (size_t align = 16; align <= 4096; align *= 2) {
    CAPTURE(align);
    // Neighbours of the first chunk, before and behind it.
    std::vector<char*> others;
    for (int i = 0; i < 8; i++) others.push_back(static_cast<char*>(cache.allocate(Arena::kFirstChunkBytes)));
    cache.free(others[4]);
    for (char* other : others)
      if (other != others[4]) std::memset(other, 1, Arena::kFirstChunkBytes);
    Arena arena(cache);
    for (int i = 0; i < 3; i++) {
      void* at = arena.allocate(400, align);
      REQUIRE(reinterpret_cast<uintptr_t>(at) % align == 0);
      std::memset(at, 2, 400);
      std::memset(arena.allocate(100), 2, 100);
    }
    bool kept = true;
    for (char* other : others)
      for (size_t i = 0; other != others[4] && i < Arena::kFirstChunkBytes; i++) kept &= other[i] == 1;
    CHECK(kept);
    arena.release();
    for (char* other : others)
      if (other != others[4]) cache.free(other);
  }
}

TEST_CASE("a small request costs one chunk, and the next one none") {
  Cache cache;
  Arena arena(cache);
  CHECK(arena.held_bytes() == 0);
  void* first = arena.allocate(100);
  CHECK(arena.held_bytes() == Arena::kFirstChunkBytes);
  arena.reset();
  CHECK(arena.allocate(100) == first);
}

TEST_CASE("requests of one size take one chunk each; the arena shrinks when they become small") {
  Cache cache;
  Arena arena(cache);
  const auto request = [&](int pieces) {
    for (int i = 0; i < pieces; i++) REQUIRE(arena.allocate(64) != nullptr);
    const size_t held = arena.held_bytes();
    arena.reset();
    return held;
  };
  CHECK(request(100) == 2048 + 4096 + 8192);
  CHECK(arena.held_bytes() == 8192);
  CHECK(request(100) == 8192);
  CHECK(request(3) == 8192);
  CHECK(request(100) == 8192);  // one small one changes nothing
  for (int i = 0; i < 8; i++) CHECK(request(3) == 8192);
  CHECK(request(3) == 2048);
  (void)request(2000);
  CHECK(arena.held_bytes() <= Arena::kMaxKeptBytes);
}

TEST_CASE("pieces of 0 bytes are pieces, and none needs a chunk of its own") {
  Cache cache;
  Arena arena(cache);
  void* first = arena.allocate(0);
  CHECK(first != nullptr);
  for (int i = 0; i < 100; i++) CHECK(arena.allocate(0) != first);
  CHECK(arena.held_bytes() == Arena::kFirstChunkBytes);
}

TEST_CASE("a large piece escapes: it does not make the chunks large") {
  Cache cache;
  Arena arena(cache);
  (void)arena.allocate(8);
  (void)arena.allocate(1 << 20);
  CHECK(arena.held_bytes() >= (1 << 20) + Arena::kFirstChunkBytes);
  (void)arena.allocate(8);
  CHECK(arena.held_bytes() < (1 << 20) + 2 * Arena::kFirstChunkBytes);
}

TEST_CASE("refusals are null and leave the arena usable") {
  Cache cache;
  Arena arena(cache);
  CHECK(arena.allocate(SIZE_MAX) == nullptr);
  CHECK(arena.allocate(SIZE_MAX / 2) == nullptr);
  CHECK(arena.allocate(8, 1 << 20) == nullptr);
  CHECK(arena.allocate(8) != nullptr);
}

#if defined(TAILRACE_ASAN)
TEST_CASE("ASan sees what a reset took away") {
  Cache cache;
  Arena arena(cache);
  auto* p = static_cast<char*>(arena.allocate(64));
  CHECK(!is_poisoned(p));
  arena.reset();
  CHECK(is_poisoned(p));
}
#endif
