// Writing: replies in order into the cork, the cork into the socket, the rest into blocks. See connection.h.
#include <cstring>

#include "base/bytes.h"
#include "server/connection.h"
#include "server/local.h"
#include "server/server.h"

namespace tailrace::server {

struct Connection::Block {
  Block* next;
  size_t at;     // bytes the socket has taken
  size_t bytes;  // bytes written into it; the results of a batch together may be more than 4 GB
  char* data() noexcept { return reinterpret_cast<char*>(this + 1); }
};

void Connection::reply(Exchange& exchange, const Reply& reply) noexcept {
  const http::Request& request = exchange.request;
  const bool head_only = request.method == http::Method::head;
  if (!first_) {
    const bool keep_alive = request.keep_alive && !server_->draining();
    if (!keep_alive) flags_ |= kClosing;
    server_->stats().replies.add(1);
    return write_reply(exchange.p, exchange.local, reply, nullptr, keep_alive, head_only, request.minor == 0);
  }
  // Others come first: it waits as a record whose call is finished already.
  RequestRecord* record = open_record(exchange, server_->js_routes(), 1, 0);
  if (!record) return;
  Call& call = record->calls()[0];
  static constexpr std::string_view kType = "Content-Type: ";
  const size_t type_bytes = reply.content_type.empty() ? 0 : kType.size() + reply.content_type.size() + 2;
  const size_t bytes = type_bytes + reply.lines.size() + reply.body.size();
  if (char* out = call.make_room(exchange.p.cache(), bytes)) {
    if (type_bytes) {
      out = append(append(append(out, kType), reply.content_type), "\r\n");
    }
    append(append(out, reply.lines), reply.body);
    call.result_bytes = static_cast<uint32_t>(bytes);
    call.result_head_bytes = static_cast<uint32_t>(bytes - reply.body.size());
  }
  call.kind = Call::Kind::raw;
  call.status = reply.status;
  call.state.store(CallState::finished, std::memory_order_relaxed);  // nobody else knows of it
  record->returned = true;
  record_ready(exchange.p, *record);
}

RequestRecord* Connection::open_record(Exchange& exchange, Endpoint& endpoint, uint32_t calls,
                                       size_t data_bytes) noexcept {
  sched::P& p = exchange.p;
  RequestRecord* record = RequestRecord::create(p.cache(), calls, data_bytes);
  if (!record) {
    // Not even a record: the connection cannot be answered in order any more.
    flags_ |= kClosing;
    Reply reply;
    reply.status = 503;
    if (!first_) write_reply(p, exchange.local, reply, nullptr, false, false, false);
    return nullptr;
  }
  record->deliver = &Server::record_returned;
  record->connection = this;
  record->endpoint = &endpoint;
  record->p = &p;
  record->peer = peer_;
  record->keep_alive = exchange.request.keep_alive;
  record->head_only = exchange.request.method == http::Method::head;
  record->http_1_0 = exchange.request.minor == 0;
  const uint64_t deadline_ns = exchange.started_ns + server_->limits().request_ms * 1'000'000ull;
  for (uint32_t i = 0; i < calls; i++) record->calls()[i].deadline_ns = deadline_ns;
  record->timer.fire = &Server::record_expired;
  record->timer.owner = record;
  p.timers().arm(record->timer, deadline_ns);
  if (last_) {
    last_->next = record;
  } else {
    first_ = record;
  }
  last_ = record;
  in_flight_++;
  held_bytes_ += record->data_bytes;
  server_->stats().in_flight.add(1);
  return record;
}

/** Writes what is ready at the front: replies leave in the order of the requests. */
void Connection::write_ready(sched::P& p, ServerLocal& local) noexcept {
  while (first_ && first_->ready && !(flags_ & kDead)) {
    RequestRecord& record = *first_;
    // Nothing of a further request has come: an empty line behind a body is none.
    const bool last = !record.next && !started_ns_ && !(flags_ & kStalled);
    const bool keep_alive = record.keep_alive && !(last && (server_->draining() || (flags_ & kClosing)));
    if (!keep_alive) flags_ |= kClosing;
    server_->stats().replies.add(1);
    write_reply(p, local, record.endpoint->plan(record), &record, keep_alive, record.head_only,
                record.http_1_0);
    if (flags_ & kDead) return;
    first_ = record.next;
    if (!first_) last_ = nullptr;
    in_flight_--;
    held_bytes_ -= record.data_bytes;
    record.connection = nullptr;
    record.answered = true;
    if (!out_first_) since_ns_ = p.now_ns();  // else it says since when nothing was taken
    server_->stats().in_flight.add(-1ull);
    if (record.returned) record.destroy(p.cache());
    if (!keep_alive && first_) leave_records(p);
  }
  if ((flags_ & kOweContinue) && !first_) {
    flags_ &= ~kOweContinue;
    write_text(p, local, http::kContinue);
  }
}

void Connection::write_reply(sched::P& p, ServerLocal& local, const Reply& reply, const RequestRecord* record,
                             bool keep_alive, bool head_only, bool http_1_0) noexcept {
  http::ReplyHead head;
  head.status = reply.status;
  head.keep_alive = keep_alive;
  head.minor = http_1_0 ? 0 : 1;
  head.content_length = record ? reply.body_bytes : reply.body.size();
  head.content_type = reply.content_type;
  head.date = local.date.at(os::realtime_ms());
  const bool body = http::body_allowed(reply.status, head_only);
  const size_t bound = http::head_bound(head) + reply.lines.size() + (body ? head.content_length : 0);
  Block* block = nullptr;
  char* out = reserve(p, local, bound, &block);
  if (!out) return destroy(p);
  char* at = out + http::write_head(out, head);
  if (!reply.lines.empty()) {
    at = append(append(at - 2, reply.lines), "\r\n");  // before the empty line
  }
  if (body && record) {
    at = record->endpoint->write_body(*record, at);
  } else if (body) {
    at = append(at, reply.body);
  }
  const auto bytes = static_cast<size_t>(at - out);
  if (!block) {
    local.corked += bytes;
    return;
  }
  block->bytes = bytes;
  append_block(p, *block);
  if (stream_.writable()) flush_blocks(p);
}

void Connection::append_block(sched::P& p, Block& block) noexcept {
  if (!out_first_) since_ns_ = p.now_ns();
  block.next = nullptr;
  (out_last_ ? out_last_->next : out_first_) = &block;
  out_last_ = &block;
  out_bytes_ += block.bytes - block.at;
}

/** Room for `bytes`: in the cork, or in a block of its own when it is larger than that. Null: no memory. */
char* Connection::reserve(sched::P& p, ServerLocal& local, size_t bytes, Block** block) noexcept {
  if (local.corked + bytes <= ServerLocal::kCorkBytes) return local.cork + local.corked;
  send_cork(p, local);
  if (flags_ & kDead) return nullptr;
  if (bytes <= ServerLocal::kCorkBytes) return local.cork;
  auto* made = static_cast<Block*>(p.cache().allocate(sizeof(Block) + bytes));
  if (!made) return nullptr;
  made->at = made->bytes = 0;
  *block = made;
  return made->data();
}

void Connection::write_text(sched::P& p, ServerLocal& local, std::string_view text) noexcept {
  Block* block = nullptr;
  char* out = reserve(p, local, text.size(), &block);
  if (!out) return destroy(p);
  append(out, text);
  local.corked += text.size();
}

/** Sends the cork; what the socket does not take becomes a block. */
void Connection::send_cork(sched::P& p, ServerLocal& local) noexcept {
  size_t bytes = local.corked;
  local.corked = 0;
  if (bytes == 0 || (flags_ & kDead)) return;
  size_t sent = 0;
  if (!out_first_ && stream_.writable()) {
    const os::IoResult done = stream_.write(local.cork, bytes);
    if (done.state == os::IoResult::State::closed || done.state == os::IoResult::State::error)
      return destroy(p);
    if (done.state == os::IoResult::State::ok) sent = done.bytes;
    server_->stats().bytes_out.add(sent);
  }
  if (sent == bytes) return;
  bytes -= sent;
  auto* block = static_cast<Block*>(p.cache().allocate(sizeof(Block) + bytes));
  if (!block) return destroy(p);
  block->at = 0;
  block->bytes = bytes;
  std::memcpy(block->data(), local.cork + sent, bytes);
  append_block(p, *block);
  // Until the socket says that it is full: only then is there an edge when it is not full any more.
  if (stream_.writable()) flush_blocks(p);
}

void Connection::flush_blocks(sched::P& p) noexcept {
  while (out_first_ && stream_.writable()) {
    net::Span spans[16];
    size_t count = 0;
    for (Block* block = out_first_; block && count < 16; block = block->next) {
      spans[count++] = {block->data() + block->at, block->bytes - block->at};
    }
    const os::IoResult done = stream_.write(spans, count);
    if (done.state == os::IoResult::State::would_block) return;
    if (done.state != os::IoResult::State::ok) return destroy(p);
    server_->stats().bytes_out.add(done.bytes);
    since_ns_ = p.now_ns();
    out_bytes_ -= done.bytes;
    for (size_t left = done.bytes; left > 0;) {
      Block* block = out_first_;
      const size_t rest = block->bytes - block->at;
      if (left < rest) {
        block->at += left;
        break;
      }
      left -= rest;
      out_first_ = block->next;
      if (!out_first_) out_last_ = nullptr;
      p.cache().free(block);
    }
  }
}

void Connection::drop_blocks(sched::P& p) noexcept {
  while (Block* block = out_first_) {
    out_first_ = block->next;
    p.cache().free(block);
  }
  out_last_ = nullptr;
  out_bytes_ = 0;
}

}  // namespace tailrace::server
