// The servers of one environment on its event loop: what happens when the loop calls back, and how replies
// leave.
//
//   the host has turned the P               requests are parsed, answered natively, or queued as calls
//   enter JS, once a server that has calls  it drains the group into segments and runs the handlers; no P
//   held settle what JS left in its reply buffer its callback scope has closed by then, microtasks included
//   the host turns the P for its inbox      the replies are written
//
// Replies that come at other times are settled by flush(), once a loop turn.
#pragma once

#include <napi.h>

#include "binding/loop_host.h"
#include "rpc/endpoint.h"
#include "server/segment.h"
#include "server/server.h"

namespace tailrace::binding {

/** One server as JS holds it. */
struct JsServer final : server::GroupListener {
  /** Words of a reply in the reply buffer: slot, generation, kind, status, head bytes, at, bytes. */
  static constexpr uint32_t kReplyWords = 7;

  JsServer(LoopHost& host, memory::Cache& cache, server::HandlerGroup& group, uint32_t batch,
           uint32_t depth) noexcept
      : loop(host), group(group), rpc(batch, depth), table(cache), drain(group, table) {}

  void calls_wait() noexcept override { loop.signal(); }

  LoopHost& loop;
  server::HandlerGroup& group;
  server::Server* server = nullptr;
  rpc::RpcEndpoint rpc;
  server::CallTable table;
  server::Drain drain;
  JsServer* next = nullptr;
  uint32_t number = 0;

  Napi::FunctionReference on_calls;  // (cancelled) => void
  Napi::FunctionReference on_event;  // (event, count) => void
  napi_async_context context = nullptr;
  // Shared with JS: memory of this isolate's ArrayBuffers, kept alive by `buffers`.
  Napi::ObjectReference buffers;
  int32_t* words = nullptr;        // of the calls of a batch
  int32_t* reply_words = nullptr;  // [0] replies waiting, [1] JS is entered from here; then the replies
  char* reply_bytes = nullptr;
  uint32_t reply_capacity = 0;

  uint32_t cancellations = 0;  // of the group, as far as JS knows
  uint64_t refused = 0;
  bool referenced = false;
  bool closed_told = false;
};

class ServerHost final : public LoopHost::Client {
 public:
  enum Event : int32_t { kClosed = 0, kRefused = 1 };

  /** The environment's, made at the first server. Null with a JS exception pending when it cannot be. */
  static ServerHost* of(Napi::Env env);

  bool on_loop() noexcept override;
  bool pending() const noexcept override;
  void on_teardown() noexcept override;

  void add(JsServer& server) noexcept;
  JsServer* find(uint32_t number) const noexcept;
  /** Takes a closed server apart. */
  void remove(JsServer& server) noexcept;

  /** Settles the replies in the server's buffer. True when some went to the P's inbox. */
  bool settle_replies(JsServer& server) noexcept;
  LoopHost& loop() noexcept { return loop_; }
  sched::IsolateM& isolate() noexcept { return loop_.isolate(); }
  memory::Cache& cache() noexcept { return cache_; }

 private:
  ServerHost(Napi::Env env, LoopHost& loop, memory::Cache& cache) noexcept
      : env_(env), loop_(loop), cache_(cache) {}
  void enter(JsServer& server) noexcept;
  void tell(JsServer& server) noexcept;
  void call(JsServer& server, const Napi::FunctionReference& function, size_t count,
            const napi_value* values) noexcept;

  Napi::Env env_;
  LoopHost& loop_;
  memory::Cache& cache_;
  JsServer* servers_ = nullptr;
  uint32_t numbers_ = 0;
};

}  // namespace tailrace::binding
