// Gs: they run, park, sleep, are stolen, and none is lost, whatever the number of Ps does meanwhile.
#include "sched/g.h"

#include <doctest/doctest.h>

#include <chrono>
#include <random>
#include <vector>

#include "loop.h"
#include "memory/heap.h"
#include "sched/metrics.h"
#include "sched/scheduler.h"

using namespace tailrace;
using namespace tailrace::sched;
using tailrace::test::Loop;
using tailrace::test::wait_until;

namespace {

Task count_up(std::atomic<int>& counter) {
  counter.fetch_add(1, std::memory_order_acq_rel);
  co_return;
}

Task yielder(std::atomic<int>& counter, int times) {
  for (int i = 0; i < times; i++) co_await yield();
  counter.fetch_add(1, std::memory_order_acq_rel);
}

Task sleeper(std::atomic<int>& counter, uint64_t ns, std::atomic<bool>& early) {
  const uint64_t begin = os::monotonic_ns();
  co_await sleep_ns(ns);
  if (os::monotonic_ns() - begin < ns) early.store(true);
  counter.fetch_add(1, std::memory_order_acq_rel);
}

Task spawner(std::atomic<int>& counter, int depth) {
  if (depth > 0) {
    (void)go(spawner(counter, depth - 1));
    (void)go(spawner(counter, depth - 1));
  }
  counter.fetch_add(1, std::memory_order_acq_rel);
  co_return;
}

struct Cell {
  std::atomic<G*> g{nullptr};
  std::atomic<int> rounds{0};
};

Task pinged(Cell& cell, int rounds) {
  cell.g.store(current_g(), std::memory_order_release);
  for (int i = 0; i < rounds; i++) {
    co_await park(Reason::user);
    cell.rounds.fetch_add(1, std::memory_order_release);
  }
  cell.g.store(nullptr, std::memory_order_release);
}

uint64_t live() { return metrics().goroutines; }

}  // namespace

TEST_CASE("a Task that is never set going is freed with its frame") {
  std::atomic<int> counter{0};
  {
    Task task = count_up(counter);
    CHECK(static_cast<bool>(task));
  }
  CHECK(counter == 0);
}

TEST_CASE("spawned from a thread without a P, they all run and end") {
  std::atomic<int> counter{0};
  for (int i = 0; i < 10000; i++) REQUIRE(go(count_up(counter)));
  wait_until([&] { return counter == 10000; });
  wait_until([&] { return live() == 0; });
}

TEST_CASE("a tree of Gs overflows the ring into the global queue and loses none") {
  std::atomic<int> counter{0};
  REQUIRE(go(spawner(counter, 13)));
  wait_until([&] { return counter == (1 << 14) - 1; });
  wait_until([&] { return live() == 0; });
}

TEST_CASE("yield lets the others run; the header knows its parent and its place") {
  std::atomic<int> counter{0};
  for (int i = 0; i < 100; i++) REQUIRE(go(yielder(counter, 100)));
  wait_until([&] { return counter == 100; });

  static std::atomic<uint64_t> parent{0}, own{0};
  static std::atomic<uint32_t> line{0};
  struct Local {
    static Task child() {
      parent.store(current_g()->parent);
      line.store(current_g()->site.line);
      co_return;
    }
    static Task parent_of(uint32_t& at) {
      own.store(current_g()->id);
      at = __LINE__ + 1;
      (void)go(child());
      co_return;
    }
  };
  uint32_t at = 0;
  REQUIRE(go(Local::parent_of(at)));
  wait_until([&] { return line != 0; });
  CHECK(parent == own);
  CHECK(own != 0);
  CHECK(line == at);
  CHECK(reason_name(Reason::sleep) == std::string("sleep"));
}

TEST_CASE("park and ready: a permit that comes first is not lost, and only one is kept") {
  Cell cell;
  REQUIRE(go(pinged(cell, 2000)));
  wait_until([&] { return cell.g.load(std::memory_order_acquire) != nullptr; });
  int seen = 0;
  while (seen < 2000) {
    G* g = cell.g.load(std::memory_order_acquire);
    if (!g) break;
    ready(*g);
    wait_until([&] { return cell.rounds.load(std::memory_order_acquire) > seen; });
    seen = cell.rounds.load(std::memory_order_acquire);
  }
  wait_until([&] { return cell.g.load(std::memory_order_acquire) == nullptr; });
  CHECK(cell.rounds == 2000);
}

TEST_CASE("sleep: never early, and none is forgotten") {
  std::atomic<int> counter{0};
  std::atomic<bool> early{false};
  for (int i = 0; i < 200; i++) REQUIRE(go(sleeper(counter, 1'000'000u * (1 + i % 20), early)));
  wait_until([&] { return counter == 200; });
  CHECK_FALSE(early);
}

TEST_CASE("Gs on an isolate's P: run in its turns or stolen; what sleeps there outlives it") {
  std::atomic<int> counter{0};
  std::atomic<bool> early{false};
  {
    Loop loop;
    loop.m().acquire_blocking();
    for (int i = 0; i < 1000; i++) REQUIRE(go(yielder(counter, 3)));
    for (int i = 0; i < 10; i++) {
      REQUIRE(go(sleeper(counter, 30'000'000, early)));
    }
    (void)loop.p().turn(Budget{});
    loop.m().lend();
  }
  wait_until([&] { return counter == 1010; });
  CHECK_FALSE(early);
  wait_until([&] { return live() == 0; });
}

TEST_CASE("procs: set while Gs run, none is lost") {
  const uint32_t before = scheduler().procs();
  const unsigned seed = std::random_device{}();
  MESSAGE("seed ", seed);
  std::mt19937 random(seed);
  std::atomic<int> counter{0};
  std::atomic<bool> early{false};
  int made = 0;
  for (int round = 0; round < 40; round++) {
    (void)scheduler().set_procs(1 + random() % 6);
    for (int i = 0; i < 200; i++) {
      if (i % 50 == 0) {
        REQUIRE(go(sleeper(counter, 1'000'000, early)));
      } else {
        REQUIRE(go(yielder(counter, static_cast<int>(random() % 10))));
      }
      made++;
    }
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 2000));
  }
  wait_until([&] { return counter == made; });
  wait_until([&] { return live() == 0; });
  CHECK(scheduler().set_procs(0) >= 1);
  CHECK(scheduler().procs() == 1);
  (void)scheduler().set_procs(1u << 20);
  CHECK(scheduler().procs() == kMaxProcs);
  (void)scheduler().set_procs(before);
  CHECK_FALSE(early);
}

TEST_CASE("stress: many threads spawn, ready and sleep at once; all workers go to sleep in the end") {
  (void)scheduler().set_procs(4);
  std::atomic<int> counter{0};
  std::atomic<bool> early{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; t++) {
    threads.emplace_back([&] {
      for (int i = 0; i < 300; i++) {
        (void)go(spawner(counter, 3));
        (void)go(sleeper(counter, 1'000'000, early));
        if (i % 8 == 0) std::this_thread::sleep_for(std::chrono::microseconds(300));
      }
    });
  }
  for (auto& thread : threads) thread.join();
  wait_until([&] { return counter == 3 * 300 * 16; });
  wait_until([&] { return live() == 0; });
  // One G at a time, with everybody asleep before it: a lost wake would hang here.
  for (int i = 0; i < 300; i++) {
    if (i % 3 == 0) {
      wait_until([&] {
        const auto counts = scheduler().counts();
        return counts.spinning == 0;
      });
    }
    const int before = counter;
    REQUIRE(go(count_up(counter)));
    wait_until([&] { return counter == before + 1; });
  }
  wait_until([&] { return scheduler().counts().spinning == 0; });
  CHECK(scheduler().counts().global == 0);
  CHECK(metrics().sched_latency_count() > 0);
}
