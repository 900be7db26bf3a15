// Decoding by a program, on every kernel, and encoding, on arbitrary bytes: a program that stands for some
// schema, an input that is text for it; and the input again as the words of an encoder's tape. Build with
// -DTAILRACE_FUZZ=ON.
#include "schema_program.h"

namespace json = tailrace::json;
namespace test = tailrace::json_test;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const test::MadeProgram program(data[0]);
  test::decode_everywhere(program, data + 1, size - 1);
  test::encode_words(data + 1, size - 1);
  return 0;
}
