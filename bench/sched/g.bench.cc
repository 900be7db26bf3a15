// What a G costs: spawn and end, yield, park and ready, on the Ps of one process. Compare with Go: spawn and
// finish 224 to 1,027 ns, yield 71.
#include <atomic>
#include <thread>

#include "../support/timing.h"
#include "sched/g.h"
#include "sched/scheduler.h"

using namespace tailrace::sched;

namespace {

constexpr int kMany = 1000;  // a call: divide the figures by it

std::atomic<int> ended{0};

Task nothing() {
  ended.fetch_add(1, std::memory_order_relaxed);
  co_return;
}

Task spawn_many() {
  for (int i = 0; i < kMany; i++) (void)go(nothing());
  ended.fetch_add(1, std::memory_order_release);
  co_return;
}

Task yield_many() {
  for (int i = 0; i < kMany; i++) co_await yield();
  ended.fetch_add(1, std::memory_order_release);
}

/** Starts one G from outside and waits for `count` ends: the wake of a worker is in the figure, once a call.
 */
template <class Make>
void run(Make make, int count) {
  ended.store(0, std::memory_order_relaxed);
  (void)go(make());
  while (ended.load(std::memory_order_acquire) < count) std::this_thread::yield();
}

}  // namespace

int main() {
  for (uint32_t procs : {1u, 2u}) {
    (void)scheduler().set_procs(procs);
    std::printf("procs %u, %d operations a call\n", procs, kMany);
    bench::time("spawn and end", [] { run(spawn_many, kMany + 1); });
    bench::time("yield", [] { run(yield_many, 1); });
  }
}
