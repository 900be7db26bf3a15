// The rare paths of the arena: new chunks, escapes, reset.
#include "memory/arena.h"

#include "base/poison.h"

namespace tailrace::memory {

void* Arena::allocate_slow(size_t bytes, size_t align) noexcept {
  if (bytes > SIZE_MAX - 8192 || align > 4096) return nullptr;
  const size_t head = (sizeof(Block) + align - 1) & ~(align - 1);
  // Chunks grow with the request, so that a small one costs little and a large one few chunks.
  size_t chunk = chunks_ ? chunks_->bytes * 2 : kFirstChunkBytes;
  if (chunk > kMaxChunkBytes) chunk = kMaxChunkBytes;
  // Blocks are aligned to 16 only; what wants more is moved up inside its block.
  const size_t slack = align > 16 ? align : 0;
  // What is moved up counts: a chunk must have room for it whatever its address.
  const bool escapes = slack + bytes > chunk / 4;
  const size_t whole = escapes ? head + slack + bytes : chunk;
  auto* block = static_cast<Block*>(cache_->allocate(whole));
  if (!block) return nullptr;
  block->bytes = whole;
  held_ += whole;
  const auto base = reinterpret_cast<uintptr_t>(block);
  if (escapes) {
    block->next = escaped_;
    escaped_ = block;
    return reinterpret_cast<void*>((base + sizeof(Block) + align - 1) & ~(uintptr_t{align} - 1));
  }
  block->next = chunks_;
  chunks_ = block;
  const uintptr_t at = (base + sizeof(Block) + align - 1) & ~(uintptr_t{align} - 1);
  at_ = at + ((bytes + 7) & ~size_t{7});
  end_ = base + whole;
  poison(block + 1, whole - sizeof(Block));
  unpoison(reinterpret_cast<void*>(at), bytes);
  return reinterpret_cast<void*>(at);
}

void Arena::free_all(Block* block) noexcept {
  while (block) {
    Block* next = block->next;
    held_ -= block->bytes;
    cache_->free(block);
    block = next;
  }
}

void Arena::reset() noexcept {
  free_all(escaped_);
  escaped_ = nullptr;
  if (!chunks_) return;
  // Newest first, and that is the largest.
  const size_t used = at_ - reinterpret_cast<uintptr_t>(chunks_);
  const bool little = !chunks_->next && chunks_->bytes > kFirstChunkBytes && used < chunks_->bytes / 4;
  small_ = little ? small_ + 1 : 0;
  Block* keep = chunks_;
  while (keep && (keep->bytes > kMaxKeptBytes || small_ >= kManySmall)) {
    Block* next = keep->next;
    keep->next = nullptr;
    free_all(keep);
    keep = next;
  }
  chunks_ = keep;
  if (!keep) {
    at_ = end_ = 0;
    small_ = 0;
    return;
  }
  free_all(keep->next);
  keep->next = nullptr;
  at_ = reinterpret_cast<uintptr_t>(keep + 1);
  end_ = reinterpret_cast<uintptr_t>(keep) + keep->bytes;
  poison(keep + 1, keep->bytes - sizeof(Block));
}

void Arena::release() noexcept {
  free_all(escaped_);
  free_all(chunks_);
  escaped_ = chunks_ = nullptr;
  at_ = end_ = 0;
}

}  // namespace tailrace::memory
