// The request parser: bytes in, views into those bytes out. Pure: no state, no allocation, no system call.
//
// Resumable without a resumable state machine. Every line of a request head is judged when it is complete, so
// the verdict on some bytes depends on the bytes alone, never on how they were cut into packets. A caller
// that was told `partial` comes back with the same bytes, more behind them, and how many it had shown before:
// then only the lines that became complete are looked at, and the head is taken apart once, when its end is
// there. (A state machine a byte at a time, as llhttp has, costs a table step a byte and a struct a
// connection; the idle connection here costs nothing.)
//
// Strict where leniency has let requests be smuggled (RFC 9112 section 11.2): see README.md for the list of
// what is refused and how that differs from Node's own parser.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tailrace::http {

struct Limits {
  uint32_t header_bytes = 16 * 1024;  // request line and header lines, line ends included
  uint32_t headers = 100;             // header lines
  uint64_t body_bytes = 1024 * 1024;  // Content-Length, or the decoded sum of chunks
  uint32_t chunk_extra_bytes =
      4 * 1024;  // all chunk extensions and, apart from them, all trailer lines of a body
};

/** One header line. Both view the input; the value without surrounding spaces and tabs. */
struct Header {
  std::string_view name;  // as sent: compare with equals_ignore_case
  std::string_view value;
};

enum class Method : uint8_t { get, head, post, put, del, patch, options, trace, other };

/** A parsed head. All views point into the parsed bytes and live as long as those stand still. */
struct Request {
  // In: where header lines go. Those beyond the capacity (or Limits::headers) make the request bad, status
  // 431.
  Header* headers = nullptr;
  uint32_t header_capacity = 0;

  // Out, when the state is done.
  uint32_t header_count = 0;
  Method method = Method::other;
  uint8_t minor = 1;        // HTTP/1.<minor>: 0 or 1
  bool keep_alive = false;  // the connection may carry another request after this one
  bool chunked = false;
  bool has_content_length = false;
  bool expect_continue = false;  // the client waits for 100 Continue before it sends the body
  uint64_t content_length = 0;   // 0 when there is none; never above Limits::body_bytes
  std::string_view method_text;
  std::string_view target;  // as sent
  std::string_view path;    // still percent-encoded; "/" for an absolute form without path; "*" for OPTIONS *
  std::string_view query;   // behind the '?', without it; empty when there is none
  std::string_view host;    // the authority of an absolute form, else Host; empty on 1.0 without Host

  bool has_body() const noexcept { return chunked || content_length > 0; }
  /** The value of the first header of that name (any case), or an empty view with null data. */
  std::string_view find(std::string_view name) const noexcept;
};

enum class ParseState : uint8_t {
  done,     // `consumed` bytes were the head; the body follows
  partial,  // no verdict yet: read more, come back with `already_seen` = the size just shown
  bad,      // answer `status` and close: nothing after it can be trusted
};

struct ParseResult {
  ParseState state;
  uint16_t status;  // of `bad`: 400, 413, 414, 417, 431, 501, 505
  size_t consumed;  // of `done`: bytes up to and with the empty line
};

/**
 * Parses the request head at the front of data[0, size).
 *
 * `already_seen`: bytes of this head shown in an earlier call that returned partial, else 0. Any value up to
 * that size gives the same result. `request` is only written to (apart from headers/header_capacity), and
 * only meaningful when the state is done. At most one empty line before the request line is skipped (RFC
 * 9112 2.2).
 */
ParseResult parse_request(const char* data, size_t size, size_t already_seen, const Limits& limits,
                          Request* request) noexcept;

/** The same under the name of its part; a class so that it can grow a cache without changing its callers. */
class RequestParser {
 public:
  static ParseResult parse(const char* data, size_t size, size_t already_seen, const Limits& limits,
                           Request* request) noexcept {
    return parse_request(data, size, already_seen, limits, request);
  }
};

/** ASCII case does not count; `lower` must be in lower case already. */
bool equals_ignore_case(std::string_view text, std::string_view lower) noexcept;

}  // namespace tailrace::http
