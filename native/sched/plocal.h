// PLocal<T>: what a higher layer keeps once per P (the server's parsers and scratch buffers), without sched
// knowing it. Only the P's owner reaches it, so it needs no lock.
//
//   inline constinit sched::PLocal<ServerLocal> server_local;      // a static with no destructor
//   ServerLocal& mine = p.local(server_local);                     // made at first use, dies with the P
//
// T is made by T(P&) if it has that constructor, else by T(), in a block of the P's cache: a server's scratch
// buffers are large, and what they leave free in a thread's malloc arena when a worker thread ends is never
// given back. It is destroyed by the thread that closes the P, in the opposite order of creation, before the
// P's poller, timers and cache go.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>

namespace tailrace::sched {

class P;

/** Different PLocals that one process may have. */
inline constexpr uint32_t kMaxPLocals = 16;

namespace detail {
/** Numbers a PLocal at its first use, from 1; aborts when kMaxPLocals are taken (a bug of this library). */
uint32_t plocal_number(std::atomic<uint32_t>& number) noexcept;
[[noreturn]] void plocal_no_memory() noexcept;
/** A block of the P's cache; null when memory is out. */
void* plocal_take(P& p, size_t bytes) noexcept;
void plocal_give(P& p, void* block) noexcept;
}  // namespace detail

template <class T>
class PLocal {
 public:
  constexpr PLocal() noexcept = default;
  PLocal(const PLocal&) = delete;
  PLocal& operator=(const PLocal&) = delete;

 private:
  friend class P;

  uint32_t slot() noexcept {
    // relaxed: the number is the whole message, and all threads get the same one
    uint32_t number = number_.load(std::memory_order_relaxed);
    return (number ? number : detail::plocal_number(number_)) - 1;
  }
  static_assert(alignof(T) <= 16, "as the slab aligns");
  static void* make(P& p) noexcept {
    void* block = detail::plocal_take(p, sizeof(T));
    if (!block) return nullptr;
    if constexpr (std::is_constructible_v<T, P&>) {
      return new (block) T(p);
    } else {
      return new (block) T();
    }
  }
  static void drop(P& p, void* t) noexcept {
    static_cast<T*>(t)->~T();
    detail::plocal_give(p, t);
  }

  std::atomic<uint32_t> number_{0};
};

}  // namespace tailrace::sched
