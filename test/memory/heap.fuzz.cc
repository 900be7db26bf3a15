// Random operation sequences against a model: two caches, an arena, and all that moves memory between them
// and the system. Every live block keeps its bytes and overlaps no other; at the end all of it is back. A
// sequence is two bytes an operation, so that the fuzzer can cut and splice.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "memory/arena.h"
#include "memory/cache.h"

using namespace tailrace::memory;

namespace {

struct Block {
  unsigned char* at;
  size_t bytes;
  unsigned char mark;
};

void require(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

bool intact(const Block& block) {
  return std::all_of(block.at, block.at + block.bytes, [&](unsigned char c) { return c == block.mark; });
}

size_t size_of(unsigned code, unsigned value) {
  switch (code & 3) {
    case 0:
      return value;
    case 1:
      return value * 16;
    case 2:
      return value * 150;
    default:
      return value * 1500;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static uint64_t now = 1'000'000'000;
  {
    Cache caches[2];
    Arena arena(caches[0]);
    std::vector<Block> live;
    std::vector<Block> pieces;
    unsigned char mark = 0;
    for (size_t i = 0; i + 1 < size; i += 2) {
      const unsigned code = data[i] >> 4;
      Cache& cache = caches[data[i] & 1];
      const unsigned value = data[i + 1];
      mark++;
      if (code < 6) {
        const size_t bytes = size_of(data[i] >> 1, value);
        auto* p = static_cast<unsigned char*>(cache.allocate(bytes));
        if (!p) continue;  // the limit
        require(usable_size(p) >= bytes, "too small");
        std::memset(p, mark, bytes);
        live.push_back({p, bytes, mark});
      } else if (code < 11) {
        // Many at once, so that spans become partly used.
        for (unsigned n = 0; n <= (data[i] & 15u) && !live.empty(); n++) {
          const size_t which = (value * 7 + n * 3) % live.size();
          require(intact(live[which]), "a block was overwritten");
          code == 6 ? Cache::free_remote(live[which].at) : cache.free(live[which].at);
          live[which] = live.back();
          live.pop_back();
        }
      } else if (code == 11) {
        const size_t bytes = size_of(data[i] >> 1, value) / 4;
        auto* p = static_cast<unsigned char*>(arena.allocate(bytes, size_t{1} << (value % 8)));
        if (!p) continue;
        std::memset(p, mark, bytes);
        pieces.push_back({p, bytes, mark});
      } else if (code == 12) {
        require(std::all_of(pieces.begin(), pieces.end(), intact), "a piece of the arena was overwritten");
        pieces.clear();
        value & 1 ? arena.release() : arena.reset();
      } else if (code == 13) {
        (void)scavenge(now += value * 2'000'000ull, value * 4096);
      } else if (code == 14) {
        value & 1 ? cache.flush() : cache.decay();
      } else if (value & 1) {
        (void)purge();
      } else {
        set_limit(value & 2 ? kUnlimited : stats().committed_bytes + value * 1024);
      }
    }
    require(std::all_of(live.begin(), live.end(), intact), "a block was overwritten");
    require(std::all_of(pieces.begin(), pieces.end(), intact), "a piece of the arena was overwritten");
    arena.release();
    uint64_t bytes = 0;
    for (const Block& block : live) bytes += usable_size(block.at);
    require(stats().in_use_bytes == bytes, "the books do not balance");
    for (const Block& block : live) caches[1].free(block.at);
  }
  set_limit(kUnlimited);
  (void)purge();
  const Stats after = stats();
  require(after.in_use_bytes == 0 && after.cached_bytes == 0 && after.committed_bytes == 0, "memory is left");
  return 0;
}
