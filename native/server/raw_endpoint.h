// Routes answered by JavaScript: one call a request, whose result is header lines and a body, sent as they
// are.
#pragma once

#include "server/endpoint.h"

namespace tailrace::server {

class RawEndpoint final : public Endpoint {
 public:
  /** Seals request head and body into a record and puts its call into the group; 503 when that is full. */
  void serve(Exchange& exchange) noexcept override;
  Reply plan(const RequestRecord& record) const noexcept override;
  char* write_body(const RequestRecord& record, char* out) const noexcept override;
};

/** 503 with Retry-After: 1, counted as shed. */
void shed(Exchange& exchange) noexcept;

}  // namespace tailrace::server
