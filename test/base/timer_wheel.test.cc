// The wheel against a plain multimap, and its edges one by one.
#include "base/timer_wheel.h"

#include <doctest/doctest.h>

#include <map>
#include <memory>
#include <vector>

#include "random.h"

using tailrace::TimerNode;
using tailrace::TimerWheel;
using tailrace::test::Random;

namespace {

constexpr uint64_t kMs = TimerWheel::kTickNs;

struct Timer : TimerNode {
  int fired = 0;
};

void count_fire(TimerNode& node, void*) { static_cast<Timer&>(node).fired++; }

}  // namespace

TEST_CASE("fires at the deadline, not before, once") {
  TimerWheel wheel(1000 * kMs);
  Timer timer;
  timer.fire = count_fire;
  wheel.arm(timer, 1500 * kMs);
  CHECK(timer.armed());
  CHECK(wheel.size() == 1);
  CHECK(wheel.advance(1499 * kMs + kMs - 1, 100, nullptr) == 0);
  CHECK(wheel.advance(1500 * kMs, 100, nullptr) == 1);
  CHECK(timer.fired == 1);
  CHECK(!timer.armed());
  CHECK(wheel.advance(9000 * kMs, 100, nullptr) == 0);
  CHECK(wheel.next_deadline_ns() == TimerWheel::kNever);
}

TEST_CASE("a deadline inside a tick is rounded up, never down") {
  TimerWheel wheel(0);
  Timer timer;
  timer.fire = count_fire;
  wheel.arm(timer, 5 * kMs + 1);
  CHECK(wheel.advance(5 * kMs + 999'999, 10, nullptr) == 0);
  CHECK(wheel.advance(6 * kMs, 10, nullptr) == 1);
}

TEST_CASE("a deadline in the past fires at the next advance") {
  TimerWheel wheel(1000 * kMs);
  Timer timer;
  timer.fire = count_fire;
  wheel.arm(timer, 1);
  CHECK(wheel.next_deadline_ns() == 0);
  CHECK(wheel.advance(1000 * kMs, 10, nullptr) == 1);
}

TEST_CASE("cancel and re-arm") {
  TimerWheel wheel(0);
  Timer timer;
  timer.fire = count_fire;
  wheel.cancel(timer);
  wheel.arm(timer, 10 * kMs);
  wheel.arm(timer, 20 * kMs);
  CHECK(wheel.size() == 1);
  CHECK(wheel.advance(15 * kMs, 10, nullptr) == 0);
  wheel.cancel(timer);
  CHECK(wheel.size() == 0);
  CHECK(wheel.advance(100 * kMs, 10, nullptr) == 0);
  CHECK(timer.fired == 0);
}

TEST_CASE("the farthest deadline there is does not fire and can be cancelled") {
  TimerWheel wheel(123 * kMs);
  Timer timer;
  timer.fire = count_fire;
  wheel.arm(timer, UINT64_MAX);
  CHECK(wheel.advance(uint64_t{1} << 60, 1000, nullptr) == 0);
  CHECK(timer.armed());
  wheel.cancel(timer);
  CHECK(wheel.next_deadline_ns() == TimerWheel::kNever);
}

TEST_CASE("a clock that steps back fires nothing and loses nothing") {
  TimerWheel wheel(1000 * kMs);
  Timer timer;
  timer.fire = count_fire;
  wheel.arm(timer, 1010 * kMs);
  CHECK(wheel.advance(500 * kMs, 10, nullptr) == 0);
  CHECK(wheel.advance(1010 * kMs, 10, nullptr) == 1);
}

TEST_CASE("fire may cancel and arm others, and itself, for ever without hanging") {
  struct Pair {
    TimerWheel wheel{0};
    Timer a, b;
  } pair;
  pair.a.fire = [](TimerNode& node, void* p) {
    auto& both = *static_cast<Pair*>(p);
    both.a.fired++;
    both.wheel.cancel(both.b);
    both.wheel.arm(node, 0);  // due at once, again and again: the budget ends it
  };
  pair.b.fire = count_fire;
  pair.wheel.arm(pair.b, 2 * kMs);
  pair.wheel.arm(pair.a, 1 * kMs);
  CHECK(pair.wheel.advance(5 * kMs, 50, &pair) > 0);
  CHECK(pair.a.fired <= 50);
  CHECK(pair.b.fired == 0);
  CHECK(pair.wheel.next_deadline_ns() == 0);
}

TEST_CASE("the budget bounds one call; the rest is due at once") {
  TimerWheel wheel(0);
  std::vector<Timer> timers(1000);
  for (Timer& timer : timers) {
    timer.fire = count_fire;
    wheel.arm(timer, 100 * kMs);
  }
  size_t fired = 0;
  int calls = 0;
  while (wheel.size() > 0) {
    const size_t now = wheel.advance(200 * kMs, 64, nullptr);
    CHECK(now <= 64);
    fired += now;
    REQUIRE(++calls < 100);
    if (wheel.size() > 0) CHECK(wheel.next_deadline_ns() == 0);
  }
  CHECK(fired == 1000);
}

TEST_CASE("random arm, cancel and advance against a multimap") {
  const uint64_t seed = tailrace::test::seed();
  CAPTURE(seed);
  Random random(seed);
  uint64_t now = random.below(uint64_t{1} << 50);
  TimerWheel wheel(now);
  constexpr int kTimers = 500;
  std::vector<Timer> timers(kTimers);
  std::vector<int> expected(kTimers, 0);
  std::multimap<uint64_t, int> model;  // tick -> timer
  std::vector<std::multimap<uint64_t, int>::iterator> where(kTimers, model.end());
  for (Timer& timer : timers) timer.fire = count_fire;
  for (int step = 0; step < 20000; step++) {
    const int i = static_cast<int>(random.below(kTimers));
    switch (random.below(4)) {
      case 0:
      case 1: {
        const uint64_t far = random.below(8) == 0 ? uint64_t{1} << (20 + random.below(35)) : 3000 * kMs;
        const uint64_t deadline = now + random.below(far);
        if (where[i] != model.end()) model.erase(where[i]);
        where[i] = model.emplace((deadline + kMs - 1) / kMs, i);
        wheel.arm(timers[i], deadline);
        break;
      }
      case 2:
        if (where[i] != model.end()) model.erase(where[i]);
        where[i] = model.end();
        wheel.cancel(timers[i]);
        break;
      default: {
        // Sometimes jump exactly to where the wheel says it must be looked at next.
        const uint64_t next = wheel.next_deadline_ns();
        if (!model.empty()) REQUIRE(next <= model.begin()->first * kMs);
        if (random.below(3) == 0 && next != TimerWheel::kNever && next > now)
          now = next;
        else
          now += random.below(random.below(20) == 0 ? uint64_t{1} << 40 : 200 * kMs);
        wheel.advance(now, SIZE_MAX, nullptr);
        while (!model.empty() && model.begin()->first <= now / kMs) {
          expected[model.begin()->second]++;
          where[model.begin()->second] = model.end();
          model.erase(model.begin());
        }
        break;
      }
    }
    REQUIRE(wheel.size() == model.size());
  }
  for (int i = 0; i < kTimers; i++) {
    CHECK(timers[i].fired == expected[i]);
    CHECK(timers[i].armed() == (where[i] != model.end()));
  }
}
