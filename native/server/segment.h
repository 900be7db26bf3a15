// The isolate's side of a handler group: takes calls out of the queue, seals what JavaScript may look at into
// a segment, and remembers the calls until they are settled.
//
// A segment is a stretch of an ArrayBuffer of this isolate. It is written here, by the isolate itself and
// before it enters JS; no other thread ever touches it, so nothing has to be taken back from anybody when the
// isolate ends. JS counts a segment by its calls and uses it again when the last of them has settled.
//
// Layout of a batch in the segment: the params that are parsed in one go, "[p1,p2,…]", then for each call
// what it has besides. The words of a call (Int32) say where:
//
//   0 slot  1 generation  2 target  3 flags  4 params at  5 params bytes
//   6 id (JSON-RPC) or request line (routes) at  7 its bytes  8 milliseconds to the deadline
//
// An offset counts from the start of the byte view that was passed in. `lib/backend/native/server.ts` reads
// this.
#pragma once

#include <cstdint>

#include "memory/cache.h"
#include "server/handler_group.h"
#include "server/record.h"

namespace tailrace::server {

/** The calls that one isolate holds, by slot and generation: a handle that reaches JS is never a pointer. */
class CallTable {
 public:
  explicit CallTable(memory::Cache& cache) noexcept : cache_(cache) {}
  ~CallTable();
  CallTable(const CallTable&) = delete;
  CallTable& operator=(const CallTable&) = delete;

  /** Room for so many more; false: no memory. */
  [[nodiscard]] bool reserve(uint32_t more) noexcept;
  /** After reserve(). */
  uint32_t add(Call& call) noexcept;
  uint32_t generation(uint32_t slot) const noexcept { return entries_[slot].generation; }
  /** The call, or null when the handle is stale. */
  Call* find(uint32_t slot, uint32_t generation) const noexcept;
  /** The same, and forgets it. */
  Call* take(uint32_t slot, uint32_t generation) noexcept;
  /** Takes the next one that has expired, at slot `*at` or behind it; null when there is none. */
  Call* take_expired(uint32_t* at) noexcept;
  /** Takes any one that is left; null when empty. For the end. */
  Call* take_any() noexcept;
  uint32_t size() const noexcept { return size_; }
  /** Calls that may be added without reserve(). */
  uint32_t room() const noexcept { return capacity_ - size_; }

 private:
  struct Entry {
    Call* call;           // null: free
    uint32_t generation;  // moves each time the slot is freed
    uint32_t next_free;
  };
  void free_slot(uint32_t slot) noexcept;

  memory::Cache& cache_;
  Entry* entries_ = nullptr;
  uint32_t capacity_ = 0;
  uint32_t used_ = 0;  // slots ever used
  uint32_t free_ = UINT32_MAX;
  uint32_t size_ = 0;
};

/** What one drain sealed. */
struct Batch {
  uint32_t calls = 0;
  uint32_t bytes = 0;         // written, from the start of the view
  uint32_t joined = 0;        // calls whose params stand in the joined text, in the order of the batch
  uint32_t joined_bytes = 0;  // the joined text's length; it stands at the front
  bool ascii = true;          // of the joined text
  uint32_t needed = 0;        // no call, but one waits that needs a view of so many bytes
  uint32_t refused = 0;       // no call, and no memory for a handle: so many were refused, see refuse()
};

class Drain {
 public:
  static constexpr uint32_t kWords = 9;
  enum CallFlags : int32_t {
    kNotification = 1 << 0,
    kHasParams = 1 << 1,
    kLazy = 1 << 2,
    kRaw = 1 << 3,     // a route: params are the body
    kJoined = 1 << 4,  // params stand in the joined text
  };
  /** Params up to this size are joined and parsed by one JSON.parse; larger ones are parsed each by our
   * parser. */
  static constexpr uint32_t kJoinBytes = 1024;
  static constexpr uint32_t kMaxCalls = 512;

  Drain(HandlerGroup& group, CallTable& table) noexcept : group_(group), table_(table) {}

  /** Seals as many waiting calls as fit; `words` has room for `max_calls` of them (at most kMaxCalls). */
  Batch seal(int32_t* words, uint32_t max_calls, char* bytes, uint32_t capacity, uint64_t now_ns) noexcept;
  /**
   * Answers at most so many waiting calls as failed: there is no memory to run them in, and to leave them
   * would make the loop come back for them at once, again and again. Returns how many; the caller then turns
   * or kicks the group's P.
   */
  uint32_t refuse(uint32_t max_calls) noexcept;
  /**
   * Gives back the calls that have expired: their clients have an answer, or are gone, and a handler that
   * never settles would keep the record for ever. What it says later is dropped as stale. Returns how many;
   * the caller then turns or kicks the group's P.
   */
  uint32_t give_back_expired() noexcept;
  /** Something waits: in the group, or taken from it and not sealed yet. */
  bool pending() const noexcept { return held_ || group_.size() > 0; }
  /** The isolate ends: calls that it took are answered as abandoned, one that it had not begun is put back.
   */
  void abandon() noexcept;

 private:
  Call* next() noexcept;

  HandlerGroup& group_;
  CallTable& table_;
  Call* held_ = nullptr;  // did not fit into the last segment
};

}  // namespace tailrace::server
