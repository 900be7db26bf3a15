// The environment's event loop as host of its P: one uv_poll on the poller's descriptor and one uv_async for
// signals from other threads, both unref'd unless a server asks for more. The only use of libuv in the
// project.
//
// One LoopHost per environment, made when it first serves, or first takes calls from another isolate's group:
// for that it needs no P. It owns the environment's IsolateM, if there is one, and ends with the environment:
// an async cleanup hook takes the P back from any native M, tells the client, destroys the P, closes the
// libuv handles and lets the environment go on only when libuv has forgotten them.
#pragma once

#include <napi.h>

#include "base/status.h"
#include "sched/isolate_m.h"

namespace tailrace::binding {

class LoopHost {
 public:
  /** Who works on this loop (servers, connections of this environment). All on the environment's thread. */
  struct Client {
    /**
     * The P has been turned and is lent again; no HandleScope is open. Here JS is entered. True when messages
     * were put into the P's inbox (post_quiet): it is turned once more when all clients have been called.
     */
    virtual bool on_loop() noexcept = 0;
    /** JS has work that was queued since, by a turn that no on_loop follows: the loop comes back for it. */
    virtual bool pending() const noexcept = 0;
    /**
     * The environment ends and JS must not be entered any more. The P, if there is one, is held for the last
     * time: close sockets, cancel timers, free records. Called at most once.
     */
    virtual void on_teardown() noexcept = 0;

    Client* next_client = nullptr;

   protected:
    ~Client() = default;
  };

  /** The environment's host, made at the first call, without a P. */
  static Result<LoopHost*> without_p(Napi::Env env) noexcept;
  /** The same with its IsolateM. */
  static Result<LoopHost*> of(Napi::Env env) noexcept;
  /** The same, but null when there is none yet. */
  static LoopHost* peek(Napi::Env env) noexcept;

  /** For the rest of the environment's life. */
  virtual void add_client(Client& client) noexcept = 0;
  /** Turns the P for messages that were posted quietly outside of on_loop, or wakes whoever has it. */
  virtual void deliver() noexcept = 0;
  /** Of a host that has a P. */
  virtual sched::IsolateM& isolate() noexcept = 0;
  /** The host's P; null when it has none. */
  virtual sched::P* p() noexcept = 0;
  /** The loop stays alive while refs > unrefs; counted. */
  virtual void ref() noexcept = 0;
  virtual void unref() noexcept = 0;
  /** Calls the client back in the next turn of the loop. This thread; others use it through sched. */
  virtual void wake() noexcept = 0;
  /** The same from any thread, as long as on_teardown has not been called. */
  virtual void signal() noexcept = 0;

 protected:
  ~LoopHost() = default;
};

}  // namespace tailrace::binding
