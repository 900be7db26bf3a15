// The life of a connection: from start to its last byte. See connection.h.
#include "server/connection.h"

#include "server/local.h"
#include "server/server.h"

namespace tailrace::server {

namespace {
constexpr uint64_t kMs = 1'000'000;
// Our end is sent; the peer may take so long to read our reply and to send its own.
constexpr uint64_t kLingerNs = 2'000 * kMs;
}  // namespace

Connection::Connection(Server& server, int fd, const os::Address& peer) noexcept
    : server_(&server), peer_(PeerAddress::of(peer)) {
  run = &run_waiter;
  timer_.fire = &timer_fired;
  timer_.owner = this;
  stream_.adopt(fd);
}

bool Connection::start(sched::P& p) noexcept {
  Result<net::Slot> slot = p.poller().add(stream_.fd(), *this);
  if (!slot) {
    stream_.close();
    return false;
  }
  slot_ = *slot;
  since_ns_ = p.now_ns();
  arm(p);
  return true;
}

Waiter::Next Connection::run_waiter(Waiter& self, uint32_t events, void* p) noexcept {
  return static_cast<Connection&>(self).run_once(*static_cast<sched::P*>(p), events);
}

Waiter::Next Connection::run_once(sched::P& p, uint32_t events) noexcept {
  bool again = false;
  if (!(flags_ & kDead)) {
    ServerLocal& local = p.local(server_local);
    flags_ |= kRunning;
    stream_.notice(events);
    if (events & kFault) {
      destroy(p);
    } else {
      if (out_first_ && stream_.writable()) flush_blocks(p);
      write_ready(p, local);  // first: it makes room in the window
      if (flags_ & (kLingering | kClosing)) {
        discard(p);
      } else {
        again = receive(p, local);
      }
      // Its end may stand behind bytes that are not to be read yet, and says the same there.
      if (stream_.hangup()) cancel_records();
      write_ready(p, local);
      send_cork(p, local);
      finish(p);
      // The edge is used up: what is left in the socket has nobody else to announce it.
      again = again || ((flags_ & kClosing) && stream_.readable());
    }
    flags_ &= ~kRunning;
  }
  if (flags_ & kDead) {
    reap(p);
    return Next::done;
  }
  return again ? Next::again : Next::done;
}

bool Connection::idle() const noexcept { return !first_ && !out_first_ && !(flags_ & kStalled); }

void Connection::finish(sched::P& p) noexcept {
  if (flags_ & kDead) return;
  if ((flags_ & kPeerEnded) && idle()) return destroy(p);
  if ((flags_ & kClosing) && !(flags_ & kLingering) && idle()) {
    // Our end only, and go on reading: closing with unread bytes would send a reset, which can overtake the
    // reply on its way to the peer (RFC 9112 9.6).
    stream_.shutdown_write();
    flags_ |= kLingering;
    since_ns_ = p.now_ns();
  }
  arm(p);
}

void Connection::record_ready(sched::P& p, RequestRecord& record) noexcept {
  record.ready = true;
  p.timers().cancel(record.timer);
  if (first_ == &record && !(flags_ & kRunning)) p.ready(*this, 0);
}

void Connection::tighten(sched::P& p, RequestRecord& record, Call& call, uint64_t deadline_ns) noexcept {
  if (deadline_ns >= call.deadline_ns) return;
  call.deadline_ns = deadline_ns;
  if (deadline_ns < record.timer.deadline_ns()) p.timers().arm(record.timer, deadline_ns);
}

void Connection::drain(sched::P& p) noexcept {
  // One that lingers has sent its last reply and closes by itself, at the latest when the drain's time is up.
  if (flags_ & (kDead | kLingering)) return;
  if (idle() && !started_ns_) destroy(p);
  if (flags_ & kDead) reap(p);
}

void Connection::destroy(sched::P& p) noexcept {
  if (flags_ & kDead) return;
  flags_ |= kDead;
  p.timers().cancel(timer_);
  p.poller().remove(slot_);
  stream_.close();
  drop_input(p);
  drop_blocks(p);
  leave_records(p);
}

void Connection::leave_records(sched::P& p) noexcept {
  bool lent = false;
  for (RequestRecord* record = first_; record;) {
    RequestRecord* next = record->next;
    p.timers().cancel(record->timer);
    record->connection = nullptr;
    record->answered = true;
    server_->stats().in_flight.add(-1ull);
    if (record->returned) {
      record->destroy(p.cache());
    } else {
      record->peer_gone.store(true, std::memory_order_relaxed);  // before the release in expire()
      // What no isolate has begun need not be begun: its call says that nobody waits.
      (void)record->expire(RequestRecord::kAll);
      lent = true;
    }
    record = next;
  }
  first_ = last_ = nullptr;
  in_flight_ = 0;
  held_bytes_ = 0;
  if (lent) server_->cancelled();
}

/** Frees a dead connection, unless the P's ready list still holds it: then its last run does. */
void Connection::reap(sched::P& p) noexcept {
  if (!queued) server_->connection_gone(p, *this);
}

void Connection::peer_ended() noexcept {
  flags_ |= kPeerEnded;
  cancel_records();
}

/** As Go's net/http: the end of the peer's stream cancels what is under way; a reply is still written, since
 * a half-closed peer may be waiting for it. */
void Connection::cancel_records() noexcept {
  bool news = false;
  for (RequestRecord* record = first_; record; record = record->next) {
    // relaxed: an AbortSignal that fires a moment later is no harm; partner: the binding's cancelled()
    news |= !record->peer_gone.exchange(true, std::memory_order_relaxed);
  }
  if (news) server_->cancelled();
}

uint64_t Connection::due_ns() const noexcept {
  const Limits& limits = server_->limits();
  if (flags_ & kLingering) return since_ns_ + kLingerNs;
  if (out_first_) return since_ns_ + limits.write_ms * kMs;
  if (first_ || (flags_ & kStalled)) return TimerWheel::kNever;  // each record has its own
  if (started_ns_) return started_ns_ + ((flags_ & kHeadDone) ? limits.request_ms : limits.header_ms) * kMs;
  return since_ns_ + limits.idle_ms * kMs;
}

/** Makes sure that the timer fires no later than it must; earlier is put right when it fires. */
void Connection::arm(sched::P& p) noexcept {
  const uint64_t due = due_ns();
  if (due == TimerWheel::kNever || (timer_.armed() && armed_ns_ <= due)) return;
  armed_ns_ = due;
  p.timers().arm(timer_, due);
}

void Connection::timer_fired(TimerNode& node, void* at) noexcept {
  Connection& self = *static_cast<Deadline<Connection>&>(node).owner;
  sched::P& p = *static_cast<sched::P*>(at);
  if (self.flags_ & kDead) return;
  const uint64_t due = self.due_ns();
  if (due > p.now_ns()) return self.arm(p);
  if ((self.flags_ & kLingering) || self.out_first_ || !self.started_ns_) {
    if (self.out_first_) self.server_->stats().timeouts.add(1);
    self.destroy(p);
  } else {
    ServerLocal& local = p.local(server_local);
    self.server_->stats().timeouts.add(1);
    self.refuse(p, local, 408);
    self.send_cork(p, local);
    self.finish(p);
  }
  if (self.flags_ & kDead) self.reap(p);
}

}  // namespace tailrace::server
