// An event loop for tests, as an isolate's libuv loop looks to sched: one thread, a watched descriptor, a
// signal.
#pragma once

#include <poll.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <thread>

#include "base/os.h"
#include "base/timer_wheel.h"
#include "net/poller.h"
#include "sched/isolate_m.h"

namespace tailrace::test {

class Loop final : public sched::LoopHost {
 public:
  Loop() {
    signal_fd_ = *os::event_fd();
    auto m = sched::IsolateM::create(*this);
    if (!m) {
      std::fprintf(stderr, "IsolateM::create failed\n");
      std::abort();
    }
    m_ = *m;
  }
  ~Loop() {
    if (m_) m_->destroy();
    os::close(signal_fd_);
  }
  void start_poll(int fd) noexcept override { watched_ = fd; }
  void stop_poll() noexcept override { watched_ = -1; }
  void signal() noexcept override {
    signals_.fetch_add(1, std::memory_order_relaxed);
    os::event_fd_signal(signal_fd_);
  }

  sched::IsolateM& m() { return *m_; }
  sched::P& p() { return m_->p(); }
  bool polling() const { return watched_ >= 0; }
  int signals() const { return signals_.load(std::memory_order_relaxed); }

  /** One turn of the loop: waits for the watched descriptor or a signal, then does what the binding does. */
  bool step(int timeout_ms) {
    pollfd fds[2] = {{signal_fd_, POLLIN, 0}, {watched_, POLLIN, 0}};
    auto count = os::poll(fds, 2, timeout_ms);
    if (!count || *count == 0) return false;
    (void)os::event_fd_take(signal_fd_);
    run();
    return true;
  }
  /** The callback. True when the P was here. */
  bool run() {
    if (!m_->acquire()) return false;
    sched::TurnResult result = m_->p().turn(sched::Budget{});
    pieces_ += result.pieces;
    m_->lend();
    return true;
  }
  uint64_t pieces() const { return pieces_; }
  void destroy() {
    m_->destroy();
    m_ = nullptr;
  }

 private:
  sched::IsolateM* m_ = nullptr;
  int signal_fd_ = -1;
  int watched_ = -1;
  uint64_t pieces_ = 0;
  std::atomic<int> signals_{0};
};

/** An eventfd registered with a P, whose Waiter counts the runs and notes the thread of the last. */
struct Source : Waiter {
  int fd = *os::event_fd();
  net::Slot slot;
  std::atomic<uint64_t> seen{0};
  std::atomic<uint32_t> thread{0};

  Source() {
    run = [](Waiter& self, uint32_t, void*) noexcept {
      auto& me = static_cast<Source&>(self);
      me.seen.fetch_add(os::event_fd_take(me.fd), std::memory_order_relaxed);
      me.thread.store(os::thread_id(), std::memory_order_relaxed);
      return Waiter::Next::done;
    };
  }
  ~Source() { os::close(fd); }
  void attach(sched::P& p) { slot = *p.poller().add_readable(fd, *this); }
  void detach(sched::P& p) {
    p.poller().remove(slot);
    p.forget(*this);
  }
  void fire() { os::event_fd_signal(fd); }
};

/** Waits for a condition as long as it takes; the runner's limit for a hung program is the only clock. */
template <class F>
void wait_until(F&& condition) {
  while (!condition()) std::this_thread::yield();
}

}  // namespace tailrace::test
