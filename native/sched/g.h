// G: one piece of compute work, a C++20 stackless coroutine whose frame comes from the slab of the P it was
// made on. `Task f(args)` makes one, asleep; `go(f(args))` sets it running; it frees itself when it ends.
//
//   sched::Task crunch(Job& job) { …; co_await sched::yield(); …; co_await sched::sleep_ns(5'000'000); … }
//   if (!sched::go(crunch(job))) …  // no memory, or the runtime could not start
//
// Gs are resumed by their P's loop, never by symmetric transfer (g++ turns a chain of transfers into
// recursion in debug and sanitizer builds). A G may go on on another P after every co_await: it keeps no
// reference to `P::current()` across one. Gs are for compute; connection work stays on its P as Waiters.
#pragma once

#include <atomic>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "base/timer_wheel.h"
#include "sched/message.h"

namespace tailrace::sched {

class P;

/** Where go() was called. (std::source_location is missing from clang 14.) */
struct Site {
  const char* file;
  uint32_t line;
  static constexpr Site here(const char* file = __builtin_FILE(), uint32_t line = __builtin_LINE()) noexcept {
    return Site{file, line};
  }
};

/** Why a G is parked; always given, shown by dumps. */
enum class Reason : uint8_t {
  none = 0,  // running or runnable
  yielded,
  sleep,
  io,
  channel,
  lock,
  join,
  user,
  count_,
};
const char* reason_name(Reason reason) noexcept;

/** The header of each G; its coroutine frame follows it (it is the base of the promise). */
struct G {
  G* next = nullptr;  // in the global queue; else null
  std::coroutine_handle<> frame;
  uint64_t id = 0;
  uint64_t parent = 0;    // 0: made outside any G
  uint64_t ready_ns = 0;  // when it became runnable, if it is one of those that are timed
  Site site{nullptr, 0};
  // parking: a permit, so that a ready() which comes before the park is not lost
  enum Parking : uint8_t { kRunning, kParked, kPermit };
  std::atomic<uint8_t> parking{kRunning};
  std::atomic<Reason> reason{Reason::none};
};

class Task {
 public:
  struct promise_type : G {
    static void* operator new(size_t bytes) noexcept;
    static void operator delete(void* frame) noexcept;
    static Task get_return_object_on_allocation_failure() noexcept { return Task(nullptr); }
    Task get_return_object() noexcept {
      frame = std::coroutine_handle<promise_type>::from_promise(*this);
      return Task(this);
    }
    std::suspend_always initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept;
    void return_void() noexcept {}
    void unhandled_exception() noexcept;
  };

  Task(Task&& other) noexcept : g_(std::exchange(other.g_, nullptr)) {}
  Task& operator=(Task&&) = delete;
  /** A Task that was never set going is destroyed with its frame. */
  ~Task() {
    if (g_) g_->frame.destroy();
  }
  /** False: there was no memory for the frame. */
  explicit operator bool() const noexcept { return g_ != nullptr; }

 private:
  friend bool go(Task, Site) noexcept;
  explicit Task(G* g) noexcept : g_(g) {}
  G* g_;
};

/** Any thread. On a P: onto its run queue; elsewhere: onto the global one. False: no frame, or no native M.
 */
bool go(Task task, Site site = Site::here()) noexcept;

/** The G that runs on this thread, or null. */
G* current_g() noexcept;

/**
 * Makes a parked G runnable, or lets its next park() pass. Any thread; the caller knows that the G has not
 * ended. At most one permit is kept.
 */
void ready(G& g) noexcept;

/** co_await park(reason): until ready(); at once if a permit is there. */
struct park {
  explicit park(Reason why) noexcept : why(why) {}
  Reason why;
  bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> frame) noexcept;
  void await_resume() const noexcept {}
};

/** co_await yield(): behind the others that can run. */
struct yield {
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> frame) noexcept;
  void await_resume() const noexcept {}
};

/**
 * co_await sleep_ns(ns): not before that time has passed, in ticks of a millisecond. The timer stands in the
 * wheel of the P where the G went to sleep, and moves to a native P when that one is closed.
 */
struct sleep_ns : private TimerNode, private Message {
  explicit sleep_ns(uint64_t ns) noexcept : delay_ns(ns) {}
  sleep_ns(const sleep_ns&) = delete;
  sleep_ns& operator=(const sleep_ns&) = delete;
  uint64_t delay_ns;
  uint64_t until_ns = 0;
  G* sleeper = nullptr;
  bool await_ready() const noexcept { return delay_ns == 0; }
  void await_suspend(std::coroutine_handle<> frame) noexcept;
  void await_resume() const noexcept {}

 private:
  static void fire(TimerNode& node, void* p) noexcept;
  static void move_in(Message& message, P& p) noexcept;
};

}  // namespace tailrace::sched
