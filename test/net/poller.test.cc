// The poller: lists what is ready, forgets what was removed, is woken by other threads and by its deadline.
#include "net/poller.h"

#include <doctest/doctest.h>
#include <sys/socket.h>

#include <atomic>
#include <cerrno>
#include <thread>
#include <vector>

#include "base/os.h"
#include "base/os_fakes.h"

using namespace tailrace;
using net::Poller;
using net::Slot;

namespace {

struct Pair {
  int a = -1, b = -1;
  Pair() {
    int fds[2];
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
    a = fds[0];
    b = fds[1];
  }
  ~Pair() {
    if (a >= 0) os::close(a);
    if (b >= 0) os::close(b);
  }
};

void say(int fd, const char* text = "x") { CHECK(os::send(fd, text, 1).bytes == 1); }

}  // namespace

TEST_CASE("an edge is reported once, with what it was") {
  Poller poller;
  REQUIRE(poller.open().ok());
  Pair pair;
  Waiter waiter;
  WaiterList ready;
  auto slot = poller.add(pair.a, waiter);
  REQUIRE(slot.ok());
  CHECK(poller.registered() == 1);
  CHECK(poller.wait(0, ready)->events == 1);  // writable from the start
  CHECK(ready.pop() == &waiter);
  CHECK(waiter.events == kWritable);
  waiter.events = 0;
  CHECK(poller.wait(0, ready)->events == 0);
  CHECK_FALSE(poller.has_ready());

  say(pair.b);
  CHECK(poller.has_ready());
  CHECK(poller.has_ready());  // looking consumes nothing
  CHECK(poller.wait(0, ready)->events == 1);
  CHECK((waiter.events & kReadable) != 0);
  CHECK_FALSE(poller.has_ready());  // not read, not reported again: an edge
  os::close(pair.b);
  pair.b = -1;
  CHECK(poller.wait(0, ready)->events == 1);
  CHECK((waiter.events & kHangup) != 0);
  CHECK(ready.size() == 1);  // it stood on the list already: events were added
  poller.remove(*slot);
  CHECK(poller.registered() == 0);
}

TEST_CASE("a slot given up answers neither to its handle nor to its events") {
  Poller poller;
  REQUIRE(poller.open().ok());
  Pair first, second;
  Waiter one, two;
  WaiterList ready;
  auto old = poller.add(first.a, one);
  REQUIRE(old.ok());
  say(first.b);
  poller.remove(*old);
  auto fresh = poller.add(second.a, two);
  REQUIRE(fresh.ok());
  CHECK(fresh->index == old->index);  // the same place, another time
  CHECK(fresh->sequence != old->sequence);
  poller.remove(*old);  // stale: does nothing
  CHECK(poller.registered() == 1);
  (void)poller.wait(0, ready);
  CHECK(one.events == 0);
  CHECK(ready.pop() == &two);
  poller.remove(Slot{});  // never was one
}

TEST_CASE("an event that arrives after the descriptor was closed finds nobody") {
  // A duplicate keeps the open file, and with it the registration, alive after close: the event then really
  // comes.
  Poller poller;
  REQUIRE(poller.open().ok());
  Pair pair;
  int kept = dup(pair.a);
  Waiter waiter;
  WaiterList ready;
  auto slot = poller.add(pair.a, waiter);
  REQUIRE(slot.ok());
  os::close(pair.a);
  pair.a = -1;
  poller.remove(*slot);  // epoll_ctl fails with EBADF here
  say(pair.b);
  auto got = poller.wait(0, ready);
  CHECK(got->events == 0);
  CHECK(ready.empty());
  os::close(kept);
}

TEST_CASE("many descriptors, more than a batch and more than one growth of the slots") {
  Poller poller;
  REQUIRE(poller.open().ok());
  constexpr size_t kCount = 600;
  std::vector<int> fds;
  std::vector<Waiter> waiters(kCount);
  for (size_t i = 0; i < kCount; i++) {
    auto fd = os::event_fd();
    REQUIRE(fd.ok());
    fds.push_back(*fd);
    REQUIRE(poller.add_readable(*fd, waiters[i]).ok());
    os::event_fd_signal(*fd);
  }
  WaiterList ready;
  size_t seen = 0;
  for (int round = 0; round < 10; round++) {
    auto got = poller.wait(0, ready);
    seen += got->events;
    if (!got->full) break;
  }
  CHECK(seen == kCount);
  CHECK(ready.size() == kCount);
  for (int fd : fds) os::close(fd);
}

TEST_CASE("slots are taken again before new ones") {
  Poller poller;
  REQUIRE(poller.open().ok());
  Pair pair;
  Waiter waiter;
  uint32_t highest = 0;
  for (int i = 0; i < 20000; i++) {
    auto slot = poller.add(pair.a, waiter);
    REQUIRE(slot.ok());
    highest = std::max(highest, slot->index);
    poller.remove(*slot);
  }
  CHECK(highest == 0);
}

TEST_CASE("wake: once however often it was called, and never lost") {
  Poller poller;
  REQUIRE(poller.open().ok());
  WaiterList ready;
  CHECK_FALSE(poller.wait(0, ready)->woken);
  poller.wake();
  poller.wake();
  CHECK(poller.has_ready());
  CHECK(poller.wait(0, ready)->woken);
  CHECK_FALSE(poller.wait(0, ready)->woken);
  poller.wake();
  CHECK(poller.wait(-1, ready)->woken);
}

TEST_CASE("threads that wake while the owner waits: what they did before is seen") {
  Poller poller;
  REQUIRE(poller.open().ok());
  constexpr int kThreads = 3, kEach = 3000;
  std::atomic<int> pushed{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; t++) {
    threads.emplace_back([&] {
      for (int i = 0; i < kEach; i++) {
        pushed.fetch_add(1, std::memory_order_relaxed);
        poller.wake();
        if (i % 64 == 0) std::this_thread::yield();
      }
    });
  }
  WaiterList ready;
  // Would wait for ever if a wake were lost: the counter is only looked at after a wait that was woken.
  int seen = 0;
  while (seen < kThreads * kEach) {
    auto got = poller.wait(-1, ready);
    REQUIRE(got.ok());
    if (got->woken) seen = pushed.load(std::memory_order_relaxed);
  }
  for (auto& thread : threads) thread.join();
  CHECK(seen == kThreads * kEach);
}

TEST_CASE("another thread may look while the owner waits and changes the set") {
  Poller poller;
  REQUIRE(poller.open().ok());
  std::atomic<bool> stop{false};
  std::atomic<int> looks{0};
  std::thread looker([&] {
    while (!stop.load(std::memory_order_relaxed)) {
      (void)poller.has_ready();
      looks.fetch_add(1, std::memory_order_relaxed);
    }
  });
  Pair pair;
  Waiter waiter;
  WaiterList ready;
  for (int i = 0; i < 2000 || looks.load(std::memory_order_relaxed) < 10; i++) {
    auto slot = poller.add(pair.a, waiter);
    REQUIRE(slot.ok());
    CHECK(poller.wait(0, ready)->events == 1);
    ready.pop();
    poller.remove(*slot);
  }
  stop.store(true, std::memory_order_relaxed);
  looker.join();
}

TEST_CASE("the deadline fires once, and an earlier one stays") {
  Poller poller;
  REQUIRE(poller.open().ok());
  WaiterList ready;
  uint64_t now = os::monotonic_ns();
  REQUIRE(poller.set_deadline(now + 2'000'000).ok());
  REQUIRE(poller.set_deadline(now + 3'600'000'000'000).ok());  // later: the earlier one fires
  CHECK(poller.deadline_ns() == now + 2'000'000);
  CHECK(poller.wait(-1, ready)->deadline);
  CHECK(os::monotonic_ns() >= now + 2'000'000);
  CHECK(poller.deadline_ns() == Poller::kNoDeadline);
  CHECK_FALSE(poller.wait(0, ready)->deadline);
  REQUIRE(poller.set_deadline(now).ok());  // past: at once
  CHECK(poller.wait(-1, ready)->deadline);
  REQUIRE(poller.set_deadline(os::monotonic_ns() + 3'600'000'000'000).ok());
  REQUIRE(poller.set_deadline(Poller::kNoDeadline).ok());
  CHECK_FALSE(poller.wait(0, ready)->deadline);
}

TEST_CASE("a closed poller says so and can be opened again") {
  Poller poller;
  Pair pair;
  Waiter waiter;
  CHECK(poller.add(pair.a, waiter).error() == Error::invalid_argument);
  REQUIRE(poller.open().ok());
  CHECK(poller.open().error() == Error::invalid_argument);
  REQUIRE(poller.add(pair.a, waiter).ok());
  CHECK(poller.add(pair.a, waiter).status().sys() == EEXIST);
  CHECK(poller.registered() == 1);
  poller.close();
  REQUIRE(poller.open().ok());
  CHECK(poller.registered() == 0);
  CHECK(poller.add(pair.a, waiter).ok());
}

#if TAILRACE_OS_FAKES
namespace {
struct FailNth {
  os::Call call;
  int after;
  int sys;
};
int fail_nth(void* user, os::Call call) noexcept {
  auto* plan = static_cast<FailNth*>(user);
  if (call != plan->call || plan->after-- > 0) return 0;
  return plan->sys;
}
}  // namespace

TEST_CASE("open fails whole at every step, and add when memory is short") {
  struct Step {
    os::Call call;
    int after;
  };
  for (Step step :
       {Step{os::Call::map_reserve, 0}, Step{os::Call::epoll_create, 0}, Step{os::Call::event_fd, 0},
        Step{os::Call::timer_fd, 0}, Step{os::Call::epoll_add, 0}, Step{os::Call::epoll_add, 1}}) {
    FailNth plan{step.call, step.after, ENOMEM};
    os::Fakes fakes;
    fakes.fail = fail_nth;
    fakes.user = &plan;
    Poller poller;
    {
      os::ScopedFakes installed(fakes);
      CHECK(poller.open().error() == Error::out_of_memory);
      CHECK_FALSE(poller.is_open());
    }
    CHECK(poller.open().ok());
  }
  Poller poller;
  REQUIRE(poller.open().ok());
  Pair pair;
  Waiter waiter;
  {
    FailNth plan{os::Call::map_commit, 0, ENOMEM};
    os::Fakes fakes;
    fakes.fail = fail_nth;
    fakes.user = &plan;
    os::ScopedFakes installed(fakes);
    CHECK(poller.add(pair.a, waiter).error() == Error::out_of_memory);
  }
  CHECK(poller.add(pair.a, waiter).ok());
}
#endif
