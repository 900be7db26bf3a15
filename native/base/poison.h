// Poisoning for AddressSanitizer. A slab hides use-after-free (the block is still mapped and soon belongs to
// someone else), so freed blocks are poisoned from the first day; without ASan these are empty.
#pragma once

#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#define TAILRACE_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TAILRACE_ASAN 1
#endif
#endif

#if defined(TAILRACE_ASAN)
#include <sanitizer/asan_interface.h>
#include <sanitizer/lsan_interface.h>
#endif

namespace tailrace {

/** Any later access to these bytes is reported. Whole 8-byte granules only count when `p` is 8-byte aligned.
 */
inline void poison([[maybe_unused]] const void* p, [[maybe_unused]] size_t bytes) noexcept {
#if defined(TAILRACE_ASAN)
  __asan_poison_memory_region(p, bytes);
#endif
}

inline void unpoison([[maybe_unused]] const void* p, [[maybe_unused]] size_t bytes) noexcept {
#if defined(TAILRACE_ASAN)
  __asan_unpoison_memory_region(p, bytes);
#endif
}

/** Tells LeakSanitizer that pointers kept in these bytes hold on to what they point to. */
inline void register_root_region([[maybe_unused]] const void* p, [[maybe_unused]] size_t bytes) noexcept {
#if defined(TAILRACE_ASAN)
  __lsan_register_root_region(p, bytes);
#endif
}

/** True when ASan would report an access to `p`; false without ASan. For tests and assertions. */
inline bool is_poisoned([[maybe_unused]] const void* p) noexcept {
#if defined(TAILRACE_ASAN)
  return __asan_address_is_poisoned(p) != 0;
#else
  return false;
#endif
}

}  // namespace tailrace
