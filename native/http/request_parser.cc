// See request_parser.h for what it promises. How: one function reads the request line, one reads a field
// line, and both either take a whole line or say why not; parse_request joins them.
//
// "Ran out of input" and "malformed" are told apart per line, not per byte: a line that looks malformed but
// has no line end yet is `partial`. That makes the verdict a function of the bytes alone (a packet boundary
// inside a bad line changes nothing), and lets a later call look at new lines only.

#include "http/request_parser.h"

#include "http/chars.h"

namespace tailrace::http {

namespace {

constexpr std::string_view kSlash = "/";
constexpr size_t kMaxMethodBytes = 32;

/** What reading one line gave. `status` 0: taken, `at` stands behind its line end. */
struct LineResult {
  const char* at;
  uint16_t status;
};

constexpr LineResult bad(uint16_t status = 400) noexcept { return {nullptr, status}; }

/** What the field lines said about framing, gathered until the head is complete. */
struct Framing {
  uint16_t status = 0;
  uint16_t hosts = 0;
  uint16_t lengths = 0;
  uint16_t codings = 0;
  bool close = false;
  bool keep_alive = false;
  bool expects = false;
  bool expects_more = false;  // an expectation that is not 100-continue

  /** The first failure counts, but malformed framing outranks what is only unwelcome. */
  void fail(uint16_t why) noexcept {
    if (!status || why == 400) status = why;
  }
};

/** Same letters, for a name that is a token (so that or-ing the case bit can confuse nothing). */
template <size_t N>
inline bool token_is(const char* name, const char (&lower_name)[N]) noexcept {
  constexpr size_t kSize = N - 1;
  size_t i = 0;
  for (; i + 8 <= kSize; i += 8) {
    uint64_t a, b;
    memcpy(&a, name + i, 8);
    memcpy(&b, lower_name + i, 8);
    if ((a | 0x2020202020202020u) != b) return false;
  }
  for (; i < kSize; i++) {
    if ((name[i] | 0x20) != lower_name[i]) return false;
  }
  return true;
}

Method method_of(std::string_view text) noexcept {
  switch (text.size()) {
    case 3:
      if (text == "GET") return Method::get;
      if (text == "PUT") return Method::put;
      break;
    case 4:
      if (text == "POST") return Method::post;
      if (text == "HEAD") return Method::head;
      break;
    case 5:
      if (text == "PATCH") return Method::patch;
      if (text == "TRACE") return Method::trace;
      break;
    case 6:
      if (text == "DELETE") return Method::del;
      break;
    case 7:
      if (text == "OPTIONS") return Method::options;
      break;
  }
  return Method::other;
}

bool all(std::string_view text, uint8_t classes) noexcept {
  for (char c : text) {
    if (!is(c, classes)) return false;
  }
  return true;
}

/** Splits a target that does not begin with '/': absolute form or asterisk form (RFC 9112 3.2). */
bool split_other_form(std::string_view target, Request& request) noexcept {
  if (target == "*") {
    request.path = target;
    return request.method == Method::options;
  }
  size_t scheme = 0;
  if (target.size() > 7 && equals_ignore_case(target.substr(0, 7), "http://")) scheme = 7;
  if (target.size() > 8 && equals_ignore_case(target.substr(0, 8), "https://")) scheme = 8;
  if (!scheme) return false;
  size_t stop = target.find_first_of("/?", scheme);
  if (stop == std::string_view::npos) stop = target.size();
  request.host = target.substr(scheme, stop - scheme);
  // '@' is not of the class: userinfo has no place in a request (RFC 9110 4.2.4)
  if (request.host.empty() || !all(request.host, kAuthority)) return false;
  std::string_view rest = target.substr(stop);
  size_t question = rest.find('?');
  if (question != std::string_view::npos) {
    request.query = rest.substr(question + 1);
    rest = rest.substr(0, question);
  }
  request.path = rest.empty() ? kSlash : rest;
  return true;
}

/** method SP request-target SP HTTP-version CRLF */
LineResult read_request_line(const char* at, const char* end, Request& request) noexcept {
  const char* start = at;
  while (at < end && is(*at, kToken)) at++;
  if (at == end || *at != ' ' || at == start) return bad();
  request.method_text = {start, static_cast<size_t>(at - start)};
  if (request.method_text.size() > kMaxMethodBytes) return bad(501);
  request.method = method_of(request.method_text);

  const char* target = ++at;
  const char* question = nullptr;
  for (; at < end && is(*at, kTarget); at++) {
    if (*at == '?') {
      question = at;
      break;
    }
  }
  while (at < end && is(*at, kTarget)) at++;
  if (end - at < 11 || *at != ' ' || at == target) return bad();
  request.target = {target, static_cast<size_t>(at - target)};
  const char* version = at + 1;
  at += 11;
  if (at[-2] != '\r' || at[-1] != '\n') return bad();
  if (memcmp(version, "HTTP/", 5) || !is(version[5], kDigit) || version[6] != '.' ||
      !is(version[7], kDigit)) {
    return bad();
  }
  if (version[5] != '1' || version[7] > '1') return bad(505);
  request.minor = static_cast<uint8_t>(version[7] - '0');

  // No tunnels here: its authority form is valid for nothing else, and no other form for it.
  if (request.method == Method::other && request.method_text == "CONNECT") return bad(501);
  request.host = {};
  request.query = {};
  if (*target == '/') {
    const char* stop = version - 1;
    request.path = {target, static_cast<size_t>((question ? question : stop) - target)};
    if (question) request.query = {question + 1, static_cast<size_t>(stop - question - 1)};
  } else if (!split_other_form(request.target, request)) {
    return bad();
  }
  return {at, 0};
}

/** field-name ":" OWS field-value OWS CRLF. A line that begins with a space (obs-fold) has no name: bad. */
inline LineResult read_field(const char* at, const char* end, Header& field) noexcept {
  const char* name = at;
  while (at < end && is(*at, kToken)) at++;
  if (at == end || *at != ':' || at == name) return bad();
  field.name = {name, static_cast<size_t>(at - name)};
  at++;
  while (at < end && (*at == ' ' || *at == '\t')) at++;
  const char* value = at;
  at = value_end(at, end);
  if (end - at < 2 || at[0] != '\r' || at[1] != '\n') return bad();
  const char* stop = at;
  while (stop > value && (stop[-1] == ' ' || stop[-1] == '\t')) stop--;
  field.value = {value, static_cast<size_t>(stop - value)};
  return {at + 2, 0};
}

/** Calls `each` with the elements of a comma-separated list, without spaces around them. */
template <class Each>
void for_each_element(std::string_view list, Each&& each) noexcept {
  while (!list.empty()) {
    size_t comma = list.find(',');
    std::string_view element = list.substr(0, comma);
    list = comma == std::string_view::npos ? std::string_view{} : list.substr(comma + 1);
    while (!element.empty() && (element.front() == ' ' || element.front() == '\t')) element.remove_prefix(1);
    while (!element.empty() && (element.back() == ' ' || element.back() == '\t')) element.remove_suffix(1);
    if (!element.empty()) each(element);
  }
}

void note_length(std::string_view value, const Limits& limits, Framing& framing, Request& request) noexcept {
  // A second line is refused even when it says the same (RFC 9112 6.3 allows that), and so is a list: whoever
  // sends one has joined two messages, and somebody on the way may have read only one of them.
  if (framing.lengths++ || value.empty() || !all(value, kDigit)) return framing.fail(400);
  uint64_t length = 0;
  for (char c : value) {
    if (length > limits.body_bytes) break;  // saturated: far from overflow, and already too large
    length = length * 10 + static_cast<uint64_t>(c - '0');
  }
  if (length > limits.body_bytes) return framing.fail(413);
  request.content_length = length;
  request.has_content_length = true;
}

void note_coding(std::string_view value, Framing& framing) noexcept {
  if (framing.codings++) return framing.fail(400);
  if (equals_ignore_case(value, "chunked")) return;
  // Framed by chunks, but coded in a way we do not undo: 501. Else its length cannot be known: 400 (RFC
  // 9112 6.3).
  uint32_t elements = 0, chunked = 0;
  bool last_chunked = false;
  for_each_element(value, [&](std::string_view element) {
    elements++;
    last_chunked = equals_ignore_case(element, "chunked");
    chunked += last_chunked;
  });
  framing.fail(elements > 1 && chunked == 1 && last_chunked ? 501 : 400);
}

/** Looks at the fields that decide framing and persistence; by length first, so that others cost one switch.
 */
inline void note_field(const Header& field, const Limits& limits, Framing& framing,
                       Request& request) noexcept {
  const char* name = field.name.data();
  switch (field.name.size()) {
    case 4:
      if (!token_is(name, "host")) return;
      if (framing.hosts++ || !all(field.value, kAuthority)) return framing.fail(400);
      if (!request.host.data()) request.host = field.value;
      return;
    case 6:
      if (!token_is(name, "expect")) return;
      for_each_element(field.value, [&](std::string_view element) {
        (equals_ignore_case(element, "100-continue") ? framing.expects : framing.expects_more) = true;
      });
      return;
    case 10:
      if (!token_is(name, "connection")) return;
      for_each_element(field.value, [&](std::string_view element) {
        if (equals_ignore_case(element, "close")) framing.close = true;
        if (equals_ignore_case(element, "keep-alive")) framing.keep_alive = true;
      });
      return;
    case 14:
      if (token_is(name, "content-length")) note_length(field.value, limits, framing, request);
      return;
    case 17:
      if (token_is(name, "transfer-encoding")) note_coding(field.value, framing);
      return;
  }
}

/** The rules that need the whole head. Returns the status of the failure, or 0. */
uint16_t conclude(Framing& framing, Request& request) noexcept {
  if (framing.hosts == 0 && request.minor == 1) framing.fail(400);
  if (framing.codings && (framing.lengths || request.minor == 0)) framing.fail(400);
  if (framing.expects_more && request.minor == 1) framing.fail(417);
  request.chunked = framing.codings > 0;
  request.expect_continue = framing.expects && request.minor == 1 && request.has_body();
  request.keep_alive = !framing.close && (request.minor == 1 || framing.keep_alive);
  return framing.status;
}

ParseResult refuse(uint16_t status) noexcept { return {ParseState::bad, status, 0}; }

/** No line end behind the last complete line: more is wanted, as long as the head may still grow. */
ParseResult want_more(const char* data, size_t size, const char* head, const Limits& limits) noexcept {
  if (size < limits.header_bytes) return {ParseState::partial, 0, 0};
  bool first = head >= data + size || !memchr(head, '\n', static_cast<size_t>(data + size - head));
  return refuse(first ? 414 : 431);
}

/** A line that could not be taken, from `line` on: bad only when it is complete and within the limit. */
ParseResult judge(const char* data, size_t size, const char* line, bool first, uint16_t status,
                  const Limits& limits) noexcept {
  auto* stop = static_cast<const char*>(memchr(line, '\n', size - static_cast<size_t>(line - data)));
  size_t reach = stop ? static_cast<size_t>(stop - data) + 1 : size + 1;
  if (reach > limits.header_bytes) return refuse(first ? 414 : 431);
  if (!stop) return {ParseState::partial, 0, 0};
  return refuse(status);
}

}  // namespace

bool equals_ignore_case(std::string_view text, std::string_view lower_text) noexcept {
  if (text.size() != lower_text.size()) return false;
  for (size_t i = 0; i < text.size(); i++) {
    if (lower(text[i]) != lower_text[i]) return false;
  }
  return true;
}

std::string_view Request::find(std::string_view name) const noexcept {
  for (uint32_t i = 0; i < header_count; i++) {
    if (headers[i].name.size() != name.size()) continue;
    bool same = true;
    for (size_t k = 0; k < name.size() && same; k++) same = lower(headers[i].name[k]) == lower(name[k]);
    if (same) return headers[i].value.data() ? headers[i].value : std::string_view("", 0);
  }
  return {};
}

ParseResult parse_request(const char* data, size_t size, size_t already_seen, const Limits& limits,
                          Request* request) noexcept {
  if (size == 0) return {ParseState::partial, 0, 0};
  const char* const end = data + size;
  const char* const head = data[0] == '\r' ? data + 2 : data;  // one empty line is skipped
  if (head != data && size > 1 && data[1] != '\n') return refuse(400);
  // What cannot begin a method is not HTTP (a TLS hello, say): no reason to wait for its line end.
  if (head < end && !is(*head, kToken)) return refuse(400);
  if (head >= end) return want_more(data, size, head, limits);

  if (already_seen > 0 && already_seen <= size) {
    // Look at the lines that became complete, and only go on when the empty one is among them.
    if (already_seen == size || !memchr(data + already_seen, '\n', size - already_seen)) {
      return want_more(data, size, head, limits);
    }
    const char* line = data + already_seen;
    while (line > head && line[-1] != '\n') line--;
    if (line < head) line = head;
    for (bool open = true; open;) {
      Header field;
      if (line != head && end - line >= 2 && line[0] == '\r' && line[1] == '\n') break;
      LineResult got = line == head ? read_request_line(line, end, *request) : read_field(line, end, field);
      if (got.status) return judge(data, size, line, line == head, got.status, limits);
      if (static_cast<size_t>(got.at - data) > limits.header_bytes) return refuse(line == head ? 414 : 431);
      line = got.at;
    }
  }

  LineResult got = read_request_line(head, end, *request);
  if (got.status) return judge(data, size, head, true, got.status, limits);
  if (static_cast<size_t>(got.at - data) > limits.header_bytes) return refuse(414);

  request->content_length = 0;
  request->has_content_length = false;
  Framing framing;
  Header* const headers = request->headers;
  const uint32_t capacity =
      request->header_capacity < limits.headers ? request->header_capacity : limits.headers;
  uint32_t count = 0;
  const char* at = got.at;
  while (!(end - at >= 2 && at[0] == '\r' && at[1] == '\n')) {
    Header field;
    got = read_field(at, end, field);
    if (got.status) return judge(data, size, at, false, got.status, limits);
    at = got.at;
    if (static_cast<size_t>(at - data) > limits.header_bytes) return refuse(431);
    if (count < capacity) headers[count] = field;
    count++;
    note_field(field, limits, framing, *request);
  }
  at += 2;
  if (static_cast<size_t>(at - data) > limits.header_bytes) return refuse(431);
  if (count > capacity) framing.fail(431);
  request->header_count = count < capacity ? count : capacity;
  if (uint16_t status = conclude(framing, *request)) return refuse(status);
  return {ParseState::done, 0, static_cast<size_t>(at - data)};
}

}  // namespace tailrace::http
