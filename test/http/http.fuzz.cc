// Fuzzes the request parser and the body decoders: no read beyond the input, no hang, and one verdict however
// the bytes are cut. The first byte chooses limits and cuts, the rest is what a client sent.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>

#include "http/body.h"
#include "http/reply.h"
#include "http/request_parser.h"

using namespace tailrace::http;

namespace {

void require(bool holds) {
  if (!holds) abort();
}

bool inside(std::string_view view, const char* data, size_t size) {
  return view.empty() || (view.data() >= data && view.data() + view.size() <= data + size);
}

void check_views(const Request& request, const char* data, size_t consumed) {
  for (std::string_view view : {request.method_text, request.target, request.query, request.host}) {
    require(inside(view, data, consumed));
  }
  require(inside(request.path, data, consumed) || request.path == "/");
  for (uint32_t i = 0; i < request.header_count; i++) {
    require(inside(request.headers[i].name, data, consumed) &&
            inside(request.headers[i].value, data, consumed));
    // What was let in can be let out again: no line end got through.
    require(valid_header(request.headers[i].name, request.headers[i].value));
  }
  require(!(request.chunked && request.has_content_length));
}

struct Body {
  BodyState state = BodyState::partial;
  uint16_t status = 0;
  size_t consumed = 0, produced = 0;
};

/** Decodes in place in pieces; `out` gets the body. */
Body decode(BodyDecoder body, const char* data, size_t size, size_t step, const Limits& limits, char* out) {
  Body all;
  while (all.consumed < size && all.state == BodyState::partial) {
    size_t piece = step < size - all.consumed ? step : size - all.consumed;
    std::unique_ptr<char[]> copy(new char[piece]);
    memcpy(copy.get(), data + all.consumed, piece);
    BodyResult result = body.decode(copy.get(), piece, copy.get(), limits);
    require(result.consumed <= piece && result.produced <= result.consumed);
    memcpy(out + all.produced, copy.get(), result.produced);
    all.state = result.state;
    all.status = result.status;
    all.consumed += result.consumed;
    all.produced += result.produced;
    require(result.state != BodyState::partial || result.consumed == piece);
  }
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* input, size_t input_size) {
  if (input_size < 2) return 0;
  const uint8_t choice = input[0];
  const size_t size = input_size - 1;
  // A copy of exactly that size: the sanitizer then sees one byte too many.
  std::unique_ptr<char[]> owned(new char[size]);
  memcpy(owned.get(), input + 1, size);
  const char* data = owned.get();

  Limits limits;
  if (choice & 1) limits.header_bytes = 48;
  if (choice & 2) limits.headers = 2;
  if (choice & 4) limits.body_bytes = 9;
  if (choice & 8) limits.chunk_extra_bytes = 6;
  Header headers[100];
  Request request;
  request.headers = headers;
  request.header_capacity = 100;
  ParseResult whole = parse_request(data, size, 0, limits, &request);
  require(whole.state == ParseState::bad ? whole.status >= 400 : whole.status == 0);

  // The first verdict while the bytes trickle in is the verdict on the whole.
  const size_t step = 1 + (choice >> 4);
  Header other_headers[100];
  Request other;
  other.headers = other_headers;
  other.header_capacity = 100;
  size_t seen = 0;
  for (size_t shown = step < size ? step : size;; shown = shown + step < size ? shown + step : size) {
    ParseResult part = parse_request(data, shown, seen, limits, &other);
    seen = shown;
    if (part.state != ParseState::partial || shown == size) {
      require(part.state == whole.state && part.status == whole.status && part.consumed == whole.consumed);
      break;
    }
  }
  if (whole.state != ParseState::done) return 0;
  require(whole.consumed <= size);
  check_views(request, data, whole.consumed);
  check_views(other, data, whole.consumed);
  require(request.header_count == other.header_count && request.content_length == other.content_length);
  require(request.chunked == other.chunked && request.keep_alive == other.keep_alive);

  const size_t rest = size - whole.consumed;
  std::unique_ptr<char[]> one(new char[rest + 1]), two(new char[rest + 1]);
  Body at_once = decode(BodyDecoder(request), data + whole.consumed, rest, rest + 1, limits, one.get());
  Body cut = decode(BodyDecoder(request), data + whole.consumed, rest, step, limits, two.get());
  require(at_once.state == cut.state && at_once.status == cut.status && at_once.consumed == cut.consumed);
  require(at_once.produced == cut.produced && !memcmp(one.get(), two.get(), cut.produced));
  require(at_once.produced <= limits.body_bytes);
  return 0;
}
