// See group_table.h.
#include "server/group_table.h"

#include "base/lock.h"
#include "base/os.h"

namespace tailrace::server {

namespace {

struct Entry {
  HandlerGroup* group = nullptr;
  uint32_t generation = 1;
};

constinit Mutex table_lock{LockRank::group};
constinit Entry entries[kMaxSharedGroups] = {};
constinit uint32_t mark = 0;  // under the lock; set when the first group is shared

/** With the lock held: the entry that the handle names, or null. */
Entry* entry_of(const GroupHandle& handle) noexcept {
  if (mark == 0 || handle.table != mark || handle.slot >= kMaxSharedGroups) return nullptr;
  Entry& entry = entries[handle.slot];
  return entry.group && entry.generation == handle.generation ? &entry : nullptr;
}

}  // namespace

Result<GroupHandle> share_group(HandlerGroup& group) noexcept {
  LockGuard guard(table_lock);
  // Where this copy's table lies, mixed with when: two copies of the addon differ in the first, and a handle
  // that outlives its process in a file in the second.
  if (mark == 0) {
    const auto place = reinterpret_cast<uintptr_t>(&entries) >> 4;
    mark = static_cast<uint32_t>((place ^ os::monotonic_ns()) & 0x7fff'ffff) | 1u;
  }
  for (uint32_t slot = 0; slot < kMaxSharedGroups; slot++) {
    if (entries[slot].group) continue;
    entries[slot].group = &group;
    return GroupHandle{mark, slot, entries[slot].generation};
  }
  return Error::limit_exceeded;
}

HandlerGroup* find_group(const GroupHandle& handle) noexcept {
  LockGuard guard(table_lock);
  Entry* entry = entry_of(handle);
  if (!entry) return nullptr;
  entry->group->retain();
  return entry->group;
}

HandlerGroup* withdraw_group(const GroupHandle& handle) noexcept {
  LockGuard guard(table_lock);
  Entry* entry = entry_of(handle);
  if (!entry) return nullptr;
  HandlerGroup* group = entry->group;
  entry->group = nullptr;
  entry->generation++;
  return group;
}

}  // namespace tailrace::server
