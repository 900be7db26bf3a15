// Routing: what matches, what wins, and what a path without the method is told.
#include <doctest/doctest.h>

#include "server/raw_endpoint.h"
#include "server/router.h"

using namespace tailrace::server;

TEST_CASE("literals beat names, from left to right, with backtracking") {
  Router router;
  RawEndpoint endpoint;
  const char* routes[][2] = {{"GET", "/"},       {"GET", "/a/:x"},   {"GET", "/a/b"},      {"POST", "/a/b"},
                             {"GET", "/:x/c/d"}, {"GET", "/a/:x/e"}, {"*", "/any"},        {"HEAD", "/own"},
                             {"GET", "/own"},    {"GET", "/slash/"}, {"GET", "/a/%2Fb/:y"}};
  for (uint32_t i = 0; i < std::size(routes); i++) router.add(routes[i][0], routes[i][1], endpoint, i);
  const auto target = [&](const char* method, const char* path) -> int {
    const Router::Match match = router.find(method, path);
    return match.endpoint ? static_cast<int>(match.target) : -1;
  };
  CHECK(target("GET", "/") == 0);
  CHECK(target("GET", "/a/x") == 1);
  CHECK(target("GET", "/a/b") == 2);
  CHECK(target("POST", "/a/b") == 3);
  CHECK(target("GET", "/a/c/d") == 4);  // "/a" leads nowhere: back to ":x"
  CHECK(target("GET", "/a/c/e") == 5);
  CHECK(target("BREW", "/any") == 6);
  CHECK(target("HEAD", "/a/b") == 2);
  CHECK(target("HEAD", "/own") == 7);
  CHECK(target("GET", "/slash/") == 9);
  CHECK(target("GET", "/slash") == -1);
  CHECK(target("GET", "/a/") == -1);  // a name is never empty
  CHECK(target("GET", "/a//e") == -1);
  CHECK(target("GET", "/A/b") == -1);   // paths are case-sensitive
  CHECK(target("GET", "/a/%62") == 1);  // compared as sent: this is not "/a/b"
  CHECK(target("GET", "*") == -1);
  CHECK(target("GET", "") == -1);
  CHECK(router.find("PUT", "/a/b").allow == "GET, HEAD, POST");
  CHECK(router.find("PUT", "/nowhere").allow.empty());
}

TEST_CASE("Allow names each method once, and the router knows them all") {
  Router router;
  RawEndpoint endpoint;
  CHECK(router.methods() == "OPTIONS");
  router.add("GET", "/a", endpoint, 0);
  router.add("HEAD", "/a", endpoint, 1);
  router.add("GETS", "/a", endpoint, 2);
  router.add("DELETE", "/b", endpoint, 3);
  router.add("*", "/b", endpoint, 4);
  router.add("*", "*", endpoint, 5);
  CHECK(router.find("PUT", "/a").allow == "GET, HEAD, GETS");
  CHECK(router.methods() == "OPTIONS, GET, HEAD, GETS, DELETE");
}

TEST_CASE("'*' takes what nothing else does") {
  Router router;
  RawEndpoint endpoint;
  router.add("GET", "/a", endpoint, 0);
  router.add("*", "*", endpoint, 1);
  CHECK(router.find("GET", "/a").target == 0);
  CHECK(router.find("GET", "/b").target == 1);
  CHECK(router.find("OPTIONS", "*").target == 1);
  CHECK(router.find("PUT", "/a").endpoint == nullptr);
}
