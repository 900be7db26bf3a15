// Handler groups that worker isolates may join, by handle: what travels from the isolate that serves to those
// that take its calls, through JavaScript. One table a process.
//
// A handle is three numbers: the table's own mark (another copy of the addon in the process has another one),
// slot and generation. A stale or foreign one finds nothing; it is never followed as a pointer.
#pragma once

#include <cstdint>

#include "base/status.h"
#include "server/handler_group.h"

namespace tailrace::server {

struct GroupHandle {
  uint32_t table = 0;
  uint32_t slot = 0;
  uint32_t generation = 0;
};

/** Groups shared at once in one process. */
inline constexpr uint32_t kMaxSharedGroups = 256;

/** Takes over the caller's reference until withdraw(). Error: limit_exceeded. */
Result<GroupHandle> share_group(HandlerGroup& group) noexcept;
/** The group, with a reference for the caller; null for a handle that is stale or of another table. */
HandlerGroup* find_group(const GroupHandle& handle) noexcept;
/** From now on the handle is stale. The reference is the caller's again; null when it was stale already. */
HandlerGroup* withdraw_group(const GroupHandle& handle) noexcept;

}  // namespace tailrace::server
