// Bytes to the tape against simdjson's DOM, the same texts in the same run: the value tape, which has all
// that the DOM has (numbers converted, strings unescaped) and besides keys looked up in the trie and UTF-16
// for what is not ASCII; the outline of lazy documents and the index tape of the RPC layer, which check all
// and leave scalars as text. The bar: the value tape's geometric mean over the texts is 1.05 at least.
//
//   npm run bench -- json/simdjson                      the datasets of bench/support/datasets.ts
//   TAILRACE_BENCH_FILES=a.json:folder npm run bench -- json/simdjson        and these
//   build-cmake-bench/bench_json_simdjson_bench a.json folder                these alone
//
// TAILRACE_ISA=westmere|haswell|icelake gives both the same kernel. simdjson is npm's @nozbe/simdjson;
// `cmake --preset bench -DSIMDJSON_DIR=folder` takes another simdjson.h and simdjson.cpp.
#include <cstdio>
#include <cstdlib>

#if __has_include(<simdjson.h>)
#include <simdjson.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "../support/compare.h"
#include "json/kernel.h"
#include "json/outline.h"
#include "json/parser.h"
#include "memory/cache.h"

using namespace tailrace;
namespace fs = std::filesystem;

namespace {

struct Mean {
  double logs = 0;
  int count = 0;
  void add(const bench::Comparison& c) {
    logs += std::log(c.ratio.median);
    count++;
  }
  double value() const { return std::exp(logs / count); }
};

class Ours {
 public:
  explicit Ours(const std::string& text)
      : text_(text), words_(json::ValueTape::words_for(text.size())), doubles_(text.size() / 2 + 8) {
    tape_.words = words_.data();
    tape_.doubles = doubles_.data();
    tape_.double_capacity = doubles_.size();
    // all of it to the tape, also what JSON.parse is given otherwise
    tape_.fewest_generic = tape_.most_refused = 0xffff'ffffu;
  }
  bool values() {
    stage1_->begin(text_.data(), text_.size());
    return json::kernel().write_values(*stage1_, tape_) == json::TapeStatus::ok;
  }
  bool outline() {
    return outliner_.run(text_.data(), text_.size(), json::kNoDepthLimit, false) == json::OutlineStatus::ok;
  }
  bool index() { return parser_.parse(text_.data(), text_.size(), {}, nullptr).ok(); }

 private:
  const std::string& text_;
  memory::Cache cache_;
  json::Parser parser_{cache_};
  json::Outliner outliner_{cache_};
  json::ValueTape tape_{cache_};
  std::unique_ptr<json::Stage1> stage1_{new json::Stage1};
  std::vector<int32_t> words_;
  std::vector<double> doubles_;
};

void texts_of(const fs::path& path, std::vector<fs::path>* into) {
  if (!fs::is_directory(path)) return into->push_back(path);
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(path))
    if (entry.path().extension() == ".json" && entry.file_size() > 0) found.push_back(entry.path());
  std::sort(found.begin(), found.end());
  into->insert(into->end(), found.begin(), found.end());
}

/** Both on the kernel TAILRACE_ISA names. */
void choose(const char* name) {
  cpu::Isa isa;
  if (!cpu::parse(name, &isa) || !json::choose_kernel(isa)) fprintf(stderr, "this CPU cannot run %s\n", name);
  const auto* peer = simdjson::get_available_implementations()[name];
  if (peer && peer->supported_by_runtime_system()) simdjson::get_active_implementation() = peer;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<fs::path> paths;
  for (int i = 1; i < argc; i++) texts_of(argv[i], &paths);
  if (const char* files = argc > 1 ? nullptr : std::getenv("TAILRACE_BENCH_FILES")) {
    for (const char* at = files; *at;) {
      const size_t length = std::strcspn(at, ":");
      if (length > 0) texts_of(std::string(at, length), &paths);
      at += length + (at[length] == ':');
    }
  }
  if (paths.empty()) {
    puts("no texts: name files or folders, or run by `npm run bench -- json/simdjson`");
    return 1;
  }
  if (const char* wanted = std::getenv("TAILRACE_ISA")) choose(wanted);
  const std::string peer_kernel = simdjson::get_active_implementation()->name();
  printf("bytes to the tape, %s kernel, against the DOM of simdjson %s, %s kernel\n",
         cpu::name(json::kernel().isa), SIMDJSON_VERSION, peer_kernel.c_str());
  puts("ratio above 1: faster; medians of 21 interleaved blocks with 95 % intervals\n");
  printf("%-34s%-22s%-22s%-12s%s\n", "", "ratio", "A/A", "ours MB/s", "simdjson MB/s");

  Mean values, outlines, indexes;
  for (const fs::path& path : paths) {
    std::ifstream file(path, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    const simdjson::padded_string padded(text);
    simdjson::dom::parser dom;
    Ours ours(text);
    if (dom.parse(padded).error() || !ours.values() || !ours.outline() || !ours.index()) {
      printf("%s: not for all of them\n", path.stem().c_str());
      continue;
    }
    auto row = [&](const std::string& label, Mean& mean, bool (Ours::*work)()) {
      const auto compared = bench::compare(
          [&] {
            if (!(ours.*work)()) abort();
          },
          [&] {
            if (dom.parse(padded).error()) abort();
          });
      bench::show(label.c_str(), compared, text.size());
      mean.add(compared);
    };
    row(path.stem().string() + ", value tape", values, &Ours::values);
    row("  outline", outlines, &Ours::outline);
    row("  index tape", indexes, &Ours::index);
  }
  if (values.count == 0) return 1;
  printf("\ngeometric mean of %d: value tape %.3f, outline %.3f, index tape %.3f\n", values.count,
         values.value(), outlines.value(), indexes.value());
}

#else
int main() { puts("simdjson is missing: npm install, or cmake --preset bench -DSIMDJSON_DIR=folder"); }
#endif
