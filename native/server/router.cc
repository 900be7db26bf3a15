// See router.h.
#include "server/router.h"

namespace tailrace::server {

namespace {

/** Appends to a list like "GET, HEAD" what is not in it yet. */
void add_method(std::string& list, std::string_view method) {
  for (std::string_view rest = list; !rest.empty();) {
    const size_t comma = rest.find(", ");
    if (rest.substr(0, comma) == method) return;
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 2);
  }
  if (!list.empty()) list += ", ";
  list += method;
}

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
  add_method(node.allow, method);
  if (method == "GET") add_method(node.allow, "HEAD");
}

void Router::add(std::string_view method, std::string_view path, Endpoint& endpoint, uint32_t target) {
  if (path == "*") return add_leaf(otherwise_, method, endpoint, target);
  if (method != "*") add_method(methods_, method);
  if (method == "GET") add_method(methods_, "HEAD");
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
  const Node* node = path.starts_with('/') ? walk(root_, path) : nullptr;
  if (node) {
    if (const Leaf* leaf = pick(*node, method)) return {leaf->endpoint, leaf->target, {}};
    return {nullptr, 0, node->allow};
  }
  if (const Leaf* leaf = pick(otherwise_, method)) return {leaf->endpoint, leaf->target, {}};
  return {};
}

}  // namespace tailrace::server
