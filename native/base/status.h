// One enum of errors for the whole core, and the two types that carry them: the core throws nothing.
//
// An Error is stable: its number may change between releases, its `code` (ERR_TAILRACE_…) may not. Texts and
// codes stand in one table (errors.cc); lib/errors.ts has the JS classes, and a test compares the two.
#pragma once

#include <cstdint>
#include <utility>

namespace tailrace {

enum class Error : uint8_t {
  ok = 0,
  // system
  out_of_memory,
  system,  // errno in Status::sys()
  address_in_use,
  address_invalid,
  permission,
  closed,
  timed_out,
  would_block,
  // arguments and handles
  invalid_argument,
  stale_handle,
  limit_exceeded,
  queue_full,
  // JSON (RFC 8259; what V8 accepts decides)
  json_unexpected_end,
  json_unexpected_token,
  json_invalid_number,
  json_invalid_string,  // control character or bad escape
  json_invalid_utf8,
  json_trailing,  // something after the value
  json_depth,
  json_size,
  json_forbidden_key,  // __proto__ or constructor.prototype under a policy
  json_duplicate_key,
  // HTTP (RFC 9110, 9112)
  http_bad_request,
  http_header_too_large,
  http_body_too_large,
  http_unsupported_version,
  http_not_implemented,  // an unknown transfer coding
  count_,
};

struct ErrorInfo {
  const char* code;  // ERR_TAILRACE_…
  const char* text;  // English, no final stop
};

/** Code and text of an error; never null. */
const ErrorInfo& error_info(Error error) noexcept;

class [[nodiscard]] Status {
 public:
  constexpr Status() noexcept = default;
  constexpr Status(Error error, int sys = 0) noexcept
      : error_(error), sys_(sys) {}  // NOLINT: implicit on purpose
  constexpr bool ok() const noexcept { return error_ == Error::ok; }
  constexpr explicit operator bool() const noexcept { return ok(); }
  constexpr Error error() const noexcept { return error_; }
  /** errno behind Error::system and its kin, else 0. */
  constexpr int sys() const noexcept { return sys_; }

 private:
  Error error_ = Error::ok;
  int sys_ = 0;
};

/** A value or the Status that says why there is none. T is cheap to default-construct. */
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) noexcept : value_(std::move(value)) {}  // NOLINT
  Result(Status status) noexcept : status_(status) {}     // NOLINT
  Result(Error error) noexcept : status_(error) {}        // NOLINT
  bool ok() const noexcept { return status_.ok(); }
  explicit operator bool() const noexcept { return ok(); }
  Status status() const noexcept { return status_; }
  Error error() const noexcept { return status_.error(); }
  T& operator*() noexcept { return value_; }
  const T& operator*() const noexcept { return value_; }
  T* operator->() noexcept { return &value_; }
  const T* operator->() const noexcept { return &value_; }

 private:
  Status status_;
  T value_{};
};

}  // namespace tailrace
