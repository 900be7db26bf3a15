// Detection through the compiler's own run-time support, which asks CPUID and XGETBV once.
#include "base/cpu.h"

#include <cstring>

namespace tailrace::cpu {

namespace {
constexpr const char* kNames[] = {"fallback", "arm64", "westmere", "haswell", "icelake"};
static_assert(sizeof(kNames) / sizeof(kNames[0]) == static_cast<unsigned>(Isa::count_));
}  // namespace

Isa detect() noexcept {
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool haswell = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
                       __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt") &&
                       __builtin_cpu_supports("pclmul");
  if (!haswell) {
    const bool westmere = __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt") &&
                          __builtin_cpu_supports("pclmul");
    return westmere ? Isa::westmere : Isa::fallback;
  }
  const bool icelake = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                       __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                       __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vbmi") &&
                       __builtin_cpu_supports("avx512vbmi2") && __builtin_cpu_supports("avx512vpopcntdq");
  return icelake ? Isa::icelake : Isa::haswell;
#elif defined(__aarch64__)
  return Isa::arm64;
#else
  return Isa::fallback;
#endif
}

bool supports(Isa isa) noexcept {
#if defined(__x86_64__)
  if (isa == Isa::arm64) return false;
#endif
  return isa <= detect();
}

const char* name(Isa isa) noexcept { return kNames[static_cast<unsigned>(isa)]; }

bool parse(const char* text, Isa* isa) noexcept {
  for (unsigned i = 0; i < static_cast<unsigned>(Isa::count_); i++) {
    if (std::strcmp(text, kNames[i]) != 0) continue;
    *isa = static_cast<Isa>(i);
    return true;
  }
  return false;
}

}  // namespace tailrace::cpu
