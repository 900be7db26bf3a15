// The arena of a request against malloc and free; how long one step of giving back takes; and how long it
// makes another thread wait, which is what must be short. Steps are those of 90 % of 200,000 blocks of 16 to
// 4,096 bytes freed at random (pages inside spans) and of 64 MiB freed as a whole (free runs), written page
// by page before. The other thread takes and frees large blocks all the time, by the lock of the page heap,
// or batches of small ones, by that of their list; how long that takes when nothing is given back is shown
// beside. It needs a second processor: under `taskset` with one there is none. Last, what the size of the
// calls does: how long one takes, and how much of its time a thread that only computes on the other processor
// loses to them.
//
//   npm run bench -- memory/steps
#include "../support/timing.h"
#include "base/os.h"
#include "memory/arena.h"
#include "memory/cache.h"
#include "memory/heap.h"
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

void show(const char* name, const char* what, std::vector<double>& us) {
  if (us.empty()) return;
  std::sort(us.begin(), us.end());
  double sum = 0;
  for (double each : us) sum += each;
  std::printf("%-32s %8zu %s: median %.1f us, p99 %.1f us, longest %.1f us, all %.1f ms\n", name, us.size(),
              what, us[us.size() / 2], us[us.size() * 99 / 100], us.back(), sum / 1e3);
}

/** Uses the heap in a thread of its own, and keeps how long each use took. */
class Other {
 public:
  explicit Other(size_t bytes) {
    if (bench::processors() < 2) return;
    thread_ = std::thread([this, bytes] {
      bench::pin(1);
      memory::Cache own;
      us_.reserve(1u << 20);
      while (!stop_.load(std::memory_order_relaxed)) {
        const double start = bench::now_ns();
        void* p = own.allocate(bytes);
        own.free(p);
        if (bytes <= 4096) own.flush();
        if (us_.size() < us_.capacity()) us_.push_back((bench::now_ns() - start) / 1e3);
      }
    });
  }
  std::vector<double>& end() {
    stop_.store(true);
    if (thread_.joinable()) thread_.join();
    return us_;
  }

 private:
  std::atomic<bool> stop_{false};
  std::vector<double> us_;
  std::thread thread_;
};

void show_steps(const char* name, uint64_t now, size_t used_by_other) {
  std::vector<double> us;
  Other other(used_by_other);
  size_t all = 0;
  for (;;) {
    const double start = bench::now_ns();
    const size_t bytes = memory::scavenge(now, memory::kScavengeStepBytes);  // one step a call
    us.push_back((bench::now_ns() - start) / 1e3);
    all += bytes;
    if (bytes == 0 && us.size() > 10) break;
  }
  std::vector<double>& waits = other.end();
  std::printf("%s: %.1f MiB\n", name, static_cast<double>(all) / (1 << 20));
  show("  steps", "steps", us);
  show("  another thread meanwhile", "uses ", waits);
  if (bench::processors() < 2) return;
  Other alone(used_by_other);
  usleep(100'000);
  show("  another thread alone", "uses ", alone.end());
}

/** Computes; tells how much of the time it did not. */
class Computing {
 public:
  Computing() {
    if (bench::processors() < 2) return;
    thread_ = std::thread([this] {
      bench::pin(1);
      for (double last = bench::now_ns(); !stop_.load(std::memory_order_relaxed);) {
        const double now = bench::now_ns();
        if (now - last > 1000) lost_ns_.store(lost_ns_.load() + now - last);
        last = now;
      }
    });
  }
  ~Computing() {
    stop_.store(true);
    if (thread_.joinable()) thread_.join();
  }
  double lost_ms() const { return lost_ns_.load() / 1e6; }

 private:
  std::atomic<bool> stop_{false};
  std::atomic<double> lost_ns_{0};
  std::thread thread_;
};

void show_call_sizes() {
  constexpr size_t kPages = 8192;
  char* const at = static_cast<char*>(*os::map_reserve(kPages * memory::kPageBytes));
  (void)os::map_commit(at, kPages * memory::kPageBytes);
  Computing other;
  for (size_t pages : {1, 4, 16, 64, 256}) {
    for (size_t i = 0; i < kPages; i++) at[i * memory::kPageBytes] = 1;
    std::vector<double> us;
    const double before = other.lost_ms();
    for (size_t i = 0; i < kPages; i += pages) {
      const double start = bench::now_ns();
      (void)os::map_decommit(at + i * memory::kPageBytes, pages * memory::kPageBytes);
      us.push_back((bench::now_ns() - start) / 1e3);
    }
    const double lost = other.lost_ms() - before;
    char name[64];
    std::snprintf(name, sizeof name, "32 MiB, %zu pages a call", pages);
    show(name, "calls", us);
    std::printf("%-32s lost %.1f ms\n", "  a thread that computes", lost);
  }
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
    show_steps("giving back pages inside spans", now, 1024);
    for (void* p : kept) cache.free(p);
    cache.flush();
    (void)memory::purge();

    void* large = cache.allocate(64u << 20);
    std::memset(large, 1, 64u << 20);
    cache.free(large);
    now = wait(now);
    show_steps("giving back free runs", now, 256u << 10);
  }
  show_call_sizes();
}
