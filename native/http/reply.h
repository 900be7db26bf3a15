// The reply writer: status line and header lines into memory of a known maximum, the Date line cached.
//
// Writes bytes only; who sends them, and when, is the connection's affair. What a program passes in as a
// header is checked before it is written (`valid_header`): a line end in a value would forge a second reply.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "http/request_parser.h"

namespace tailrace::http {

/** The text of the Date header, made once a second (RFC 9110 5.6.7: "Sun, 06 Nov 1994 08:49:37 GMT"). One
 * owner. */
class DateCache {
 public:
  static constexpr size_t kBytes = 29;
  /** Valid until the next call. */
  std::string_view at(uint64_t realtime_ms) noexcept;

 private:
  uint64_t second_ = UINT64_MAX;
  char text_[kBytes] = {};
};

/** What the head of a reply says. The views live until write_head returns. */
struct ReplyHead {
  uint16_t status = 200;
  bool keep_alive = true;  // of the request, and of whoever ends the connection
  uint8_t minor = 1;       // of the request: 1.0 needs "keep-alive" said, 1.1 needs "close" said
  uint64_t content_length = 0;
  std::string_view content_type;    // empty: no such line
  std::string_view date;            // of DateCache; empty: no such line
  const Header* headers = nullptr;  // further lines, each already valid_header
  uint32_t header_count = 0;
};

/** 1xx, 204 and 304 never have a body (RFC 9110 6.4.1), and a reply to HEAD is not sent one. */
constexpr bool body_allowed(uint16_t status, bool head_request) noexcept {
  return !head_request && status >= 200 && status != 204 && status != 304;
}

/** A bound of what write_head writes for this reply. */
size_t head_bound(const ReplyHead& reply) noexcept;
/** Writes status line, headers and the empty line; returns the bytes written, at most head_bound(reply). */
size_t write_head(char* out, const ReplyHead& reply) noexcept;

/** Upper bound of write_refusal. */
inline constexpr size_t kRefusalBytes = 256;
/** A whole reply without body that closes the connection: for requests that could not be read, and limits. */
size_t write_refusal(char* out, uint16_t status, std::string_view date) noexcept;

/** True when the name is a token and the value has no byte that could end a line, and no other control but
 * tab. */
bool valid_header(std::string_view name, std::string_view value) noexcept;
/** True for the lines the writer itself is in charge of: content-length, transfer-encoding, connection, date,
 * keep-alive. */
bool reserved_header(std::string_view name) noexcept;

/** The reason phrase of a status: RFC 9110's, else node:http's, "unknown" (as there) for one that has none.
 * lib/backend/js/reasons.ts says the same. */
std::string_view reason(uint16_t status) noexcept;
/** Decimal digits; returns the end. At most 20 bytes. */
char* write_decimal(char* out, uint64_t value) noexcept;

/** What answers Expect: 100-continue before a body is read. */
inline constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

}  // namespace tailrace::http
