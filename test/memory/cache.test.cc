// Caches against a simple model, across threads, and where memory runs out.
#include "memory/cache.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <map>
#include <memory>
#include <thread>
#include <vector>

#include "base/os_fakes.h"
#include "memory/central.h"
#include "panics.h"
#include "random.h"

using namespace tailrace;
using namespace tailrace::memory;
using test::Random;

namespace {

struct Live {
  char* at;
  size_t bytes;
  char mark;
};

size_t random_size(Random& random) {
  switch (random.below(20)) {
    case 0:
      return random.below(300'000);
    case 1:
      return random.below(kMaxSmallBytes + 200);
    case 2:
      return random.below(3) * 8192;
    default:
      return random.below(1500);
  }
}

void fill(const Live& live) { std::memset(live.at, live.mark, live.bytes); }

/** What is in use: no two blocks overlap. */
class Ranges {
 public:
  void take(const char* p, size_t bytes) {
    const auto at = reinterpret_cast<uintptr_t>(p);
    auto next = bytes_.lower_bound(at);
    if (next != bytes_.end()) REQUIRE(at + bytes <= next->first);
    if (next != bytes_.begin()) REQUIRE(std::prev(next)->first + std::prev(next)->second <= at);
    bytes_.emplace(at, bytes ? bytes : 1);
  }
  void leave(const char* p) { bytes_.erase(reinterpret_cast<uintptr_t>(p)); }

 private:
  std::map<uintptr_t, size_t> bytes_;  // by where they begin
};

bool intact(const Live& live) {
  return std::all_of(live.at, live.at + live.bytes, [&](char c) { return c == live.mark; });
}

}  // namespace

TEST_CASE("a block is aligned, large enough, and 0 bytes are a block too") {
  Cache cache;
  for (size_t bytes : {0ul, 1ul, 16ul, 17ul, 1000ul, 32768ul, 32769ul, 8ul << 20}) {
    void* p = cache.allocate(bytes);
    REQUIRE(p != nullptr);
    CHECK(reinterpret_cast<uintptr_t>(p) % 16 == 0);
    CHECK(usable_size(p) >= bytes);
    CHECK(owns(p));
    std::memset(p, 1, bytes);
    cache.free(p);
  }
  cache.free(nullptr);
  Cache::free_remote(nullptr);
  int here = 0;
  CHECK(!owns(&here));
  CHECK(usable_size(&here) == 0);
}

TEST_CASE("random operations against a model: blocks never overlap, never change, and all come back") {
  const uint64_t seed = test::seed();
  CAPTURE(seed);
  Random random(seed);
  {
    auto caches = std::make_unique<Cache[]>(3);
    std::vector<Live> live;
    Ranges ranges;
    uint64_t now = 1'000'000'000;
    for (int step = 0; step < 60'000; step++) {
      Cache& cache = caches[random.below(3)];
      const bool grow = random.below(100) < (step / 10'000 % 2 == 0 ? 60u : 40u);
      if (grow || live.empty()) {
        const size_t bytes = random_size(random);
        auto* p = static_cast<char*>(cache.allocate(bytes));
        REQUIRE(p != nullptr);
        ranges.take(p, bytes);
        live.push_back({p, bytes, static_cast<char>(random.next())});
        fill(live.back());
      } else {
        const size_t i = random.below(live.size());
        REQUIRE(intact(live[i]));
        ranges.leave(live[i].at);
        if (random.below(10) == 0)
          Cache::free_remote(live[i].at);
        else
          cache.free(live[i].at);
        live[i] = live.back();
        live.pop_back();
      }
      if (random.below(2000) == 0) cache.flush();
      if (random.below(2000) == 0) cache.decay();
      if (random.below(2000) == 0) (void)purge();
      if (random.below(500) == 0) (void)scavenge((now += random.below(400'000'000)), 1 << random.below(24));
      if (random.below(1000) == 0) {
        uint64_t bytes = 0;
        for (const Live& block : live) bytes += usable_size(block.at);
        REQUIRE(stats().in_use_bytes == bytes);
      }
    }
    for (const Live& block : live) {
      REQUIRE(intact(block));
      caches[0].free(block.at);
    }
  }
  (void)purge();
  const Stats after = stats();
  CHECK(after.in_use_bytes == 0);
  CHECK(after.cached_bytes == 0);
  CHECK(after.committed_bytes == 0);
}

TEST_CASE("blocks made by one thread and freed by others") {
  constexpr int kPairs = 2, kBlocks = 40'000, kRing = 256;
  struct Ring {
    std::atomic<Live*> slots[kRing] = {};
  };
  std::vector<std::unique_ptr<Ring>> rings;
  for (int i = 0; i < kPairs; i++) rings.push_back(std::make_unique<Ring>());
  std::atomic<int> broken{0};
  std::vector<std::thread> threads;
  for (int pair = 0; pair < kPairs; pair++) {
    threads.emplace_back([&, pair] {
      Cache cache;
      Random random(pair + 1);
      for (int i = 0; i < kBlocks; i++) {
        auto* live = static_cast<Live*>(cache.allocate(sizeof(Live)));
        const size_t bytes = random.below(2000);
        *live = {static_cast<char*>(cache.allocate(bytes)), bytes, static_cast<char>(i)};
        fill(*live);
        auto& slot = rings[pair]->slots[i % kRing];
        // acquire and release: the block's content, with the other side's exchange
        while (slot.load(std::memory_order_acquire)) std::this_thread::yield();
        slot.store(live, std::memory_order_release);
      }
    });
    threads.emplace_back([&, pair] {
      Cache cache;
      for (int i = 0; i < kBlocks; i++) {
        auto& slot = rings[pair]->slots[i % kRing];
        Live* live;
        while (!(live = slot.load(std::memory_order_acquire))) std::this_thread::yield();
        slot.store(nullptr, std::memory_order_release);
        if (!intact(*live)) broken.fetch_add(1);
        if (i % 3 == 0) {
          Cache::free_remote(live->at);
          Cache::free_remote(live);
        } else {
          cache.free(live->at);
          cache.free(live);
        }
      }
    });
  }
  threads.emplace_back([&] {
    for (int i = 0; i < 200; i++) {
      (void)stats();
      (void)scavenge(i * 1'000'000'000ull, SIZE_MAX);
      std::this_thread::yield();
    }
  });
  for (std::thread& thread : threads) thread.join();
  CHECK(broken.load() == 0);
  (void)purge();
  CHECK(stats().in_use_bytes == 0);
  CHECK(stats().committed_bytes == 0);
}

TEST_CASE("frees of threads without a cache are collected, a batch at a time") {
  for (size_t bytes : {16ul, 256ul, 4096ul, 32768ul}) {
    CAPTURE(bytes);
    const unsigned size_class = size_class_of(bytes);
    Central& central = central_lists[size_class];
    (void)purge();
    Cache cache;
    const uint32_t batch = Central::remote_batch(size_class);
    std::vector<void*> blocks;
    for (uint32_t i = 0; i < 3 * batch; i++) blocks.push_back(cache.allocate(bytes));
    cache.flush();
    (void)purge();
    const uint64_t in_use = stats().classes[size_class].blocks;
    std::thread([&] {
      for (uint32_t i = 0; i + 1 < batch; i++) Cache::free_remote(blocks[i]);
      CHECK(central.counts().remote == batch - 1);  // not under the lock yet
      CHECK(central.counts().waiting == 0);
      Cache::free_remote(blocks[batch - 1]);
      CHECK(central.counts().remote == 0);
      CHECK(central.counts().waiting == batch);
      for (uint32_t i = batch; i < 3 * batch - 1; i++) Cache::free_remote(blocks[i]);
    }).join();
    // The thread is gone, and no figure forgets what it left behind.
    CHECK(central.counts().remote == batch - 1);
    CHECK(stats().classes[size_class].blocks == in_use - (3 * batch - 1));
    CHECK(scavenge_pending());
    (void)purge();
    CHECK(central.counts().remote == 0);
    CHECK(central.counts().waiting == 0);
    cache.free(blocks.back());
  }
}

TEST_CASE("an allocation takes what threads without a cache have freed before it takes new memory") {
  (void)purge();
  Cache cache;
  const unsigned size_class = size_class_of(8192);
  std::vector<void*> blocks;
  for (int i = 0; i < 7; i++) blocks.push_back(cache.allocate(8192));
  cache.flush();
  (void)purge();
  for (void* p : blocks) Cache::free_remote(p);
  CHECK(central_lists[size_class].counts().remote == 7);
  Cache other;
  std::vector<void*> again;
  for (int i = 0; i < 7; i++) again.push_back(other.allocate(8192));
  std::sort(blocks.begin(), blocks.end());
  std::sort(again.begin(), again.end());
  CHECK(again == blocks);
  for (void* p : again) other.free(p);
}

TEST_CASE("a block freed twice by threads without a cache is found") {
  if (!test::kCanFork) return;
  CHECK(test::panics([] {
    Cache cache;
    void* p = cache.allocate(100);
    cache.flush();
    Cache::free_remote(p);
    Cache::free_remote(p);
    (void)purge();
  }));
}

TEST_CASE("a cache keeps a bounded amount") {
  Cache cache;
  std::vector<void*> blocks;
  for (int i = 0; i < 100'000; i++) blocks.push_back(cache.allocate(64));
  for (void* p : blocks) cache.free(p);
  CHECK(cache.cached_bytes() <= 131072);
  const size_t before = cache.cached_bytes();
  cache.decay();  // busy since the last one: keeps
  CHECK(cache.cached_bytes() == before);
  for (int i = 0; i < 20; i++) cache.decay();
  CHECK(cache.cached_bytes() == 0);
}

TEST_CASE("the limit is a refusal, and room made again is used again") {
  Cache cache;
  cache.flush();
  (void)purge();
  const uint64_t before = stats().committed_bytes;
  set_limit(before + (8u << 20));
  std::vector<void*> blocks;
  for (;;) {
    void* p = cache.allocate(10'000);
    if (!p) break;
    blocks.push_back(p);
    REQUIRE(blocks.size() < 2000);
  }
  CHECK(blocks.size() > 600);
  CHECK(stats().committed_bytes <= limit());
  CHECK(cache.allocate(9u << 20) == nullptr);
  CHECK(stats().refused >= 2);
  // Free pages of other sizes are given back to make room, without a purge.
  for (void* p : blocks) cache.free(p);
  cache.flush();
  void* large = cache.allocate(6u << 20);
  CHECK(large != nullptr);
  cache.free(large);
  set_limit(kUnlimited);
}

TEST_CASE(
    "a limit that moves while blocks live: what gives way is joined with its neighbours and with nothing "
    "else") {
  const uint64_t seed = test::seed();
  CAPTURE(seed);
  Random random(seed);
  {
    Cache cache;
    std::vector<Live> live;
    Ranges ranges;
    for (int step = 0; step < 8'000; step++) {
      if (random.below(4) == 0) set_limit(stats().committed_bytes + random.below(1u << 18));
      if (random.below(100) < 55 || live.empty()) {
        const size_t bytes = random.below(4) ? random.below(200'000) : random_size(random);
        auto* p = static_cast<char*>(cache.allocate(bytes));
        if (!p) continue;
        ranges.take(p, bytes);
        live.push_back({p, bytes, static_cast<char>(random.next())});
        fill(live.back());
      } else {
        const size_t i = random.below(live.size());
        REQUIRE(intact(live[i]));
        ranges.leave(live[i].at);
        cache.free(live[i].at);
        live[i] = live.back();
        live.pop_back();
      }
    }
    for (const Live& block : live) {
      REQUIRE(intact(block));
      cache.free(block.at);
    }
    set_limit(kUnlimited);
  }
  (void)purge();
  CHECK(stats().in_use_bytes == 0);
  CHECK(stats().committed_bytes == 0);
}

TEST_CASE("sizes that no machine has are refused") {
  Cache cache;
  CHECK(cache.allocate(SIZE_MAX) == nullptr);
  CHECK(cache.allocate(SIZE_MAX - kPageBytes + 1) == nullptr);
  CHECK(cache.allocate(size_t{1} << 46) == nullptr);
  CHECK(cache.allocate(uint64_t{1} << 45) == nullptr);
}

TEST_CASE("a million of each: refusals, frees of other owners, large blocks; memory is where it was") {
  constexpr int kMillion = 1'000'000;
  Cache cache;
  Cache other;
  (void)purge();
  const Stats before = stats();
  int refused = 0;
  for (int i = 0; i < kMillion; i++) refused += cache.allocate(SIZE_MAX - static_cast<size_t>(i)) == nullptr;
  CHECK(refused == kMillion);
  CHECK(stats().refused == before.refused + kMillion);
  for (int i = 0; i < kMillion; i++) {
    void* p = cache.allocate(static_cast<size_t>(i) % 5000);
    if (i % 64 == 0)
      Cache::free_remote(p);
    else
      (i % 2 ? cache : other).free(p);
  }
  for (int i = 0; i < kMillion / 20; i++) other.free(cache.allocate(40'000 + static_cast<size_t>(i)));
  cache.flush();
  other.flush();
  (void)purge();
  const Stats after = stats();
  CHECK(after.in_use_bytes == before.in_use_bytes);
  CHECK(after.cached_bytes == before.cached_bytes);
  CHECK(after.committed_bytes == before.committed_bytes);
}

TEST_CASE("what is given back can be used again, and is zero only by chance of nobody's promise") {
  Cache cache;
  auto* p = static_cast<char*>(cache.allocate(1u << 20));
  std::memset(p, 7, 1u << 20);
  cache.free(p);
  cache.flush();
  CHECK(purge() >= 1u << 20);
  auto* again = static_cast<char*>(cache.allocate(1u << 20));
  std::memset(again, 8, 1u << 20);
  CHECK(again[12345] == 8);
  cache.free(again);
}

#if defined(TAILRACE_OS_FAKES) && TAILRACE_OS_FAKES
TEST_CASE("the system refuses memory: null, no crash, and it works again afterwards") {
  struct State {
    std::atomic<bool> refuse{true};
  } state;
  os::Fakes fakes{[](void* user, os::Call call) noexcept -> int {
                    return static_cast<State*>(user)->refuse.load() && call == os::Call::map_commit ? ENOMEM
                                                                                                    : 0;
                  },
                  nullptr, nullptr, &state};
  os::ScopedFakes scope(fakes);
  Cache cache;
  (void)purge();
  // Large enough that the heap has to grow; what it had is used up first.
  std::vector<void*> blocks;
  void* p = nullptr;
  for (int i = 0; i < 20'000; i++) {
    p = cache.allocate(1u << 20);
    if (!p) break;
    blocks.push_back(p);
  }
  CHECK(p == nullptr);
  int small = 0;
  while (void* q = cache.allocate(64)) {
    blocks.push_back(q);
    REQUIRE(++small < 10'000'000);
  }
  state.refuse.store(false);
  p = cache.allocate(1u << 20);
  CHECK(p != nullptr);
  cache.free(p);
  for (void* block : blocks) cache.free(block);
}
#endif

TEST_CASE("freeing what is not alive is a panic, not corruption") {
  if (!test::kCanFork) return;
  static Cache cache;
  CHECK(test::panics([] {
    int here = 0;
    cache.free(&here);
  }));
  CHECK(test::panics([] {
    void* p = cache.allocate(100'000);
    cache.free(p);
    cache.free(p);
  }));
  CHECK(test::panics([] {
    void* p = cache.allocate(64);
    cache.free(p);
    cache.free(p);
    cache.flush();
    (void)purge();
  }));
  CHECK(test::panics([] {
    char* p = static_cast<char*>(cache.allocate(100'000));
    cache.free(p + 8192);
  }));
  CHECK(!test::panics([] { cache.free(cache.allocate(64)); }));
}

#if defined(TAILRACE_ASAN)
TEST_CASE("ASan sees a freed block, and the byte behind the one asked for") {
  Cache cache;
  auto* p = static_cast<char*>(cache.allocate(50));
  CHECK(!is_poisoned(p + 49));
  CHECK(is_poisoned(p + 50));
  cache.free(p);
  CHECK(is_poisoned(p));
  auto* large = static_cast<char*>(cache.allocate(100'000));
  CHECK(!is_poisoned(large + 99'999));
  CHECK(is_poisoned(large + 100'000));
  cache.free(large);
  CHECK(is_poisoned(large));
}
#endif
