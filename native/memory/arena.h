// The memory of one request: a bump pointer in chunks from a Cache, given back all at once by reset(). What
// is too large for a chunk gets a block of its own (the escape), so one huge body does not make every chunk
// huge. Nothing here is destroyed: only put in what needs no destructor.
//
// The pointer is always a multiple of 8, so that an ordinary piece costs an addition and a comparison. One
// chunk is kept from request to request: the largest that the last one needed, so that requests of about one
// size take no second chunk; a much smaller one lets it shrink again.
#pragma once

#include <cstddef>
#include <cstdint>

#include "memory/cache.h"

namespace tailrace::memory {

class Arena {
 public:
  static constexpr size_t kFirstChunkBytes = 2048;
  static constexpr size_t kMaxChunkBytes = 32768;
  static constexpr size_t kMaxKeptBytes = 16384;

  /** Allocates nothing yet. The cache must outlive the arena, and its owner is the arena's. */
  explicit Arena(Cache& cache) noexcept : cache_(&cache) {}
  ~Arena() { release(); }
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  /** `align` is a power of two up to 4096. nullptr: limit or system. Content undefined. */
  [[nodiscard]] void* allocate(size_t bytes, size_t align = 8) noexcept {
    const size_t wanted = bytes + (bytes == 0);  // 0 bytes are a piece too
    uintptr_t at = at_;
    if (align > 8) {
      at = (at + (align - 1)) & ~(uintptr_t{align} - 1);
      if (at > end_) [[unlikely]]
        return allocate_slow(wanted, align);
    }
    // Both are 0 before the first chunk. Both are multiples of 8 always, so rounding up never passes end_.
    if (wanted <= end_ - at) [[likely]] {
      at_ = at + ((wanted + 7) & ~size_t{7});
      unpoison(reinterpret_cast<void*>(at), wanted);
      return reinterpret_cast<void*>(at);
    }
    return allocate_slow(wanted, align);
  }

  /** Forgets everything allocated; keeps one chunk of at most kMaxKeptBytes for the next request. */
  void reset() noexcept;
  /** Forgets everything and keeps nothing. */
  void release() noexcept;

  /** Bytes taken from the cache by this arena now. */
  size_t held_bytes() const noexcept { return held_; }

 private:
  struct Block {  // head of a chunk or of an escaped block
    Block* next;
    size_t bytes;  // with this head
  };

  static constexpr uint32_t kManySmall = 8;

  void* allocate_slow(size_t bytes, size_t align) noexcept;
  void free_all(Block* block) noexcept;

  Cache* cache_;
  uintptr_t at_ = 0;  // next free byte of the newest chunk
  uintptr_t end_ = 0;
  Block* chunks_ = nullptr;  // newest first
  Block* escaped_ = nullptr;
  size_t held_ = 0;
  uint32_t small_ = 0;  // requests running that used little of the kept chunk
};

}  // namespace tailrace::memory
