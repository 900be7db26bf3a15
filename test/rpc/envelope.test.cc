// The envelope, natively: what is a call, what is wrong with it, and that ids and params are the text that
// was sent.
#include <doctest/doctest.h>

#include <string>

#include "json/parser.h"
#include "memory/cache.h"
#include "rpc/envelope.h"

using namespace tailrace;
using namespace tailrace::rpc;

namespace {

MethodTable table() {
  MethodTable methods;
  for (const char* name : {"add", "lazy", "\xc3\xbc", ""}) {
    Method method;
    method.name = name;
    method.lazy = method.name == "lazy";
    methods.add(method);
  }
  methods.seal();
  return methods;
}

struct Read {
  memory::Cache cache;
  json::Parser parser{cache};
  MethodTable methods = table();
  std::string text;

  Envelope operator()(const std::string& json) {
    text = json;
    json::DocumentOptions options;
    Result<json::Node> root = parser.parse(text.data(), text.size(), options, nullptr);
    REQUIRE(root.ok());
    return read_envelope(*root, methods, true);
  }
};

}  // namespace

TEST_CASE("methods are found by name, many of them, and unknown ones are not") {
  MethodTable methods;
  for (int i = 0; i < 1000; i++) {
    Method method;
    method.name = "m" + std::to_string(i);
    methods.add(method);
  }
  methods.seal();
  for (int i = 0; i < 1000; i++) CHECK(methods.find("m" + std::to_string(i)) == i);
  CHECK(methods.find("m1000") == -1);
  CHECK(methods.find("") == -1);
  MethodTable none;
  none.seal();
  CHECK(none.find("x") == -1);
}

TEST_CASE("well-formed calls") {
  Read read;
  Envelope e = read(R"({"jsonrpc":"2.0","method":"add","params":[ 1, 2 ],"id":1e2})");
  CHECK(e.failure == Failure::none);
  CHECK(e.method == 0);
  CHECK(e.id == "1e2");
  CHECK(e.params == "[ 1, 2 ]");
  CHECK_FALSE(e.notification);
  e = read(R"({"\u006dethod":"\u0061dd","json\u0072pc":"2\u002e0","\u0069d":"\u0041"})");
  CHECK(e.failure == Failure::none);
  CHECK(e.method == 0);
  CHECK(e.id == R"("\u0041")");
  CHECK_FALSE(e.has_params);
  e = read(R"({"jsonrpc":"2.0","method":"add"})");
  CHECK(e.failure == Failure::none);
  CHECK(e.notification);
  e = read(R"({"jsonrpc":"2.0","method":"add","id":null})");
  CHECK_FALSE(e.notification);
  CHECK(e.id == "null");
  e = read(R"({"jsonrpc":"2.0","method":"nope","method":"add","id":1,"id":2,"extra":{}})");
  CHECK(e.failure == Failure::none);
  CHECK(e.id == "2");
  e = read("{\"jsonrpc\":\"2.0\",\"method\":\"\\u00fc\",\"id\":1}");
  CHECK(e.method == 2);
  e = read(R"({"jsonrpc":"2.0","method":"","id":1})");
  CHECK(e.method == 3);
}

TEST_CASE("what is no call") {
  Read read;
  const std::pair<const char*, const char*> cases[] = {
      {R"(1)", "null"},
      {R"([])", "null"},
      {R"({})", "null"},
      {R"({"jsonrpc":"1.0","method":"add","id":1})", "1"},
      {R"({"jsonrpc":2.0,"method":"add","id":1})", "1"},
      {R"({"jsonrpc":"2.0","method":1,"id":"x"})", "\"x\""},
      {R"({"jsonrpc":"2.0","method":"add","params":1,"id":1})", "1"},
      {R"({"jsonrpc":"2.0","method":"add","params":null,"id":1})", "1"},
      {R"({"jsonrpc":"2.0","method":"add","id":{}})", "null"},
      {R"({"jsonrpc":"2.0","method":"add","id":true})", "null"},
      {R"({"jsonrpc":"2.0","id":7})", "7"},
  };
  for (const auto& [text, id] : cases) {
    const Envelope e = read(text);
    INFO(text);
    CHECK(e.failure == Failure::invalid_request);
    CHECK(e.id == id);
    CHECK_FALSE(e.notification);
  }
  CHECK(read(R"({"jsonrpc":"2.0","method":"nope","id":1})").failure == Failure::method_not_found);
}

TEST_CASE("forbidden keys are found at any depth and spelling, in params that are parsed") {
  Read read;
  const auto failure = [&](const std::string& method, const std::string& params) {
    return read(R"({"jsonrpc":"2.0","method":")" + method + R"(","params":)" + params + R"(,"id":1})")
        .failure;
  };
  CHECK(failure("add", R"([{"a":[{"__proto__":1}]}])") == Failure::forbidden_key);
  CHECK(failure("add", R"([{"\u005f_proto__":1}])") == Failure::forbidden_key);
  CHECK(failure("add", R"({"constructor":{"prototype":1}})") == Failure::forbidden_key);
  CHECK(failure("add", R"({"constructor":1})") == Failure::none);
  CHECK(failure("add", R"({"constructor":{"x":{"prototype":1}}})") == Failure::none);
  CHECK(failure("add", R"({"prototype":1,"x":"__proto__"})") == Failure::none);
  CHECK(failure("lazy", R"({"__proto__":1})") == Failure::none);
}

TEST_CASE("a forbidden name is found at any depth that a document may have") {
  constexpr size_t kDepth = 100'000;
  memory::Cache cache;
  json::Parser parser(cache);
  json::DocumentOptions options;
  options.max_depth = kDepth + 10;
  for (const char* inside : {R"({"__proto__":1})", R"({"proto":1})"}) {
    const std::string text = std::string(kDepth, '[') + inside + std::string(kDepth, ']');
    Result<json::Node> root = parser.parse(text.data(), text.size(), options, nullptr);
    REQUIRE(root.ok());
    CHECK(has_forbidden_key(*root) == (text[kDepth + 2] == '_'));
  }
}
