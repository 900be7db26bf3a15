// The one way out for what must never happen.
#include "base/check.h"

#include <unistd.h>

#include <cstdlib>
#include <cstring>

namespace tailrace {

void panic(const char* what) noexcept {
  // write(2) and nothing else: the heap may be what is broken. This is not behind base/os, because a fake
  // must not be able to hide it.
  const char prefix[] = "tailrace: ";
  if (::write(2, prefix, sizeof(prefix) - 1) < 0 || ::write(2, what, std::strlen(what)) < 0 ||
      ::write(2, "\n", 1) < 0) {
    // nothing left to tell it to
  }
  std::abort();
}

}  // namespace tailrace
