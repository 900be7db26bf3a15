// The seam for trace events: one hook pointer, null by default, so that an untraced event costs a load and a
// branch. Whoever collects (a ring a P, a log) sets the hook; base knows nothing of where events go.
#pragma once

#include <atomic>
#include <cstdint>

namespace tailrace {

enum class TraceKind : uint16_t {
  g_create,
  g_start,
  g_park,
  g_ready,
  g_end,
  p_acquire,
  p_lend,
  p_retake,
  p_steal,
  m_start,
  m_park,
  m_unpark,
  net_accept,
  net_close,
  net_ready,
  request_begin,
  request_sealed,
  request_reply,
  request_end,
  memory_refill,
  memory_release,
  memory_scavenge,
  memory_limit,
  count_,
};

/** a and b mean what the kind says: ids, counts, bytes. */
using TraceHook = void (*)(TraceKind kind, uint64_t a, uint64_t b) noexcept;

namespace internal {
inline constinit std::atomic<TraceHook> trace_hook{nullptr};
}

/** Sets or (nullptr) removes the hook; returns the one before. The hook must stay callable for ever. */
inline TraceHook set_trace_hook(TraceHook hook) noexcept {
  // acq_rel: what the hook reads is published to the acquire in trace()
  return internal::trace_hook.exchange(hook, std::memory_order_acq_rel);
}

inline void trace(TraceKind kind, uint64_t a = 0, uint64_t b = 0) noexcept {
  // acquire: partner of set_trace_hook
  if (TraceHook hook = internal::trace_hook.load(std::memory_order_acquire)) [[unlikely]]
    hook(kind, a, b);
}

}  // namespace tailrace
