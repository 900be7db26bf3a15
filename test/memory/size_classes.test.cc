// The table by brute force: every size from 0 up, every block of every span.
#include "memory/size_classes.h"

#include <doctest/doctest.h>

using namespace tailrace::memory;

TEST_CASE("every request gets the smallest class that fits it") {
  for (size_t bytes = 0; bytes <= kMaxSmallBytes; bytes++) {
    const unsigned size_class = size_class_of(bytes);
    REQUIRE(size_class >= 1);
    REQUIRE(size_class < kClasses);
    REQUIRE(kSizeClasses[size_class].size >= bytes);
    if (size_class > 1) REQUIRE(kSizeClasses[size_class - 1].size < bytes);
  }
}

TEST_CASE("a span of smallest requests wastes at most 12.5 %, rounding to 16 aside") {
  for (size_t bytes = 1; bytes <= kMaxSmallBytes; bytes++) {
    const SizeClass& info = kSizeClasses[size_class_of(bytes)];
    const size_t rounded = (bytes + 15) / 16 * 16;
    const size_t span = info.span_pages * kPageBytes;
    REQUIRE(8 * (span - info.blocks * rounded) <= span);
  }
}

TEST_CASE("each class is consistent") {
  for (unsigned i = 1; i < kClasses; i++) {
    CAPTURE(i);
    const SizeClass& info = kSizeClasses[i];
    CHECK(info.size % 16 == 0);
    CHECK(info.size > kSizeClasses[i - 1].size);
    CHECK(info.blocks <= kMaxBlocks);
    CHECK(size_t{info.blocks} * info.size <= info.span_pages * kPageBytes);
    // as many as fit, or the bitmap's limit
    CHECK(
        (info.blocks == kMaxBlocks || (size_t{info.blocks} + 1) * info.size > info.span_pages * kPageBytes));
    CHECK(info.batch >= 2);
    CHECK(info.cached >= info.batch);
    CHECK(info.cached * sizeof(void*) <= kMaxSmallBytes);
  }
  CHECK(kSizeClasses[kClasses - 1].size == kMaxSmallBytes);
}

TEST_CASE("the multiplication that finds a block's index is exact for every offset") {
  for (unsigned i = 1; i < kClasses; i++) {
    const SizeClass& info = kSizeClasses[i];
    const auto magic = static_cast<uint32_t>((uint64_t{1} << 32) / info.size + 1);
    for (uint64_t offset = 0; offset < info.span_pages * kPageBytes; offset++) {
      if ((offset * magic) >> 32 != offset / info.size) {
        FAIL("class " << i << " offset " << offset);
      }
    }
  }
}
