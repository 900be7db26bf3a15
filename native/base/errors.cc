// The one table of error codes and texts. The codes are the public, stable ones (lib/errors.ts has the
// classes); several errors may share a code when a program would treat them alike and only the text tells
// them apart.
#include "base/status.h"

namespace tailrace {

namespace {

constexpr ErrorInfo kTable[] = {
    {"ERR_TAILRACE_OK", "no error"},
    // system
    {"ERR_TAILRACE_OUT_OF_MEMORY", "out of memory: the limit is reached or the system refused"},
    {"ERR_TAILRACE_SYSTEM", "a system call failed"},
    {"ERR_TAILRACE_ADDRESS_IN_USE", "the address is already in use"},
    {"ERR_TAILRACE_ADDRESS_INVALID", "not an address that can be used here"},
    {"ERR_TAILRACE_PERMISSION", "permission denied"},
    {"ERR_TAILRACE_CLOSED", "already closed"},
    {"ERR_TAILRACE_TIMEOUT", "timed out"},
    {"ERR_TAILRACE_WOULD_BLOCK", "not ready yet"},
    // arguments and handles
    {"ERR_TAILRACE_INVALID_ARG", "invalid argument"},
    {"ERR_TAILRACE_STALE_HANDLE", "the handle is stale or belongs to another copy of tailrace"},
    {"ERR_TAILRACE_LIMIT", "a limit was exceeded"},
    {"ERR_TAILRACE_QUEUE_FULL", "the queue is full"},
    // JSON
    {"ERR_TAILRACE_JSON_SYNTAX", "unexpected end of JSON input"},
    {"ERR_TAILRACE_JSON_SYNTAX", "unexpected token in JSON"},
    {"ERR_TAILRACE_JSON_SYNTAX", "invalid number in JSON"},
    {"ERR_TAILRACE_JSON_SYNTAX", "control character or bad escape in a JSON string"},
    {"ERR_TAILRACE_JSON_UTF8", "invalid UTF-8 in JSON"},
    {"ERR_TAILRACE_JSON_SYNTAX", "unexpected data after the JSON value"},
    {"ERR_TAILRACE_JSON_DEPTH", "JSON is nested too deeply"},
    {"ERR_TAILRACE_JSON_SIZE", "JSON input is too large"},
    {"ERR_TAILRACE_JSON_FORBIDDEN_KEY", "JSON contains a forbidden key"},
    {"ERR_TAILRACE_JSON_DUPLICATE_KEY", "JSON contains a key twice"},
    // HTTP
    {"ERR_TAILRACE_HTTP_BAD_REQUEST", "malformed HTTP request"},
    {"ERR_TAILRACE_HTTP_HEADER_TOO_LARGE", "HTTP header too large"},
    {"ERR_TAILRACE_HTTP_BODY_TOO_LARGE", "HTTP body too large"},
    {"ERR_TAILRACE_HTTP_VERSION", "HTTP version not supported"},
    {"ERR_TAILRACE_HTTP_NOT_IMPLEMENTED", "HTTP transfer coding not implemented"},
};
static_assert(sizeof(kTable) / sizeof(kTable[0]) == static_cast<unsigned>(Error::count_));

}  // namespace

const ErrorInfo& error_info(Error error) noexcept {
  const auto index = static_cast<unsigned>(error);
  return kTable[index < static_cast<unsigned>(Error::count_) ? index : static_cast<unsigned>(Error::system)];
}

}  // namespace tailrace
