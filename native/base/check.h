// Assertions of the core. `panic` is for what must never happen in a release build either (a block freed that
// was never ours): it says what and aborts. `debug_check` disappears when NDEBUG is defined.
#pragma once

namespace tailrace {

/** Prints "tailrace: <what>" to stderr and aborts. Allocates nothing. */
[[noreturn]] void panic(const char* what) noexcept;

#if defined(NDEBUG)
inline constexpr bool kDebugChecks = false;
#else
inline constexpr bool kDebugChecks = true;
#endif

inline void debug_check(bool holds, const char* what) noexcept {
  if constexpr (kDebugChecks) {
    if (!holds) [[unlikely]]
      panic(what);
  } else {
    (void)holds;
    (void)what;
  }
}

}  // namespace tailrace
