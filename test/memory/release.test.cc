// While the system takes pages: nobody holds a lock, what it refuses stays, a huge page goes by one call.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <thread>
#include <vector>

#include "base/os.h"
#include "base/os_fakes.h"
#include "memory/cache.h"
#include "memory/central.h"
#include "memory/page_heap.h"
#include "scavenging.h"

using namespace tailrace;
using namespace tailrace::memory;
using test::begin;
using test::pass;

namespace {

/** What the system does with the calls that give memory back. */
struct Refusals {
  std::atomic<int> calls{0};
  std::atomic<int> let_pass{0};
  std::atomic<void (*)()> meanwhile{nullptr};
  os::Fakes fakes;
  Refusals() {
    fakes.user = this;
    fakes.fail = [](void* user, os::Call call) noexcept {
      auto* self = static_cast<Refusals*>(user);
      if (call != os::Call::map_decommit) return 0;
      self->calls.fetch_add(1);
      if (void (*run)() = self->meanwhile.load()) run();
      return self->let_pass.fetch_sub(1) > 0 ? 0 : EINVAL;
    };
  }
};

}  // namespace

TEST_CASE("a huge page goes by one call, so that the system need not break it") {
  Cache cache;
  uint64_t now = begin();
  (void)scavenge(now, SIZE_MAX);
  char* large = static_cast<char*>(cache.allocate(21u << 20));
  void* keep = cache.allocate(kPageBytes * 10);
  std::memset(large, 1, 21u << 20);
  cache.free(large);
  Refusals system;
  system.let_pass = 1 << 30;
  {
    os::ScopedFakes scope(system.fakes);
    const size_t whole = pass(now, kDecayNs / 2);
    CHECK(whole >= 18u << 20);
    CHECK(static_cast<size_t>(system.calls.load()) == whole >> 21);
    CHECK(scavenge(now, SIZE_MAX) == 0);
    CHECK(pass(now, kDecayNs / 2) >= (21u << 20) - whole);  // the ends
  }
  // As much as was asked for all the same, where that is less.
  large = static_cast<char*>(cache.allocate(21u << 20));
  cache.free(large);
  (void)pass(now, kDecayNs / 2 - 100'000'000);
  now += 100'000'000;
  CHECK(scavenge(now, 512u << 10) == 512u << 10);
  CHECK(scavenge(now, 3u << 20) == 3u << 20);
  cache.free(keep);
  (void)purge();
  CHECK(stats().committed_bytes == 0);
}

TEST_CASE("no call takes parts of two huge pages: what is left of the one goes before the other is broken") {
  constexpr size_t kHugeBytes = 2u << 20;
  Cache cache;
  uint64_t now = begin();
  (void)scavenge(now, SIZE_MAX);
  // The end of a huge page and the beginning of the next have memory, together less than one.
  char* front = static_cast<char*>(cache.allocate(kHugeBytes / 2));
  char* middle = static_cast<char*>(cache.allocate(kHugeBytes / 2 + kHugeBytes / 4));
  REQUIRE(reinterpret_cast<uintptr_t>(front) % kHugeBytes == 0);
  REQUIRE(middle == front + kHugeBytes / 2);
  cache.free(front);
  REQUIRE(purge() == kHugeBytes / 2);
  cache.free(middle);
  Refusals system;
  system.let_pass = 1 << 30;
  os::ScopedFakes scope(system.fakes);
  CHECK(pass(now, kDecayNs / 2) == kHugeBytes / 2 + kHugeBytes / 4);
  CHECK(system.calls.load() == 2);
}

TEST_CASE("what the system refuses to take stays as it was, and is asked for again when it changes") {
  Cache cache;
  uint64_t now = begin();
  std::vector<char*> blocks;
  for (int i = 0; i < 4000; i++) {
    blocks.push_back(static_cast<char*>(cache.allocate(1024)));
    std::memset(blocks.back(), 7, 1024);
  }
  void* large = cache.allocate(5u << 20);
  for (size_t i = 0; i < blocks.size(); i++)
    if (i % 64 != 0) cache.free(blocks[i]);
  cache.free(large);
  cache.flush();
  const uint64_t committed = stats().committed_bytes;
  Refusals system;
  {
    os::ScopedFakes scope(system.fakes);
    CHECK(pass(now, 2 * kDecayNs) == 0);
    CHECK(system.calls.load() > 2);
    CHECK(stats().committed_bytes == committed);
    const int before = system.calls.load();
    CHECK(pass(now, 2 * kDecayNs) == 0);
    CHECK(system.calls.load() == before);  // not again and again
    CHECK(purge() == 0);
  }
  // All of it is usable as ever, and goes once something has changed.
  std::vector<char*> again;
  for (int i = 0; i < 4000; i++) again.push_back(static_cast<char*>(cache.allocate(1024)));
  for (char* p : again) {
    REQUIRE(p != nullptr);
    std::memset(p, 9, 1024);
  }
  for (size_t i = 0; i < blocks.size(); i += 64) {
    CHECK(std::all_of(blocks[i], blocks[i] + 1024, [](char c) { return c == 7; }));
    cache.free(blocks[i]);
  }
  for (char* p : again) cache.free(p);
  cache.free(cache.allocate(5u << 20));
  cache.flush();
  (void)purge();
  CHECK(stats().committed_bytes == 0);
}

namespace {

// What another thread does while the system takes pages: nobody holds a lock then, or this would never end.
Cache* meanwhile_cache = nullptr;
std::vector<char*>* meanwhile_free = nullptr;
std::vector<char*>* meanwhile_made = nullptr;

void use_the_heap() {
  if (!meanwhile_free) return;
  std::vector<char*>& free = *meanwhile_free;
  // more than the central array holds, so that spans become empty
  for (int i = 0; i < 2500 && !free.empty(); i++) {
    meanwhile_cache->free(free.back());
    free.pop_back();
  }
  meanwhile_cache->flush();
  for (size_t bytes : {1024, 100'000}) {
    auto* p = static_cast<char*>(meanwhile_cache->allocate(bytes));
    if (!p) continue;
    std::memset(p, 5, bytes);
    meanwhile_made->push_back(p);
  }
  (void)stats();
}

}  // namespace

TEST_CASE(
    "while the system takes pages everybody else goes on: their spans empty, the runs beside are used") {
  for (int variant = 0; variant < 4; variant++) {
    const bool refused = variant % 2 != 0;
    const int run_count = variant < 2 ? 0 : 60;  // free runs go first, and the other thread is done then
    CAPTURE(variant);
    Cache cache;
    uint64_t now = begin();
    std::vector<char*> blocks;
    std::vector<char*> made;
    std::vector<char*> runs;
    for (int i = 0; i < 30'000; i++) blocks.push_back(static_cast<char*>(cache.allocate(1024)));
    for (int i = 0; i < run_count; i++) runs.push_back(static_cast<char*>(cache.allocate(150'000)));
    for (char* p : blocks) std::memset(p, 1, 1024);
    for (char* p : runs) std::memset(p, 1, 150'000);
    std::vector<char*> kept;
    for (size_t i = 0; i < blocks.size(); i++) {
      if (i % 8 == 0)
        kept.push_back(blocks[i]);
      else
        cache.free(blocks[i]);
    }
    for (size_t i = 0; i < runs.size(); i++) {
      if (i % 3 == 0)
        kept.push_back(runs[i]);
      else
        cache.free(runs[i]);
    }
    cache.flush();
    meanwhile_cache = &cache;
    meanwhile_free = &kept;
    meanwhile_made = &made;
    Refusals system;
    system.let_pass = refused ? 5 : 1 << 30;
    system.meanwhile = [] { std::thread(use_the_heap).join(); };
    {
      os::ScopedFakes scope(system.fakes);
      (void)pass(now, 2 * kDecayNs);
      CHECK(system.calls.load() > 5);
    }
    meanwhile_free = nullptr;
    for (char* p : made) CHECK((p[0] == 5 && p[1023] == 5));
    for (char* p : kept) {
      CHECK((p[0] == 1 && p[1023] == 1));
      cache.free(p);
    }
    for (char* p : made) cache.free(p);
    cache.flush();
    (void)purge();
    CHECK(stats().in_use_bytes == 0);
    const Stats end = stats();
    for (unsigned i = 1; i < kClasses; i++) CHECK(end.classes[i].spans == 0);
    if (!refused) CHECK(end.committed_bytes == 0);
  }
}

TEST_CASE("a block freed while its neighbours' page goes takes the page they share along, later") {
  constexpr size_t kBytes =
      2992;  // the third block is on the second page alone but for the end of the second
  Cache cache;
  uint64_t now = begin();
  std::vector<char*> blocks;
  for (int i = 0; i < 15; i++) blocks.push_back(static_cast<char*>(cache.allocate(kBytes)));
  std::sort(blocks.begin(), blocks.end());
  const Span* span = page_heap.span_of(blocks[0]);
  const uint8_t size_class = span->size_class;
  REQUIRE(kSizeClasses[size_class].size == kBytes);
  REQUIRE(page_heap.address_of(span) == blocks[0]);
  REQUIRE(blocks[2] == blocks[0] + 2 * kBytes);
  cache.free(blocks[0]);
  cache.free(blocks[1]);
  cache.flush();
  meanwhile_cache = &cache;
  meanwhile_free = &blocks;
  Refusals system;
  system.let_pass = 1 << 30;
  system.meanwhile = [] {
    Span* here = meanwhile_free ? page_heap.span_of((*meanwhile_free)[2]) : nullptr;
    if (!here || !here->held) return;
    meanwhile_cache->free((*meanwhile_free)[2]);
    meanwhile_cache->flush();
    central_lists[here->size_class].drain(here->size_class, true);
    CHECK(here->free_blocks == 1);  // less than a page by itself
    meanwhile_free = nullptr;
  };
  {
    os::ScopedFakes scope(system.fakes);
    for (int i = 0; i < 20 && page_heap.has_memory(span, 0); i++) (void)pass(now, 100'000'000);
    REQUIRE(!page_heap.has_memory(span, 0));
    CHECK(span->free_blocks == 3);
    CHECK(page_heap.has_memory(span, 1));
    (void)pass(now, 2 * kDecayNs);
    CHECK(!page_heap.has_memory(span, 1));
  }
  for (size_t i = 3; i < blocks.size(); i++) cache.free(blocks[i]);
  cache.flush();
  (void)purge();
  CHECK(stats().committed_bytes == 0);
}
