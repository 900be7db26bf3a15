// See body.h. The chunk data is moved in blocks; only framing goes byte by byte through the states below.
//
// Strict: a chunk size is 1 to 16 hexadecimal digits, then ';' or CRLF at once. No space before either
// (lenient readers disagree on "5 \r\n", and disagreement is what smuggling is made of), no bare line end
// anywhere.

#include "http/body.h"

#include <cstring>

#include "http/chars.h"

namespace tailrace::http {

enum class ChunkedDecoder::At : uint8_t {
  size,       // first digit of a chunk's size
  digits,     // further digits
  extension,  // behind ';', up to CR
  size_lf,    // LF of the size line
  data,       // chunk data
  data_cr,    // CRLF behind the data
  data_lf,
  trailer,  // first byte of a trailer line, or CR of the last line
  name,     // inside a trailer's name
  value,    // behind its colon, up to CR
  value_lf,
  last_lf,
  ended,
};

namespace {

uint8_t hex_value(char c) noexcept {
  return static_cast<uint8_t>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

}  // namespace

BodyResult ChunkedDecoder::decode(const char* in, size_t size, char* out, const Limits& limits) noexcept {
  const char* at = in;
  const char* const end = in + size;
  char* to = out;
  auto result = [&](BodyState state, uint16_t status = 0) noexcept {
    return BodyResult{state, status, static_cast<size_t>(at - in), static_cast<size_t>(to - out)};
  };
  At state = static_cast<At>(at_);
  while (at < end && state != At::ended) {
    if (state == At::data) {
      size_t take = static_cast<size_t>(end - at);
      if (take > remaining_) take = static_cast<size_t>(remaining_);
      if (to != at) memmove(to, at, take);
      to += take;
      at += take;
      total_ += take;
      remaining_ -= take;
      if (remaining_ == 0) state = At::data_cr;
      continue;
    }
    const char c = *at;
    switch (state) {
      case At::size:
        if (!is(c, kHex)) return result(BodyState::bad, 400);
        remaining_ = hex_value(c);
        digits_ = 1;
        state = At::digits;
        break;
      case At::digits:
        if (is(c, kHex)) {
          if (++digits_ > 16) return result(BodyState::bad, 400);
          remaining_ = remaining_ << 4 | hex_value(c);
        } else if (c == ';') {
          state = At::extension;
        } else if (c == '\r') {
          state = At::size_lf;
        } else {
          return result(BodyState::bad, 400);
        }
        break;
      case At::extension:
        if (c == '\r') {
          state = At::size_lf;
        } else if (!is(c, kValue)) {
          return result(BodyState::bad, 400);
        } else if (++extension_bytes_ > limits.chunk_extra_bytes) {
          return result(BodyState::bad, 413);
        }
        break;
      case At::size_lf:
        if (c != '\n') return result(BodyState::bad, 400);
        // Not total_ + remaining_: sixteen digits reach the end of 64 bits.
        if (remaining_ > limits.body_bytes || total_ > limits.body_bytes - remaining_) {
          return result(BodyState::bad, 413);
        }
        state = remaining_ ? At::data : At::trailer;
        break;
      case At::data_cr:
        if (c != '\r') return result(BodyState::bad, 400);
        state = At::data_lf;
        break;
      case At::data_lf:
        if (c != '\n') return result(BodyState::bad, 400);
        state = At::size;
        break;
      case At::trailer:
        if (c == '\r') {
          state = At::last_lf;
          break;
        }
        if (!is(c, kToken)) return result(BodyState::bad, 400);
        if (++trailer_bytes_ > limits.chunk_extra_bytes) return result(BodyState::bad, 413);
        state = At::name;
        break;
      case At::name:
        if (c == ':') {
          state = At::value;
        } else if (!is(c, kToken)) {
          return result(BodyState::bad, 400);
        }
        if (++trailer_bytes_ > limits.chunk_extra_bytes) return result(BodyState::bad, 413);
        break;
      case At::value:
        if (c == '\r') {
          state = At::value_lf;
        } else if (!is(c, kValue)) {
          return result(BodyState::bad, 400);
        } else if (++trailer_bytes_ > limits.chunk_extra_bytes) {
          return result(BodyState::bad, 413);
        }
        break;
      case At::value_lf:
        if (c != '\n') return result(BodyState::bad, 400);
        state = At::trailer;
        break;
      case At::last_lf:
        if (c != '\n') return result(BodyState::bad, 400);
        state = At::ended;
        break;
      case At::data:
      case At::ended:
        break;
    }
    at++;
  }
  at_ = static_cast<uint8_t>(state);
  return result(state == At::ended ? BodyState::done : BodyState::partial);
}

BodyResult BodyDecoder::decode(const char* in, size_t size, char* out, const Limits& limits) noexcept {
  if (chunked_) return chunks_.decode(in, size, out, limits);
  size_t take = remaining_ < size ? static_cast<size_t>(remaining_) : size;
  if (out != in && take) memmove(out, in, take);
  remaining_ -= take;
  return {remaining_ ? BodyState::partial : BodyState::done, 0, take, take};
}

}  // namespace tailrace::http
