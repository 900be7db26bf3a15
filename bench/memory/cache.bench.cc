// Cache and Arena against malloc of the C library (or of what LD_PRELOAD puts in its place), out of line on
// both sides: the caller of a library cannot inline its peers either.
#include <cstdlib>

#include "../support/timing.h"
#include "memory/arena.h"
#include "memory/cache.h"

using namespace tailrace::memory;

namespace {

constexpr int kMany = 1000;  // operations a call: divide the figures by it

Cache cache;
void* blocks[kMany];

void keep(void* p) { asm volatile("" : : "r"(p) : "memory"); }

[[gnu::noinline]] void* ours(size_t bytes) { return cache.allocate(bytes); }
[[gnu::noinline]] void give(void* p) { cache.free(p); }

template <void* (*kAllocate)(size_t), void (*kFree)(void*)>
void pair() {
  for (int i = 0; i < kMany; i++) {
    void* p = kAllocate(64);
    keep(p);
    kFree(p);
  }
}

template <void* (*kAllocate)(size_t), void (*kFree)(void*)>
void lifo() {
  for (void*& block : blocks) {
    block = kAllocate(64);
    *static_cast<char*>(block) = 1;
  }
  for (int i = kMany; i-- > 0;) kFree(blocks[i]);
}

/** Sizes 16 to 4,096, one of a thousand live blocks replaced each time: larson's mix on one thread. */
template <void* (*kAllocate)(size_t), void (*kFree)(void*)>
void mixed() {
  static void* live[kMany] = {};
  static uint64_t state = 88172645463325252u;
  for (int i = 0; i < kMany; i++) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    void*& slot = live[state % kMany];
    if (slot) kFree(slot);
    slot = kAllocate(16 + (state >> 32) % 4081);
    *static_cast<char*>(slot) = 1;
  }
}

void arena() {
  static Arena request(cache);
  for (int i = 0; i < kMany; i++) {
    keep(request.allocate(64));
    if (i % 100 == 99) request.reset();
  }
}

}  // namespace

int main() {
  bench::time("pair 64 B x 1,000: cache", pair<ours, give>);
  bench::time("pair 64 B x 1,000: malloc", pair<std::malloc, std::free>);
  bench::time("LIFO of 1,000 x 64 B: cache", lifo<ours, give>);
  bench::time("LIFO of 1,000 x 64 B: malloc", lifo<std::malloc, std::free>);
  bench::time("mixed sizes x 1,000: cache", mixed<ours, give>);
  bench::time("mixed sizes x 1,000: malloc", mixed<std::malloc, std::free>);
  bench::time("arena 64 B x 1,000, reset a hundred", arena);
}
