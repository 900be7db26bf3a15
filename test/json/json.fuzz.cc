// Every kernel and every reader on the same bytes: the slow scanner says what is JSON, the tapes must agree
// with it and with each other. test/json/corpus.mjs makes the first texts.
#include <cstdio>
#include <cstdlib>

#include "tape_text.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tailrace::json::test::Everything everything;
  // the first byte chooses how often the text is read (constructors come after a dozen) and how it is cut
  uint8_t mode = size ? data[0] : 0;
  everything.rounds = (mode & 1) && size < 512 ? 15 : 2;
  everything.small_chunks = mode & 2;
  everything.texts = mode & 4;
  if (size) {
    data++;
    size--;
  }
  std::string wrong = everything.compare(reinterpret_cast<const char*>(data), size);
  if (!wrong.empty()) {
    fprintf(stderr, "%s\n", wrong.c_str());
    abort();
  }
  return 0;
}
