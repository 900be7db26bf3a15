// The C++ face: documents, nodes, exact errors, policies.
#include "json/parser.h"

#include <doctest/doctest.h>

#include <cstring>
#include <string>

#include "memory/cache.h"

using namespace tailrace;
using namespace tailrace::json;

namespace {

struct Failure {
  Error error;
  size_t offset;
  bool operator==(const Failure&) const = default;
};

Failure failure(std::string_view text, DocumentOptions options = {}) {
  memory::Cache cache;
  Parser parser(cache);
  ParseError error;
  auto root = parser.parse(text.data(), text.size(), options, &error);
  return root.ok() ? Failure{Error::ok, 0} : Failure{error.error, error.offset};
}

}  // namespace

TEST_CASE("an envelope: members, exact raw spans, numbers") {
  memory::Cache cache;
  Parser parser(cache);
  const std::string text =
      R"( {"jsonrpc": "2.0", "method":"add", "params" : [1, {"a":[]} ,-2.5e1] ,"id":12345678901234567890} )";
  auto root = parser.parse(text.data(), text.size(), {}, nullptr);
  REQUIRE(root.ok());
  CHECK(root->is(Type::object));
  CHECK(root->size() == 4);
  Node node;
  REQUIRE(root->find("jsonrpc", &node));
  CHECK(node.string_equals("2.0"));
  CHECK(!node.string_equals("2.00"));
  CHECK(node.raw() == "\"2.0\"");
  REQUIRE(root->find("params", &node));
  CHECK(node.raw() == R"([1, {"a":[]} ,-2.5e1])");
  CHECK(node.size() == 3);
  auto it = node.begin();
  int64_t whole = 0;
  CHECK((it.value().get_int64(&whole) && whole == 1));
  it.next();
  CHECK(it.value().raw() == R"({"a":[]})");
  it.next();
  CHECK(it.value().number() == -25.0);
  CHECK(!it.value().get_int64(&whole));
  it.next();
  CHECK(!it.more());
  REQUIRE(root->find("id", &node));
  CHECK(node.raw() == "12345678901234567890");
  CHECK(!node.get_int64(&whole));
  CHECK(!root->find("nothing", &node));
  CHECK(root->raw() == text.substr(1, text.size() - 2));
}

TEST_CASE("keys: the last of several, escapes compared by value, lone surrogates") {
  memory::Cache cache;
  Parser parser(cache);
  const std::string text = R"({"a":1,"\u0061":2,"\ud83d\ude00":3,"x\ny":4,"\ud800":5})";
  auto root = parser.parse(text.data(), text.size(), {}, nullptr);
  REQUIRE(root.ok());
  Node node;
  int64_t whole = 0;
  REQUIRE(root->find("a", &node));
  CHECK((node.get_int64(&whole) && whole == 2));
  REQUIRE(root->find("😀", &node));
  CHECK((node.get_int64(&whole) && whole == 3));
  REQUIRE(root->find("x\ny", &node));
  CHECK(!root->find("x\\ny", &node));
  CHECK(root->size() == 5);
  std::string_view plain;
  CHECK(!root->begin().value().plain_string(&plain));
  auto it = root->begin();
  CHECK((it.key().plain_string(&plain) && plain == "a"));
  it.next();
  CHECK(!it.key().plain_string(&plain));
  char buffer[32];
  CHECK(std::string_view(buffer, it.key().get_string(buffer)) == "a");
}

TEST_CASE("integers at the edges of 64 bits, and doubles") {
  memory::Cache cache;
  Parser parser(cache);
  auto number = [&](const char* text) {
    auto root = parser.parse(text, strlen(text), {}, nullptr);
    REQUIRE(root.ok());
    return *root;
  };
  int64_t whole = 0;
  CHECK((number("9223372036854775807").get_int64(&whole) && whole == INT64_MAX));
  CHECK((number("-9223372036854775808").get_int64(&whole) && whole == INT64_MIN));
  CHECK(!number("9223372036854775808").get_int64(&whole));
  CHECK(!number("-9223372036854775809").get_int64(&whole));
  CHECK(!number("-0").get_int64(&whole));
  CHECK(!number("1.0").get_int64(&whole));
  CHECK(number("1e999").number() > 1e308);
  CHECK(number("123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890")
            .number() == 1.2345678901234568e89);
}

TEST_CASE("what is wrong, and the first byte that cannot stand where it stands") {
  using E = Error;
  CHECK(failure("") == Failure{E::json_unexpected_end, 0});
  CHECK(failure("  ") == Failure{E::json_unexpected_end, 2});
  CHECK(failure("[1,2") == Failure{E::json_unexpected_end, 4});
  CHECK(failure("\"abc") == Failure{E::json_unexpected_end, 4});
  CHECK(failure("tru") == Failure{E::json_unexpected_end, 3});
  CHECK(failure("-") == Failure{E::json_unexpected_end, 1});
  CHECK(failure("trux") == Failure{E::json_unexpected_token, 3});
  CHECK(failure("[1,]") == Failure{E::json_unexpected_token, 3});
  CHECK(failure("{\"a\":1,}") == Failure{E::json_unexpected_token, 7});
  CHECK(failure("{\"a\" 1}") == Failure{E::json_unexpected_token, 5});
  CHECK(failure("[1}") == Failure{E::json_unexpected_token, 2});
  CHECK(failure("[01]") == Failure{E::json_unexpected_token, 2});
  CHECK(failure("[1.x]") == Failure{E::json_invalid_number, 3});
  CHECK(failure("[\"a\x01\"]") == Failure{E::json_invalid_string, 3});
  CHECK(failure("[\"\\x\"]") == Failure{E::json_invalid_string, 3});
  CHECK(failure("[\"\\u12G4\"]") == Failure{E::json_invalid_string, 6});
  CHECK(failure("1 2") == Failure{E::json_trailing, 2});
  CHECK(failure("\xef\xbb\xbf[]") == Failure{E::json_unexpected_token, 0});
  CHECK(failure("[\"ab\xff\"]") == Failure{E::json_invalid_utf8, 4});
  CHECK(failure("[1,,\"\xff\"]") == Failure{E::json_invalid_utf8, 5});
  DocumentOptions lenient;
  lenient.strict_utf8 = false;
  CHECK(failure("[\"ab\xff\"]", lenient) == Failure{E::ok, 0});
  CHECK(failure("[\xff]", lenient) == Failure{E::json_unexpected_token, 1});
}

TEST_CASE("depth: to the limit and one more; a million when there is none") {
  DocumentOptions options;
  options.max_depth = 3;
  CHECK(failure("[[[1]]]", options) == Failure{Error::ok, 0});
  CHECK(failure("[[[[]]]]", options) == Failure{Error::json_depth, 3});
  CHECK(failure("[[[[}", options) == Failure{Error::json_depth, 3});
  CHECK(failure("[}[[[", options) == Failure{Error::json_unexpected_token, 1});
  options.max_depth = 0;
  CHECK(failure("1", options) == Failure{Error::ok, 0});
  CHECK(failure("{}", options) == Failure{Error::json_depth, 0});
  options.max_depth = kNoDepthLimit;
  std::string deep = std::string(1'000'000, '[') + std::string(1'000'000, ']');
  CHECK(failure(deep, options) == Failure{Error::ok, 0});
  deep.pop_back();
  CHECK(failure(deep, options) == Failure{Error::json_unexpected_end, deep.size()});
}

TEST_CASE("keys that a policy forbids") {
  DocumentOptions options;
  options.forbid_proto = options.forbid_constructor = true;
  CHECK(failure(R"({"a":{"__proto__":1}})", options) == Failure{Error::json_forbidden_key, 6});
  CHECK(failure(R"({"\u005f_proto__":1})", options) == Failure{Error::json_forbidden_key, 1});
  CHECK(failure(R"({"a":"__proto__"})", options) == Failure{Error::ok, 0});
  CHECK(failure(R"({"constructor":{"prototype":1}})", options) == Failure{Error::json_forbidden_key, 1});
  CHECK(failure(R"({"constructor":{"x":1}})", options) == Failure{Error::ok, 0});
  CHECK(failure(R"({"constructor":{"prototype":1},"constructor":1})", options) == Failure{Error::ok, 0});
  CHECK(failure(R"([{"constructor":{"prototype":1}},{"__proto__":1}])", options) ==
        Failure{Error::json_forbidden_key, 2});
  DocumentOptions unique;
  unique.forbid_duplicates = true;
  CHECK(failure(R"({"a":1,"b":2,"a":3})", unique) == Failure{Error::json_duplicate_key, 13});
  CHECK(failure(R"({"a":1,"\u0061":3})", unique) == Failure{Error::json_duplicate_key, 7});
  CHECK(failure(R"([{"a":1},{"a":1}])", unique) == Failure{Error::ok, 0});
  CHECK(failure(R"({"\ud800":1,"\ud801":2})", unique) == Failure{Error::ok, 0});
}

TEST_CASE("a parser is used again, large and small texts in turn") {
  memory::Cache cache;
  Parser parser(cache);
  std::string large = "[";
  for (int i = 0; i < 200'000; i++) large += "{\"a\":[" + std::to_string(i) + "]},";
  large.back() = ']';
  for (int round = 0; round < 3; round++) {
    auto root = parser.parse(large.data(), large.size(), {}, nullptr);
    REQUIRE(root.ok());
    CHECK(root->size() == 200'000);
    parser.shrink();
    auto small = parser.parse("[1]", 3, {}, nullptr);
    REQUIRE(small.ok());
    CHECK(small->size() == 1);
    CHECK(!parser.parse("[1", 2, {}, nullptr).ok());
  }
}
