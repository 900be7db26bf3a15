// See reply.h.

#include "http/reply.h"

#include <cstring>

#include "http/chars.h"

namespace tailrace::http {

namespace {

char* put(char* out, std::string_view text) noexcept {
  if (!text.empty()) memcpy(out, text.data(), text.size());
  return out + text.size();
}

char* put_two(char* out, uint32_t value) noexcept {
  out[0] = static_cast<char>('0' + value / 10);
  out[1] = static_cast<char>('0' + value % 10);
  return out + 2;
}

// Everything write_head can say by itself: status line with the longest phrase, Content-Length, Connection,
// Date.
constexpr size_t kOwnLines = 192;

constexpr bool has_length(uint16_t status) noexcept {
  return status >= 200 && status != 204 && status != 304;
}

char* put_status(char* out, uint16_t status) noexcept {
  if (status == 200) return put(out, "HTTP/1.1 200 OK\r\n");
  out = put(out, "HTTP/1.1 ");
  *out++ = static_cast<char>('0' + status / 100 % 10);
  out = put_two(out, status % 100);
  *out++ = ' ';
  out = put(out, reason(status));
  return put(out, "\r\n");
}

}  // namespace

std::string_view DateCache::at(uint64_t realtime_ms) noexcept {
  const uint64_t second = realtime_ms / 1000;
  if (second == second_) return {text_, kBytes};
  second_ = second;
  const uint64_t days = second / 86400;
  const uint32_t of_day = static_cast<uint32_t>(second % 86400);
  // Civil date from days since 1970-01-01, in eras of 400 years that begin in March (Howard Hinnant,
  // "chrono-Compatible Low-Level Date Algorithms").
  const uint64_t shifted = days + 719468;
  const uint64_t era = shifted / 146097;
  const uint32_t doe = static_cast<uint32_t>(shifted % 146097);
  const uint32_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
  const uint32_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
  const uint32_t mp = (5 * doy + 2) / 153;
  const uint32_t day = doy - (153 * mp + 2) / 5 + 1;
  const uint32_t month = mp < 10 ? mp + 3 : mp - 9;
  const uint32_t year = static_cast<uint32_t>(yoe + era * 400 + (month <= 2));
  char* out = put(text_, std::string_view("ThuFriSatSunMonTueWed").substr(days % 7 * 3, 3));
  out = put(out, ", ");
  out = put_two(out, day);
  *out++ = ' ';
  out = put(out, std::string_view("JanFebMarAprMayJunJulAugSepOctNovDec").substr((month - 1) * 3, 3));
  *out++ = ' ';
  out = put_two(out, year / 100 % 100);
  out = put_two(out, year % 100);
  *out++ = ' ';
  out = put_two(out, of_day / 3600);
  *out++ = ':';
  out = put_two(out, of_day / 60 % 60);
  *out++ = ':';
  out = put_two(out, of_day % 60);
  put(out, " GMT");
  return {text_, kBytes};
}

char* write_decimal(char* out, uint64_t value) noexcept {
  char digits[20];
  size_t at = sizeof digits;
  do {
    digits[--at] = static_cast<char>('0' + value % 10);
    value /= 10;
  } while (value);
  memcpy(out, digits + at, sizeof digits - at);
  return out + sizeof digits - at;
}

size_t head_bound(const ReplyHead& reply) noexcept {
  size_t bound = kOwnLines + reply.content_type.size() + reply.date.size();
  for (uint32_t i = 0; i < reply.header_count; i++) {
    bound += reply.headers[i].name.size() + reply.headers[i].value.size() + 4;
  }
  return bound;
}

size_t write_head(char* out, const ReplyHead& reply) noexcept {
  char* at = put_status(out, reply.status);
  if (!reply.content_type.empty()) {
    at = put(at, "Content-Type: ");
    at = put(at, reply.content_type);
    at = put(at, "\r\n");
  }
  if (has_length(reply.status)) {
    at = put(at, "Content-Length: ");
    at = write_decimal(at, reply.content_length);
    at = put(at, "\r\n");
  }
  if (!reply.keep_alive) {
    at = put(at, "Connection: close\r\n");
  } else if (reply.minor == 0) {
    at = put(at, "Connection: keep-alive\r\n");
  }
  if (!reply.date.empty()) {
    at = put(at, "Date: ");
    at = put(at, reply.date);
    at = put(at, "\r\n");
  }
  for (uint32_t i = 0; i < reply.header_count; i++) {
    at = put(at, reply.headers[i].name);
    at = put(at, ": ");
    at = put(at, reply.headers[i].value);
    at = put(at, "\r\n");
  }
  at = put(at, "\r\n");
  return static_cast<size_t>(at - out);
}

size_t write_refusal(char* out, uint16_t status, std::string_view date) noexcept {
  ReplyHead reply;
  reply.status = status;
  reply.keep_alive = false;
  reply.date = date.substr(0, DateCache::kBytes);
  return write_head(out, reply);
}

bool valid_header(std::string_view name, std::string_view value) noexcept {
  if (name.empty()) return false;
  for (char c : name) {
    if (!is(c, kToken)) return false;
  }
  const char* end = value.data() + value.size();
  return value.empty() || value_end(value.data(), end) == end;
}

bool reserved_header(std::string_view name) noexcept {
  for (std::string_view own : {"content-length", "transfer-encoding", "connection", "date", "keep-alive"}) {
    if (equals_ignore_case(name, own)) return true;
  }
  return false;
}

std::string_view reason(uint16_t status) noexcept {
  switch (status) {
    case 100:
      return "Continue";
    case 101:
      return "Switching Protocols";
    case 102:
      return "Processing";
    case 103:
      return "Early Hints";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 203:
      return "Non-Authoritative Information";
    case 204:
      return "No Content";
    case 205:
      return "Reset Content";
    case 206:
      return "Partial Content";
    case 207:
      return "Multi-Status";
    case 208:
      return "Already Reported";
    case 226:
      return "IM Used";
    case 300:
      return "Multiple Choices";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 305:
      return "Use Proxy";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 402:
      return "Payment Required";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 407:
      return "Proxy Authentication Required";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 411:
      return "Length Required";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 416:
      return "Range Not Satisfiable";
    case 417:
      return "Expectation Failed";
    case 418:
      return "I'm a Teapot";
    case 421:
      return "Misdirected Request";
    case 422:
      return "Unprocessable Content";
    case 423:
      return "Locked";
    case 424:
      return "Failed Dependency";
    case 425:
      return "Too Early";
    case 426:
      return "Upgrade Required";
    case 428:
      return "Precondition Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 451:
      return "Unavailable For Legal Reasons";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    case 506:
      return "Variant Also Negotiates";
    case 507:
      return "Insufficient Storage";
    case 508:
      return "Loop Detected";
    case 509:
      return "Bandwidth Limit Exceeded";
    case 510:
      return "Not Extended";
    case 511:
      return "Network Authentication Required";
  }
  return "unknown";
}

}  // namespace tailrace::http
