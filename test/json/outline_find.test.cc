// Looking a path up in an outline that somebody has written over: any answer is right that comes, and reads
// nothing else.
#include "json/outline_find.h"

#include <doctest/doctest.h>

#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

using namespace tailrace;
using namespace tailrace::json;

namespace {

/** A text's outline, each part in memory of its own that ends where it ends. */
struct Outlined {
  explicit Outlined(const std::string& from) : size(from.size()), text(new uint8_t[from.size()]) {
    memory::Cache cache;
    Outliner outliner(cache);
    REQUIRE(outliner.run(from.data(), from.size(), 1000, true) == OutlineStatus::ok);
    memcpy(text.get(), from.data(), from.size());
    slots.assign(outliner.slots(), outliner.slots() + outliner.slot_count());
    containers.assign(outliner.containers(), outliner.containers() + outliner.container_count());
    slots.shrink_to_fit();
    containers.shrink_to_fit();
  }
  int32_t find(const std::vector<uint8_t>& path) const {
    const OutlineView view{
        text.get(),        size, slots.data(), static_cast<uint32_t>(slots.size()), containers.data(),
        containers.size(), false};
    return find_path(view, path.data(), path.size());
  }

  size_t size;
  std::unique_ptr<uint8_t[]> text;
  std::vector<uint32_t> slots;
  std::vector<Container> containers;
};

std::vector<uint8_t> path_of(const std::vector<std::string>& keys) {
  std::vector<uint8_t> path;
  for (const std::string& key : keys) {
    const bool index = key[0] >= '0' && key[0] <= '9';
    const uint32_t head[2] = {index ? static_cast<uint32_t>(std::stoul(key)) : ~0u,
                              static_cast<uint32_t>(key.size())};
    const size_t at = path.size();
    path.resize(at + 8 + (key.size() + 3) / 4 * 4);
    memcpy(path.data() + at, head, 8);
    memcpy(path.data() + at + 8, key.data(), key.size());
  }
  return path;
}

const std::string kText = R"({"a":{"x":1},"b":[[1],{"y":[]},"s",7],"c":{"d":{"e":"f"}}})";

}  // namespace

TEST_CASE("ends of containers that are far beyond the last slot") {
  for (uint32_t end :
       {0u, 19u, 1000u, 0x8000'0000u, 0xffff'fff0u, 0xffff'fffcu, 0xffff'fffdu, 0xffff'fffeu, 0xffff'ffffu}) {
    Outlined o(kText);
    CHECK(o.find(path_of({"c", "d", "e"})) > 0);
    o.containers[1].end = end;
    o.find(path_of({"c", "d", "e"}));
    o.containers[3].end = end;
    o.find(path_of({"b", "2"}));
  }
}

TEST_CASE("words of an outline written over at random") {
  std::mt19937 random(20261201);
  const std::vector<std::vector<uint8_t>> paths = {path_of({"c", "d", "e"}), path_of({"b", "3"}),
                                                   path_of({"b", "1", "y"}), path_of({"a", "x"}),
                                                   path_of({"none"})};
  for (int round = 0; round < 100'000; round++) {
    Outlined o(kText);
    for (uint32_t n = random() % 4; n < 4; n++) {
      const uint32_t near = random() % 2 ? 0 - random() % 8 : random() % 64;
      const uint32_t word = random() % 3   ? near
                            : random() % 2 ? near | kContainer
                                           : static_cast<uint32_t>(random());
      if (random() % 2) {
        o.slots[random() % o.slots.size()] = word;
      } else {
        Container& c = o.containers[random() % o.containers.size()];
        (random() % 3 == 0 ? c.begin : random() % 2 ? c.end : c.count) = word;
      }
    }
    for (const auto& path : paths) {
      const int32_t found = o.find(path);
      CHECK(found < static_cast<int32_t>(o.slots.size()));
    }
  }
}
