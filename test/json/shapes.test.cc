// The shape trie: constructors come after enough sightings, and hostile texts fill neither memory nor time.
#include "json/shapes.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tape_text.h"

using namespace tailrace;
using namespace tailrace::json;

namespace {

struct Reader {
  memory::Cache cache;
  ValueTape tape{cache};
  std::vector<int32_t> words;
  std::vector<double> doubles = std::vector<double>(1 << 20);

  std::string read(const std::string& text) {
    words.assign(ValueTape::words_for(text.size()), 0);
    tape.words = words.data();
    tape.doubles = doubles.data();
    tape.double_capacity = doubles.size();
    tape.fewest_generic = tape.most_refused = 0xffff'ffff;
    std::unique_ptr<Stage1> stage1(new Stage1);
    stage1->begin(text.data(), text.size());
    REQUIRE(kernel().write_values(*stage1, tape) == TapeStatus::ok);
    return test::TapeReader(tape).read();
  }
};

}  // namespace

TEST_CASE("a shape seen often enough gets a number, at its place of the document") {
  Reader r;
  const std::string text = R"([{"id":1,"name":"x"}])";
  for (uint32_t i = 0; i < Shapes::kShapeAfter; i++) {
    r.read(text);
    CHECK(r.tape.shapes.shape_count() == 0);
    CHECK((r.tape.words[1] & 7) == kNode);
  }
  r.read(text);
  CHECK(r.tape.shapes.shape_count() == 1);
  CHECK((r.tape.words[1] & 7) == kObject);
  CHECK(r.read(text) == "[{\"id\":0x1p+0,\"name\":\"x\",},]");
}

TEST_CASE("a key twice never becomes a shape; __proto__ and constructor set their flags") {
  Reader r;
  for (int i = 0; i < 40; i++) r.read(R"([{"a":1,"b":2,"\u0061":3}])");
  CHECK(r.tape.shapes.shape_count() == 0);
  CHECK((r.tape.flags & kSawDuplicate) != 0);
  r.read(R"([{"x":{"__proto__":1}}])");
  CHECK((r.tape.flags & kSawProto) != 0);
  r.read(R"([{"constructor":1}])");
  CHECK((r.tape.flags & kSawConstructor) != 0);
  r.read(R"([{"x":1}])");
  CHECK((r.tape.flags & (kSawProto | kSawConstructor | kSawDuplicate)) == 0);
}

TEST_CASE("keys that are array indices or __proto__, however they are written, never become a shape") {
  const auto shapes_of = [](const std::string& key) {
    Reader r;
    for (int i = 0; i < 40; i++) r.read("[{\"a\":1,\"" + key + "\":2}]");
    return r.tape.shapes.shape_count();
  };
  for (const char* key :
       {"0", "7", "2024", "4294967294", "\\u0030", "1\\u0032", "__proto__", "__prot\\u006f__"})
    CHECK(shapes_of(key) == 0);
  for (const char* key : {"", "00", "01", "-1", "1.5", "1e3", "12345678901", "x1"})
    CHECK(shapes_of(key) == 1);
}

TEST_CASE("maps: keys that never come again stay out of the trie") {
  Reader r;
  std::string text = "{";
  for (int i = 0; i < 5000; i++)
    text += "\"key" + std::to_string(i) + "\":{\"v\":" + std::to_string(i) + "},";
  text.back() = '}';
  std::string out = r.read(text);
  CHECK(out.find("\"key4999\":{\"v\":") != std::string::npos);
  CHECK(r.tape.shapes.node_count() < 500);
}

TEST_CASE("a text of maps is given up half-way, one with a map among other things is not") {
  std::string map = "{";
  for (int i = 0; i < 5000; i++) map += "\"key" + std::to_string(i) + "\":" + std::to_string(i) + ",";
  map.back() = '}';
  std::string many = "[";
  for (int i = 0; i < 2000; i++)
    many += "{\"a" + std::to_string(i) + "\":1,\"b" + std::to_string(i * 7) + "\":2},";
  std::string numbers = "[";
  for (int i = 0; i < 40'000; i++) numbers += "1,";
  auto status = [](const std::string& text) {
    Reader r;
    r.words.assign(ValueTape::words_for(text.size()), 0);
    r.tape.words = r.words.data();
    std::unique_ptr<Stage1> stage1(new Stage1);
    stage1->begin(text.data(), text.size());
    const TapeStatus result = kernel().write_values(*stage1, r.tape);
    if (result == TapeStatus::generic) CHECK((r.tape.flags & kSawRefused) != 0);
    return result;
  };
  // what follows is no JSON: nobody has looked
  CHECK(status(many + "!,!]") == TapeStatus::generic);
  CHECK(status(numbers + map + "]") == TapeStatus::ok);
  CHECK(status(numbers + map + "!]") == TapeStatus::bad);
}

TEST_CASE("a place with more shapes than constructors pay for has none, and others keep theirs") {
  Reader r;
  std::string text = "[", want = "[";
  // 80 shapes, each often enough
  for (int i = 0; i < 40; i++) {
    for (int k = 0; k < 40; k++) {
      const std::string a = "a" + std::to_string(i), b = k < 20 ? "b" : "c";
      text += "{\"" + a + "\":1,\"" + b + "\":{\"in\":1}},";
      want += "{\"" + a + "\":0x1p+0,\"" + b + "\":{\"in\":0x1p+0,},},";
    }
  }
  text.back() = ']';
  want += "]";
  CHECK(r.read(text) == want);
  CHECK((r.tape.flags & kSawRefused) != 0);
  CHECK(r.read(text) == want);
  CHECK((r.tape.words[1] & 7) == kNode);
  CHECK((r.tape.words[3] & 7) == kObject);  // {"in":1}
  // as many as are allowed, elsewhere
  Reader other;
  std::string few = "[";
  for (uint32_t i = 0; i < Shapes::kMaxRootShapes / 2; i++)
    for (int k = 0; k < 40; k++)
      few += "{\"a" + std::to_string(i) + "\":1,\"" + (k < 20 ? "b" : "c") + "\":2},";
  few.back() = ']';
  other.read(few);
  other.read(few);
  CHECK(other.tape.shapes.shape_count() == Shapes::kMaxRootShapes);
  CHECK((other.tape.words[1] & 7) == kObject);
  // and where there were too many, after many objects
  for (uint32_t objects = 0; objects <= Shapes::kFirstPause << Shapes::kLongestPause; objects += 40 * 32)
    r.read(few);
  r.read(few);
  CHECK((r.tape.words[1] & 7) == kObject);
}

TEST_CASE("when all constructors are taken, shapes that come again get some, those that come and go do not") {
  Reader r;
  const auto objects = [](const std::string& place, const std::string& key, uint32_t count) {
    std::string text = "{\"" + place + "\":[";
    for (uint32_t i = 0; i < count; i++) text += "{\"" + key + "\":1},";
    text.back() = ']';
    return text + "}";
  };
  const auto name = [](char letter, uint32_t i) { return letter + std::to_string(i); };
  // 32 shapes at each place: a root of an object takes no more keys than 48
  constexpr uint32_t kPlaces = 80;
  const auto fill = [&](uint32_t first_shape, uint32_t shapes, uint32_t count) {
    for (uint32_t place = 0; place < kPlaces; place++)
      for (uint32_t i = 0; i < shapes; i++)
        r.read(objects(name('p', place), name('k', first_shape + i), count));
  };
  const auto built = [&](const std::string& place) {
    r.read(objects(place, "k0", 1));
    return (r.tape.words[2] & 7) == kObject;
  };
  fill(0, 32, Shapes::kShapeAfter + 1);
  REQUIRE(r.tape.shapes.shape_count() == Shapes::kMaxShapes);
  const uint32_t generation = r.tape.shapes.generation();
  fill(32, 8, Shapes::kShapeAfter + Shapes::kComesAgain);
  CHECK(r.tape.shapes.generation() == generation);
  CHECK(built("p0"));  // and the others at those places keep theirs
  uint32_t texts = 0;
  for (; r.tape.shapes.generation() == generation && texts < 10'000; texts++)
    r.read(objects("p0", "late", 1));
  CHECK(texts == Shapes::kShapeAfter + Shapes::kComesAgain + Shapes::kFirstPatience + 1);
  r.read(objects("p0", "late", Shapes::kShapeAfter));
  r.read(objects("p0", "late", 1));
  CHECK((r.tape.words[2] & 7) == kObject);
  // the next time it takes longer
  fill(0, 32, Shapes::kShapeAfter + 1);
  REQUIRE(r.tape.shapes.shape_count() == Shapes::kMaxShapes);
  for (texts = 0; r.tape.shapes.generation() == generation + 1 && texts < 10'000; texts++)
    r.read(objects("p0", "later", 1));
  CHECK(texts == Shapes::kShapeAfter + Shapes::kComesAgain + 2 * Shapes::kFirstPatience + 1);
}

TEST_CASE("shapes without end: bounded, right, and useful again afterwards") {
  Reader r;
  uint32_t generation = 0;
  for (int round = 0; round < 60; round++) {
    std::string text = "[";
    for (int i = 0; i < 1000; i++) {
      std::string name = std::to_string(round * 1000 + i);
      text += "{\"a" + name.substr(0, 2) + "\":{\"b" + name + "\":[{\"c\":1,\"" + name + "\":2}]}},";
    }
    text.back() = ']';
    std::string out = r.read(text);
    CHECK(out.find(" ") == std::string::npos);  // no complaint of the reader
    CHECK(r.tape.shapes.node_count() <= Shapes::kMaxNodes);
    generation = r.tape.shapes.generation();
  }
  CHECK(generation >= 1);
}

TEST_CASE("keys made to have one hash are refused, or each would be looked for among all others") {
  // hash_of() of shapes.cc
  const auto hash = [](const std::string& key) {
    uint64_t h = 0x9e3779b97f4a7c15ull ^ key.size();
    for (char c : key) h = (h ^ static_cast<uint8_t>(c)) * 0x100000001b3ull;
    return static_cast<uint32_t>(h >> 32 ^ h) & 0xfff;
  };
  std::vector<std::string> keys;
  for (uint32_t i = 0; keys.size() < 400; i++) {
    const std::string key = std::to_string(i) + std::string(200, 'k');
    if (hash(key) == 7) keys.push_back(key);
  }
  std::string text = "{", want = "{";
  uint32_t objects = 0;
  for (uint32_t i = 0; i < keys.size(); i++) {
    const std::string before = i % 100 ? "," : (i ? "},\"in" : "\"in") + std::to_string(objects++) + "\":{";
    text += before + "\"" + keys[i] + "\":1";
    want += (i % 100 ? "" : before) + "\"" + keys[i] + "\":0x1p+0,";
  }
  Reader r;
  CHECK(r.read(text + "}}") == want + "},}");
  CHECK(r.tape.shapes.key_count() <= objects + Shapes::kMaxAlike);
  const uint32_t generation = r.tape.shapes.generation();
  for (uint32_t i = 0; i < 3 * Shapes::kMaxKeyBytes / 200; i++) r.read("{\"" + keys.back() + "\":1}");
  CHECK(r.tape.shapes.generation() == generation);  // what is refused takes no room
}

TEST_CASE("room: doubles that do not fit are asked for, not written") {
  Reader r;
  r.read("[[1]]");
  const std::string text = "[1.5,2.5,3.5,4.5]";
  r.tape.double_capacity = 3;
  std::unique_ptr<Stage1> stage1(new Stage1);
  stage1->begin(text.data(), text.size());
  r.words.assign(ValueTape::words_for(text.size()), 0);
  r.tape.words = r.words.data();
  CHECK(kernel().write_values(*stage1, r.tape) == TapeStatus::need_doubles);
}
