// Request bodies: by Content-Length or chunked (RFC 9112 sections 6 and 7), incremental, in place.
//
// A decoder is 40 bytes of state and borrows everything else. Its output may overlap its input as long as it
// starts at or before it, so a connection decodes in its read buffer: framing is squeezed out, what follows
// the body (the next pipelined request) stays where it was.
#pragma once

#include <cstddef>
#include <cstdint>

#include "http/request_parser.h"

namespace tailrace::http {

enum class BodyState : uint8_t {
  done,     // the body is complete; bytes from `consumed` on belong to the next request
  partial,  // all input was consumed: read more
  bad,      // answer `status` and close
};

struct BodyResult {
  BodyState state;
  uint16_t status;  // of `bad`: 400 (framing), 413 (body, extensions or trailers over their limit)
  size_t consumed;  // input bytes taken
  size_t produced;  // body bytes written to `out`
};

/** Decodes the chunked coding. Extensions are skipped and trailers checked, then dropped; both are limited.
 */
class ChunkedDecoder {
 public:
  /** `out` may be `in` or anything before it in the same buffer, or a buffer of at least `size` bytes. */
  BodyResult decode(const char* in, size_t size, char* out, const Limits& limits) noexcept;
  /** Body bytes produced so far. */
  uint64_t total() const noexcept { return total_; }

 private:
  enum class At : uint8_t;
  uint64_t remaining_ = 0;
  uint64_t total_ = 0;
  uint32_t extension_bytes_ = 0;
  uint32_t trailer_bytes_ = 0;
  uint8_t digits_ = 0;
  uint8_t at_ = 0;
};

/** The body of one request, whichever way it is framed. */
class BodyDecoder {
 public:
  BodyDecoder() noexcept = default;
  explicit BodyDecoder(const Request& request) noexcept
      : remaining_(request.content_length), chunked_(request.chunked) {}

  /** As ChunkedDecoder::decode. A request without a body is done at once and takes nothing. */
  BodyResult decode(const char* in, size_t size, char* out, const Limits& limits) noexcept;
  bool chunked() const noexcept { return chunked_; }
  /** Bytes still missing of a Content-Length body. */
  uint64_t remaining() const noexcept { return remaining_; }

 private:
  ChunkedDecoder chunks_;
  uint64_t remaining_ = 0;
  bool chunked_ = false;
};

}  // namespace tailrace::http
