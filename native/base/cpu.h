// What this CPU can do, for the parts that have several kernels. TAILRACE_ISA is read by the binding, not
// here: base knows no environment variables.
#pragma once

#include <cstdint>

namespace tailrace::cpu {

/** In ascending order: a CPU that supports one supports all before it of its own architecture. */
enum class Isa : uint8_t {
  fallback,  // plain C++, every machine
  arm64,     // NEON: every arm64
  westmere,  // SSE4.2, POPCNT, PCLMUL
  haswell,   // AVX2, BMI1, BMI2, LZCNT, POPCNT, PCLMUL
  icelake,   // AVX-512 F, BW, CD, DQ, VL, VBMI, VBMI2, VPOPCNTDQ and all of haswell
  count_,
};

/** The best kernel this CPU and its kernel (saved register state) support. Computed each time: keep it. */
Isa detect() noexcept;

/** Whether this CPU can run it. */
bool supports(Isa isa) noexcept;

/** "fallback", "arm64", "westmere", "haswell", "icelake". */
const char* name(Isa isa) noexcept;

/** Finds an Isa by its name; false for an unknown one. */
bool parse(const char* text, Isa* isa) noexcept;

/** For the body of a spin loop. */
inline void relax() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield" ::: "memory");
#endif
}

/** Bytes that two threads should not share when both write. */
inline constexpr unsigned kCacheLineBytes = 64;

}  // namespace tailrace::cpu
