// JSON-RPC 2.0 as one endpoint of the server: reads the envelope on the P, answers there what needs no
// JavaScript (syntax, unknown methods, limits), and puts the calls into the handler group.
//
// A batch becomes one record with a call for each of its elements: they may run on different isolates and
// finish in any order; the reply stands in the order of the calls (the specification allows any).
#pragma once

#include "json/node.h"
#include "rpc/envelope.h"
#include "rpc/failure.h"
#include "rpc/method_table.h"
#include "server/endpoint.h"
#include "server/handler_group.h"

namespace tailrace::rpc {

class RpcEndpoint final : public server::Endpoint {
 public:
  /** Its calls go into `group`: the server's own, or one that worker isolates share (Server::share). */
  RpcEndpoint(server::HandlerGroup& group, uint32_t max_batch, uint32_t max_depth) noexcept
      : group_(group), max_batch_(max_batch), max_depth_(max_depth) {}

  MethodTable& methods() noexcept { return methods_; }

  void serve(server::Exchange& exchange) noexcept override;
  server::Reply plan(const server::RequestRecord& record) const noexcept override;
  char* write_body(const server::RequestRecord& record, char* out) const noexcept override;

 private:
  /** A body that was read; its root lives until the parser's next text. */
  struct Body {
    json::Node root;
    bool check_keys;  // some key is forbidden
    Failure failure;  // none, or what is wrong with the whole
  };

  Body parse(server::Exchange& exchange) const noexcept;
  bool fill(server::Exchange& exchange, server::RequestRecord& record, server::Call& call,
            const Envelope& envelope) const noexcept;
  void lend(server::Exchange& exchange, server::RequestRecord& record, uint32_t lent) noexcept;
  void answer(server::Exchange& exchange, Failure failure) const noexcept;

  server::HandlerGroup& group_;
  MethodTable methods_;
  uint32_t max_batch_;
  uint32_t max_depth_;
};

}  // namespace tailrace::rpc
