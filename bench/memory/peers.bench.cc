// The cache beside the C library's malloc and the allocators that are installed (Debian: libjemalloc2,
// libtcmalloc-minimal4, libmimalloc2.0), each by LD_PRELOAD in a process of its own: this program starts
// itself again for every row. Rounds are interleaved; figures are medians with quartiles, the ratio is that
// of the medians to the best peer.
//
//   npm run bench -- memory/peers        TAILRACE_BENCH_ROUNDS=9 for more rounds (5)
//
// Not of the core's own code, so it may use what the standard library has.
#include <string>

#include "base/os.h"
#include "memory/arena.h"
#include "memory/cache.h"
#include "workloads.h"

using namespace tailrace;

namespace {

struct Ours {
  [[gnu::noinline]] void* allocate(size_t bytes) { return cache.allocate(bytes); }
  [[gnu::noinline]] void free(void* p) { cache.free(p); }
  memory::Cache cache;
};

struct Malloc {
  void* allocate(size_t bytes) { return std::malloc(bytes); }  // -fno-builtin-malloc: a call each
  void free(void* p) { std::free(p); }
};

// What sysmon does for a program that serves: every kPeriodMs, a few MiB.
constexpr int kPeriodMs = 100;
constexpr size_t kScavengeBytes = 4u << 20;

void wait_a_second(Ours& ours) {
  const double end = bench::now_ns() + 1e9;
  while (bench::now_ns() < end) {
    ours.cache.decay();  // an idle owner's
    while (memory::scavenge(os::monotonic_ns(), kScavengeBytes) >= kScavengeBytes) {
    }
    usleep(kPeriodMs * 1000);
  }
}

void wait_a_second(Malloc& peer) {
  for (int i = 0; i < 10; i++) {
    peer.free(peer.allocate(100));  // those who give back by counting operations get some
    usleep(kPeriodMs * 1000);
  }
}

constexpr const char* kRows[] = {"pair 64 B, ns",
                                 "LIFO of 1,000 x 64 B, ns",
                                 "larson 1 thread, Mops/s",
                                 "larson 2 threads, Mops/s",
                                 "producer to consumer 256 B, ns",
                                 "RSS/live full",
                                 "RSS/live 90 % freed",
                                 "RSS/live 1 s later",
                                 "RSS/live refilled"};
constexpr int kRowCount = 9;
constexpr bool kMoreIsBetter[kRowCount] = {false, false, true, true, false, false, false, false, false};

/** One round of all rows, to standard output. */
template <class Allocator>
void measure() {
  bench::pin(0);
  const bench::Fragmentation f =
      bench::fragmentation<Allocator>([](Allocator& memory) { wait_a_second(memory); });
  const double rows[kRowCount] = {bench::pair_64<Allocator>(),
                                  bench::lifo_1000<Allocator>(),
                                  bench::larson<Allocator>(1, 0.5),
                                  bench::larson<Allocator>(2, 0.5),
                                  bench::producer_consumer<Allocator>(),
                                  f.full,
                                  f.freed,
                                  f.later,
                                  f.refill};
  for (double each : rows) std::printf("%.6f ", each);
  std::printf("\n");
}

struct Contestant {
  const char* name;
  const char* library;  // to preload; null: none
  std::vector<double> rows[kRowCount];
};

bool run(const char* self, Contestant& who) {
  std::string command;
  if (who.library) command = std::string("LD_PRELOAD=") + who.library + " ";
  command +=
      std::string("'") + self + "' --measure " + (who.name == std::string("tailrace") ? "ours" : "malloc");
  FILE* pipe = popen(command.c_str(), "r");
  if (!pipe) return false;
  bool good = true;
  for (auto& row : who.rows) {
    double value;
    good = good && std::fscanf(pipe, "%lf", &value) == 1;
    if (good) row.push_back(value);
  }
  return pclose(pipe) == 0 && good;
}

double at(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  return values[static_cast<size_t>(share * static_cast<double>(values.size() - 1) + 0.5)];
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3 && argv[1] == std::string("--measure")) {
    argv[2] == std::string("ours") ? measure<Ours>() : measure<Malloc>();
    return 0;
  }
  std::vector<Contestant> all = {{"tailrace", nullptr, {}}, {"glibc", nullptr, {}}};
  constexpr const char* kLibraries[][2] = {{"jemalloc", "libjemalloc.so.2"},
                                           {"tcmalloc", "libtcmalloc_minimal.so.4"},
                                           {"mimalloc", "libmimalloc.so.2.0"}};
  for (const auto& [name, library] : kLibraries) {
    bool found = false;
    for (const char* folder :
         {"/usr/lib/x86_64-linux-gnu/", "/usr/lib/aarch64-linux-gnu/", "/usr/lib64/", "/usr/lib/"})
      found = found || access((std::string(folder) + library).c_str(), R_OK) == 0;
    if (found)
      all.push_back({name, library, {}});
    else
      std::printf("%s is not installed\n", name);
  }
  const char* wanted = std::getenv("TAILRACE_BENCH_ROUNDS");
  const int rounds = wanted ? std::max(1, std::atoi(wanted)) : 5;
  for (int round = 0; round < rounds; round++) {
    for (Contestant& who : all) {
      if (!run(argv[0], who)) {
        std::printf("%s failed\n", who.name);
        return 1;
      }
    }
  }
  for (int row = 0; row < kRowCount; row++) {
    std::printf("%s\n", kRows[row]);
    double best = 0;
    for (size_t i = 1; i < all.size(); i++) {
      const double value = at(all[i].rows[row], 0.5);
      if (best == 0 || (kMoreIsBetter[row] ? value > best : value < best)) best = value;
    }
    for (const Contestant& who : all) {
      const double value = at(who.rows[row], 0.5);
      std::printf("  %-10s %8.2f  [%.2f - %.2f]", who.name, value, at(who.rows[row], 0.25),
                  at(who.rows[row], 0.75));
      if (&who == &all[0])
        std::printf("   %.2f x the best peer", kMoreIsBetter[row] ? value / best : best / value);
      std::printf("\n");
    }
  }
}
