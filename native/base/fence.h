// The one place for a full fence: gcc's TSan cannot see atomic_thread_fence (and refuses it under -Werror),
// so a sanitized build pays with a read-modify-write on one shared word, which orders at least as much.
#pragma once

#include <atomic>

namespace tailrace {

#if defined(__SANITIZE_THREAD__)
#define TAILRACE_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TAILRACE_TSAN 1
#endif
#endif

/** Orders all accesses before it against all after it, in one order common to every such fence. */
inline void fence_seq_cst() noexcept {
#if defined(TAILRACE_TSAN)
  static constinit std::atomic<int> word{0};
  word.fetch_add(0, std::memory_order_seq_cst);  // partner: the same line in every other thread
#else
  std::atomic_thread_fence(std::memory_order_seq_cst);  // partner: the fence of the thread it is paired with
#endif
}

}  // namespace tailrace
