// The servers of one environment on its event loop, and the handler groups it takes calls from: what happens
// when the loop calls back, and how replies leave.
//
//   the host has turned the P               requests are parsed, answered natively, or queued as calls
//   enter JS, once a group that has calls   it drains the group into segments and runs the handlers; no P
//   held settle what JS left in its reply buffer its callback scope has closed by then, microtasks included
//   the P that the replies go to is turned  the replies are written; another isolate's P is kicked
//
// Replies that come at other times are settled by flush(), once a loop turn. An environment that only takes
// calls (a worker isolate of a module) has no P at all.
#pragma once

#include <napi.h>

#include "binding/census.h"
#include "binding/loop_host.h"
#include "rpc/endpoint.h"
#include "server/segment.h"
#include "server/server.h"

namespace tailrace::binding {

struct JsServer;

/** A handler group as one isolate takes from it: of its own server, or shared. */
struct JsGroup : server::GroupListener {
  /** Whether JS is entered from here, and with news of cancellations. */
  enum Entered : int32_t { kNot = 0, kForCalls = 1, kWithCancellations = 2 };
  /** Words of a reply in the reply buffer: slot, generation, kind, status, head bytes, at, bytes. */
  static constexpr uint32_t kReplyWords = 7;

  /** Takes over a reference of the group. */
  JsGroup(LoopHost& host, memory::Cache& cache, server::HandlerGroup& group) noexcept
      : loop(host), group(group), table(cache), drain(group, table) {}

  void calls_wait() noexcept override { loop.signal(); }

  Alive alive{Kind::group};
  LoopHost& loop;
  server::HandlerGroup& group;
  server::HandlerGroup::Seat seat = server::HandlerGroup::kNoSeat;
  server::CallTable table;
  server::Drain drain;
  JsGroup* next = nullptr;
  JsServer* server = nullptr;  // this, when it is a server's own group
  uint32_t number = 0;

  Napi::FunctionReference on_calls;  // () => void
  napi_async_context context = nullptr;
  // Shared with JS: memory of this isolate's ArrayBuffers, kept alive by `buffers`.
  Napi::ObjectReference buffers;
  int32_t* words = nullptr;        // of the calls of a batch
  int32_t* reply_words = nullptr;  // [0] replies waiting, [1] an Entered; then the replies
  char* reply_bytes = nullptr;

  uint32_t cancellations = 0;  // of the group, as far as JS knows

 protected:
  ~JsGroup() = default;
  friend class ServerHost;
};

/** One server as JS holds it. */
struct JsServer final : JsGroup {
  /** Takes over a reference of each group; `shared` is null where methods run here. */
  JsServer(LoopHost& host, memory::Cache& cache, server::HandlerGroup& group, server::HandlerGroup* shared,
           uint32_t batch, uint32_t depth) noexcept
      : JsGroup(host, cache, group), shared(shared), rpc(shared ? *shared : group, batch, depth) {
    server = this;
  }

  server::HandlerGroup* shared;
  server::Server* core = nullptr;
  rpc::RpcEndpoint rpc;
  Napi::FunctionReference on_event;  // (event, count) => void
  uint64_t refused = 0;
  bool referenced = false;
  bool closed_told = false;
};

class ServerHost final : public LoopHost::Client {
 public:
  enum Event : int32_t { kClosed = 0, kRefused = 1 };

  /** The environment's, made at the first server or group. Null with a JS exception pending when it cannot
   * be. */
  static ServerHost* of(Napi::Env env);
  /** The same for an environment that only takes calls: it need not have a P. */
  static ServerHost* without_p(Napi::Env env);

  bool on_loop() noexcept override;
  bool pending() const noexcept override;
  void on_teardown() noexcept override;

  /** Takes a seat in the group and from then on calls JS. Error: limit_exceeded. */
  Status add(JsGroup& group) noexcept;
  JsGroup* find(uint32_t number) const noexcept;
  /** Takes a closed server, or a group that was joined, apart. */
  void remove(JsGroup& group) noexcept;
  /** Frees one that was not added, or has been given up. */
  void discard(JsGroup& group) noexcept;

  /** Settles the replies in the buffer. True when some went to this environment's P; another one was kicked.
   */
  bool settle_replies(JsGroup& group) noexcept;
  /** After settling calls of the group outside of on_loop: whoever has the P writes the replies. */
  void deliver(JsGroup& group) noexcept;
  LoopHost& loop() noexcept { return loop_; }
  sched::IsolateM& isolate() noexcept { return loop_.isolate(); }
  memory::Cache& cache() noexcept { return cache_; }

 private:
  ServerHost(Napi::Env env, LoopHost& loop, memory::Cache& cache) noexcept
      : env_(env), loop_(loop), cache_(cache) {}
  static ServerHost* on(Napi::Env env, Result<LoopHost*> loop);
  void enter(JsGroup& group, JsGroup::Entered how) noexcept;
  /** Lets go of calls that nobody waits for. As settle_replies(). */
  bool give_back_expired(JsGroup& group) noexcept;
  void tell(JsServer& server) noexcept;
  void call(JsGroup& group, const Napi::FunctionReference& function, size_t count,
            const napi_value* values) noexcept;
  /** What was posted quietly leaves when this environment's P is turned: true; or another one was kicked. */
  bool leaves_with_turn(JsGroup& group) noexcept;
  bool ours(const JsGroup& group) noexcept { return group.group.p() == loop_.p(); }
  /** Calls come home, connections are closed, records are freed. The P, if it is a server's, is held. */
  void give_up(JsGroup& group) noexcept;

  Napi::Env env_;
  LoopHost& loop_;
  memory::Cache& cache_;
  JsGroup* groups_ = nullptr;
  uint32_t numbers_ = 0;
};

}  // namespace tailrace::binding
