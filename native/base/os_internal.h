// Shared by the os*.cc files only: asking the fakes, retrying EINTR, and results in our types.
#pragma once

#include <cerrno>

#include "base/os.h"
#include "base/os_fakes.h"

namespace tailrace::os::internal {

/** An errno a fake wants for this call, or 0. */
inline int fake_failure(Call call) noexcept {
  if (const Fakes* table = fakes()) {
    if (table->fail) return table->fail(table->user, call);
  }
  return 0;
}

/** Bytes this call may move. */
inline size_t fake_cap(Call call, size_t bytes) noexcept {
  if (const Fakes* table = fakes()) {
    if (table->cap && bytes > 0) {
      const size_t capped = table->cap(table->user, call, bytes);
      return capped == 0 ? 1 : capped < bytes ? capped : bytes;
    }
  }
  return bytes;
}

/** Runs a system call until it is not interrupted; -1 with errno set when it or the fake fails. */
template <class Function>
auto retry(Call call, Function function) noexcept -> decltype(function()) {
  if (int sys = fake_failure(call)) {
    errno = sys;
    return decltype(function())(-1);
  }
  for (;;) {
    const auto result = function();
    if (result != decltype(function())(-1) || errno != EINTR) return result;
  }
}

inline Status status_from(long result) noexcept { return result < 0 ? status_of(errno) : Status(); }

inline Result<int> fd_from(int result) noexcept {
  if (result < 0) return status_of(errno);
  return result;
}

}  // namespace tailrace::os::internal
