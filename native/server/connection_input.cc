// Reading: bytes to whole requests, and whole requests to their endpoints. See connection.h.
#include <algorithm>
#include <cstring>
#include <new>

#include "base/bytes.h"
#include "server/connection.h"
#include "server/local.h"
#include "server/server.h"

namespace tailrace::server {

namespace {
// Input kept from an earlier read is put before the new bytes in the scratch buffer while it is small; above,
// the new bytes are read behind it, where it stands.
constexpr uint32_t kMergeBytes = 16 * 1024;
constexpr size_t kLeastKept = 512;
// One read takes so much at most, whatever room there is: the turn's budget is looked at between two reads.
constexpr size_t kReadMost = 256 * 1024;
// A Content-Length is a promise, not bytes: room is made for what came and the like again, not for what was
// said.
constexpr size_t kGrowBytes = 64 * 1024;

/** Some clients send an empty line behind a body (RFC 9112 2.2): the parser skips it before the next request,
 * and until that comes the connection is as idle as before. */
bool stray_line(const char* data, size_t size) noexcept {
  return data[0] == '\r' && (size == 1 || (size == 2 && data[1] == '\n'));
}

size_t room_for(size_t size, size_t want) noexcept {
  return std::max({kLeastKept, size, std::min(want, size + std::max(size, kGrowBytes))});
}
}  // namespace

bool Connection::may_take() const noexcept {
  const Limits& limits = server_->limits();
  return !(flags_ & (kClosing | kDead)) && in_flight_ < limits.pipeline &&
         held_bytes_ <= limits.header_bytes + limits.body_bytes && out_bytes_ <= limits.write_bytes;
}

/** True when the turn's budget ended it with work left. */
bool Connection::receive(sched::P& p, ServerLocal& local) noexcept {
  if ((flags_ & kStalled) && may_take()) {
    flags_ &= ~kStalled;
    if (consume(p, local, in_, in_bytes_)) return true;
  }
  while (may_take() && !(flags_ & kStalled) && stream_.readable()) {
    const bool merge = in_bytes_ <= kMergeBytes;
    if (!merge && in_bytes_ == in_capacity_ && !grow_input(p)) {
      destroy(p);
      return false;
    }
    char* data = merge ? local.read : in_;
    const uint32_t kept = in_bytes_;
    if (merge && kept) std::memcpy(data, in_, kept);
    const size_t room = (merge ? ServerLocal::kReadBytes : in_capacity_) - kept;
    const os::IoResult got = stream_.read(data + kept, std::min(room, kReadMost));
    if (got.state == os::IoResult::State::would_block) return false;
    if (got.state == os::IoResult::State::error) {
      destroy(p);
      return false;
    }
    if (got.state == os::IoResult::State::closed) {
      peer_ended();
      // A message cut short is malformed (RFC 9112 8); whoever ended only its own side reads why.
      if (started_ns_) refuse(p, local, 400);
      return false;
    }
    server_->stats().bytes_in.add(got.bytes);
    const bool within_budget = p.spend(0, got.bytes);
    if (consume(p, local, data, kept + got.bytes)) return true;
    if (!within_budget) return may_take() && stream_.readable();
  }
  return false;
}

/** Takes whole requests from the front of the bytes and keeps the rest. True: the budget ended it. */
bool Connection::consume(sched::P& p, ServerLocal& local, char* data, size_t size) noexcept {
  size_t at = 0;
  bool out_of_budget = false;
  Progress progress;
  while (at < size) {
    if (out_of_budget || !may_take()) {
      if (flags_ & (kClosing | kDead)) {
        at = size;
      } else {
        flags_ |= kStalled;
        progress = {0, size - at, 0};
      }
      break;
    }
    if (!started_ns_ && !stray_line(data + at, size - at)) started_ns_ = p.now_ns();
    progress = {0, size - at, 0};
    const Step outcome = step(p, local, data + at, size - at, &progress);
    if (outcome == Step::stop) {
      at = size;
      break;
    }
    if (outcome == Step::more) break;
    at += progress.used;
    seen_ = need_ = 0;
    started_ns_ = 0;
    flags_ &= ~(kHeadDone | kSentContinue);
    out_of_budget = !p.spend(1, 0);  // its bytes were counted when they were read
  }
  if (flags_ & kDead) return false;
  if (at == size) {
    drop_input(p);
  } else if (!keep_input(p, data + at, progress.keep, progress.want)) {
    destroy(p);
    return false;
  }
  return out_of_budget && (flags_ & kStalled);
}

Connection::Step Connection::step(sched::P& p, ServerLocal& local, char* data, size_t size,
                                  Progress* progress) noexcept {
  if (chunks_) return more_chunks(p, local, data, size, progress);
  if (size < need_) {
    progress->want = need_;
    return Step::more;
  }
  http::Request request;
  request.headers = server_->headers();
  request.header_capacity = server_->limits().headers;
  const http::ParseResult head = http::parse_request(data, size, seen_, server_->http_limits(), &request);
  if (head.state == http::ParseState::partial) {
    seen_ = static_cast<uint32_t>(size);
    return Step::more;
  }
  if (head.state == http::ParseState::bad) {
    refuse(p, local, head.status);
    return Step::stop;
  }
  if (request.expect_continue && size == head.consumed && !server_->leads(request)) {
    // It has its reply instead of 100 Continue. Its client may send the body all the same or not (RFC 9110
    // 10.1.1), so nothing can be read behind it.
    request.keep_alive = false;
    dispatch(p, local, data + size, {data + size, 0}, request);
    started_ns_ = 0;
    return Step::stop;
  }
  if (request.chunked) return begin_chunks(p, local, data, size, head.consumed, request, progress);
  const size_t whole = head.consumed + request.content_length;
  if (size < whole) {
    need_ = static_cast<uint32_t>(whole);
    flags_ |= kHeadDone;
    progress->want = whole;
    if (request.expect_continue && size == head.consumed) expect(p, local);
    return Step::more;
  }
  progress->used = whole;
  dispatch(p, local, data + head.consumed, {data + head.consumed, request.content_length}, request);
  return Step::next;
}

Connection::Step Connection::begin_chunks(sched::P& p, ServerLocal& local, char* data, size_t size,
                                          size_t head_bytes, const http::Request& request,
                                          Progress* progress) noexcept {
  http::ChunkedDecoder decoder;
  char* body = data + head_bytes;
  const http::BodyResult result = decoder.decode(body, size - head_bytes, body, server_->http_limits());
  if (result.state == http::BodyState::bad) {
    refuse(p, local, result.status);
    return Step::stop;
  }
  if (result.state == http::BodyState::done) {
    progress->used = head_bytes + result.consumed;
    dispatch(p, local, body, {body, result.produced}, request);
    return Step::next;
  }
  void* block = p.cache().allocate(sizeof(http::ChunkedDecoder));
  if (!block) {
    refuse(p, local, 503);
    return Step::stop;
  }
  chunks_ = new (block) http::ChunkedDecoder(decoder);
  head_bytes_ = static_cast<uint32_t>(head_bytes);
  seen_ = static_cast<uint32_t>(head_bytes + result.produced);
  flags_ |= kHeadDone;
  progress->keep = seen_;
  if (request.expect_continue && size == head_bytes) expect(p, local);
  return Step::more;
}

Connection::Step Connection::more_chunks(sched::P& p, ServerLocal& local, char* data, size_t size,
                                         Progress* progress) noexcept {
  char* fresh = data + seen_;
  const http::BodyResult result = chunks_->decode(fresh, size - seen_, fresh, server_->http_limits());
  if (result.state == http::BodyState::partial) {
    seen_ += static_cast<uint32_t>(result.produced);
    progress->keep = seen_;
    return Step::more;
  }
  p.cache().free(chunks_);
  chunks_ = nullptr;
  if (result.state == http::BodyState::bad) {
    refuse(p, local, result.status);
    return Step::stop;
  }
  http::Request request;
  request.headers = server_->headers();
  request.header_capacity = server_->limits().headers;
  // The head was good when it was parsed first, and its bytes have not changed.
  (void)http::parse_request(data, head_bytes_, 0, server_->http_limits(), &request);
  progress->used = seen_ + result.consumed;
  char* body = data + head_bytes_;
  dispatch(p, local, body, {body, seen_ + result.produced - head_bytes_}, request);
  return Step::next;
}

/** The client waits for 100 Continue; replies to earlier requests go first. */
void Connection::expect(sched::P& p, ServerLocal& local) noexcept {
  if (flags_ & kSentContinue) return;
  flags_ |= kSentContinue;
  if (first_) {
    flags_ |= kOweContinue;
  } else {
    write_text(p, local, http::kContinue);
  }
}

void Connection::dispatch(sched::P& p, ServerLocal& local, const char* end_of_head, std::string_view body,
                          const http::Request& request) noexcept {
  server_->stats().requests.add(1);
  if (!request.keep_alive) flags_ |= kClosing;
  flags_ &= ~kOweContinue;
  const char* head = request.method_text.data();
  Exchange exchange{p,     *server_, local,
                    *this, request,  {head, static_cast<size_t>(end_of_head - head)},
                    body,  0,        started_ns_};
  if (!out_first_) since_ns_ = p.now_ns();
  server_->route(exchange);
}

/** A request that cannot be read: its status, and no further request on this connection. */
void Connection::refuse(sched::P& p, ServerLocal& local, uint16_t status) noexcept {
  if (status != 408) server_->stats().malformed.add(1);
  flags_ |= kClosing;
  flags_ &= ~kOweContinue;
  started_ns_ = 0;
  http::Request request;  // nothing is known of it
  request.minor = 1;
  request.keep_alive = false;
  Exchange exchange{p, *server_, local, *this, request, {}, {}, 0, p.now_ns()};
  Reply reply;
  reply.status = status;
  reply.content_type = kTextPlain;
  char text[64];
  reply.body = {text, static_cast<size_t>(append(append(text, http::reason(status)), "\n") - text)};
  this->reply(exchange, reply);
  drop_input(p);
}

/** Keeps [data, data + size), which may lie inside `in_`, of a request of about `want` bytes in all. */
bool Connection::keep_input(sched::P& p, const char* data, size_t size, size_t want) noexcept {
  // While it fits it is not moved: a body that comes in small pieces is not copied for each of them.
  if (!in_ || in_capacity_ < size) return move_input(p, data, size, room_for(size, want));
  if (data != in_) std::memmove(in_, data, size);
  in_bytes_ = static_cast<uint32_t>(size);
  return true;
}

/** Makes room behind `in_bytes_`: as much again, so that a long body is copied a few times, not once a read.
 */
bool Connection::grow_input(sched::P& p) noexcept {
  return move_input(p, in_, in_bytes_, room_for(in_bytes_, need_ > in_bytes_ ? need_ : SIZE_MAX));
}

bool Connection::move_input(sched::P& p, const char* data, size_t size, size_t room) noexcept {
  auto* block = static_cast<char*>(p.cache().allocate(room));
  if (!block) return false;
  std::memcpy(block, data, size);
  p.cache().free(in_);
  in_ = block;
  in_bytes_ = static_cast<uint32_t>(size);
  in_capacity_ = static_cast<uint32_t>(room);
  return true;
}

void Connection::drop_input(sched::P& p) noexcept {
  if (chunks_) p.cache().free(chunks_);
  chunks_ = nullptr;
  p.cache().free(in_);
  in_ = nullptr;
  in_bytes_ = in_capacity_ = 0;
}

/** After our last reply: what still comes is read and dropped until the peer's end. */
void Connection::discard(sched::P& p) noexcept {
  char bin[4096];
  for (int i = 0; i < 16 && stream_.readable(); i++) {
    const os::IoResult got = stream_.read(bin, sizeof bin);
    server_->stats().bytes_in.add(got.bytes);
    (void)p.spend(0, got.bytes);
    if (got.state == os::IoResult::State::closed || got.state == os::IoResult::State::error) {
      if (!(flags_ & kPeerEnded)) peer_ended();
      return;
    }
  }
}

}  // namespace tailrace::server
