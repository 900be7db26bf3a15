// The fakes of base/os for tests. They exist in builds with TAILRACE_OS_FAKES=1 only; then every call of os.h
// asks the installed table first. In other builds the hooks compile to nothing.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace tailrace::os {

enum class Call : uint8_t {
  clock,
  map_reserve,
  map_commit,
  map_decommit,
  unmap,
  read,
  write,
  recv,
  send,
  writev,
  close,
  event_fd,
  timer_fd,
  timer_fd_set,
  epoll_create,
  epoll_add,
  epoll_mod,
  epoll_del,
  epoll_wait,
  poll,
  socket,
  bind,
  listen,
  accept,
  connect,
  shutdown,
  option,
  futex_wait,
  thread_start,
  random_bytes,
  count_,
};

/** A table of hooks; null members mean the real thing. Called from any thread that calls os. */
struct Fakes {
  /** Returns an errno to fail this call with (EAGAIN, EMFILE, ENOMEM …), or 0 to go on. */
  int (*fail)(void* user, Call call) noexcept = nullptr;
  /** Cuts the bytes one read, recv, send, write or writev may move: returns 1 … bytes. */
  size_t (*cap)(void* user, Call call, size_t bytes) noexcept = nullptr;
  /** Added to both clocks. */
  int64_t (*skew_ns)(void* user) noexcept = nullptr;
  void* user = nullptr;
  /** What page_bytes() says: a power of two, the system's own or more. */
  size_t (*page_bytes)(void* user) noexcept = nullptr;
};

#if defined(TAILRACE_OS_FAKES) && TAILRACE_OS_FAKES
inline constinit std::atomic<const Fakes*> installed_fakes{nullptr};

/** Installs a table for its scope; the table must outlive every call under way when the scope ends. */
class [[nodiscard]] ScopedFakes {
 public:
  explicit ScopedFakes(const Fakes& fakes) noexcept
      // acq_rel: the table's content, to the acquire in fakes()
      : before_(installed_fakes.exchange(&fakes, std::memory_order_acq_rel)) {}
  ~ScopedFakes() { installed_fakes.store(before_, std::memory_order_release); }  // partner: fakes()
  ScopedFakes(const ScopedFakes&) = delete;
  ScopedFakes& operator=(const ScopedFakes&) = delete;

 private:
  const Fakes* before_;
};

// acquire: partner of ScopedFakes
inline const Fakes* fakes() noexcept { return installed_fakes.load(std::memory_order_acquire); }
#else
inline constexpr const Fakes* fakes() noexcept { return nullptr; }
#endif

}  // namespace tailrace::os
