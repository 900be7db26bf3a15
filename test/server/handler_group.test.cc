// The handler group's queue: order, bound, lanes, who is woken, handles, and many producers and consumers.
#include <doctest/doctest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "server/group_table.h"
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
    HandlerGroup* group = HandlerGroup::create(cache, nullptr, bound);
    std::vector<Call> calls(bound + 1);
    for (uint32_t lap = 0; lap < 5; lap++) {
      for (uint32_t i = 0; i < bound; i++) CHECK(group->push(calls[i]));
      CHECK_FALSE(group->push(calls[bound]));
      CHECK(group->size() == bound);
      for (uint32_t i = 0; i < bound; i++) CHECK(group->pop() == &calls[i]);
      CHECK(group->pop() == nullptr);
      CHECK(group->size() == 0);
    }
    group->release(cache);
  }
}

TEST_CASE("higher lanes first, each in its order, and one bound for all") {
  memory::Cache cache;
  HandlerGroup* group = HandlerGroup::create(cache, nullptr, 5, 3);
  std::vector<Call> calls(6);
  const uint8_t lanes[] = {1, 0, 2, 1, 2, 1};
  for (uint32_t i = 0; i < 6; i++) calls[i].lane = lanes[i];
  for (uint32_t i = 0; i < 5; i++) CHECK(group->push(calls[i]));
  CHECK_FALSE(group->push(calls[5]));
  for (const uint32_t i : {2u, 4u, 0u, 3u, 1u}) CHECK(group->pop() == &calls[i]);
  CHECK(group->pop() == nullptr);
  group->release(cache);
}

TEST_CASE("a push wakes one isolate that has parked, in turn, and none that is at work; news wakes all") {
  memory::Cache cache;
  HandlerGroup* group = HandlerGroup::create(cache, nullptr, 4);
  std::vector<Call> calls(1);
  Bell a, b;
  const HandlerGroup::Seat at_a = group->join(a);
  const HandlerGroup::Seat at_b = group->join(b);
  group->notify();
  CHECK(a.rings + b.rings == 0);
  CHECK(group->park(at_a));
  CHECK(group->park(at_b));
  group->notify();
  CHECK(a.rings == 1);
  CHECK(b.rings == 0);
  group->notify();
  CHECK(b.rings == 1);
  group->notify();  // both are awake
  CHECK(a.rings + b.rings == 2);
  group->unpark(at_a);
  CHECK(group->push(calls[0]));
  CHECK_FALSE(group->park(at_a));  // something came
  CHECK(group->pop() == &calls[0]);
  CHECK(group->park(at_a));
  const uint32_t before = group->cancellations();
  group->cancelled();
  CHECK(group->cancellations() == before + 1);
  CHECK(a.rings == 2);
  CHECK(b.rings == 2);
  group->leave(at_b);
  group->alert();
  CHECK(b.rings == 2);
  CHECK(a.rings == 3);
  group->leave(at_a);
  group->release(cache);
}

TEST_CASE("a wake that came for an isolate that leaves goes to another one") {
  memory::Cache cache;
  HandlerGroup* group = HandlerGroup::create(cache, nullptr, 4);
  Call call;
  Bell a, b;
  const HandlerGroup::Seat at_a = group->join(a);
  const HandlerGroup::Seat at_b = group->join(b);
  CHECK(group->park(at_a));
  CHECK(group->park(at_b));
  CHECK(group->push(call));
  group->notify();
  const bool first = a.rings == 1;
  group->leave(first ? at_a : at_b);
  CHECK((first ? b : a).rings == 1);
  group->leave(first ? at_b : at_a);
  CHECK(group->pop() == &call);
  group->release(cache);
}

TEST_CASE("isolates that come and go: every call is taken, none sleeps while one waits") {
  memory::Cache cache;
  constexpr uint32_t kCalls = 30'000;
  constexpr int kIsolates = 3;
  HandlerGroup* group = HandlerGroup::create(cache, nullptr, 64, 3);
  std::vector<Call> calls(kCalls);
  for (uint32_t i = 0; i < kCalls; i++) calls[i].lane = static_cast<uint8_t>(i % 3);
  std::atomic<uint32_t> popped{0};
  std::vector<std::thread> threads;
  struct Sleeper final : GroupListener {
    std::atomic<uint32_t> bell{0};
    void calls_wait() noexcept override {
      bell++;
      bell.notify_one();
    }
  };
  for (int i = 0; i < kIsolates; i++) {
    threads.emplace_back([&] {
      while (popped < kCalls) {
        Sleeper sleeper;
        const HandlerGroup::Seat seat = group->join(sleeper);
        for (int turn = 0; turn < 50 && popped < kCalls; turn++) {
          const uint32_t heard = sleeper.bell;
          group->unpark(seat);
          while (group->pop()) popped++;
          // Asleep for good, should a wake be lost: then the test never ends.
          if (group->park(seat) && popped < kCalls) sleeper.bell.wait(heard);
        }
        group->leave(seat);
      }
      group->alert();  // the others sleep with nothing to come
    });
  }
  for (Call& call : calls) {
    while (!group->push(call)) std::this_thread::yield();
    group->notify();
  }
  for (auto& thread : threads) thread.join();
  CHECK(popped == kCalls);
  group->release(cache);
}

TEST_CASE("a handle finds its group until it is withdrawn, and no other table's") {
  memory::Cache cache;
  HandlerGroup* group = HandlerGroup::create(cache, nullptr, 4);
  const Result<GroupHandle> handle = share_group(*group);
  REQUIRE(handle);
  CHECK(find_group(*handle) == group);
  group->release(cache);  // find_group's
  GroupHandle other = *handle;
  other.table ^= 2;
  CHECK(find_group(other) == nullptr);
  other = *handle;
  other.generation++;
  CHECK(find_group(other) == nullptr);
  other.slot = UINT32_MAX;
  CHECK(find_group(other) == nullptr);
  CHECK(withdraw_group(*handle) == group);
  CHECK(find_group(*handle) == nullptr);
  CHECK(withdraw_group(*handle) == nullptr);
  const Result<GroupHandle> again = share_group(*group);
  REQUIRE(again);
  CHECK(again->generation != handle->generation);
  CHECK(withdraw_group(*again) == group);
  group->release(cache);
}

TEST_CASE("two producers, two consumers: each call comes out once, a producer's calls in their order") {
  memory::Cache cache;
  constexpr uint32_t kCalls = 20'000;
  HandlerGroup* group = HandlerGroup::create(cache, nullptr, 8);
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
  group->release(cache);
}
