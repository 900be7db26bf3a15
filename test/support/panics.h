// Runs something in a forked child and says whether the core panicked (aborted) there. Not under TSan, whose
// run-time does not survive a fork of a threaded program; there it says so, and the caller skips.
#pragma once

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>

#include "base/fence.h"

namespace tailrace::test {

#if defined(TAILRACE_TSAN)
inline constexpr bool kCanFork = false;
#else
inline constexpr bool kCanFork = true;
#endif

/** True when `function` ends its process by abort(). */
template <class Function>
bool panics(Function function) {
  const pid_t child = fork();
  if (child == 0) {
    const rlimit none{0, 0};
    setrlimit(RLIMIT_CORE, &none);
    signal(SIGABRT, SIG_DFL);
    close(2);  // the message is wanted, but not in the log of a passing test
    function();
    _exit(0);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
  }
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

}  // namespace tailrace::test
