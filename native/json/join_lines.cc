// See join_lines.h.
#include "json/join_lines.h"

#include <cstring>

#include "json/lines.h"
#include "json/parser.h"

namespace tailrace::json {

JoinedLines join_lines(Outliner& outliner, const uint8_t* text, size_t size, size_t max_line,
                       uint8_t* to) noexcept {
  JoinedLines result;
  uint8_t* out = to;
  *out++ = '[';
  LineCursor line(text, size, max_line);
  for (;;) {
    const LineCursor::Kind kind = line.next();
    if (kind == LineCursor::Kind::end || kind == LineCursor::Kind::too_long) break;
    if (kind == LineCursor::Kind::line) {
      if (outliner.check(reinterpret_cast<const char*>(line.data()), line.size(), kNoDepthLimit, true) !=
          OutlineStatus::ok)
        break;
      memcpy(out, line.data(), line.size());
      out += line.size();
      *out++ = ',';
      result.count++;
    }
    line.take();
  }
  if (result.count) out--;
  *out++ = ']';
  result.bytes = static_cast<size_t>(out - to);
  result.lines = line.lines();
  result.consumed = line.consumed();
  return result;
}

}  // namespace tailrace::json
