// The handler group's queue: order, bound, wake-ups, and many producers and consumers.
#include <doctest/doctest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "server/handler_group.h"

using namespace tailrace;
using namespace tailrace::server;

namespace {
struct Bell final : GroupListener {
  std::atomic<int> rings{0};
  void calls_wait() noexcept override { rings++; }
};
}  // namespace

TEST_CASE("first in, first out, and not one above the bound") {
  for (const uint32_t bound : {1u, 2u, 3u, 7u, 64u}) {
    memory::Cache cache;
    HandlerGroup* group = HandlerGroup::create(cache, bound);
    std::vector<Call> calls(bound + 1);
    for (uint32_t lap = 0; lap < 5; lap++) {
      for (uint32_t i = 0; i < bound; i++) CHECK(group->push(calls[i]));
      CHECK_FALSE(group->push(calls[bound]));
      CHECK(group->size() == bound);
      for (uint32_t i = 0; i < bound; i++) CHECK(group->pop() == &calls[i]);
      CHECK(group->pop() == nullptr);
      CHECK(group->size() == 0);
    }
    group->destroy(cache);
  }
}

TEST_CASE("one wake until somebody listens; every listener hears it; a removed one does not") {
  memory::Cache cache;
  HandlerGroup* group = HandlerGroup::create(cache, 4);
  Bell a, b;
  CHECK(group->add_listener(a));
  CHECK(group->add_listener(b));
  group->notify();
  group->notify();
  CHECK(a.rings == 1);
  CHECK(b.rings == 1);
  group->listening();
  group->remove_listener(b);
  const uint32_t before = group->cancellations();
  group->cancelled();
  CHECK(group->cancellations() == before + 1);
  CHECK(a.rings == 2);
  CHECK(b.rings == 1);
  group->destroy(cache);
}

TEST_CASE("two producers, two consumers: each call comes out once, a producer's calls in their order") {
  memory::Cache cache;
  constexpr uint32_t kCalls = 20'000;
  HandlerGroup* group = HandlerGroup::create(cache, 8);
  std::vector<Call> calls(2 * kCalls);
  std::vector<std::atomic<int>> seen(2 * kCalls);
  std::atomic<uint32_t> popped{0};
  std::atomic<bool> disorder{false};
  std::vector<std::thread> threads;
  for (uint32_t producer = 0; producer < 2; producer++) {
    threads.emplace_back([&, producer] {
      for (uint32_t i = 0; i < kCalls; i++) {
        while (!group->push(calls[producer * kCalls + i])) std::this_thread::yield();
      }
    });
  }
  for (int consumer = 0; consumer < 2; consumer++) {
    threads.emplace_back([&] {
      ptrdiff_t last[2] = {-1, -1};
      while (popped < 2 * kCalls) {
        Call* call = group->pop();
        if (!call) {
          std::this_thread::yield();
          continue;
        }
        const ptrdiff_t index = call - calls.data();
        const int producer = index >= static_cast<ptrdiff_t>(kCalls);
        if (index <= last[producer]) disorder = true;
        last[producer] = index;
        seen[static_cast<size_t>(index)]++;
        popped++;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK_FALSE(disorder);
  uint32_t once = 0;
  for (auto& count : seen) once += count == 1;
  CHECK(once == 2 * kCalls);
  group->destroy(cache);
}
