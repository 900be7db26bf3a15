// Decoding by a program, on every kernel, and encoding, on arbitrary bytes: a program that stands for some
// schema, an input that is text for it, and lines of such texts; and the input again as the words of an
// encoder's tape. Build with -DTAILRACE_FUZZ=ON.
#include "schema_program.h"
#include "program_lines.h"

namespace json = tailrace::json;
namespace test = tailrace::json_test;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const test::MadeProgram program(data[0]);
  test::decode_everywhere(program, data + 1, size - 1);
  std::string lines(reinterpret_cast<const char*>(data + 1), size - 1);
  lines += '\n';
  // a table of few rows too, lines that are too long, and a tape that is full soon
  test::decode_lines_twice(data[0], lines, data[0] & 32 ? 3 : 64, data[0] & 64 ? 40 : 1 << 20, data[0] & 128);
  test::encode_words(data + 1, size - 1);
  return 0;
}
