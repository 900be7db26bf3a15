// Which endpoint answers a method and a path: a trie over path segments, built before the server listens.
//
// A literal segment beats ':name', from left to right, with backtracking; ':name' matches one segment that is
// not empty. Paths are compared as sent, percent-encoding included: two spellings of one path are two paths,
// so no check that looks at the path can be passed by spelling it differently.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "server/endpoint.h"

namespace tailrace::server {

class Router {
 public:
  struct Match {
    Endpoint* endpoint = nullptr;
    uint32_t target = 0;
    std::string_view allow;  // no endpoint, but the path is known: the methods it has ("GET, HEAD")
  };

  Router();
  ~Router();
  /** `method` "*": any. `path` "*": where no other matches. The later of two equal ones is ignored. */
  void add(std::string_view method, std::string_view path, Endpoint& endpoint, uint32_t target);
  /** HEAD finds the GET route where it has none of its own. */
  Match find(std::string_view method, std::string_view path) const noexcept;
  /** Every method that some path knows, and OPTIONS: what OPTIONS * is answered with. */
  std::string_view methods() const noexcept { return methods_; }

 private:
  struct Leaf {
    std::string method;
    Endpoint* endpoint;
    uint32_t target;
  };
  struct Node {
    std::vector<std::pair<std::string, std::unique_ptr<Node>>> literals;
    std::unique_ptr<Node> any;
    std::vector<Leaf> leaves;
    std::string allow;
  };
  static const Node* walk(const Node& node, std::string_view rest) noexcept;
  static const Leaf* pick(const Node& node, std::string_view method) noexcept;
  static void add_leaf(Node& node, std::string_view method, Endpoint& endpoint, uint32_t target);

  Node root_;
  Node otherwise_;
  std::string methods_ = "OPTIONS";
};

}  // namespace tailrace::server
