// Clocks, address space, descriptors and epoll. Sockets are in os_socket.cc, threads in os_thread.cc.
#include "base/os.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "base/os_internal.h"

namespace tailrace::os {

using internal::fake_cap;
using internal::fake_failure;
using internal::fd_from;
using internal::retry;
using internal::status_from;

Status status_of(int sys) noexcept {
  switch (sys) {
    case 0:
      return Status();
    case ENOMEM:
      return Status(Error::out_of_memory, sys);
    case EADDRINUSE:
      return Status(Error::address_in_use, sys);
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
      return Status(Error::address_invalid, sys);
    case EACCES:
    case EPERM:
      return Status(Error::permission, sys);
    case EAGAIN:
    case EINPROGRESS:
      return Status(Error::would_block, sys);
    case ETIMEDOUT:
      return Status(Error::timed_out, sys);
    case EINVAL:
      return Status(Error::invalid_argument, sys);
    default:
      return Status(Error::system, sys);
  }
}

// ------------------------------------------------------------------ clocks

namespace {

uint64_t clock_ns(clockid_t clock) noexcept {
  timespec now;
  clock_gettime(clock, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000u + static_cast<uint64_t>(now.tv_nsec);
}

uint64_t skewed_ns(clockid_t clock) noexcept {
  uint64_t ns = clock_ns(clock);
  if (const Fakes* table = fakes()) {
    if (table->skew_ns) ns += static_cast<uint64_t>(table->skew_ns(table->user));
  }
  return ns;
}

}  // namespace

uint64_t monotonic_ns() noexcept { return skewed_ns(CLOCK_MONOTONIC); }
uint64_t realtime_ms() noexcept { return skewed_ns(CLOCK_REALTIME) / 1'000'000u; }
uint64_t thread_cpu_ns() noexcept { return clock_ns(CLOCK_THREAD_CPUTIME_ID); }

// ------------------------------------------------------------------ address space

size_t page_bytes() noexcept {
  if (const Fakes* table = fakes()) {
    if (table->page_bytes) return table->page_bytes(table->user);
  }
  return static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

Result<void*> map_reserve(size_t bytes) noexcept {
  if (int sys = fake_failure(Call::map_reserve)) return status_of(sys);
  void* at = mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) return status_of(errno);
  return at;
}

Status map_commit(void* at, size_t bytes) noexcept {
  return status_from(retry(Call::map_commit, [&] { return mprotect(at, bytes, PROT_READ | PROT_WRITE); }));
}

Status map_decommit(void* at, size_t bytes) noexcept {
  // DONTNEED and not FREE: what was given back must show in RssAnon at once, and read as zero.
  return status_from(retry(Call::map_decommit, [&] { return madvise(at, bytes, MADV_DONTNEED); }));
}

namespace {

// Linux 6.13 lets a process do this to itself, 6.14 without a descriptor of it. Known to fail once it has.
constinit std::atomic<bool> many_ranges{true};
constexpr long kProcessMadvise = 440;  // on every architecture; older headers do not have it
constexpr int kThisThread = -10'000;   // PIDFD_SELF_THREAD

}  // namespace

size_t map_decommit(const iovec* ranges, size_t count) noexcept {
  size_t done = 0;
  // relaxed: a hint; partner: the store below
  if (count > 1 && many_ranges.load(std::memory_order_relaxed)) {
    const ssize_t bytes = retry(Call::map_decommit, [&] {
      return syscall(kProcessMadvise, kThisThread, ranges, count, MADV_DONTNEED, 0);
    });
    if (bytes < 0) many_ranges.store(false, std::memory_order_relaxed);  // partner: the load above
    for (auto left = static_cast<size_t>(bytes < 0 ? 0 : bytes); done < count && left >= ranges[done].iov_len;
         done++)
      left -= ranges[done].iov_len;
  }
  while (done < count && map_decommit(ranges[done].iov_base, ranges[done].iov_len).ok()) done++;
  return done;
}

void prefer_huge(void* at, size_t bytes) noexcept {
  const uintptr_t from = (reinterpret_cast<uintptr_t>(at) + kHugeBytes - 1) & ~(kHugeBytes - 1);
  const uintptr_t to = (reinterpret_cast<uintptr_t>(at) + bytes) & ~(kHugeBytes - 1);
  if (from < to) (void)madvise(reinterpret_cast<void*>(from), to - from, MADV_HUGEPAGE);
}

Status unmap(void* at, size_t bytes) noexcept {
  return status_from(retry(Call::unmap, [&] { return munmap(at, bytes); }));
}

size_t resident_bytes() noexcept {
  const int fd = ::open("/proc/self/status", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  char text[4096];
  const ssize_t size = ::read(fd, text, sizeof(text) - 1);
  ::close(fd);
  if (size <= 0) return 0;
  text[size] = 0;
  const char* line = std::strstr(text, "RssAnon:");
  unsigned long kib = 0;
  return line && std::sscanf(line, "RssAnon: %lu", &kib) == 1 ? kib * 1024 : 0;
}

// ------------------------------------------------------------------ descriptors

IoResult read(int fd, void* buffer, size_t bytes) noexcept {
  const size_t cap = fake_cap(Call::read, bytes);
  const ssize_t result = retry(Call::read, [&] { return ::read(fd, buffer, cap); });
  if (result > 0) return {static_cast<size_t>(result), IoResult::State::ok, 0};
  if (result == 0) return {0, bytes == 0 ? IoResult::State::ok : IoResult::State::closed, 0};
  if (errno == EAGAIN) return {0, IoResult::State::would_block, 0};
  return {0, IoResult::State::error, errno};
}

IoResult write(int fd, const void* data, size_t bytes) noexcept {
  const size_t cap = fake_cap(Call::write, bytes);
  const ssize_t result = retry(Call::write, [&] { return ::write(fd, data, cap); });
  if (result >= 0) return {static_cast<size_t>(result), IoResult::State::ok, 0};
  if (errno == EAGAIN) return {0, IoResult::State::would_block, 0};
  if (errno == EPIPE) return {0, IoResult::State::closed, EPIPE};
  return {0, IoResult::State::error, errno};
}

void close(int fd) noexcept {
  (void)fake_failure(Call::close);  // a fake may count closes, but cannot keep a descriptor open
  ::close(fd);
}

Result<int> event_fd() noexcept {
  return fd_from(retry(Call::event_fd, [] { return ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }));
}

void event_fd_signal(int fd) noexcept {
  const uint64_t one = 1;
  // EAGAIN means the counter is full: then it is readable, which is all that is wanted.
  while (::write(fd, &one, sizeof(one)) < 0 && errno == EINTR) {
  }
}

uint64_t event_fd_take(int fd) noexcept {
  uint64_t count = 0;
  for (;;) {
    const ssize_t result = ::read(fd, &count, sizeof(count));
    if (result == static_cast<ssize_t>(sizeof(count))) return count;
    if (result < 0 && errno == EINTR) continue;
    return 0;
  }
}

Result<int> timer_fd() noexcept {
  return fd_from(
      retry(Call::timer_fd, [] { return ::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC); }));
}

Status timer_fd_set(int fd, uint64_t abs_ns) noexcept {
  itimerspec spec{};
  if (abs_ns != 0 && abs_ns != kForever) {
    spec.it_value.tv_sec = static_cast<time_t>(abs_ns / 1'000'000'000u);
    spec.it_value.tv_nsec = static_cast<long>(abs_ns % 1'000'000'000u);
  }
  return status_from(
      retry(Call::timer_fd_set, [&] { return ::timerfd_settime(fd, TFD_TIMER_ABSTIME, &spec, nullptr); }));
}

Result<int> epoll_create() noexcept {
  return fd_from(retry(Call::epoll_create, [] { return ::epoll_create1(EPOLL_CLOEXEC); }));
}

namespace {

Status epoll_change(Call call, int epoll, int operation, int fd, uint32_t events, uint64_t data) noexcept {
  epoll_event event{};
  event.events = events;
  event.data.u64 = data;
  return status_from(retry(call, [&] { return ::epoll_ctl(epoll, operation, fd, &event); }));
}

}  // namespace

Status epoll_add(int epoll, int fd, uint32_t events, uint64_t data) noexcept {
  return epoll_change(Call::epoll_add, epoll, EPOLL_CTL_ADD, fd, events, data);
}

Status epoll_mod(int epoll, int fd, uint32_t events, uint64_t data) noexcept {
  return epoll_change(Call::epoll_mod, epoll, EPOLL_CTL_MOD, fd, events, data);
}

Status epoll_del(int epoll, int fd) noexcept {
  return epoll_change(Call::epoll_del, epoll, EPOLL_CTL_DEL, fd, 0, 0);
}

Result<int> epoll_wait(int epoll, epoll_event* events, int max_events, int timeout_ms) noexcept {
  if (int sys = fake_failure(Call::epoll_wait)) {
    if (sys == EINTR) return 0;
    return status_of(sys);
  }
  const int count = ::epoll_wait(epoll, events, max_events, timeout_ms);
  // Not retried: the caller knows its deadline anew, the kernel does not say how long it slept.
  if (count < 0 && errno == EINTR) return 0;
  return fd_from(count);
}

Result<int> poll(pollfd* fds, size_t count, int timeout_ms) noexcept {
  if (int sys = fake_failure(Call::poll)) {
    if (sys == EINTR) return 0;
    return status_of(sys);
  }
  const int ready = ::poll(fds, static_cast<nfds_t>(count), timeout_ms);
  if (ready < 0 && errno == EINTR) return 0;  // as in epoll_wait
  return fd_from(ready);
}

}  // namespace tailrace::os
