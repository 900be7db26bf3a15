// Which kernel runs: decided once, when the first text is read.
#include "json/kernel.h"

#include <atomic>

namespace tailrace::json {
namespace {

// Every thread that finds none computes the same one, so relaxed is enough: the kernels are constants.
std::atomic<const Kernel*> chosen{nullptr};

}  // namespace

const Kernel& kernel_for([[maybe_unused]] cpu::Isa isa) noexcept {
#if defined(__x86_64__)
  if (isa == cpu::Isa::icelake) return kIcelakeKernel;
  if (isa == cpu::Isa::haswell) return kHaswellKernel;
  if (isa == cpu::Isa::westmere) return kWestmereKernel;
#elif defined(__aarch64__)
  if (isa == cpu::Isa::arm64) return kArm64Kernel;
#endif
  return kFallbackKernel;
}

const Kernel& kernel() noexcept {
  const Kernel* k = chosen.load(std::memory_order_relaxed);  // see chosen
  if (!k) {
    k = &kernel_for(cpu::detect());
    chosen.store(k, std::memory_order_relaxed);  // see chosen
  }
  return *k;
}

bool choose_kernel(cpu::Isa isa) noexcept {
  if (!cpu::supports(isa)) return false;
  chosen.store(&kernel_for(isa), std::memory_order_relaxed);  // see chosen
  return true;
}

}  // namespace tailrace::json
