// The only caller of the system and of the clock. Thin on purpose: one function a call, EINTR retried inside,
// "would block" told apart from errors, descriptors close-on-exec and non-blocking. Everything above it can
// therefore run under the fakes of os_fakes.h (short writes, EAGAIN, EMFILE, ENOMEM, clock skew).
//
// Errors: Status with the errno in sys(). ENOMEM is Error::out_of_memory, EADDRINUSE address_in_use,
// EADDRNOTAVAIL and EAFNOSUPPORT address_invalid, EACCES and EPERM permission, EAGAIN and EINPROGRESS
// would_block, ETIMEDOUT timed_out, EINVAL invalid_argument; all else is Error::system.
#pragma once

#include <poll.h>
#include <sys/epoll.h>
#include <sys/uio.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/os_address.h"
#include "base/status.h"

namespace tailrace::os {

/** For timeouts: no timeout. */
inline constexpr uint64_t kForever = UINT64_MAX;

/** The Status for an errno. */
Status status_of(int sys) noexcept;

// ------------------------------------------------------------------ clocks

/** CLOCK_MONOTONIC, nanoseconds: for durations and deadlines. */
uint64_t monotonic_ns() noexcept;
/** CLOCK_REALTIME, milliseconds since 1970: for dates only. */
uint64_t realtime_ms() noexcept;
/** CPU time of the calling thread. */
uint64_t thread_cpu_ns() noexcept;

// ------------------------------------------------------------------ address space

/** Bytes of one page of the system. */
size_t page_bytes() noexcept;
/** Address space without memory: any access faults until it is committed. */
Result<void*> map_reserve(size_t bytes) noexcept;
/** Makes reserved pages readable and writable; zero until written. */
Status map_commit(void* at, size_t bytes) noexcept;
/** Gives the memory behind committed pages back. They stay accessible and read as zero. */
Status map_decommit(void* at, size_t bytes) noexcept;
/** The same for several ranges; returns how many of them, from the first on, were given back. By one call
 * where the system knows that: then it invalidates what the processors know of the addresses once, not once a
 * range. */
size_t map_decommit(const iovec* ranges, size_t count) noexcept;
/** Bytes of what prefer_huge() asks for. */
inline constexpr size_t kHugeBytes = size_t{2} << 20;
/** Asks for a huge page behind each whole one in the range, where the system lends them to those who ask
 * (transparent_hugepage/enabled: madvise): one fault in place of 512. Advice only: nothing can fail. */
void prefer_huge(void* at, size_t bytes) noexcept;
Status unmap(void* at, size_t bytes) noexcept;
/** Resident anonymous bytes of this process (RssAnon), 0 when unknown: for tests and reports. */
size_t resident_bytes() noexcept;

// ------------------------------------------------------------------ descriptors

struct IoResult {
  enum class State : uint8_t { ok, would_block, closed, error };
  size_t bytes = 0;
  State state = State::ok;
  int sys = 0;  // errno when state is error
};

/** state closed: end of file. */
IoResult read(int fd, void* buffer, size_t bytes) noexcept;
IoResult write(int fd, const void* data, size_t bytes) noexcept;
/** state closed: the peer sent FIN (recv) or is gone (EPIPE, ECONNRESET on sending; ECONNRESET on recv is
 * error). */
IoResult recv(int fd, void* buffer, size_t bytes) noexcept;
/** MSG_NOSIGNAL. May send less than asked. */
IoResult send(int fd, const void* data, size_t bytes) noexcept;
/** Sends a vector (sendmsg, MSG_NOSIGNAL); at most kMaxVectors entries are used. */
IoResult writev(int fd, const iovec* vectors, size_t count) noexcept;
inline constexpr size_t kMaxVectors = 64;
/** Never retried: on Linux the descriptor is gone whatever close returns. */
void close(int fd) noexcept;

/** A non-blocking eventfd. */
Result<int> event_fd() noexcept;
/** Adds 1: readable from now on. A full counter counts as success. */
void event_fd_signal(int fd) noexcept;
/** Takes the count; 0 when it was not signalled. */
uint64_t event_fd_take(int fd) noexcept;
/** A non-blocking CLOCK_MONOTONIC timerfd, disarmed. */
Result<int> timer_fd() noexcept;
/** Readable once monotonic_ns() >= abs_ns; 0 or kForever disarms. Forgets an earlier expiry. */
Status timer_fd_set(int fd, uint64_t abs_ns) noexcept;

Result<int> epoll_create() noexcept;
/** `events` as EPOLLIN | EPOLLET …; `data` comes back in epoll_event::data.u64. */
Status epoll_add(int epoll, int fd, uint32_t events, uint64_t data) noexcept;
Status epoll_mod(int epoll, int fd, uint32_t events, uint64_t data) noexcept;
Status epoll_del(int epoll, int fd) noexcept;
/** Number of events; timeout_ms -1 waits for ever, 0 only looks. A signal ends the wait early with 0 events.
 */
Result<int> epoll_wait(int epoll, epoll_event* events, int max_events, int timeout_ms) noexcept;
/** poll(2); number of descriptors with revents, 0 on timeout or signal. */
Result<int> poll(pollfd* fds, size_t count, int timeout_ms) noexcept;

// ------------------------------------------------------------------ sockets

/** Non-blocking stream socket of family AF_INET, AF_INET6 or AF_UNIX. */
Result<int> socket(int family) noexcept;
Status bind(int fd, const Address& address) noexcept;
Status listen(int fd, int backlog) noexcept;
/** Error::would_block when none waits; sys() EMFILE/ENFILE when descriptors ran out. `peer` may be null. */
Result<int> accept(int fd, Address* peer) noexcept;
/** Error::would_block: under way; writable when done, then ask get_error. */
Status connect(int fd, const Address& address) noexcept;
/** how: SHUT_RD, SHUT_WR, SHUT_RDWR. */
Status shutdown(int fd, int how) noexcept;
Status set_nodelay(int fd, bool on) noexcept;
Status set_reuse_address(int fd, bool on) noexcept;
Status set_reuse_port(int fd, bool on) noexcept;
Status set_v6_only(int fd, bool on) noexcept;
Status set_keep_alive(int fd, bool on, int idle_s) noexcept;
/** SO_LINGER with 0 s: close sends RST. */
Status set_abort_on_close(int fd) noexcept;
/** SO_ERROR as an errno, 0 for none. */
int get_error(int fd) noexcept;
Result<Address> local_address(int fd) noexcept;
Result<Address> peer_address(int fd) noexcept;
/** Removes a socket's path. */
Status unlink(const char* path) noexcept;

// ------------------------------------------------------------------ threads

/** Sleeps while *word == expected. ok: woken (or spuriously); would_block: it differed; timed_out. */
Status futex_wait(std::atomic<uint32_t>& word, uint32_t expected, uint64_t timeout_ns) noexcept;
/** Number of threads woken. */
int futex_wake(std::atomic<uint32_t>& word, int count) noexcept;
/** A detached thread with all signals blocked. The name is cut at 15 characters. */
Status thread_start(void (*run)(void*) noexcept, void* argument, const char* name) noexcept;
/** The kernel's id of the calling thread. */
uint32_t thread_id() noexcept;
void thread_yield() noexcept;
/** The number of the CPU the calling thread runs on, which may be another one by now. */
unsigned current_cpu() noexcept;
/**
 * Asks for the shortest time slices for the calling thread: it then runs sooner after a wake among busy ones
 * (Linux 6.12 and later; before that nothing happens). Its share and its nice value stay.
 */
void prefer_latency() noexcept;
/** CPUs this process may use: the affinity mask, cut down by the cgroup's quota (rounded up), at least 1. */
unsigned cpu_count() noexcept;
/** Unpredictable bytes for hash seeds. */
Status random_bytes(void* buffer, size_t bytes) noexcept;

}  // namespace tailrace::os
