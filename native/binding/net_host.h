// The sockets that JavaScript of one environment has (tailrace/net), on its event loop.
//
//   the host has turned the P     sockets were read, connections accepted; all of it waits in the SocketSet
//   seal, with the P held         at most kEvents events into the words, their bytes into the segment
//   enter JS, once                it copies what it keeps and settles promises; no P held, no object a event
//
// Words and segment are memory of the isolate and are used again for each batch: JS has copied all it needs
// when its callback returns. What did not fit is announced by pending(), and follows in the next loop turn.
#pragma once

#include <napi.h>

#include "binding/census.h"
#include "binding/loop_host.h"
#include "server/socket_set.h"

namespace tailrace::binding {

class NetHost final : public LoopHost::Client {
 public:
  /** Makes it: once an environment. Null with a JS exception pending when it cannot be. */
  static NetHost* make(Napi::Env env, const Napi::Object& spec);
  /** The environment's; null with a JS exception pending before make(). */
  static NetHost* of(Napi::Env env);

  bool on_loop() noexcept override;
  bool pending() const noexcept override { return set_.pending() && !away_; }
  void on_teardown() noexcept override;

  LoopHost& loop() noexcept { return loop_; }
  sched::IsolateM& isolate() noexcept { return loop_.isolate(); }
  /** With the P held only. */
  server::SocketSet& sockets() noexcept { return set_; }
  /** What a call gives back besides a number: slot and generation of a handle. */
  void give(server::SocketHandle handle) noexcept;
  void hold(bool on) noexcept;

 private:
  NetHost(Napi::Env env, LoopHost& loop) noexcept : env_(env), loop_(loop), set_(loop.isolate().p()) {}
  ~NetHost() = default;
  void enter(uint32_t events) noexcept;

  Alive alive_{Kind::net_host};
  Napi::Env env_;
  LoopHost& loop_;
  server::SocketSet set_;
  Napi::ObjectReference buffers_;  // keeps the memory below
  int32_t* words_ = nullptr;
  uint32_t max_events_ = 0;
  char* bytes_ = nullptr;
  uint32_t capacity_ = 0;
  int32_t* result_ = nullptr;
  Napi::FunctionReference on_events_;
  napi_async_context context_ = nullptr;
  bool away_ = false;  // a native M has the P, and was asked for it: it signals the loop when it lets go
  bool referenced_ = false;
};

/** Adds the functions of connections to exports.net. */
void init_net_host(Napi::Env env, Napi::Object exports);

}  // namespace tailrace::binding
