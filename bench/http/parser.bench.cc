// The request parser, its bodies and the reply head on the requests that the load generator sends.
#include <string>

#include "../support/timing.h"
#include "http/body.h"
#include "http/reply.h"
#include "http/request_parser.h"

using namespace tailrace::http;

namespace {

Header headers[100];

size_t parse(const std::string& text, size_t seen = 0) {
  Request request;
  request.headers = headers;
  request.header_capacity = 100;
  ParseResult result = RequestParser::parse(text.data(), text.size(), seen, Limits{}, &request);
  return result.consumed + request.header_count;
}

const std::string kSmall =
    "POST /rpc HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 60\r\n\r\n"
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"add\",\"params\":[1,2]}      ";

const std::string kBrowser =
    "GET /index.html?lang=en HTTP/1.1\r\nHost: www.example.org\r\nConnection: keep-alive\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 "
    "Safari/537.36\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n"
    "Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\nAccept-Encoding: gzip, deflate, br\r\n"
    "Cookie: session=0123456789abcdef0123456789abcdef; theme=dark; consent=yes\r\n"
    "Sec-Fetch-Dest: document\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Site: none\r\nCache-Control: "
    "max-age=0\r\n\r\n";

}  // namespace

int main() {
  bench::time("small JSON-RPC request, whole", [] { bench::keep(parse(kSmall)); });
  bench::time("the same, its last byte came alone",
              [] { bench::keep(parse(kSmall, kSmall.find("\r\n\r\n") + 3)); });
  bench::time("browser's request, 12 headers", [] { bench::keep(parse(kBrowser)); });
  bench::time("reply head, 200 with JSON and Date", [] {
    static DateCache dates;
    static uint64_t now = 1700000000000;
    char out[512];
    ReplyHead reply;
    reply.content_type = "application/json";
    reply.content_length = 40;
    reply.date = dates.at(now);
    bench::keep(write_head(out, reply));
  });
  bench::time("chunked body, 16 chunks of 64 bytes", [] {
    static const std::string text = [] {
      std::string all;
      for (int i = 0; i < 16; i++) all += "40\r\n" + std::string(64, 'x') + "\r\n";
      return all + "0\r\n\r\n";
    }();
    static char out[2048];
    ChunkedDecoder decoder;
    bench::keep(decoder.decode(text.data(), text.size(), out, Limits{}).produced);
  });
  return 0;
}
