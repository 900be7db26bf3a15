// A request under way, from its dispatch to its reply: the record that travels P -> handler group -> isolate
// -> P.
//
// Who may touch it. The P owns the record; its calls are lent to the group and to the isolate that takes
// them. A call's `state` decides who writes its result: the isolate (open -> writing -> finished) or the P,
// when the deadline passes or the connection dies (open -> expired). `outstanding` counts the calls that are
// lent; whoever brings it to zero posts the record to its P, once. The P frees it when it is both returned
// and answered, so a late reply finds the record alive and its connection gone, never a dangling pointer.
//
// One block of memory holds record, calls and the sealed copy of what the handler may look at.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

#include "base/timer_wheel.h"
#include "memory/cache.h"
#include "sched/message.h"
#include "server/peer.h"

namespace tailrace::server {

class Connection;
class Endpoint;
struct RequestRecord;

enum class CallState : uint8_t {
  open,       // nobody has answered
  writing,    // the isolate is putting its result down
  finished,   // the result stands
  expired,    // the P answered in its place, or nobody waits any more
  abandoned,  // the isolate that had it ended without an answer: the endpoint says so
};

/** Half-open range of bytes in RequestRecord::data(). */
struct Span {
  uint32_t at = 0;
  uint32_t bytes = 0;
};

struct Call {
  static constexpr uint32_t kInlineBytes = 40;

  enum Flags : uint8_t {
    kNotification = 1u << 0,  // JSON-RPC: no id, no answer
    kHasParams = 1u << 1,
    kLazy = 1u << 2,  // hand the params on as text
  };
  enum class Kind : uint8_t {
    none,
    result,   // JSON text of a result
    error,    // JSON text of an error object
    failure,  // one of the endpoint's own, numbered by `status`
    raw,      // header lines and a body
  };

  std::atomic<CallState> state{CallState::open};
  Kind kind = Kind::none;
  uint8_t flags = 0;
  uint8_t http_method = 0;
  uint8_t lane = 0;       // of its group; a higher one is taken first
  uint16_t status = 200;  // HTTP status of a raw reply, or number of a failure
  uint32_t target = 0;    // index of the route or method
  RequestRecord* record = nullptr;
  uint64_t deadline_ns = 0;  // of this call: its record's, or its method's if that is sooner
  Span id;                   // JSON text of the id, echoed byte for byte
  Span params;               // JSON text of the params, or the body
  Span line;                 // routes: the request target

  // The result: JSON text, or for a raw reply header lines and then the body.
  uint32_t result_head_bytes = 0;
  uint32_t result_bytes = 0;
  char* result_block = nullptr;  // from some Cache; null while the result fits `small`
  char small[kInlineBytes];

  const char* result() const noexcept { return result_block ? result_block : small; }
  std::string_view result_view() const noexcept { return {result(), result_bytes}; }
  /** Room for a result of so many bytes; null when memory is out. Once, by whoever answers. */
  char* make_room(memory::Cache& cache, size_t bytes) noexcept;
};

/** A TimerNode that finds its way back to what it times. */
template <class T>
struct Deadline : TimerNode {
  T* owner = nullptr;
};

struct RequestRecord : sched::Message {
  Connection* connection = nullptr;  // null once it is gone (P only)
  RequestRecord* next = nullptr;     // in the order of the connection's requests (P only)
  Endpoint* endpoint = nullptr;
  sched::P* p = nullptr;
  Deadline<RequestRecord> timer;  // P only
  PeerAddress peer;
  std::atomic<uint32_t> outstanding{0};
  std::atomic<bool> peer_gone{false};  // AbortSignals fire; with an expired call: why it expired
  uint32_t call_count = 0;
  uint32_t data_bytes = 0;
  Span head;               // request line and header lines
  bool keep_alive = true;  // P only, as are the next four
  bool head_only = false;  // HEAD: the length of the body, without the body
  bool http_1_0 = false;
  bool ready = false;     // its reply can be written
  bool answered = false;  // its reply is written, or nobody wants it
  bool returned = false;  // no call is lent any more
  bool batch = false;     // JSON-RPC: an array was sent, an array comes back

  Call* calls() noexcept { return reinterpret_cast<Call*>(this + 1); }
  const Call* calls() const noexcept { return reinterpret_cast<const Call*>(this + 1); }
  char* data() noexcept { return reinterpret_cast<char*>(calls() + call_count); }
  const char* data() const noexcept { return reinterpret_cast<const char*>(calls() + call_count); }
  std::string_view view(Span span) const noexcept { return {data() + span.at, span.bytes}; }

  /** A record with its calls (open) and room for data, in one block of the slab; null when memory is out. */
  static RequestRecord* create(memory::Cache& cache, uint32_t calls, size_t data_bytes) noexcept;
  /** Frees record and results: on its P, with the P's cache. */
  void destroy(memory::Cache& cache) noexcept;
  /** The same on a thread that owns no P, for a record whose P is gone. */
  void destroy_anywhere() noexcept;
  /**
   * The P answers for the open calls whose deadline is at or before `now_ns` (kAll: for all of them). Returns
   * when it wants to look again: the next deadline, a moment later while another thread is at work, or
   * kSettled. `newly` is set when a call expired just now.
   */
  static constexpr uint64_t kAll = UINT64_MAX;
  static constexpr uint64_t kSettled = UINT64_MAX;
  [[nodiscard]] uint64_t expire(uint64_t now_ns, bool* newly = nullptr) noexcept;
};

/** The isolate's answer to a call. False: somebody was faster, nothing was kept. Posts the record when it was
 * the last one that was lent; the caller then turns or kicks `record->p`. */
struct Answer {
  Call::Kind kind = Call::Kind::none;
  uint16_t status = 200;
  uint32_t head_bytes = 0;
  std::string_view bytes;
};
bool settle(Call& call, const Answer& answer, memory::Cache& cache) noexcept;
/** Gives a call back that will not be answered because nobody waits for it: it has expired, or its server is
 * gone. */
void give_back(Call& call) noexcept;
/** The isolate that has the call ends without an answer. */
void abandon(Call& call) noexcept;

}  // namespace tailrace::server
