// All kernels, both tapes and the slow scanner on texts made from a seed: valid ones, and the same with bytes
// changed, cut and doubled, at every place relative to a block's and a piece's edge.
#include <doctest/doctest.h>

#include <random>

#include "tape_text.h"
#include "times.h"

using namespace tailrace::json;

namespace {

class Maker {
 public:
  explicit Maker(uint64_t seed) : random_(seed) {}
  uint64_t below(uint64_t n) { return random_() % n; }

  std::string value(int depth) {
    switch (below(depth > 0 ? 9 : 6)) {
      case 0:
        return number();
      case 1:
        return string();
      case 2:
        return below(2) ? "true" : "false";
      case 3:
        return "null";
      case 4:
        return std::to_string(static_cast<int64_t>(random_() >> below(63)));
      case 5:
        return string();
      case 6:
        return list(depth, false);
      default:
        return list(depth, true);
    }
  }

 private:
  std::string space() { return std::string(below(8) == 0 ? below(70) : 0, " \n\t\r"[below(4)]); }
  std::string number() {
    std::string n = below(2) ? "-" : "";
    n += std::to_string(below(1000));
    if (below(2)) n += "." + std::to_string(below(1'000'000'000));
    if (below(3) == 0) n += (below(2) ? "e-" : "E+") + std::to_string(below(400));
    return n;
  }
  std::string string() {
    static const char* const kPieces[] = {"a",       "key",
                                          "é",       "日",
                                          "😀",       "\\n",
                                          "\\\\",    "\\\"",
                                          "\\u00e9", "\\ud83d\\ude00",
                                          "\\ud800", "the quick brown fox jumps over it",
                                          "/",       "{}[]:,",
                                          "\\u0000"};
    std::string s = "\"";
    for (uint64_t i = below(6); i > 0; i--) s += kPieces[below(15)];
    if (below(20) == 0) s += std::string(below(200), 'x');
    return s + "\"";
  }
  std::string list(int depth, bool object) {
    std::string s = object ? "{" : "[";
    uint64_t n = below(8);
    for (uint64_t i = 0; i < n; i++) {
      if (i) s += "," + space();
      if (object)
        s += (below(4) ? "\"k" + std::to_string(below(5)) + "\"" : string()) + space() + ":" + space();
      s += value(depth - 1);
    }
    return s + space() + (object ? "}" : "]");
  }

  std::mt19937_64 random_;
};

}  // namespace

TEST_CASE("valid and broken texts: every reader and every kernel agree") {
  test::Everything everything;
  const uint64_t seeds = static_cast<uint64_t>(tailrace::test_times(3000));
  for (uint64_t seed = 1; seed <= seeds; seed++) {
    Maker maker(seed);
    std::string text = "[" + maker.value(5) + "," + maker.value(4) + "]";
    everything.small_chunks = seed % 3 == 0;
    everything.texts = seed % 2 == 0;
    everything.rounds = seed % 5 == 0 ? 15 : 1;
    CAPTURE(seed);
    CAPTURE(text);
    REQUIRE(everything.compare(text.data(), text.size()) == "");
    for (int i = 0; i < 4; i++) {
      std::string broken = text;
      size_t at = maker.below(broken.size());
      switch (maker.below(4)) {
        case 0:
          broken[at] = static_cast<char>(maker.below(256));
          break;
        case 1:
          broken.erase(at, 1 + maker.below(3));
          break;
        case 2:
          broken.insert(at, 1, "\"\\{}[]:,0-e. \n\x01\xff"[maker.below(16)]);
          break;
        default:
          broken.resize(at);
      }
      CAPTURE(broken);
      REQUIRE(everything.compare(broken.data(), broken.size()) == "");
    }
  }
}

TEST_CASE("tokens at the edges of blocks and pieces") {
  test::Everything everything;
  const std::string texts[] = {"[\"\\\\\\\"\",1.5e3,true,{\"k\":\"日本\"}]",
                               "{\"a\\u0041b\":[-0,null,\"\"]}"};
  for (const std::string& text : texts) {
    for (size_t before : {size_t{0}, size_t{60}, kPieceBytes - 70, 2 * kPieceBytes - 40}) {
      // the second piece's end is as the first one's, and long texts take their time
      if (before > kPieceBytes && text != texts[0]) continue;
      for (size_t pad = before; pad < before + 70; pad++) {
        std::string padded = "[\"" + std::string(pad, 'x') + "\"," + text + "]";
        CAPTURE(pad);
        REQUIRE(everything.compare(padded.data(), padded.size()) == "");
        std::string spaced = std::string(pad, ' ') + text;
        REQUIRE(everything.compare(spaced.data(), spaced.size()) == "");
        spaced = text + std::string(pad, '\n');
        REQUIRE(everything.compare(spaced.data(), spaced.size()) == "");
        if (text != texts[0]) continue;
        std::string slashes = "[\"" + std::string(pad, '\\') + "\"]";
        REQUIRE(everything.compare(slashes.data(), slashes.size()) == "");
      }
    }
  }
}

TEST_CASE("tokens close together across pieces, and texts that end too early or too late there") {
  test::Everything everything;
  // of each kind what a step between two looks at the tokens can take, and more than a piece of it
  const std::string items[] = {
      "{\"k\":\"v\"}", "[1,2.5]", "[]", "{}", "\"\"", "[[\"a\"]]", "{\"a\":{\"b\":1,\"c\":[]}}"};
  for (const std::string& item : items) {
    std::string list = "[" + item;
    while (list.size() < kPieceBytes + 300) list += "," + item;
    for (size_t pad = 0; pad < 24; pad += 11) {
      // the text's end comes to stand at each place around the piece's
      std::string text = "[\"" + std::string(pad, 'x') + "\"," + list + "]]";
      CAPTURE(item);
      CAPTURE(pad);
      REQUIRE(everything.compare(text.data(), text.size()) == "");
      for (size_t end = kPieceBytes - 40 + pad; end < kPieceBytes + 40; end += 13) {
        for (const char* close : {"]", "]]", "]]]", "}]]", ",]]", ":1}]]"}) {
          std::string cut = text.substr(0, end) + close;
          CAPTURE(cut.substr(kPieceBytes - 50));
          REQUIRE(everything.compare(cut.data(), cut.size()) == "");
        }
      }
    }
  }
}

TEST_CASE("UTF-8: runs of characters of one length, and where they change") {
  test::Everything everything;
  const std::string characters[] = {"x", "\xc3\xa9", "\xe6\x97\xa5", "\xf0\x9f\x98\x80"};
  for (const std::string& first : characters) {
    for (const std::string& then : characters) {
      for (size_t run = 0; run <= 34; run++) {
        // The first character takes the text to the UTF-16 path, whatever follows.
        std::string text = "[\"\xe6\x97\xa5";
        for (size_t i = 0; i < run; i++) text += first;
        for (size_t i = 0; i < 12; i++) text += then;
        for (size_t i = 0; i < run; i++) text += first;
        text += "\"]";
        CAPTURE(text);
        REQUIRE(everything.compare(text.data(), text.size()) == "");
      }
    }
  }
}

TEST_CASE("UTF-8: every two bytes, and every cut of longer sequences, inside a string") {
  test::Everything everything;
  for (int a = 0x80; a < 0x100; a++) {
    for (int b = 0x70; b < 0x100; b += 3) {
      for (const char* tail : {"", "\x80", "\x80\x80", "\xbf\xbf"}) {
        std::string text = "[\"" + std::string(1, static_cast<char>(a)) + static_cast<char>(b) + tail + "\"]";
        CAPTURE(a);
        CAPTURE(b);
        REQUIRE(everything.compare(text.data(), text.size()) == "");
      }
    }
  }
  for (size_t pad = 50; pad < 66; pad++) {
    for (size_t cut = 1; cut <= 4; cut++) {
      std::string text =
          "[\"" + std::string(pad, 'x') + std::string("\xf0\x9f\x98\x80").substr(0, cut) + "\"]";
      REQUIRE(everything.compare(text.data(), text.size()) == "");
      text.resize(text.size() - 2);
      REQUIRE(everything.compare(text.data(), text.size()) == "");
    }
  }
}

TEST_CASE("runs of numbers and of points: what ends them, and the edges of pieces") {
  test::Everything everything;
  // what stands in a run, then what may end it
  const std::string usual[] = {"1",  "-2", "2147483647", "0.5", "-65.613616999999977", "43.420273000000009",
                               "1e3"};
  const std::string odd[] = {"-0",
                             "2147483648",
                             "123456789012345678901",
                             "1e999",
                             "0.1234567890123456789012",
                             "null",
                             "[]",
                             "[1,2]",
                             "[0.5]",
                             "[1.5,2,3]",
                             "[0.5,]",
                             "01",
                             "1.",
                             "-",
                             "[1.5,2,3,4]",
                             "\"s\"",
                             "1.5x",
                             "{}",
                             "[1.5 2]",
                             ""};
  const uint64_t seeds = static_cast<uint64_t>(tailrace::test_times(1500));
  for (uint64_t seed = 1; seed <= seeds; seed++) {
    std::mt19937_64 random(seed);
    auto below = [&](uint64_t n) { return random() % n; };
    const uint64_t kinds = 1 + below(7), first = below(7);
    auto number = [&] { return usual[(first + below(kinds)) % 7]; };
    auto point = [&](uint64_t n) {
      std::string p = "[" + number();
      for (uint64_t i = 1; i < n; i++) p += "," + number();
      return p + "]";
    };
    const uint64_t each = below(4);  // 0, 1: numbers; 2, 3: points of so many
    std::string text = std::string(below(70), ' ') + (seed % 4 ? "[" : "[[0.5,1.5],[");
    const uint64_t n = seed % 10 ? 1 + below(40) : 700 + below(1000);
    const uint64_t ends = below(3) ? n : below(n);
    for (uint64_t i = 0; i < n; i++) {
      if (i) text += below(30) ? "," : " ,\n";
      text += i == ends ? odd[below(20)] : each < 2 ? number() : point(each);
    }
    text += seed % 4 ? "]" : "]]";
    CAPTURE(seed);
    CAPTURE(text);
    REQUIRE(everything.compare(text.data(), text.size()) == "");
  }
}

TEST_CASE(
    "a check, which forgets what is closed, and an outline: many containers, deep and shallow in turn") {
  tailrace::memory::Cache cache;
  Outliner outliner(cache);
  const uint64_t seeds = static_cast<uint64_t>(tailrace::test_times(40));
  for (uint64_t seed = 1; seed <= seeds; seed++) {
    Maker maker(seed);
    std::string text = "[", closing = "]";
    const size_t containers = 20'000 + maker.below(60'000);
    for (size_t made = 1; !closing.empty();) {
      // long ways up and down, so that some of what is open has stood there for many pieces
      const bool up = maker.below(10) < (made / 5'000 % 2 ? 4 : 6);
      if (made < containers && (up || closing.size() == 1)) {
        if (text.back() != '[' && text.back() != '{') text += ',';
        if (closing.back() == '}') text += "\"k\":";
        const bool object = maker.below(2);
        text += object ? '{' : '[';
        closing += object ? '}' : ']';
        made++;
      } else {
        text += closing.back();
        closing.pop_back();
      }
    }
    for (int round = 0; round < 6; round++) {
      std::string changed = text;
      if (round > 0) changed[maker.below(changed.size())] = "[]{},:1\" "[maker.below(9)];
      for (int isa = 0; isa < static_cast<int>(tailrace::cpu::Isa::count_); isa++) {
        if (!tailrace::cpu::supports(static_cast<tailrace::cpu::Isa>(isa))) continue;
        REQUIRE(choose_kernel(static_cast<tailrace::cpu::Isa>(isa)));
        CAPTURE(seed);
        CAPTURE(round);
        CAPTURE(isa);
        const OutlineStatus status = outliner.run(changed.data(), changed.size(), kNoDepthLimit, true);
        if (round == 0) REQUIRE(status == OutlineStatus::ok);
        REQUIRE(outliner.check(changed.data(), changed.size(), kNoDepthLimit, true) == status);
      }
    }
  }
}
