// The arena of a request against malloc and free, and how long one step of giving back takes: nobody waits
// longer for the lock than that. Steps are those of 90 % of 200,000 blocks of 16 to 4,096 bytes freed at
// random (pages inside spans) and of 64 MiB freed as a whole (free runs), written page by page before.
//
//   npm run bench -- memory/steps
#include "../support/timing.h"
#include "base/os.h"
#include "memory/arena.h"
#include "memory/cache.h"
#include "memory/page_heap.h"
#include "workloads.h"

using namespace tailrace;

namespace {

constexpr int kMany = 1000;  // operations a call: divide the figures by it

memory::Cache cache;

void arena() {
  static memory::Arena request(cache);
  for (int i = 0; i < kMany / 100; i++) {
    for (int j = 0; j < 100; j++) {
      void* p = request.allocate(64);
      asm volatile("" : : "r"(p) : "memory");
    }
    request.reset();
  }
}

void malloc_free() {
  for (int i = 0; i < kMany; i++) {
    void* p = std::malloc(64);
    asm volatile("" : : "r"(p) : "memory");
    std::free(p);
  }
}

/** A request's way with malloc: a hundred blocks, freed at its end. */
void malloc_request() {
  void* blocks[100];
  for (int i = 0; i < kMany / 100; i++) {
    for (void*& p : blocks) {
      p = std::malloc(64);
      asm volatile("" : : "r"(p) : "memory");
    }
    for (void* p : blocks) std::free(p);
  }
}

void show_steps(const char* name, uint64_t now) {
  std::vector<double> us;
  for (;;) {
    const double start = bench::now_ns();
    // one step a call
    const size_t bytes = memory::scavenge(now, size_t{memory::page_heap.step_pages()} << memory::kPageShift);
    us.push_back((bench::now_ns() - start) / 1e3);
    if (bytes == 0 && us.size() > 10) break;
  }
  std::sort(us.begin(), us.end());
  std::printf("%-44s %6zu steps: median %.1f us, p99 %.1f us, longest %.1f us\n", name, us.size(),
              us[us.size() / 2], us[us.size() * 99 / 100], us.back());
}

uint64_t wait(uint64_t now) {
  now = std::max(now, os::monotonic_ns());
  for (int i = 0; i < 8; i++) (void)memory::scavenge(now += 100'000'000, 0);
  return now;
}

}  // namespace

int main() {
  bench::pin(0);
  bench::time("arena 64 B x 1,000, reset a hundred", arena);
  bench::time("malloc + free 64 B x 1,000", malloc_free);
  bench::time("malloc 64 B x 100, then free, ten times", malloc_request);

  uint64_t now = os::monotonic_ns();
  for (int round = 0; round < 3; round++) {
    std::vector<void*> blocks;
    bench::Sequence random{12345};
    for (int i = 0; i < 200'000; i++) {
      const size_t bytes = bench::mixed_size(random.next());
      void* p = cache.allocate(bytes);
      std::memset(p, 1, bytes);
      blocks.push_back(p);
    }
    std::vector<void*> kept;
    for (void* p : blocks) {
      if (random.next() % 10 == 0)
        kept.push_back(p);
      else
        cache.free(p);
    }
    cache.flush();
    now = wait(now);
    show_steps("giving back pages inside spans", now);
    for (void* p : kept) cache.free(p);
    cache.flush();
    (void)memory::purge();

    void* large = cache.allocate(64u << 20);
    std::memset(large, 1, 64u << 20);
    cache.free(large);
    now = wait(now);
    show_steps("giving back free runs", now);
  }
}
