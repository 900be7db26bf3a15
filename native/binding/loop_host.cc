// See loop_host.h. The two handles live in one block that is freed when libuv has closed both.
//
// Rejected: a thread-safe function (1.7 to 2.5 µs a call, 78 µs at the 99th percentile, and JS entered for
// each); uv_prepare and uv_check (they run every turn of the loop, whether or not there is something for us).
#include "binding/loop_host.h"

#include <uv.h>

#include <new>

#include "binding/env_local.h"

namespace tailrace::binding {

namespace {

class Host final : public binding::LoopHost, public sched::LoopHost {
 public:
  static Result<Host*> make(Napi::Env env) noexcept {
    uv_loop_t* loop = nullptr;
    if (napi_get_uv_event_loop(env, &loop) != napi_ok) return Error::closed;
    Host* host = new (std::nothrow) Host(loop);
    if (!host) return Error::out_of_memory;
    if (int error = uv_async_init(loop, &host->async_, &Host::on_async); error != 0) {
      delete host;
      return Status(Error::system, -error);
    }
    host->async_.data = host;
    host->open_handles_ = 1;
    uv_unref(reinterpret_cast<uv_handle_t*>(&host->async_));
    if (napi_add_async_cleanup_hook(env, &Host::on_env_end, host, &host->hook_) != napi_ok) {
      host->end();
      return Error::closed;
    }
    return host;
  }

  Status open_p() noexcept {
    if (isolate_) return poll_status_;
    auto m = sched::IsolateM::create(*this);
    if (!m) return m.status();
    isolate_ = *m;
    return poll_status_;
  }

  // ---- LoopHost
  void add_client(Client& client) noexcept override {
    client.next_client = clients_;
    clients_ = &client;
  }
  void deliver() noexcept override {
    if (!isolate_) return wake_for_pending();
    if (isolate_->holds()) return;  // a turn follows, or is under way and looks into the inbox
    if (isolate_->acquire()) {
      (void)isolate_->p().turn({.poll = false});
      isolate_->lend();
    } else {
      isolate_->p().kick();
    }
    wake_for_pending();
  }
  sched::IsolateM& isolate() noexcept override { return *isolate_; }
  sched::P* p() noexcept override { return isolate_ ? &isolate_->p() : nullptr; }
  void ref() noexcept override {
    if (refs_++ == 0) uv_ref(reinterpret_cast<uv_handle_t*>(&async_));
  }
  void unref() noexcept override {
    if (--refs_ == 0) uv_unref(reinterpret_cast<uv_handle_t*>(&async_));
  }
  void wake() noexcept override { uv_async_send(&async_); }

  // ---- sched::LoopHost
  void start_poll(int fd) noexcept override {
    if (!poll_open_) {
      if (int error = uv_poll_init(async_.loop, &poll_, fd); error != 0) {
        poll_status_ = Status(Error::system, -error);
        return;
      }
      poll_.data = this;
      poll_open_ = true;
      open_handles_++;
    }
    uv_poll_start(&poll_, UV_READABLE, &Host::on_poll);
    uv_unref(reinterpret_cast<uv_handle_t*>(&poll_));  // the async handle alone keeps the loop, when asked to
  }
  void stop_poll() noexcept override {
    if (poll_open_) uv_poll_stop(&poll_);
  }
  // Any thread. Legal on a handle that is not closing: reclaim() in end() waits for the last caller.
  void signal() noexcept override { uv_async_send(&async_); }

 private:
  explicit Host(uv_loop_t* loop) noexcept { async_.loop = loop; }

  static void on_async(uv_async_t* handle) { static_cast<Host*>(handle->data)->on_loop(); }
  static void on_poll(uv_poll_t* handle, int, int) { static_cast<Host*>(handle->data)->on_loop(); }
  void on_loop() noexcept {
    if (ended_) return;
    if (isolate_ && isolate_->acquire()) {
      (void)isolate_->p().turn(sched::Budget{});
      isolate_->lend();
    }
    bool posted = false;
    for (Client* client = clients_; client; client = client->next_client) posted |= client->on_loop();
    if (posted) return deliver();
    wake_for_pending();
  }
  void wake_for_pending() noexcept {
    for (Client* client = clients_; client; client = client->next_client) {
      if (client->pending()) return wake();
    }
  }

  static void on_env_end(napi_async_cleanup_hook_handle, void* arg) { static_cast<Host*>(arg)->end(); }

  /** The environment ends, or make() failed half-way: nothing of ours may run on this loop any more. */
  void end() noexcept {
    ended_ = true;
    if (peeked_) *peeked_ = nullptr;
    if (isolate_) isolate_->reclaim();  // no native M touches the P or signals us from here on
    while (Client* client = clients_) {
      clients_ = client->next_client;
      client->on_teardown();
    }
    // Before the P closes the descriptor that the poll watches.
    if (poll_open_) uv_close(reinterpret_cast<uv_handle_t*>(&poll_), &Host::on_closed);
    uv_close(reinterpret_cast<uv_handle_t*>(&async_), &Host::on_closed);
    if (isolate_) isolate_->destroy();
    isolate_ = nullptr;
  }

  static void on_closed(uv_handle_t* handle) {
    auto* self = static_cast<Host*>(handle->data);
    if (--self->open_handles_ != 0) return;
    // Only now may the environment, and with it the loop, go on to its end.
    if (self->hook_) napi_remove_async_cleanup_hook(self->hook_);
    delete self;
  }

  friend class binding::LoopHost;

  Alive alive_{Kind::loop_host};
  uv_async_t async_{};
  uv_poll_t poll_{};
  bool poll_open_ = false;
  bool ended_ = false;
  int open_handles_ = 0;
  int refs_ = 0;
  Status poll_status_;
  Client* clients_ = nullptr;
  sched::IsolateM* isolate_ = nullptr;
  binding::LoopHost** peeked_ = nullptr;  // where the environment keeps us
  napi_async_cleanup_hook_handle hook_ = nullptr;
};

}  // namespace

Result<LoopHost*> LoopHost::without_p(Napi::Env env) noexcept {
  LoopHost*& kept = env_local(env).loop_host;
  if (kept) return kept;
  auto made = Host::make(env);
  if (!made) return made.status();
  (*made)->peeked_ = &kept;
  kept = *made;
  return kept;
}

Result<LoopHost*> LoopHost::of(Napi::Env env) noexcept {
  auto host = without_p(env);
  if (!host) return host;
  // A host that could not have one goes on without: what needs no P may be at work on it.
  if (Status opened = static_cast<Host*>(*host)->open_p(); !opened) return opened;
  return host;
}

LoopHost* LoopHost::peek(Napi::Env env) noexcept { return env_local(env).loop_host; }

}  // namespace tailrace::binding
