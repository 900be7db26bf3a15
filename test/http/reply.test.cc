// The reply writer: exact bytes, lengths within the promised bound, the calendar, header injection.
#include "http/reply.h"

#include <doctest/doctest.h>

#include <ctime>
#include <memory>
#include <string>

using namespace tailrace::http;

namespace {

std::string head(const ReplyHead& reply) {
  size_t bound = head_bound(reply);
  std::unique_ptr<char[]> out(new char[bound]);
  size_t size = write_head(out.get(), reply);
  CHECK(size <= bound);
  return {out.get(), size};
}

}  // namespace

TEST_CASE("heads, byte for byte") {
  ReplyHead reply;
  CHECK(head(reply) == "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  reply.content_type = "application/json";
  reply.content_length = 1234567890123;
  reply.date = "Sun, 06 Nov 1994 08:49:37 GMT";
  Header more[] = {{"X-A", "1"}, {"Set-Cookie", "b"}};
  reply.headers = more;
  reply.header_count = 2;
  CHECK(head(reply) ==
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1234567890123\r\n"
        "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nX-A: 1\r\nSet-Cookie: b\r\n\r\n");
}

TEST_CASE("Connection says what the other side cannot know") {
  ReplyHead reply;
  reply.status = 404;
  reply.keep_alive = false;
  CHECK(head(reply) == "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  reply.minor = 0;
  CHECK(head(reply).find("Connection: close\r\n") != std::string::npos);
  reply.keep_alive = true;
  CHECK(head(reply).find("Connection: keep-alive\r\n") != std::string::npos);
}

TEST_CASE("replies that cannot have a body do not tell a length") {
  for (uint16_t status : {100, 103, 204, 304}) {
    ReplyHead reply;
    reply.status = status;
    CHECK(head(reply).find("Content-Length") == std::string::npos);
    CHECK_FALSE(body_allowed(status, false));
  }
  CHECK(body_allowed(200, false));
  CHECK_FALSE(body_allowed(200, true));
}

TEST_CASE("every status stays within the bound, known or not") {
  for (uint32_t status = 100; status < 1000; status++) {
    ReplyHead reply;
    reply.status = static_cast<uint16_t>(status);
    reply.content_length = UINT64_MAX;
    reply.keep_alive = false;
    CHECK(head(reply).substr(9, 4) == std::to_string(status) + " ");
    char refusal[kRefusalBytes];
    CHECK(write_refusal(refusal, reply.status, std::string(100, 'd')) <= kRefusalBytes);
  }
}

TEST_CASE("a refusal closes and has no body") {
  char out[kRefusalBytes];
  size_t size = write_refusal(out, 400, "Sun, 06 Nov 1994 08:49:37 GMT");
  CHECK(std::string(out, size) ==
        "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n"
        "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n");
}

TEST_CASE("dates agree with the C library's") {
  DateCache cache;
  CHECK(cache.at(784111777000) == "Sun, 06 Nov 1994 08:49:37 GMT");
  CHECK(cache.at(0) == "Thu, 01 Jan 1970 00:00:00 GMT");
  CHECK(cache.at(951782400000) == "Tue, 29 Feb 2000 00:00:00 GMT");
  // steps that fall on every day of the year, month ends and leap years until 2200
  for (uint64_t second = 1; second < 7258118400; second += 86400 * 5 + 4567) {
    time_t time = static_cast<time_t>(second);
    tm parts;
    gmtime_r(&time, &parts);
    char text[64];
    strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    REQUIRE(cache.at(second * 1000 + 999) == text);
  }
  const char* before = cache.at(5000).data();
  CHECK(cache.at(5999).data() == before);
  CHECK(cache.at(5999) == "Thu, 01 Jan 1970 00:00:05 GMT");
}

TEST_CASE("headers that would forge a line are refused") {
  CHECK(valid_header("X-A", "a b\tc \xc3\xa4"));
  CHECK(valid_header("X-A", ""));
  CHECK_FALSE(valid_header("", "a"));
  CHECK_FALSE(valid_header("X A", "a"));
  CHECK_FALSE(valid_header("X:A", "a"));
  CHECK_FALSE(valid_header("X-A\r\n", "a"));
  CHECK_FALSE(valid_header("X-A", "a\r\nSet-Cookie: b"));
  CHECK_FALSE(valid_header("X-A", "a\n"));
  CHECK_FALSE(valid_header("X-A", "\r"));
  CHECK_FALSE(valid_header("X-A", std::string_view("long enough for the fast scan \0", 31)));
  CHECK_FALSE(valid_header("X-A", "\x7f"));
  CHECK(reserved_header("Content-LENGTH"));
  CHECK(reserved_header("date"));
  CHECK_FALSE(reserved_header("content-type"));
}

TEST_CASE("decimal digits") {
  for (uint64_t value : {uint64_t{0}, uint64_t{9}, uint64_t{10}, uint64_t{4294967296}, UINT64_MAX}) {
    char out[20];
    CHECK(std::string(out, write_decimal(out, value)) == std::to_string(value));
  }
}
