// The small things of base: errors, lists, counters, lock, CPU names, trace hook.
#include <doctest/doctest.h>

#include <cstring>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/counter.h"
#include "base/cpu.h"
#include "base/fence.h"
#include "base/lock.h"
#include "base/mpsc.h"
#include "base/status.h"
#include "base/trace.h"
#include "base/waiter.h"
#include "panics.h"

using namespace tailrace;

TEST_CASE("every error has a code and a text") {
  for (unsigned i = 0; i < static_cast<unsigned>(Error::count_); i++) {
    const ErrorInfo& info = error_info(static_cast<Error>(i));
    CHECK(std::strncmp(info.code, "ERR_TAILRACE_", 13) == 0);
    CHECK(std::strlen(info.text) > 3);
    CHECK(info.text[std::strlen(info.text) - 1] != '.');
  }
  CHECK(std::string(error_info(Error::closed).code) == "ERR_TAILRACE_CLOSED");
  CHECK(std::string(error_info(static_cast<Error>(250)).code) == "ERR_TAILRACE_SYSTEM");
}

TEST_CASE("Status and Result") {
  CHECK(Status().ok());
  CHECK(!Status(Error::closed).ok());
  Result<int> good = 7;
  CHECK(good.ok());
  CHECK(*good == 7);
  Result<int> bad = Status(Error::system, 5);
  CHECK(!bad);
  CHECK(bad.status().sys() == 5);
}

TEST_CASE("an MPSC list keeps each producer's order and loses nothing") {
  struct Node : MpscNode {
    int producer;
    int number;
  };
  constexpr int kProducers = 3, kEach = 20000;
  std::vector<std::vector<Node>> nodes(kProducers, std::vector<Node>(kEach));
  MpscList list;
  std::vector<std::thread> threads;
  for (int p = 0; p < kProducers; p++) {
    threads.emplace_back([&, p] {
      for (int i = 0; i < kEach; i++) {
        nodes[p][i].producer = p;
        nodes[p][i].number = i;
        list.push(nodes[p][i]);
      }
    });
  }
  int next[kProducers] = {};
  int taken = 0;
  while (taken < kProducers * kEach) {
    for (MpscNode* at = list.take_all(); at; at = at->next) {
      auto* node = static_cast<Node*>(at);
      REQUIRE(node->number == next[node->producer]++);
      taken++;
    }
    std::this_thread::yield();
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(list.empty());
}

TEST_CASE("an MPSC list says when it was empty") {
  MpscList list;
  MpscNode a, b;
  CHECK(list.push(a));
  CHECK(!list.push(b));
  CHECK(list.take_all() == &a);
  CHECK(a.next == &b);
  CHECK(list.take_all() == nullptr);
}

TEST_CASE("a list of waiters joins events of a queued waiter and can drop one") {
  WaiterList list;
  Waiter a, b, c;
  list.push(a, kReadable);
  list.push(b, kReadable);
  list.push(a, kWritable);
  list.push(c, kHangup);
  CHECK(list.size() == 3);
  list.remove(b);
  CHECK(list.size() == 2);
  Waiter* first = list.pop();
  CHECK(first == &a);
  CHECK(first->events == (kReadable | kWritable));
  CHECK(list.pop() == &c);
  CHECK(list.pop() == nullptr);
  list.push(b, kFault);  // the tail was repaired
  CHECK(list.pop() == &b);
}

TEST_CASE("a mutex excludes") {
  Mutex mutex(LockRank::leaf);
  uint64_t value = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; t++) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20000; i++) {
        LockGuard guard(mutex);
        value++;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(value == 80000);
  CHECK(mutex.try_lock());
  CHECK(!mutex.try_lock());
  mutex.unlock();
}

#if !defined(NDEBUG)
TEST_CASE("a debug build panics when locks are taken out of order") {
  if (!test::kCanFork) return;
  static Mutex low(LockRank::runtime), high(LockRank::leaf);
  CHECK(!test::panics([] {
    LockGuard a(low);
    LockGuard b(high);
  }));
  CHECK(test::panics([] {
    LockGuard a(high);
    LockGuard b(low);
  }));
}
#endif

TEST_CASE("full fences: of two threads that store and then load, one sees the other") {
  // Dekker's pattern; without the fences x86 shows both loads as 0 now and then.
  constexpr int kRounds = 20000;
  std::vector<std::atomic<int>> x(kRounds), y(kRounds);
  std::vector<int> a(kRounds), b(kRounds);
  std::atomic<int> started{0};
  std::thread first([&] {
    started.fetch_add(1);
    while (started.load() < 2) std::this_thread::yield();
    for (int i = 0; i < kRounds; i++) {
      x[i].store(1, std::memory_order_relaxed);
      fence_seq_cst();
      a[i] = y[i].load(std::memory_order_relaxed);
    }
  });
  std::thread second([&] {
    started.fetch_add(1);
    while (started.load() < 2) std::this_thread::yield();
    for (int i = 0; i < kRounds; i++) {
      y[i].store(1, std::memory_order_relaxed);
      fence_seq_cst();
      b[i] = x[i].load(std::memory_order_relaxed);
    }
  });
  first.join();
  second.join();
  for (int i = 0; i < kRounds; i++) REQUIRE(a[i] + b[i] >= 1);
}

TEST_CASE("counters") {
  Counter counter;
  counter.add(3);
  counter.add(4);
  CHECK(counter.read() == 7);
  SharedCounter shared;
  std::thread other([&] { shared.add(5); });
  shared.add(6);
  other.join();
  shared.subtract(1);
  CHECK(shared.read() == 10);
}

TEST_CASE("names of kernels are found again") {
  for (unsigned i = 0; i < static_cast<unsigned>(cpu::Isa::count_); i++) {
    const auto isa = static_cast<cpu::Isa>(i);
    cpu::Isa found = cpu::Isa::count_;
    CHECK(cpu::parse(cpu::name(isa), &found));
    CHECK(found == isa);
  }
  cpu::Isa none = cpu::Isa::fallback;
  CHECK(!cpu::parse("pentium", &none));
  CHECK(cpu::detect() < cpu::Isa::count_);
}

TEST_CASE("a CPU runs its best kernel, the plain one, and none of another architecture") {
  CHECK(cpu::supports(cpu::detect()));
  CHECK(cpu::supports(cpu::Isa::fallback));
#if defined(__x86_64__)
  CHECK(!cpu::supports(cpu::Isa::arm64));
#elif defined(__aarch64__)
  CHECK(cpu::detect() == cpu::Isa::arm64);
  CHECK(!cpu::supports(cpu::Isa::westmere));
#endif
}

namespace {
uint64_t traced_sum = 0;
void sum_hook(TraceKind, uint64_t a, uint64_t b) noexcept { traced_sum += a + b; }
}  // namespace

TEST_CASE("the trace hook is called while it is set") {
  trace(TraceKind::g_create, 1, 1);
  CHECK((set_trace_hook(sum_hook) == nullptr));
  trace(TraceKind::g_create, 2, 3);
  CHECK((set_trace_hook(nullptr) == sum_hook));
  trace(TraceKind::g_create, 9, 9);
  CHECK(traced_sum == 5);
}
