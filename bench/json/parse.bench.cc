// Bytes to the two tapes, a text of records made from a seed; and an envelope of the size the RPC layer sees.
// Run with TAILRACE_ISA=fallback|westmere|haswell|icelake to compare kernels.
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "../support/timing.h"
#include "json/kernel.h"
#include "json/parser.h"
#include "memory/cache.h"

using namespace tailrace;

namespace {

std::string records(size_t bytes) {
  std::mt19937_64 random(1);
  std::string text = "[";
  for (int i = 0; text.size() < bytes; i++) {
    text += "{\"id\":" + std::to_string(random() % 1'000'000) + ",\"name\":\"user " +
            std::to_string(random() % 10'000) + "\",\"text\":\"日本語 and some more\",\"at\":{\"lat\":" +
            std::to_string((random() % 180'000) / 1000.0) +
            ",\"lon\":-0.25},\"tags\":[\"a\",\"bb\"],\"ok\":true,\"none\":null},\n";
  }
  text.resize(text.size() - 2);
  return text + "]";
}

}  // namespace

int main() {
  cpu::Isa isa;
  const char* wanted = getenv("TAILRACE_ISA");
  if (wanted && cpu::parse(wanted, &isa) && !json::choose_kernel(isa))
    fprintf(stderr, "this CPU cannot run %s\n", wanted);
  printf("kernel: %s\n", cpu::name(json::kernel().isa));

  memory::Cache cache;
  json::Parser parser(cache);
  const std::string large = records(1 << 20);
  const std::string envelope = R"({"jsonrpc":"2.0","method":"add","params":[1,2],"id":12345})";
  json::ValueTape tape(cache);
  std::vector<int32_t> words(json::ValueTape::words_for(large.size()));
  std::vector<double> doubles(large.size() / 8);
  tape.words = words.data();
  tape.doubles = doubles.data();
  tape.double_capacity = doubles.size();
  std::unique_ptr<json::Stage1> stage1(new json::Stage1);

  bench::time("envelope of 58 bytes: index tape", [&] {
    if (!parser.parse(envelope.data(), envelope.size(), {}, nullptr).ok()) abort();
  });
  bench::time("1 MB of records: stage 1", [&] {
    stage1->begin(large.data(), large.size());
    do json::kernel().refill(*stage1);
    while (stage1->at < stage1->size);
    if (stage1->bad || stage1->bad_utf8) abort();
  });
  bench::time("1 MB of records: index tape", [&] {
    if (!parser.parse(large.data(), large.size(), {}, nullptr).ok()) abort();
  });
  bench::time("1 MB of records: value tape", [&] {
    stage1->begin(large.data(), large.size());
    if (json::kernel().write_values(*stage1, tape) != json::TapeStatus::ok) abort();
  });
}
