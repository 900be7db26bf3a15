// What the C++ benches of memory do to an allocator, whichever it is: a struct with `allocate(bytes)` and
// `free(p)`, one object a thread. Both are called out of line, since the caller of a library cannot inline
// its peers either; every block is touched.
#pragma once

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

namespace bench {

inline double now_ns() {
  return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

/** Processors this process may use: not all, under taskset. */
inline const cpu_set_t& allowed() {
  static const cpu_set_t set = [] {
    cpu_set_t mine;
    CPU_ZERO(&mine);
    sched_getaffinity(getpid(), sizeof mine, &mine);
    return mine;
  }();
  return set;
}
inline unsigned processors() { return std::max(1u, static_cast<unsigned>(CPU_COUNT(&allowed()))); }

/** Pins the calling thread to the nth of them. */
inline void pin(unsigned nth) {
  nth %= processors();
  cpu_set_t set;
  CPU_ZERO(&set);
  for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++) {
    if (!CPU_ISSET(cpu, &allowed()) || nth-- != 0) continue;
    CPU_SET(cpu, &set);
    break;
  }
  pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

inline void touch(void* p) { *static_cast<volatile char*>(p) = 1; }

/** xorshift64: the same sizes for everybody. */
struct Sequence {
  uint64_t state;
  uint64_t next() {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
  }
};

inline size_t mixed_size(uint64_t bits) { return 16 + (bits >> 32) % 4081; }

/** ns for allocate and free of one block of 64 bytes. */
template <class Allocator>
double pair_64() {
  Allocator memory;
  constexpr int kPairs = 2'000'000;
  for (int i = 0; i < 1000; i++) memory.free(memory.allocate(64));
  const double start = now_ns();
  for (int i = 0; i < kPairs; i++) {
    void* p = memory.allocate(64);
    asm volatile("" : : "r"(p) : "memory");
    memory.free(p);
  }
  return (now_ns() - start) / kPairs;
}

/** ns a block: 1,000 of 64 bytes made, then freed last first. */
template <class Allocator>
double lifo_1000() {
  Allocator memory;
  constexpr int kBlocks = 1000, kRounds = 2000;
  static void* blocks[kBlocks];
  double start = 0;
  for (int round = -50; round < kRounds; round++) {
    if (round == 0) start = now_ns();
    for (void*& block : blocks) {
      block = memory.allocate(64);
      touch(block);
    }
    for (int i = kBlocks; i-- > 0;) memory.free(blocks[i]);
  }
  return (now_ns() - start) / (double{kBlocks} * kRounds);
}

/** Millions of replacements a second: each thread has 10,000 blocks of 16 to 4,096 bytes, one replaced each
 * time. */
template <class Allocator>
double larson(int threads, double seconds) {
  constexpr int kLive = 10'000;
  std::atomic<int> ready{0};
  std::atomic<bool> go{false}, stop{false};
  std::vector<uint64_t> done(static_cast<size_t>(threads) * 16);
  std::vector<std::thread> all;
  for (int t = 0; t < threads; t++) {
    all.emplace_back([&, t] {
      pin(static_cast<unsigned>(t));
      Allocator memory;
      Sequence random{88172645463325252ull + static_cast<uint64_t>(t)};
      std::vector<void*> live(kLive);
      for (void*& p : live) {
        p = memory.allocate(mixed_size(random.next()));
        touch(p);
      }
      ready.fetch_add(1);
      while (!go.load(std::memory_order_acquire)) {
      }
      uint64_t count = 0;
      while (!stop.load(std::memory_order_relaxed)) {
        for (int i = 0; i < 1000; i++) {
          const uint64_t bits = random.next();
          void*& slot = live[bits % kLive];
          memory.free(slot);
          slot = memory.allocate(mixed_size(bits));
          touch(slot);
        }
        count += 1000;
      }
      done[static_cast<size_t>(t) * 16] = count;
      for (void* p : live) memory.free(p);
    });
  }
  while (ready.load() < threads) std::this_thread::yield();
  const double start = now_ns();
  go.store(true, std::memory_order_release);
  usleep(static_cast<useconds_t>(seconds * 1e6));
  stop.store(true);
  for (std::thread& thread : all) thread.join();
  const double ns = now_ns() - start;
  uint64_t sum = 0;
  for (uint64_t each : done) sum += each;
  return static_cast<double>(sum) / ns * 1e3;
}

/** ns a block of 256 bytes that one thread makes and another frees, handed over by a ring in steps of 64. */
template <class Allocator>
double producer_consumer() {
  constexpr uint64_t kBlocks = 3'000'000, kMask = (1 << 14) - 1;
  static void* ring[kMask + 1];
  static std::atomic<uint64_t> head, tail;
  head = 0;
  tail = 0;
  std::thread consumer([] {
    pin(1);
    Allocator memory;
    uint64_t at = 0;
    while (at < kBlocks) {
      const uint64_t end = tail.load(std::memory_order_acquire);
      while (at < end) memory.free(ring[at++ & kMask]);
      head.store(at, std::memory_order_release);
    }
  });
  pin(0);
  Allocator memory;
  const double start = now_ns();
  uint64_t seen = 0;
  for (uint64_t i = 0; i < kBlocks; i++) {
    while (i - seen > kMask - 1) seen = head.load(std::memory_order_acquire);
    void* p = memory.allocate(256);
    touch(p);
    ring[i & kMask] = p;
    if ((i & 63) == 63) tail.store(i + 1, std::memory_order_release);
  }
  tail.store(kBlocks, std::memory_order_release);
  consumer.join();
  return (now_ns() - start) / static_cast<double>(kBlocks);
}

inline double resident_bytes() {
  FILE* file = std::fopen("/proc/self/statm", "r");
  long size = 0, resident = 0;
  if (!file || std::fscanf(file, "%ld %ld", &size, &resident) != 2) resident = 0;
  if (file) std::fclose(file);
  return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

struct Fragmentation {
  double full, freed, later, refill;  // resident bytes for each live one
};

/**
 * 200,000 blocks of 16 to 4,096 bytes; 90 % freed at random; a second of what `wait` does; then blocks of 32
 * to 512 bytes until as much is live as before.
 */
template <class Allocator, class Wait>
Fragmentation fragmentation(Wait&& wait) {
  Allocator memory;
  struct Block {
    void* at;
    size_t bytes;
  };
  std::vector<Block> blocks;
  blocks.reserve(200'000);
  std::memset(static_cast<void*>(blocks.data()), 1, 200'000 * sizeof(Block));  // ours, not the allocator's
  Sequence random{12345};
  const double before = resident_bytes();
  size_t live = 0;
  const auto ratio = [&] { return (resident_bytes() - before) / static_cast<double>(live); };
  for (int i = 0; i < 200'000; i++) {
    const size_t bytes = mixed_size(random.next());
    void* p = memory.allocate(bytes);
    std::memset(p, 1, bytes);
    blocks.push_back({p, bytes});
    live += bytes;
  }
  const size_t peak = live;
  Fragmentation result{};
  result.full = ratio();
  for (size_t i = blocks.size(); i > 1; i--) std::swap(blocks[i - 1], blocks[random.next() % i]);
  for (size_t i = 0; i < blocks.size() * 9 / 10; i++) {
    memory.free(blocks[i].at);
    live -= blocks[i].bytes;
  }
  result.freed = ratio();
  wait(memory);
  memory.free(memory.allocate(100));
  result.later = ratio();
  while (live < peak) {
    const size_t bytes = 32 + random.next() % 481;
    void* p = memory.allocate(bytes);
    std::memset(p, 1, bytes);
    live += bytes;
  }
  result.refill = ratio();
  return result;
}

}  // namespace bench
