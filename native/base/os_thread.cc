// Futexes, threads, CPUs, random bytes.
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/os.h"
#include "base/os_internal.h"

namespace tailrace::os {

Status futex_wait(std::atomic<uint32_t>& word, uint32_t expected, uint64_t timeout_ns) noexcept {
  if (int sys = internal::fake_failure(Call::futex_wait)) return sys == EINTR ? Status() : status_of(sys);
  timespec limit;
  timespec* at = nullptr;
  if (timeout_ns != kForever) {
    limit.tv_sec = static_cast<time_t>(timeout_ns / 1'000'000'000u);
    limit.tv_nsec = static_cast<long>(timeout_ns % 1'000'000'000u);
    at = &limit;
  }
  const long result =
      ::syscall(SYS_futex, reinterpret_cast<uint32_t*>(&word), FUTEX_WAIT_PRIVATE, expected, at, nullptr, 0);
  if (result == 0 || errno == EINTR) return Status();  // a spurious wake is allowed: the caller looks again
  return status_of(errno);
}

int futex_wake(std::atomic<uint32_t>& word, int count) noexcept {
  return static_cast<int>(::syscall(SYS_futex, reinterpret_cast<uint32_t*>(&word), FUTEX_WAKE_PRIVATE, count,
                                    nullptr, nullptr, 0));
}

namespace {

struct Start {
  void (*run)(void*) noexcept;
  void* argument;
  char name[16];
};

void* start_routine(void* raw) {
  const Start start = *static_cast<Start*>(raw);
  std::free(raw);
  pthread_setname_np(pthread_self(), start.name);
  start.run(start.argument);
  return nullptr;
}

}  // namespace

Status thread_start(void (*run)(void*) noexcept, void* argument, const char* name) noexcept {
  if (int sys = internal::fake_failure(Call::thread_start)) return status_of(sys);
  // malloc and not our slab: a thread may be started before the slab exists, and it dies on the other side.
  auto* start = static_cast<Start*>(std::malloc(sizeof(Start)));
  if (!start) return Status(Error::out_of_memory, ENOMEM);
  start->run = run;
  start->argument = argument;
  std::snprintf(start->name, sizeof(start->name), "%s", name);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  // Signals belong to the application's threads: ours must never run its handlers.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread;
  const int sys = pthread_create(&thread, &attributes, start_routine, start);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  if (sys == 0) return Status();
  std::free(start);
  // EAGAIN here is a limit on threads, not "try when it is ready".
  return sys == EAGAIN ? Status(Error::limit_exceeded, sys) : status_of(sys);
}

uint32_t thread_id() noexcept { return static_cast<uint32_t>(::syscall(SYS_gettid)); }

void thread_yield() noexcept { ::sched_yield(); }

void prefer_latency() noexcept {
  // struct sched_attr of linux/sched/types.h, version 0: that header and glibc's sched.h do not go together.
  struct {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
  } attributes{};
  static_assert(sizeof attributes == 48);
  if (::syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) != 0) return;
  if (attributes.policy != SCHED_OTHER) return;  // somebody has chosen otherwise for this process
  attributes.size = sizeof attributes;
  attributes.runtime = 100'000;  // ns: the kernel's lower bound for a slice
  (void)::syscall(SYS_sched_setattr, 0, &attributes, 0);
}

namespace {

/** Reads a small file; false when it cannot be read. */
template <size_t kBytes>
bool read_file(const char* path, char (&out)[kBytes]) noexcept {
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const ssize_t size = ::read(fd, out, kBytes - 1);
  ::close(fd);
  if (size < 0) return false;
  out[size] = 0;
  return true;
}

/** CPUs the cgroup's quota allows, rounded up; 0 for no limit. */
unsigned cgroup_cpus() noexcept {
  char text[512];
  double quota = 0, period = 0;
  // v2: the group of this process, else the root as a container sees it
  if (read_file("/proc/self/cgroup", text)) {
    if (const char* v2 = std::strstr(text, "0::/")) {
      char path[600];
      const int length = static_cast<int>(std::strcspn(v2 + 3, "\n"));
      std::snprintf(path, sizeof(path), "/sys/fs/cgroup%.*s/cpu.max", length, v2 + 3);
      if (!read_file(path, text)) text[0] = 0;
      if (std::sscanf(text, "%lf %lf", &quota, &period) == 2 && period > 0) {
        return static_cast<unsigned>((quota + period - 1) / period);
      }
    }
  }
  if (read_file("/sys/fs/cgroup/cpu.max", text) && std::sscanf(text, "%lf %lf", &quota, &period) == 2 &&
      period > 0) {
    return static_cast<unsigned>((quota + period - 1) / period);
  }
  // v1
  if (read_file("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", text) && std::sscanf(text, "%lf", &quota) == 1 &&
      quota > 0 && read_file("/sys/fs/cgroup/cpu/cpu.cfs_period_us", text) &&
      std::sscanf(text, "%lf", &period) == 1 && period > 0) {
    return static_cast<unsigned>((quota + period - 1) / period);
  }
  return 0;
}

}  // namespace

unsigned current_cpu() noexcept {
  const int cpu = sched_getcpu();
  return cpu < 0 ? 0 : static_cast<unsigned>(cpu);
}

unsigned cpu_count() noexcept {
  unsigned count = 1;
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof(set), &set) == 0) {
    count = static_cast<unsigned>(CPU_COUNT(&set));
  } else if (const long online = sysconf(_SC_NPROCESSORS_ONLN); online > 0) {
    count = static_cast<unsigned>(online);
  }
  const unsigned quota = cgroup_cpus();
  if (quota > 0 && quota < count) count = quota;
  return count > 0 ? count : 1;
}

Status random_bytes(void* buffer, size_t bytes) noexcept {
  auto* at = static_cast<char*>(buffer);
  while (bytes > 0) {
    const ssize_t result = internal::retry(Call::random_bytes, [&] { return ::getrandom(at, bytes, 0); });
    if (result < 0) return status_of(errno);
    at += result;
    bytes -= static_cast<size_t>(result);
  }
  return Status();
}

}  // namespace tailrace::os
