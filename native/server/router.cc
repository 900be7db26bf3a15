// See router.h.
#include "server/router.h"

namespace tailrace::server {

namespace {

/** Splits "/a/b" into "a" and "/b"; `rest` begins with a slash. */
std::string_view first_segment(std::string_view rest, std::string_view* after) {
  rest.remove_prefix(1);
  const size_t slash = rest.find('/');
  *after = slash == std::string_view::npos ? std::string_view() : rest.substr(slash);
  return rest.substr(0, slash);
}

}  // namespace

Router::Router() = default;
Router::~Router() = default;

void Router::add_leaf(Node& node, std::string_view method, Endpoint& endpoint, uint32_t target) {
  for (const Leaf& leaf : node.leaves) {
    if (leaf.method == method) return;
  }
  node.leaves.push_back({std::string(method), &endpoint, target});
  if (method == "*") return;
  if (!node.allow.empty()) node.allow += ", ";
  node.allow += method;
  if (method == "GET") node.allow += ", HEAD";
}

void Router::add(std::string_view method, std::string_view path, Endpoint& endpoint, uint32_t target) {
  if (path == "*") return add_leaf(otherwise_, method, endpoint, target);
  Node* node = &root_;
  while (!path.empty()) {
    std::string_view after;
    const std::string_view segment = first_segment(path, &after);
    path = after;
    if (!segment.empty() && segment[0] == ':') {
      if (!node->any) node->any = std::make_unique<Node>();
      node = node->any.get();
      continue;
    }
    Node* next = nullptr;
    for (auto& [text, child] : node->literals) {
      if (text == segment) next = child.get();
    }
    if (!next) {
      next = node->literals.emplace_back(std::string(segment), std::make_unique<Node>()).second.get();
    }
    node = next;
  }
  add_leaf(*node, method, endpoint, target);
}

const Router::Node* Router::walk(const Node& node, std::string_view rest) noexcept {
  if (rest.empty()) return node.leaves.empty() ? nullptr : &node;
  std::string_view after;
  const std::string_view segment = first_segment(rest, &after);
  for (const auto& [text, child] : node.literals) {
    if (text != segment) continue;
    if (const Node* found = walk(*child, after)) return found;
  }
  return node.any && !segment.empty() ? walk(*node.any, after) : nullptr;
}

const Router::Leaf* Router::pick(const Node& node, std::string_view method) noexcept {
  const Leaf* any = nullptr;
  const Leaf* get = nullptr;
  for (const Leaf& leaf : node.leaves) {
    if (leaf.method == method) return &leaf;
    if (leaf.method == "*") any = &leaf;
    if (leaf.method == "GET") get = &leaf;
  }
  return method == "HEAD" && get ? get : any;
}

Router::Match Router::find(std::string_view method, std::string_view path) const noexcept {
  const Node* node = !path.empty() && path[0] == '/' ? walk(root_, path) : nullptr;
  if (node) {
    if (const Leaf* leaf = pick(*node, method)) return {leaf->endpoint, leaf->target, {}};
    return {nullptr, 0, node->allow};
  }
  if (const Leaf* leaf = pick(otherwise_, method)) return {leaf->endpoint, leaf->target, {}};
  return {};
}

}  // namespace tailrace::server
