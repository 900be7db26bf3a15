// The memory of one request: a bump pointer in chunks from a Cache, given back all at once by reset(). What
// is too large for a chunk gets a block of its own (the escape), so one huge body does not make every chunk
// huge. Nothing here is destroyed: only put in what needs no destructor.
#pragma once

#include <cstddef>
#include <cstdint>

#include "memory/cache.h"

namespace tailrace::memory {

class Arena {
 public:
  static constexpr size_t kFirstChunkBytes = 2048;
  static constexpr size_t kMaxChunkBytes = 32768;

  /** Allocates nothing yet. The cache must outlive the arena, and its owner is the arena's. */
  explicit Arena(Cache& cache) noexcept : cache_(&cache) {}
  ~Arena() { release(); }
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  /** `align` is a power of two up to 4096. nullptr: limit or system. Content undefined. */
  [[nodiscard]] void* allocate(size_t bytes, size_t align = 8) noexcept {
    const uintptr_t at = (at_ + (align - 1)) & ~(uintptr_t{align} - 1);
    // at_ and end_ are 0 before the first chunk
    if (at <= end_ && bytes <= end_ - at && at_ != 0) [[likely]] {
      at_ = at + bytes;
      unpoison(reinterpret_cast<void*>(at), bytes);
      return reinterpret_cast<void*>(at);
    }
    return allocate_slow(bytes, align);
  }

  /** Forgets everything allocated; keeps the first chunk for the next request. */
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

  void* allocate_slow(size_t bytes, size_t align) noexcept;
  void free_all(Block* block) noexcept;

  Cache* cache_;
  uintptr_t at_ = 0;  // next free byte of the newest chunk
  uintptr_t end_ = 0;
  Block* chunks_ = nullptr;  // newest first
  Block* escaped_ = nullptr;
  size_t held_ = 0;
};

}  // namespace tailrace::memory
