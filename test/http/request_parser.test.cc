// The request parser: what it takes apart, what it refuses and with which status, and that neither depends on
// how the bytes were cut.
#include "http/request_parser.h"

#include <doctest/doctest.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

using namespace tailrace::http;

namespace {

/** Keeps its own copy of the bytes, of exactly their size, so that a sanitizer sees a read beyond them. */
struct Parsed {
  std::unique_ptr<char[]> bytes;
  ParseResult result;
  Request request;
  Header headers[128];
};

std::unique_ptr<Parsed> parse(std::string_view text, size_t seen = 0, const Limits& limits = {}) {
  auto parsed = std::make_unique<Parsed>();
  parsed->bytes.reset(new char[text.size()]);
  if (!text.empty()) memcpy(parsed->bytes.get(), text.data(), text.size());
  parsed->request.headers = parsed->headers;
  parsed->request.header_capacity = 128;
  parsed->result = RequestParser::parse(parsed->bytes.get(), text.size(), seen, limits, &parsed->request);
  return parsed;
}

/** Feeds byte by byte, telling each time what was seen; the first verdict that is not partial. */
ParseResult trickle(std::string_view text, const Limits& limits = {}) {
  for (size_t size = 1; size <= text.size(); size++) {
    auto fed = parse(text.substr(0, size), size - 1, limits);
    if (fed->result.state != ParseState::partial) return fed->result;
  }
  return {ParseState::partial, 0, 0};
}

/** 0: a request; -1: not complete; else the status it is refused with. Whole and byte by byte agree. */
int verdict(std::string_view text, const Limits& limits = {}) {
  auto number = [](const ParseResult& result) {
    return result.state == ParseState::done ? 0 : result.state == ParseState::partial ? -1 : result.status;
  };
  int whole = number(parse(text, 0, limits)->result);
  int bytes = number(trickle(text, limits));
  CHECK_MESSAGE(whole == bytes, std::string(text));
  return whole;
}

std::string get(std::string_view lines, std::string_view first = "GET / HTTP/1.1") {
  return std::string(first) + "\r\n" + std::string(lines) + "\r\n";
}
const std::string kHost = "Host: a\r\n";

}  // namespace

TEST_CASE("a whole request is taken apart into views of the input") {
  std::string text =
      "POST /rpc/x?a=1&b=?2 HTTP/1.1\r\nHost: example.org:8080\r\nX-A:  two words \t\r\nx-empty:\r\n"
      "Content-Length: 4\r\n\r\nbodyGET";
  auto got = parse(text);
  REQUIRE(got->result.state == ParseState::done);
  const Request& r = got->request;
  CHECK(got->result.consumed == text.size() - 7);
  CHECK(r.method == Method::post);
  CHECK(r.method_text == "POST");
  CHECK(r.target == "/rpc/x?a=1&b=?2");
  CHECK(r.path == "/rpc/x");
  CHECK(r.query == "a=1&b=?2");
  CHECK(r.host == "example.org:8080");
  CHECK(r.minor == 1);
  CHECK(r.keep_alive);
  CHECK(r.has_content_length);
  CHECK(r.content_length == 4);
  CHECK_FALSE(r.chunked);
  REQUIRE(r.header_count == 4);
  CHECK(r.headers[1].name == "X-A");
  CHECK(r.headers[1].value == "two words");
  CHECK(r.headers[2].value.empty());
  CHECK(r.find("x-a") == "two words");
  CHECK(r.find("X-EMPTY").data() != nullptr);
  CHECK(r.find("x-none").data() == nullptr);
  CHECK(r.target.data() == got->bytes.get() + 5);
}

TEST_CASE("methods, known and other") {
  const char* names[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"};
  for (int i = 0; i < 8; i++) {
    auto got = parse(get(kHost, std::string(names[i]) + " / HTTP/1.1"));
    REQUIRE(got->result.state == ParseState::done);
    CHECK(static_cast<int>(got->request.method) == i);
  }
  auto other = parse(get(kHost, "M-SEARCH / HTTP/1.1"));
  REQUIRE(other->result.state == ParseState::done);
  CHECK(other->request.method == Method::other);
  CHECK(verdict(get(kHost, "get / HTTP/1.1")) == 0);  // a token, but not GET
  CHECK(parse(get(kHost, "get / HTTP/1.1"))->request.method == Method::other);
  CHECK(verdict(get(kHost, std::string(33, 'X') + " / HTTP/1.1")) == 501);
  CHECK(verdict(get(kHost, "CONNECT a:1 HTTP/1.1")) == 501);
  CHECK(verdict(get(kHost, "CONNECT / HTTP/1.1")) == 501);
}

TEST_CASE("request targets") {
  CHECK(verdict(get(kHost, "OPTIONS * HTTP/1.1")) == 0);
  CHECK(verdict(get(kHost, "GET * HTTP/1.1")) == 400);
  CHECK(verdict(get(kHost, "GET a HTTP/1.1")) == 400);
  CHECK(verdict(get(kHost, "GET /a#b HTTP/1.1")) == 400);
  CHECK(verdict(get(kHost, "GET /a b HTTP/1.1")) == 400);
  CHECK(verdict(get(kHost, "GET /\x80 HTTP/1.1")) == 400);
  CHECK(verdict(get(kHost, "GET ftp://a/ HTTP/1.1")) == 400);
  CHECK(verdict(get(kHost, "GET http:///x HTTP/1.1")) == 400);
  CHECK(verdict(get(kHost, "GET http://u@h/x HTTP/1.1")) == 400);

  auto absolute = parse(get(kHost, "GET HTTP://h.x:1/p?q HTTP/1.1"));
  REQUIRE(absolute->result.state == ParseState::done);
  CHECK(absolute->request.host == "h.x:1");  // it outranks Host (RFC 9112 3.2.2)
  CHECK(absolute->request.path == "/p");
  CHECK(absolute->request.query == "q");
  auto bare = parse(get(kHost, "GET https://h?q HTTP/1.1"));
  REQUIRE(bare->result.state == ParseState::done);
  CHECK(bare->request.path == "/");
  CHECK(bare->request.query == "q");
}

TEST_CASE("request line: spaces, line ends, versions") {
  CHECK(verdict(get(kHost, "GET  / HTTP/1.1")) == 400);
  CHECK(verdict(get(kHost, "GET /  HTTP/1.1")) == 400);
  CHECK(verdict(get(kHost, "GET / HTTP/1.1 ")) == 400);
  CHECK(verdict(get(kHost, "GET\t/ HTTP/1.1")) == 400);
  CHECK(verdict(get(kHost, " GET / HTTP/1.1")) == 400);
  CHECK(verdict(get(kHost, "GET /")) == 400);
  CHECK(verdict(get(kHost, "GET")) == 400);
  CHECK(verdict(get(kHost, "G(T / HTTP/1.1")) == 400);
  CHECK(verdict(get(kHost, "GET / http/1.1")) == 400);
  CHECK(verdict(get(kHost, "GET / HTTP/11")) == 400);
  CHECK(verdict(get(kHost, "GET / HTTP/1.")) == 400);
  CHECK(verdict(get(kHost, "GET / HTTP/2.0")) == 505);
  CHECK(verdict(get(kHost, "GET / HTTP/1.2")) == 505);
  CHECK(verdict(get(kHost, "GET / HTTP/0.9")) == 505);
  CHECK(verdict("GET / HTTP/1.1\nHost: a\n\n") == 400);
  CHECK(verdict("GET / HTTP/1.1\r\nHost: a\n\r\n") == 400);
  CHECK(verdict("GET / HTTP/1.1\r\nHost: a\r\n\n") == 400);
  CHECK(verdict("GET / HTTP/1.1\rHost: a\r\n\r\n") == 400);
  CHECK(verdict("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n") == 0);
  CHECK(verdict("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n") == 400);
  CHECK(verdict("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n") == 400);
  CHECK(verdict("\x16\x03\x01") == 400);  // a TLS hello: no line end needed to see it
  CHECK(verdict("") == -1);
  CHECK(verdict("\r") == -1);
  CHECK(verdict("G(T") == -1);
}

TEST_CASE("field lines") {
  CHECK(verdict(get(kHost + "A : b\r\n")) == 400);
  CHECK(verdict(get(kHost + "A\r\n")) == 400);
  CHECK(verdict(get(kHost + ": b\r\n")) == 400);
  CHECK(verdict(get(kHost + "A@: b\r\n")) == 400);
  CHECK(verdict(get(kHost + "A\x80: b\r\n")) == 400);
  CHECK(verdict(get(kHost + "A: b\r\n c\r\n")) == 400);  // obs-fold
  CHECK(verdict(get(kHost + "A: b\r\n\tc\r\n")) == 400);
  CHECK(verdict(get(" A: b\r\n" + kHost)) == 400);  // space before the first line
  CHECK(verdict(get(kHost + "A: b\rc\r\n")) == 400);
  CHECK(verdict(get(kHost + "A: b\nc\r\n")) == 400);
  CHECK(verdict(get(kHost + std::string("A: b\0c\r\n", 8))) == 400);
  CHECK(verdict(get(kHost + "A: b\x7f\r\n")) == 400);
  CHECK(verdict(get(kHost + "A: b\x01longer than eight bytes\r\n")) == 400);
  CHECK(verdict(get(kHost + "A: \xc3\xa4 obs-text and\ttabs are fine, longer than eight\r\n")) == 0);
  CHECK(verdict(get(kHost + "!#$%&'*+-.^_`|~09azAZ: x\r\n")) == 0);
}

TEST_CASE("Host") {
  CHECK(verdict(get("")) == 400);
  CHECK(verdict(get("Host: a\r\nHost: a\r\n")) == 400);
  CHECK(verdict(get("Host:\r\n")) == 0);
  CHECK(verdict(get("Host: a b\r\n")) == 400);
  CHECK(verdict(get("Host: a/b\r\n")) == 400);
  CHECK(verdict(get("Host: u@a\r\n")) == 400);
  CHECK(verdict(get("hOsT: [::1]:80\r\n")) == 0);
  CHECK(verdict(get("", "GET / HTTP/1.0")) == 0);
  CHECK(verdict(get("Host: a\r\nHost: b\r\n", "GET / HTTP/1.0")) == 400);
}

TEST_CASE("framing: Content-Length and Transfer-Encoding") {
  auto with = [](std::string_view lines) {
    return verdict(get(kHost + std::string(lines), "POST / HTTP/1.1"));
  };
  CHECK(with("Content-Length: 0\r\n") == 0);
  CHECK(with("Content-Length: 0007\r\n") == 0);
  CHECK(with("Content-Length:\r\n") == 400);
  CHECK(with("Content-Length: +1\r\n") == 400);
  CHECK(with("Content-Length: -1\r\n") == 400);
  CHECK(with("Content-Length: 1 1\r\n") == 400);
  CHECK(with("Content-Length: 0x1\r\n") == 400);
  CHECK(with("Content-Length: 1.0\r\n") == 400);
  CHECK(with("Content-Length: 5, 5\r\n") == 400);
  CHECK(with("Content-Length: 5\r\nContent-Length: 6\r\n") == 400);
  CHECK(with("Content-Length: 5\r\nContent-Length: 5\r\n") == 400);
  CHECK(with("Content-Length: 1048576\r\n") == 0);
  CHECK(with("Content-Length: 1048577\r\n") == 413);
  CHECK(with("Content-Length: 18446744073709551617\r\n") == 413);
  CHECK(with("Content-Length: 99999999999999999999999999999999x\r\n") == 400);
  CHECK(with("Transfer-Encoding: chunked\r\n") == 0);
  CHECK(with("Transfer-Encoding: CHUNKED\r\n") == 0);
  CHECK(with("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n") == 400);
  CHECK(with("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n") == 400);
  CHECK(with("Content-Length: 9999999\r\nTransfer-Encoding: chunked\r\n") == 400);  // framing outranks size
  CHECK(with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n") == 400);
  CHECK(with("Transfer-Encoding: gzip, chunked\r\n") == 501);
  CHECK(with("Transfer-Encoding: chunked, gzip\r\n") == 400);
  CHECK(with("Transfer-Encoding: chunked, chunked\r\n") == 400);
  CHECK(with("Transfer-Encoding: identity\r\n") == 400);
  CHECK(with("Transfer-Encoding: gzip\r\n") == 400);
  CHECK(with("Transfer-Encoding: xchunked\r\n") == 400);
  CHECK(with("Transfer-Encoding: chunked;q=1\r\n") == 400);
  CHECK(with("Transfer-Encoding: ,chunked\r\n") == 400);
  CHECK(with("Transfer-Encoding:\r\n") == 400);
  CHECK(with("Transfer-Encoding:\x0b"
             "chunked\r\n") == 400);
  CHECK(verdict(get("Transfer-Encoding: chunked\r\n", "POST / HTTP/1.0")) == 400);
}

TEST_CASE("persistence and expectations") {
  auto keeps = [](std::string_view lines, const char* version) {
    auto got = parse(get(kHost + std::string(lines), std::string("GET / HTTP/1.") + version));
    REQUIRE(got->result.state == ParseState::done);
    return got->request.keep_alive;
  };
  CHECK(keeps("", "1"));
  CHECK_FALSE(keeps("", "0"));
  CHECK(keeps("Connection: Keep-Alive\r\n", "0"));
  CHECK_FALSE(keeps("Connection: close\r\n", "1"));
  CHECK_FALSE(keeps("Connection: foo ,\tClOsE,bar\r\n", "1"));
  CHECK_FALSE(keeps("Connection: keep-alive\r\nConnection: close\r\n", "1"));
  CHECK_FALSE(keeps("Connection: keep-alive, close\r\n", "0"));
  CHECK(keeps("Connection: closed\r\n", "1"));
  CHECK(keeps("Connection: Upgrade\r\nUpgrade: websocket\r\n", "1"));
  CHECK(keeps("Connection:\r\n", "1"));

  auto expects = [](const char* version, const char* length) {
    auto got = parse(get(kHost + "Expect: 100-Continue\r\nContent-Length: " + length + "\r\n",
                         std::string("POST / HTTP/1.") + version));
    REQUIRE(got->result.state == ParseState::done);
    return got->request.expect_continue;
  };
  CHECK(expects("1", "1"));
  CHECK_FALSE(expects("1", "0"));
  CHECK_FALSE(expects("0", "1"));
  CHECK(verdict(get(kHost + "Expect: a-miracle\r\n")) == 417);
  CHECK(verdict(get(kHost + "Expect: a-miracle\r\n", "GET / HTTP/1.0")) == 0);
}

TEST_CASE("limits") {
  Limits limits;
  limits.header_bytes = 64;
  std::string head = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
  auto padded = [&](size_t total) { return head + std::string(total - head.size() - 4, 'x') + "\r\n\r\n"; };
  CHECK(verdict(padded(64), limits) == 0);
  CHECK(verdict(padded(65), limits) == 431);
  CHECK(verdict(padded(66), limits) == 431);
  CHECK(verdict(padded(500), limits) == 431);
  CHECK(verdict(padded(500).substr(0, 63), limits) == -1);
  CHECK(verdict(padded(500).substr(0, 64), limits) == 431);
  CHECK(verdict("GET /" + std::string(100, 'x') + " HTTP/1.1\r\n", limits) == 414);
  CHECK(verdict("GET /" + std::string(100, 'x'), limits) == 414);
  CHECK(verdict("\r\nGET /" + std::string(100, 'x'), limits) == 414);
  // What is malformed within the limit is malformed, what is beyond it is too large
  CHECK(verdict("GET / HTTP/1.1\r\nHost : a\r\n" + std::string(100, 'x'), limits) == 400);

  limits = {};
  limits.headers = 3;
  CHECK(verdict(get(kHost + "A: 1\r\nB: 2\r\n"), limits) == 0);
  CHECK(verdict(get(kHost + "A: 1\r\nB: 2\r\nC: 3\r\n"), limits) == 431);
}

TEST_CASE("every prefix of a request is partial, and any count of bytes seen gives the same result") {
  std::string text =
      "\r\nPOST /rpc?x HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nExpect: "
      "100-continue\r\n"
      "Content-Length: 60\r\n\r\n";
  auto whole = parse(text);
  REQUIRE(whole->result.state == ParseState::done);
  for (size_t size = 0; size < text.size(); size++) {
    for (size_t seen = 0; seen <= size; seen++) {
      CHECK(parse(std::string_view(text).substr(0, size), seen)->result.state == ParseState::partial);
    }
  }
  for (size_t seen = 0; seen < text.size(); seen++) {
    auto again = parse(text, seen);
    REQUIRE(again->result.state == ParseState::done);
    CHECK(again->result.consumed == whole->result.consumed);
    CHECK(again->request.header_count == whole->request.header_count);
    CHECK(again->request.content_length == 60);
    CHECK(again->request.host == "127.0.0.1");
    CHECK(again->request.path == "/rpc");
  }
}

TEST_CASE("a single changed byte never makes whole and split verdicts differ") {
  const std::string text = get(kHost + "Content-Length: 3\r\nConnection: close\r\n", "POST /a?b HTTP/1.1");
  for (size_t at = 0; at < text.size(); at++) {
    for (char c : {'\0', '\t', '\n', '\r', ' ', ':', ',', 'A', '1', '?', '/', '\x7f', '\x80'}) {
      std::string changed = text;
      changed[at] = c;
      (void)verdict(changed);  // checks that both agree
    }
    std::string shorter = text;
    shorter.erase(at, 1);
    (void)verdict(shorter);
  }
}
