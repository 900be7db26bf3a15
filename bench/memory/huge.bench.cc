// The heap on huge pages, as a system gives them to everybody (transparent_hugepage/enabled: always) or to a
// heap that asks: what the heap asks for nothing of is asked for here, so that the bench shows both on a
// system that is set to `madvise`; or it is made huge once it is full (MADV_COLLAPSE). For each stage of the
// fragmentation bench: resident memory and how much of it is huge (AnonHugePages of /proc/self/smaps), the
// time it took, and what it costs to read a random one of the live blocks. Each row is a process of its own:
// page tables that are left of small pages keep a system from giving huge ones. Three quarters of a minute.
//
//   npm run bench -- memory/huge
#include <sys/mman.h>
#include <sys/wait.h>

#include <string>

#include "base/os.h"
#include "memory/cache.h"
#include "workloads.h"

using namespace tailrace;

namespace {

constexpr size_t kHugeBytes = 2u << 20;
constexpr size_t kHeapBytes = 1u << 30;  // more than the bench uses

memory::Cache cache;

/** AnonHugePages and Rss of the mappings in [from, to), in MiB. */
struct Smaps {
  double huge = 0, resident = 0;
};

Smaps smaps(uintptr_t from, uintptr_t to) {
  Smaps result;
  FILE* file = std::fopen("/proc/self/smaps", "r");
  if (!file) return result;
  char line[512];
  bool inside = false;
  while (std::fgets(line, sizeof line, file)) {
    unsigned long long begin = 0, end = 0, kib = 0;
    if (std::sscanf(line, "%llx-%llx ", &begin, &end) == 2) inside = begin < to && end > from;
    if (inside && std::sscanf(line, "AnonHugePages: %llu kB", &kib) == 1)
      result.huge += static_cast<double>(kib) / 1024;
    if (inside && std::sscanf(line, "Rss: %llu kB", &kib) == 1)
      result.resident += static_cast<double>(kib) / 1024;
  }
  std::fclose(file);
  return result;
}

struct Block {
  char* at;
  size_t bytes;
};

double read_ns(const std::vector<Block>& blocks, bench::Sequence& random) {
  constexpr int kReads = 2'000'000;
  uint64_t sum = 0;
  const double start = bench::now_ns();
  for (int i = 0; i < kReads; i++)
    sum += static_cast<unsigned char>(*blocks[random.next() % blocks.size()].at);
  asm volatile("" : : "r"(sum));
  return (bench::now_ns() - start) / kReads;
}

/** A second and more passes; what is free goes back. Returns the milliseconds that took. */
double settle() {
  double ns = 0;
  for (int i = 0; i < 13; i++) {
    const double start = bench::now_ns();
    cache.decay();
    while (memory::scavenge(os::monotonic_ns(), 4u << 20) >= 4u << 20) {
    }
    ns += bench::now_ns() - start;
    usleep(100'000);
  }
  return ns / 1e6;
}

enum class Mode { small, asked, collapsed };
constexpr int kCollapse = 25;  // MADV_COLLAPSE, Linux 6.1

void measure(const char* name, Mode mode) {
  void* first = cache.allocate(64);  // the first block of all: the heap begins there
  const uintptr_t from = reinterpret_cast<uintptr_t>(first) & ~(uintptr_t{kHugeBytes} - 1);
  const uintptr_t to = from + kHeapBytes;
  cache.free(first);
  cache.flush();
  (void)memory::purge();
  if (madvise(reinterpret_cast<void*>(from), kHeapBytes,
              mode == Mode::asked ? MADV_HUGEPAGE : MADV_NOHUGEPAGE) != 0) {
    std::printf("%s: the system refuses\n", name);
    return;
  }
  bench::Sequence random{12345};
  std::vector<Block> live;
  const auto make = [&](size_t bytes) {
    auto* p = static_cast<char*>(cache.allocate(bytes));
    std::memset(p, 1, bytes);
    live.push_back({p, bytes});
    return bytes;
  };
  double start = bench::now_ns();
  const auto show = [&](const char* stage) {
    size_t bytes = 0;
    for (const Block& block : live) bytes += block.bytes;
    const double ms = (bench::now_ns() - start) / 1e6;
    const Smaps now = smaps(from, to);
    (void)read_ns(live, random);  // a hypervisor fills its tables
    const double read = read_ns(live, random);
    std::printf("%-22s %-12s %5.0f ms, live %6.1f MiB, resident %6.1f, of it huge %6.1f; a read %5.1f ns\n",
                name, stage, ms, static_cast<double>(bytes) / (1 << 20), now.resident, now.huge, read);
    start = bench::now_ns();
  };
  size_t peak = 0;
  for (int i = 0; i < 200'000; i++) peak += make(bench::mixed_size(random.next()));
  if (mode == Mode::collapsed) {
    show("filled");
    const size_t used = memory::stats().committed_bytes & ~(kHugeBytes - 1);
    (void)madvise(reinterpret_cast<void*>(from), used, MADV_HUGEPAGE);
    if (madvise(reinterpret_cast<void*>(from), used, kCollapse) != 0)
      std::printf("%s: not all of it\n", name);
  }
  show("full");
  for (size_t i = live.size(); i > 1; i--) std::swap(live[i - 1], live[random.next() % i]);
  const auto keep = static_cast<std::ptrdiff_t>(live.size() / 10);
  size_t left = 0;
  for (std::ptrdiff_t i = 0; i < keep; i++) left += live[static_cast<size_t>(i)].bytes;
  for (auto at = live.begin() + keep; at != live.end(); ++at) cache.free(at->at);
  live.erase(live.begin() + keep, live.end());
  (void)settle();
  show("90 % freed");
  while (left < peak) left += make(32 + random.next() % 481);
  show("refilled");
  // Whole huge pages: a large block comes, goes, goes back and comes again.
  constexpr size_t kLarge = 64u << 20;
  for (int i = 0; i < 2; i++) {
    start = bench::now_ns();
    auto* p = static_cast<char*>(cache.allocate(kLarge));
    std::memset(p, 1, kLarge);
    const double touched_ms = (bench::now_ns() - start) / 1e6;
    const Smaps now = smaps(from, to);
    cache.free(p);
    std::printf("%-22s 64 MiB written in %.1f ms (of all resident %.1f MiB huge), given back in %.1f ms\n",
                name, touched_ms, now.huge, settle());
  }
}

/** In a process of its own, which has used nothing yet. */
void row(const char* name, Mode mode) {
  std::fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    measure(name, mode);
    std::fflush(stdout);
    _exit(0);
  }
  int status = 0;
  if (child > 0) waitpid(child, &status, 0);
}

}  // namespace

int main() {
  bench::pin(0);
  for (int round = 0; round < 2; round++) {
    row("small pages", Mode::small);
    row("huge pages asked for", Mode::asked);
    if (round == 0) row("collapsed when full", Mode::collapsed);
  }
}
