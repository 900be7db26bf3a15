// A block of T that grows: working memory of the parsers, taken from the owner's cache. No constructors run;
// failure to grow leaves what there was.
#pragma once

#include <cstddef>
#include <cstring>

#include "memory/cache.h"

namespace tailrace::json {

template <class T>
class Buffer {
 public:
  explicit Buffer(memory::Cache& cache) noexcept : cache_(cache) {}
  ~Buffer() { release(); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  T* data() noexcept { return data_; }
  const T* data() const noexcept { return data_; }
  size_t capacity() const noexcept { return capacity_; }
  T& operator[](size_t i) noexcept { return data_[i]; }
  const T& operator[](size_t i) const noexcept { return data_[i]; }

  /** At least `count` items, the first `keep` of them as they were. false: no memory. */
  [[nodiscard]] bool reserve(size_t count, size_t keep) noexcept {
    if (count <= capacity_) return true;
    size_t capacity = capacity_ * 2 > count ? capacity_ * 2 : count;
    T* data = static_cast<T*>(cache_.allocate(capacity * sizeof(T)));
    if (!data) return false;
    if (keep) memcpy(static_cast<void*>(data), data_, keep * sizeof(T));
    if (data_) cache_.free(data_);
    data_ = data;
    capacity_ = capacity;
    return true;
  }

  void release() noexcept {
    if (data_) cache_.free(data_);
    data_ = nullptr;
    capacity_ = 0;
  }

  memory::Cache& cache() noexcept { return cache_; }

 private:
  memory::Cache& cache_;
  T* data_ = nullptr;
  size_t capacity_ = 0;
};

}  // namespace tailrace::json
