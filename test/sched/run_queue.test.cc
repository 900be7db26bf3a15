// The ring with half stealing, tiny on purpose: every wrap and every race between owner and thieves comes
// often.
#include "sched/run_queue.h"

#include <doctest/doctest.h>

#include <random>
#include <thread>
#include <vector>

#include "sched/latency.h"

using tailrace::sched::Latency;
using tailrace::sched::RunQueue;

namespace {
struct Item {
  int number = 0;
  std::atomic<int> seen{0};
};
}  // namespace

TEST_CASE("first in, first out; full at its capacity; the slot stands in front") {
  RunQueue<Item, 4> queue;
  Item items[6];
  CHECK(queue.empty());
  for (int lap = 0; lap < 10; lap++) {
    for (int i = 0; i < 4; i++) CHECK(queue.push(items[i]));
    CHECK_FALSE(queue.push(items[4]));
    CHECK(queue.size() == 4);
    CHECK(queue.swap_slot(&items[4]) == nullptr);
    CHECK(queue.swap_slot(&items[5]) == &items[4]);
    CHECK(queue.size() == 5);
    CHECK(queue.take_slot() == &items[5]);
    CHECK(queue.take_slot() == nullptr);
    for (int i = 0; i < 4; i++) CHECK(queue.pop() == &items[i]);
    CHECK(queue.pop() == nullptr);
  }
}

TEST_CASE("half is taken and stolen, the oldest first") {
  RunQueue<Item, 8> from, into;
  Item items[8];
  Item* out[4];
  for (auto& item : items) CHECK(from.push(item));
  CHECK(from.take_half(out) == 4);
  for (int i = 0; i < 4; i++) CHECK(out[i] == &items[i]);
  CHECK(from.steal_half(into) == 2);
  CHECK(into.pop() == &items[4]);
  CHECK(into.pop() == &items[5]);
  CHECK(from.steal_half(into) == 1);
  CHECK(from.steal_half(into) == 1);  // the last one too
  CHECK(from.steal_half(into) == 0);
  CHECK(into.pop() == &items[6]);
  CHECK(into.pop() == &items[7]);
}

template <uint32_t N>
void race(int count, int thieves) {
  RunQueue<Item, N> queue;
  std::vector<Item> items(static_cast<size_t>(count));
  std::atomic<bool> stop{false};
  std::atomic<int> got{0};
  auto see = [&](Item* item) {
    item->seen.fetch_add(1, std::memory_order_relaxed);
    got.fetch_add(1, std::memory_order_relaxed);
  };
  std::vector<std::thread> threads;
  for (int t = 0; t < thieves; t++) {
    threads.emplace_back([&] {
      RunQueue<Item, N> mine;
      while (!stop.load(std::memory_order_relaxed)) {
        queue.steal_half(mine);
        while (Item* item = mine.pop()) see(item);
        if (Item* item = queue.take_slot()) see(item);
        std::this_thread::yield();
      }
    });
  }
  Item* half[N / 2];
  for (int i = 0; i < count; i++) {
    Item& item = items[static_cast<size_t>(i)];
    item.number = i;
    if (i % 3 == 0) {
      Item* before = queue.swap_slot(&item);
      if (!before) continue;
      while (!queue.push(*before)) {
        const uint32_t taken = queue.take_half(half);
        for (uint32_t k = 0; k < taken; k++) see(half[k]);
      }
    } else {
      while (!queue.push(item)) {
        if (Item* oldest = queue.pop()) see(oldest);
      }
    }
    if (i % 5 == 0) {
      if (Item* oldest = queue.pop()) see(oldest);
    }
  }
  while (Item* item = queue.pop()) see(item);
  while (Item* item = queue.take_slot()) see(item);
  while (got.load(std::memory_order_relaxed) < count) std::this_thread::yield();
  stop.store(true, std::memory_order_relaxed);
  for (auto& thread : threads) thread.join();
  int wrong = 0;
  for (auto& item : items) wrong += item.seen.load() != 1;
  CHECK(wrong == 0);
  CHECK(got == count);
}

TEST_CASE("thieves against the owner: each item is taken exactly once") {
  race<2>(30000, 2);
  race<4>(30000, 3);
  race<256>(60000, 2);
}

TEST_CASE("latency buckets: ordered, without gaps, off by an eighth at most") {
  for (uint32_t bucket = 0; bucket + 1 < Latency::kBuckets; bucket++) {
    const uint64_t floor = Latency::floor_of(bucket), next = Latency::floor_of(bucket + 1);
    REQUIRE(floor < next);
    CHECK(Latency::bucket_of(floor) == bucket);
    CHECK(Latency::bucket_of(next - 1) == bucket);
    if (floor >= 4) CHECK((next - floor) * 4 <= floor);
  }
  CHECK(Latency::bucket_of(UINT64_MAX) == Latency::kBuckets - 1);
}
