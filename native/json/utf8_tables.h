// Tables of UTF-8 validation after Keiser and Lemire, "Validating UTF-8 in less than one instruction per
// byte" (2020): indexed by the high and the low nibble of a byte and by the high nibble of the one after it.
// A bit that is set in all three names what is wrong with the two. Data only, so that every kernel may
// include it.
#pragma once

#include <cstdint>

namespace tailrace::json::utf8 {

enum Wrong : uint8_t {
  kTooShort = 1,
  kTooLong = 2,
  kOverlong3 = 4,
  kTooLarge = 8,
  kSurrogate = 16,
  kOverlong2 = 32,
  kTooLarge1000 = 64,
  kOverlong4 = 64,
  kTwoConts = 128,
  kCarry = kTooShort | kTooLong | kTwoConts,
};
inline constexpr uint8_t kLarge = kCarry | kTooLarge | kTooLarge1000;
alignas(16) inline constexpr uint8_t kFirstHigh[16] = {kTooLong,
                                                       kTooLong,
                                                       kTooLong,
                                                       kTooLong,
                                                       kTooLong,
                                                       kTooLong,
                                                       kTooLong,
                                                       kTooLong,
                                                       kTwoConts,
                                                       kTwoConts,
                                                       kTwoConts,
                                                       kTwoConts,
                                                       kTooShort | kOverlong2,
                                                       kTooShort,
                                                       kTooShort | kOverlong3 | kSurrogate,
                                                       kTooShort | kTooLarge | kTooLarge1000 | kOverlong4};
alignas(16) inline constexpr uint8_t kFirstLow[16] = {kCarry | kOverlong3 | kOverlong2 | kOverlong4,
                                                      kCarry | kOverlong2,
                                                      kCarry,
                                                      kCarry,
                                                      kCarry | kTooLarge,
                                                      kLarge,
                                                      kLarge,
                                                      kLarge,
                                                      kLarge,
                                                      kLarge,
                                                      kLarge,
                                                      kLarge,
                                                      kLarge,
                                                      kLarge | kSurrogate,
                                                      kLarge,
                                                      kLarge};
inline constexpr uint8_t kSecond = kTooLong | kOverlong2 | kTwoConts;
alignas(16) inline constexpr uint8_t kSecondHigh[16] = {kTooShort,
                                                        kTooShort,
                                                        kTooShort,
                                                        kTooShort,
                                                        kTooShort,
                                                        kTooShort,
                                                        kTooShort,
                                                        kTooShort,
                                                        kSecond | kOverlong3 | kTooLarge1000 | kOverlong4,
                                                        kSecond | kOverlong3 | kTooLarge,
                                                        kSecond | kSurrogate | kTooLarge,
                                                        kSecond | kSurrogate | kTooLarge,
                                                        kTooShort,
                                                        kTooShort,
                                                        kTooShort,
                                                        kTooShort};

}  // namespace tailrace::json::utf8
