// Request bodies: decoding in place, limits, strictness, and independence of how the bytes were cut.
#include "http/body.h"

#include <doctest/doctest.h>

#include <cstring>
#include <memory>
#include <string>

using namespace tailrace::http;

namespace {

struct Decoded {
  int status;  // 0 done, -1 partial, else the refusal
  std::string body;
  size_t consumed;
};

/** Decodes in pieces of `step` bytes, each in a buffer of exactly its size. */
Decoded decode(std::string_view text, size_t step, const Limits& limits = {}) {
  ChunkedDecoder decoder;
  Decoded all{-1, {}, 0};
  while (all.consumed < text.size()) {
    size_t size = std::min(step, text.size() - all.consumed);
    std::unique_ptr<char[]> piece(new char[size]);
    memcpy(piece.get(), text.data() + all.consumed, size);
    BodyResult result = decoder.decode(piece.get(), size, piece.get(), limits);
    all.body.append(piece.get(), result.produced);
    all.consumed += result.consumed;
    if (result.state == BodyState::bad) all.status = result.status;
    if (result.state == BodyState::done) all.status = 0;
    if (result.state != BodyState::partial) break;
    CHECK(result.consumed == size);
  }
  CHECK(decoder.total() == all.body.size());
  return all;
}

/** The verdict on the whole, after checking that every way to cut it agrees. */
Decoded check(std::string_view text, const Limits& limits = {}) {
  Decoded whole = decode(text, text.size() + 1, limits);
  for (size_t step : {1, 2, 3, 7}) {
    Decoded cut = decode(text, step, limits);
    CHECK(cut.status == whole.status);
    CHECK(cut.consumed == whole.consumed);
    CHECK(cut.body == whole.body);
  }
  return whole;
}

int status(std::string_view text, const Limits& limits = {}) { return check(text, limits).status; }

}  // namespace

TEST_CASE("chunks are joined, and what follows is left") {
  Decoded got = check("5\r\nhello\r\n6;a=b;c=\"d e\"\r\n world\r\n0\r\n\r\nGET / HTTP/1.1\r\n");
  CHECK(got.status == 0);
  CHECK(got.body == "hello world");
  CHECK(got.consumed == 38);
  CHECK(check("0\r\n\r\n").body.empty());
  CHECK(check("000A\r\n0123456789\r\n0000\r\n\r\n").body == "0123456789");
  CHECK(check("a\r\n0123456789\r\n0\r\nX-T: v\r\nY:\r\n\r\n").status == 0);
}

TEST_CASE("decoding in place never touches what follows") {
  std::string text = "3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\nNEXT";
  ChunkedDecoder decoder;
  BodyResult result = decoder.decode(text.data(), text.size(), text.data(), {});
  CHECK(result.state == BodyState::done);
  CHECK(text.substr(0, result.produced) == "abcdef");
  CHECK(text.substr(result.consumed) == "NEXT");
}

TEST_CASE("an incomplete body wants more") {
  std::string text = "5\r\nhello\r\n0\r\nT: x\r\n\r\n";
  for (size_t size = 0; size < text.size(); size++)
    CHECK(status(std::string_view(text).substr(0, size)) == -1);
}

TEST_CASE("malformed chunks") {
  CHECK(status("\r\n") == 400);
  CHECK(status("g\r\n") == 400);
  CHECK(status("-1\r\n") == 400);
  CHECK(status("0x5\r\nhello\r\n") == 400);
  CHECK(status(" 5\r\nhello\r\n") == 400);
  CHECK(status("5 \r\nhello\r\n") == 400);
  CHECK(status("5 ;a\r\nhello\r\n") == 400);
  CHECK(status("5\nhello\r\n") == 400);
  CHECK(status("5\rhello\r\n") == 400);
  CHECK(status("5\r\nhello\n0\r\n\r\n") == 400);
  CHECK(status("5\r\nhello0\r\n\r\n") == 400);
  CHECK(status("5\r\nhello!\r\n0\r\n\r\n") == 400);
  CHECK(status("5;a\nb\r\nhello\r\n") == 400);
  CHECK(status(std::string_view("5;a\0\r\nhello\r\n", 14)) == 400);
  CHECK(status("10000000000000000\r\n") == 400);  // seventeen digits
  CHECK(status("00000000000000001\r\n") == 400);
  CHECK(status("0\r\n\n") == 400);
  CHECK(status("0\r\nA b: c\r\n\r\n") == 400);
  CHECK(status("0\r\n folded\r\n\r\n") == 400);
  CHECK(status("0\r\n: x\r\n\r\n") == 400);
  CHECK(status("0\r\nA: b\nC: d\r\n\r\n") == 400);
}

TEST_CASE("limits of the body, of extensions and of trailers") {
  Limits limits;
  limits.body_bytes = 10;
  CHECK(status("a\r\n0123456789\r\n0\r\n\r\n", limits) == 0);
  CHECK(status("b\r\n0123456789", limits) == 413);  // at the size line: nothing of it is taken in
  CHECK(check("b\r\n0123456789", limits).body.empty());
  CHECK(status("6\r\n012345\r\n6\r\n", limits) == 413);
  CHECK(status("ffffffffffffffff\r\n", limits) == 413);
  CHECK(status("1\r\na\r\nffffffffffffffff\r\n", limits) == 413);
  limits = {};
  limits.chunk_extra_bytes = 8;
  CHECK(status("1;1234567\r\na\r\n0;8\r\n\r\n", limits) == 0);
  CHECK(status("1;12345678\r\na\r\n0;9\r\n\r\n", limits) == 413);
  CHECK(status("0\r\nab: 1234\r\n\r\n", limits) == 0);
  CHECK(status("0\r\nab: 12345\r\n\r\n", limits) == 413);
  CHECK(status("0\r\na:1\r\nb:1\r\nc:1\r\n\r\n", limits) == 413);
}

TEST_CASE("a body by Content-Length takes its bytes and no more") {
  Request request;
  request.content_length = 5;
  BodyDecoder body(request);
  char text[] = "helloGET";
  BodyResult first = body.decode(text, 3, text, {});
  CHECK(first.state == BodyState::partial);
  CHECK(first.consumed == 3);
  CHECK(body.remaining() == 2);
  BodyResult second = body.decode(text + 3, 5, text + 3, {});
  CHECK(second.state == BodyState::done);
  CHECK(second.consumed == 2);
  CHECK(second.produced == 2);
  BodyDecoder none{Request{}};
  CHECK(none.decode(text, 8, text, {}).state == BodyState::done);
  CHECK(none.decode(text, 8, text, {}).consumed == 0);
}
