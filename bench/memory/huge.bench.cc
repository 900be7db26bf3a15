// The heap on huge pages, as a system gives them to everybody (transparent_hugepage/enabled: always) or to a
// heap that asks: what the heap asks for nothing of is asked for here, so that the bench shows both on a
// system that is set to `madvise`. For each stage of the fragmentation bench: resident memory and how much of
// it is huge (AnonHugePages of /proc/self/smaps), and what it costs to read a random one of the live blocks.
//
//   npm run bench -- memory/huge
#include <sys/mman.h>

#include <string>

#include "base/os.h"
#include "memory/cache.h"
#include "workloads.h"

using namespace tailrace;

namespace {

constexpr size_t kHugeBytes = 2u << 20;
constexpr size_t kHeapBytes = 1u << 30;  // more than the bench uses

memory::Cache cache;
uintptr_t heap_begin = 0;

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

void measure(const char* name, bool ask) {
  if (heap_begin == 0) {  // the first block of all: the heap begins there
    void* first = cache.allocate(64);
    heap_begin = reinterpret_cast<uintptr_t>(first) & ~(uintptr_t{kHugeBytes} - 1);
    cache.free(first);
  }
  const uintptr_t from = heap_begin;
  const uintptr_t to = from + kHeapBytes;
  cache.flush();
  (void)memory::purge();
  if (madvise(reinterpret_cast<void*>(from), kHeapBytes, ask ? MADV_HUGEPAGE : MADV_NOHUGEPAGE) != 0) {
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
  const auto show = [&](const char* stage) {
    size_t bytes = 0;
    for (const Block& block : live) bytes += block.bytes;
    const Smaps now = smaps(from, to);
    std::printf("%-22s %-12s live %6.1f MiB, resident %6.1f, of it huge %6.1f; a read %5.1f ns\n", name,
                stage, static_cast<double>(bytes) / (1 << 20), now.resident, now.huge, read_ns(live, random));
  };
  size_t peak = 0;
  const double start = bench::now_ns();
  for (int i = 0; i < 200'000; i++) peak += make(bench::mixed_size(random.next()));
  std::printf("%-22s filled in %.0f ms\n", name, (bench::now_ns() - start) / 1e6);
  show("full");
  for (size_t i = live.size(); i > 1; i--) std::swap(live[i - 1], live[random.next() % i]);
  const auto keep = static_cast<std::ptrdiff_t>(live.size() / 10);
  size_t left = 0;
  for (std::ptrdiff_t i = 0; i < keep; i++) left += live[static_cast<size_t>(i)].bytes;
  for (auto at = live.begin() + keep; at != live.end(); ++at) cache.free(at->at);
  live.erase(live.begin() + keep, live.end());
  for (int i = 0; i < 12; i++) {
    cache.decay();
    while (memory::scavenge(os::monotonic_ns(), 4u << 20) >= 4u << 20) {
    }
    usleep(100'000);
  }
  show("90 % freed");
  while (left < peak) left += make(32 + random.next() % 481);
  show("refilled");
  for (const Block& block : live) cache.free(block.at);
  cache.flush();
}

}  // namespace

int main() {
  bench::pin(0);
  for (int round = 0; round < 2; round++) {
    measure("small pages", false);
    measure("huge pages asked for", true);
  }
}
