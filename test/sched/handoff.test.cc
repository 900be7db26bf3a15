// The handoff: who owns a P, that a blocked isolate's P is served by a native M, that it comes back, and that
// an isolate may end at every step of it.
#include <doctest/doctest.h>

#include <chrono>
#include <random>
#include <vector>

#include "loop.h"
#include "sched/runtime.h"

using namespace tailrace;
using namespace tailrace::sched;
using tailrace::test::Loop;
using tailrace::test::Source;
using tailrace::test::wait_until;

namespace {

void pause_ms(int ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); }

struct Note : Message {
  std::atomic<int> delivered{0};
  std::atomic<int> dead{0};
  Note() {
    deliver = [](Message& self, P& p) noexcept {
      auto& me = static_cast<Note&>(self);
      (p.closed() ? me.dead : me.delivered).fetch_add(1, std::memory_order_release);
    };
  }
};

}  // namespace

TEST_CASE("the word: status, owner and epoch keep apart, and each change moves the epoch") {
  PWord word;
  CHECK(word.status() == PStatus::dead);
  for (uint32_t i = 0; i < 1000; i++) {
    const PWord next = word.next(static_cast<PStatus>(i % 4), i * 131);
    CHECK(next.status() == static_cast<PStatus>(i % 4));
    CHECK(next.owner() == ((i * 131) & 0xffff));
    CHECK(next.epoch() == word.epoch() + 1);
    word = next;
  }
  AtomicPWord at;
  const PWord old = at.load();
  CHECK(at.change(old, PStatus::lent, 0));
  CHECK_FALSE(at.change(old, PStatus::lent, 0));  // a stale word changes nothing
}

TEST_CASE("a loop that comes keeps its P") {
  Loop loop;
  Source source;
  loop.m().acquire_blocking();
  source.attach(loop.p());
  loop.m().lend();
  const uint64_t before = loop.p().handoffs();
  for (int i = 1; i <= 100; i++) {
    source.fire();
    wait_until([&] {
      loop.step(10);
      return source.seen.load() == static_cast<uint64_t>(i);
    });
  }
  // A slow machine may make one handoff of it; the P is back then all the same.
  CHECK(loop.p().handoffs() - before <= 100);
  loop.m().acquire_blocking();
  CHECK(loop.m().holds());
  CHECK(loop.polling());
  source.detach(loop.p());
  loop.m().lend();
}

TEST_CASE("a blocked loop's P is served by a native M, and comes back when it asks") {
  Loop loop;
  Source source;
  loop.m().acquire_blocking();
  source.attach(loop.p());
  loop.m().lend();
  for (int round = 1; round <= 5; round++) {
    source.fire();
    wait_until(
        [&] { return source.seen.load() == static_cast<uint64_t>(2 * round - 1); });  // and nobody steps
    CHECK(source.thread.load() != os::thread_id());
    CHECK(loop.p().word().native_owned());
    source.fire();  // the M sleeps in its wait by now, or will see it
    wait_until([&] { return source.seen.load() == static_cast<uint64_t>(2 * round); });
    CHECK(loop.signals() > 0);  // so that the loop asks for its P
    if (!loop.m().acquire()) {
      CHECK_FALSE(loop.polling());  // a watched, unconsumed set would spin the loop
      wait_until([&] { return loop.step(100) && loop.polling(); });
    } else {
      loop.m().lend();
    }
    CHECK(loop.polling());
  }
  CHECK(loop.p().handoffs() >= 5);
  loop.m().acquire_blocking();
  source.detach(loop.p());
  loop.m().lend();
}

TEST_CASE("a deadline that passes while the loop is blocked fires on a native M") {
  struct Alarm : TimerNode {
    std::atomic<uint32_t> thread{0};
  } alarm;
  alarm.fire = [](TimerNode& self, void*) {
    static_cast<Alarm&>(self).thread.store(os::thread_id(), std::memory_order_relaxed);
  };
  Loop loop;
  loop.m().acquire_blocking();
  loop.p().timers().arm(alarm, os::monotonic_ns() + 10'000'000);
  loop.m().lend();
  wait_until([&] { return alarm.thread.load() != 0; });
  CHECK(alarm.thread.load() != os::thread_id());
}

TEST_CASE("messages: in order, on the owner, and to the dead") {
  Loop loop;
  P& p = loop.p();
  p.retain();
  static std::vector<int> order;
  struct Numbered : Message {
    int number = 0;
    std::atomic<bool> done{false};
  };
  static Numbered notes[100];
  for (int i = 0; i < 100; i++) {
    notes[i].number = i;
    notes[i].deliver = [](Message& self, P&) noexcept {
      auto& me = static_cast<Numbered&>(self);
      order.push_back(me.number);
      me.done.store(true, std::memory_order_release);
    };
    CHECK(p.post(notes[i]));
  }
  wait_until([&] {
    loop.step(10);
    return notes[99].done.load(std::memory_order_acquire);
  });
  REQUIRE(order.size() == 100);
  for (int i = 0; i < 100; i++) CHECK(order[i] == i);

  Note late, waiting;
  CHECK(p.post_quiet(waiting));
  loop.destroy();
  CHECK(waiting.delivered + waiting.dead == 1);
  CHECK_FALSE(p.post(late));
  CHECK(late.dead == 1);
  CHECK(late.delivered == 0);
  p.release();
}

TEST_CASE("what a turn leaves over brings the loop back by itself") {
  struct Again : Waiter {
    std::atomic<int> runs{0};
  } again;
  again.run = [](Waiter& self, uint32_t, void*) noexcept {
    return ++static_cast<Again&>(self).runs < 20 ? Waiter::Next::again : Waiter::Next::done;
  };
  Loop loop;
  loop.m().acquire_blocking();
  loop.p().ready(again, kReadable);
  loop.m().lend();
  wait_until([&] {
    loop.step(1000);
    return again.runs == 20;
  });
  CHECK(again.runs == 20);
}

TEST_CASE("a turn keeps to its budget") {
  struct Spender : Waiter {
    int runs = 0;
  } spender[10];
  Loop loop;
  loop.m().acquire_blocking();
  for (auto& s : spender) {
    s.run = [](Waiter& self, uint32_t, void* p) noexcept {
      static_cast<Spender&>(self).runs++;
      static_cast<P*>(p)->spend(1, 100);
      return Waiter::Next::done;
    };
    loop.p().ready(s, kReadable);
  }
  auto total = [&] {
    int sum = 0;
    for (auto& s : spender) sum += s.runs;
    return sum;
  };
  Budget budget;
  budget.requests = 3;
  CHECK(loop.p().turn(budget).more);
  CHECK(total() == 3);
  budget = Budget{};
  budget.bytes = 200;
  CHECK(loop.p().turn(budget).more);
  CHECK(total() == 5);
  budget = Budget{};
  budget.pieces = 1;
  CHECK(loop.p().turn(budget).more);
  CHECK(total() == 6);
  CHECK_FALSE(loop.p().turn(Budget{}).more);
  CHECK(total() == 10);
  loop.m().lend();
}

TEST_CASE("PLocal: made at first use, one a P, dropped in reverse order with the P") {
  static std::vector<char> dropped;
  struct A {
    P& p;
    explicit A(P& p) : p(p) {}
    ~A() { dropped.push_back('a'); }
  };
  struct B {
    int n = 7;
    ~B() { dropped.push_back('b'); }
  };
  static PLocal<A> a;
  static PLocal<B> b;
  {
    Loop one, two;
    CHECK(&one.p().local(a).p == &one.p());
    CHECK(one.p().local(b).n == 7);
    CHECK(&one.p().local(b) == &one.p().local(b));
    CHECK(&two.p().local(b) != &one.p().local(b));
    CHECK(dropped.empty());
    one.destroy();
    CHECK(dropped == std::vector<char>{'b', 'a'});
  }
  CHECK(dropped == std::vector<char>{'b', 'a', 'b'});
}

TEST_CASE("reclaim while a native M hosts: it comes back, nobody signals afterwards") {
  for (int round = 0; round < 20; round++) {
    auto loop = std::make_unique<Loop>();
    Source source;
    loop->m().acquire_blocking();
    source.attach(loop->p());
    loop->m().lend();
    source.fire();
    if (round % 2) wait_until([&] { return loop->p().word().native_owned(); });
    loop->m().reclaim();
    CHECK(loop->m().holds());
    const int signals = loop->signals();
    source.detach(loop->p());
    loop->destroy();
    CHECK(loop->signals() == signals);
  }
}

TEST_CASE("sysmon sleeps when nothing happens") {
  Loop loop;
  // Asleep: its rounds stand still for as long as we care to look.
  wait_until([&] {
    const uint64_t before = runtime().sysmon_rounds();
    pause_ms(60);
    return runtime().sysmon_rounds() == before;
  });
  Source source;
  loop.m().acquire_blocking();
  source.attach(loop.p());
  loop.m().lend();
  source.fire();  // and it wakes for a blocked loop
  wait_until([&] { return source.seen.load() == 1; });
  loop.m().acquire_blocking();
  source.detach(loop.p());
  loop.m().lend();
}

TEST_CASE("stress: isolates come, block, serve and end while others write and post") {
  const unsigned seed = std::random_device{}();
  MESSAGE("seed ", seed);
  std::vector<std::thread> threads;
  std::atomic<uint64_t> fired{0}, seen{0}, posted{0}, settled{0};
  for (unsigned t = 0; t < 3; t++) {
    threads.emplace_back([&, t] {
      std::mt19937 random(seed + t);
      for (int life = 0; life < 6; life++) {
        auto loop = std::make_unique<Loop>();
        P& p = loop->p();
        p.retain();
        Source source;
        loop->m().acquire_blocking();
        source.attach(p);
        loop->m().lend();
        std::atomic<bool> stop{false};
        struct Counted : Message {
          std::atomic<uint64_t>* settled = nullptr;
          std::atomic<bool> busy{false};
        };
        std::vector<Counted> notes(64);
        for (auto& note : notes) {
          note.settled = &settled;
          note.deliver = [](Message& self, P&) noexcept {
            auto& me = static_cast<Counted&>(self);
            me.settled->fetch_add(1, std::memory_order_relaxed);
            me.busy.store(false, std::memory_order_release);
          };
        }
        uint64_t mine = 0;
        std::thread client([&] {
          for (uint32_t i = 0; !stop.load(std::memory_order_relaxed); i++) {
            source.fire();
            mine++;
            Counted& note = notes[i % 64];
            if (!note.busy.exchange(true, std::memory_order_acquire)) {
              posted.fetch_add(1, std::memory_order_relaxed);
              (void)p.post(note);
            }
            if (i % 16 == 0) pause_ms(1);
          }
        });
        const int steps = 30 + static_cast<int>(random() % 30);
        for (int i = 0; i < steps; i++) {
          loop->step(1);
          if (random() % 16 == 0) pause_ms(static_cast<int>(random() % 8));  // blocked
          if (random() % 16 == 0) {
            loop->m().acquire_blocking();
            loop->m().lend();
          }
        }
        if (random() % 2) {  // all that was sent is seen, whoever has the P
          stop.store(true);
          client.join();
          wait_until([&] {
            loop->step(1);
            return source.seen.load() == mine;
          });
          fired.fetch_add(mine);
          seen.fetch_add(source.seen.load());
        }
        loop->m().reclaim();
        source.detach(p);
        loop->destroy();
        stop.store(true);
        if (client.joinable()) client.join();
        p.release();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(seen == fired);
  CHECK(settled == posted);  // each message was delivered or told that the P is dead, once
  const auto counts = runtime().counts();
  CHECK(counts.isolates == 0);
  CHECK(counts.ps <= 16);  // Ps are used again
}
