// Ahead: whatever the helpers do or leave, the owner has each job's result once and in order, and the block
// lives as long as somebody uses it.
#include "sched/ahead.h"

#include <doctest/doctest.h>

#include <chrono>
#include <random>
#include <thread>

#include "loop.h"

using namespace tailrace;
using namespace tailrace::sched;
using tailrace::test::wait_until;

namespace {

constexpr uint32_t kPatience = 20'000;
std::atomic<int> jobs_alive{0};
std::atomic<int> run_elsewhere{0};
std::atomic<bool> hold{false};
thread_local bool is_owner = false;

struct Job {
  Job() { jobs_alive.fetch_add(1); }
  ~Job() { jobs_alive.fetch_sub(1); }
  uint32_t input = 0;
  uint32_t result = 0;
  uint32_t work = 0;
  void run() noexcept {
    if (!is_owner) {
      run_elsewhere.fetch_add(1);
      while (hold.load(std::memory_order_acquire)) std::this_thread::yield();
    }
    uint32_t x = input;
    for (uint32_t i = 0; i < work; i++) x = x * 1664525u + 1013904223u;
    result = x;
  }
};

uint32_t expected(uint32_t input, uint32_t work) {
  Job job;
  job.input = input;
  job.work = work;
  is_owner = true;
  job.run();
  return job.result;
}

using Window = Ahead<Job, 4>;

bool is_there(Settled settled) { return settled == Settled::done || settled == Settled::displaced; }

bool offer(Window& window, uint32_t input, uint32_t work) {
  Job* job = window.room();
  if (!job) return false;
  job->input = input;
  job->work = work;
  job->result = ~expected(input, work);
  window.push();
  return true;
}

}  // namespace

TEST_CASE("results come in order, once each, whoever did them") {
  is_owner = true;
  const uint32_t before = scheduler().set_procs(4);
  const unsigned seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  int done = 0, own = 0;
  {
    Window window;
    uint32_t pushed = 0, next = 0;
    while (next < 20'000) {
      const uint32_t burst = random() % 6;
      for (uint32_t i = 0; i < burst && offer(window, pushed, pushed % 700); i++) pushed++;
      if (!window.oldest()) continue;
      if (random() % 64 == 0) {  // nobody wants it
        window.pop();
        next++;
        continue;
      }
      Job& job = *window.oldest();
      REQUIRE(job.input == next);
      const uint32_t want = expected(next, next % 700);
      if (is_there(window.settle(kPatience))) {
        REQUIRE(job.result == want);
        done++;
      } else {
        own++;
      }
      window.pop();
      next++;
    }
  }
  MESSAGE(done << " done ahead, " << own << " left to the owner");
  scheduler().set_procs(before);
  wait_until([] { return jobs_alive.load() == 0; });
}

TEST_CASE("a full window has no room, and a job that is dropped while it runs keeps its slot") {
  is_owner = true;
  const uint32_t before = scheduler().set_procs(2);
  hold.store(true, std::memory_order_release);
  run_elsewhere.store(0);
  Window window;
  wait_until([&] { return window.worthwhile(); });  // the Ms of the case before have come to rest
  for (uint32_t i = 0; i < 4; i++) CHECK(offer(window, i, 1));
  CHECK(window.room() == nullptr);
  wait_until([] { return run_elsewhere.load() == 1; });  // of two Ps one is left to the owner
  window.pop();                                          // it runs
  CHECK(window.oldest()->input == 1);
  CHECK(offer(window, 4, 1) == false);  // four slots: three wait, one still runs
  hold.store(false, std::memory_order_release);
  wait_until([&] { return window.room() != nullptr; });
  for (uint32_t i = 1; i < 4; i++) {
    const Settled settled = window.settle(kPatience);
    CHECK(window.oldest()->input == i);
    if (is_there(settled)) CHECK(window.oldest()->result == expected(i, 1));
    window.pop();
  }
  CHECK(window.oldest() == nullptr);
  scheduler().set_procs(before);
}

TEST_CASE("the owner does later jobs while it waits for one that runs elsewhere, and gives up at last") {
  is_owner = true;
  const uint32_t before = scheduler().set_procs(2);
  hold.store(true, std::memory_order_release);
  run_elsewhere.store(0);
  {
    Window window;
    wait_until([&] { return window.worthwhile(); });
    for (uint32_t i = 0; i < 3; i++) CHECK(offer(window, i, 5));
    wait_until([] { return run_elsewhere.load() == 1; });
    CHECK(window.settle(kPatience) == Settled::late);
    window.pop();
    CHECK(window.settle(kPatience) == Settled::done);  // by the owner, meanwhile
    CHECK(window.oldest()->result == expected(1, 5));
    window.pop();
    CHECK(window.settle(kPatience) == Settled::done);
    CHECK(window.oldest()->result == expected(2, 5));
    CHECK(run_elsewhere.load() == 1);
    // the owner goes while a job runs
  }
  CHECK(jobs_alive.load() > 0);
  hold.store(false, std::memory_order_release);
  wait_until([] { return jobs_alive.load() == 0; });
  scheduler().set_procs(before);
}

TEST_CASE("without a second P nobody helps, and the owner does all by itself") {
  is_owner = true;
  const uint32_t before = scheduler().set_procs(1);
  run_elsewhere.store(0);
  Window window;
  CHECK_FALSE(window.worthwhile());
  CHECK(offer(window, 7, 1));
  CHECK(window.settle(kPatience) == Settled::not_begun);
  window.pop();
  CHECK(window.oldest() == nullptr);
  CHECK(run_elsewhere.load() == 0);
  scheduler().set_procs(before);
}
