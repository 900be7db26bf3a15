// One keep-alive connection: reads, parses, dispatches, and writes the replies in the order of the requests,
// whoever finished them first. Connection work, pinned to its P; an idle connection is this struct and
// nothing else.
//
// Input. Bytes are read into the P's scratch buffer and parsed there; only what is left of an incomplete
// request (or of one that must wait) is kept, in a block of the slab. Output. Replies are corked in the P's
// scratch and sent once a run; what the socket does not take waits in a list of blocks. Reading stops while
// `pipeline` requests are under way, or as many bytes of them as one may have, or `write_bytes` wait to be
// sent: a peer is given only as much as it takes back.
//
// Deadlines are one timer. It is armed late and lazily: when it fires it looks whether its hour has really
// come.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/os.h"
#include "base/timer_wheel.h"
#include "base/waiter.h"
#include "http/body.h"
#include "net/poller.h"
#include "net/stream.h"
#include "server/endpoint.h"
#include "server/peer.h"
#include "server/record.h"

namespace tailrace::server {

class Server;
struct ServerLocal;

class Connection : public Waiter {
 public:
  Connection(Server& server, int fd, const os::Address& peer) noexcept;

  /** Registers with the P's poller and arms the first deadline. False: it is closed again, free it. */
  [[nodiscard]] bool start(sched::P& p) noexcept;

  /** An endpoint's reply, at once. In order: behind requests that are still under way it waits for them. */
  void reply(Exchange& exchange, const Reply& reply) noexcept;
  /**
   * A record for a request whose reply comes later: `calls` calls (zeroed, open) and `data_bytes` of sealed
   * data, its deadline armed. Null when memory is out: then 503 has been answered.
   */
  RequestRecord* open_record(Exchange& exchange, Endpoint& endpoint, uint32_t calls,
                             size_t data_bytes) noexcept;
  /** The record's reply can be written: it came back, never had to leave, or its time ran out. */
  void record_ready(sched::P& p, RequestRecord& record) noexcept;

  /** Gives one call of an open record a deadline of its own, if that is sooner. */
  void tighten(sched::P& p, RequestRecord& record, Call& call, uint64_t deadline_ns) noexcept;

  /** Draining: no request after the ones that are under way; an idle connection closes. */
  void drain(sched::P& p) noexcept;
  /** Closes at once; replies that come later find it gone. */
  void destroy(sched::P& p) noexcept;

  const PeerAddress& peer() const noexcept { return peer_; }
  Server& server() const noexcept { return *server_; }

  // The server's list of its connections.
  Connection* list_next = nullptr;
  Connection* list_previous = nullptr;

 private:
  struct Block;  // reply bytes that the socket did not take yet
  enum Flags : uint16_t {
    kClosing = 1 << 0,    // no further request is read
    kLingering = 1 << 1,  // our end is sent: discard until the peer's end, so that it can read our reply
    kPeerEnded = 1 << 2,
    kDead = 1 << 3,
    kOweContinue = 1 << 4,  // 100 Continue waits for the replies before it
    kSentContinue = 1 << 5,
    kStalled = 1 << 6,   // bytes in `in_` wait for a turn, not for more bytes
    kHeadDone = 1 << 7,  // of the request in `in_`
    kRunning = 1 << 8,   // inside run_once: what becomes ready is written before it returns
  };
  enum class Step : uint8_t { next, more, stop };
  struct Progress {
    size_t used = 0;  // next: bytes of this request
    size_t keep = 0;  // more: bytes from its front that must be kept
    size_t want = 0;  // more: bytes it will have in the end, as far as that is known
  };

  static Next run_waiter(Waiter& self, uint32_t events, void* p) noexcept;
  static void timer_fired(TimerNode& node, void* p) noexcept;
  Next run_once(sched::P& p, uint32_t events) noexcept;

  // input (connection_input.cc)
  bool receive(sched::P& p, ServerLocal& local) noexcept;
  bool consume(sched::P& p, ServerLocal& local, char* data, size_t size) noexcept;
  Step step(sched::P& p, ServerLocal& local, char* data, size_t size, Progress* progress) noexcept;
  Step begin_chunks(sched::P& p, ServerLocal& local, char* data, size_t size, size_t head_bytes,
                    const http::Request& request, Progress* progress) noexcept;
  Step more_chunks(sched::P& p, ServerLocal& local, char* data, size_t size, Progress* progress) noexcept;
  void expect(sched::P& p, ServerLocal& local) noexcept;
  void dispatch(sched::P& p, ServerLocal& local, const char* end_of_head, std::string_view body,
                const http::Request& request) noexcept;
  void refuse(sched::P& p, ServerLocal& local, uint16_t status) noexcept;
  bool keep_input(sched::P& p, const char* data, size_t size, size_t want) noexcept;
  void drop_input(sched::P& p) noexcept;
  bool grow_input(sched::P& p) noexcept;
  bool move_input(sched::P& p, const char* data, size_t size, size_t room) noexcept;
  void discard(sched::P& p) noexcept;
  bool may_take() const noexcept;
  void peer_ended() noexcept;
  void cancel_records() noexcept;

  // output (connection_output.cc)
  void write_ready(sched::P& p, ServerLocal& local) noexcept;
  void write_reply(sched::P& p, ServerLocal& local, const Reply& reply, const RequestRecord* record,
                   bool keep_alive, bool head_only, bool http_1_0) noexcept;
  char* reserve(sched::P& p, ServerLocal& local, size_t bytes, Block** block) noexcept;
  void write_text(sched::P& p, ServerLocal& local, std::string_view text) noexcept;
  void send_cork(sched::P& p, ServerLocal& local) noexcept;
  void flush_blocks(sched::P& p) noexcept;
  void append_block(sched::P& p, Block& block) noexcept;
  void drop_blocks(sched::P& p) noexcept;

  // life (connection.cc)
  void finish(sched::P& p) noexcept;
  void leave_records(sched::P& p) noexcept;
  void reap(sched::P& p) noexcept;
  bool idle() const noexcept;
  uint64_t due_ns() const noexcept;
  void arm(sched::P& p) noexcept;

  Server* server_;
  net::Stream stream_;
  net::Slot slot_;
  Deadline<Connection> timer_;
  uint64_t armed_ns_ = 0;
  uint64_t since_ns_ = 0;    // idle, or lingering, or without progress in writing, since
  uint64_t started_ns_ = 0;  // first byte of the request in `in_`; 0: none
  char* in_ = nullptr;
  uint32_t in_bytes_ = 0;
  uint32_t in_capacity_ = 0;
  uint32_t seen_ = 0;        // bytes of `in_` that the head parser knows, or where chunk framing goes on
  uint32_t need_ = 0;        // bytes at which the request in `in_` is whole; 0: not known
  uint32_t head_bytes_ = 0;  // of a chunked request under way
  uint32_t in_flight_ = 0;   // records in the list
  uint64_t held_bytes_ = 0;  // of requests, in those records
  http::ChunkedDecoder* chunks_ = nullptr;
  Block* out_first_ = nullptr;
  Block* out_last_ = nullptr;
  uint64_t out_bytes_ = 0;
  RequestRecord* first_ = nullptr;
  RequestRecord* last_ = nullptr;
  uint16_t flags_ = 0;
  PeerAddress peer_;

  friend class Server;
};

static_assert(sizeof(Connection) <= 256, "an idle connection is a struct of at most 256 bytes");

}  // namespace tailrace::server
