// The failures that the endpoint answers by itself: JSON-RPC 2.0 section 5.1, and two of its server range.
// The same codes and texts stand in lib/backend/shared.ts for the fallback; the conformance suite compares
// them.
#pragma once

#include <cstdint>
#include <string_view>

namespace tailrace::rpc {

enum class Failure : uint16_t {
  parse,
  invalid_request,
  too_deep,
  batch_too_large,
  method_not_found,
  forbidden_key,
  internal,
  overloaded,
  timeout,
  none,
};

/** The error object as JSON text. */
constexpr std::string_view failure_text(Failure failure) noexcept {
  switch (failure) {
    case Failure::parse:
      return R"({"code":-32700,"message":"Parse error"})";
    case Failure::invalid_request:
      return R"({"code":-32600,"message":"Invalid Request"})";
    case Failure::too_deep:
      return R"({"code":-32600,"message":"Document too deep"})";
    case Failure::batch_too_large:
      return R"({"code":-32600,"message":"Batch too large"})";
    case Failure::method_not_found:
      return R"({"code":-32601,"message":"Method not found"})";
    case Failure::forbidden_key:
      return R"({"code":-32602,"message":"Forbidden member name in params"})";
    case Failure::internal:
      return R"({"code":-32603,"message":"Internal error"})";
    case Failure::overloaded:
      return R"({"code":-32000,"message":"Server overloaded"})";
    case Failure::timeout:
      return R"({"code":-32001,"message":"Request timed out"})";
    case Failure::none:
      break;
  }
  return "null";
}

}  // namespace tailrace::rpc
