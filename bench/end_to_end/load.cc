// A closed-loop HTTP/1.1 load generator: load PORT CONNECTIONS SECONDS BODY_FILE. Opens all connections, says
// "open", rests a moment, keeps one POST /rpc under way on each, lets a second pass, says "begin", measures,
// and prints one line of JSON: {"requests", "seconds", "p50_us", "p99_us", "errors"}. An error is a lost
// connection or a reply that is not a 200 with a "result". Linux only; built by end-to-end.bench.ts.

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

namespace {

constexpr int kWarmupSeconds = 1;
constexpr size_t kSampleEvery = 4;

uint64_t now_ns() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return uint64_t(t.tv_sec) * 1000000000u + uint64_t(t.tv_nsec);
}

struct Connection {
  int fd = -1;
  uint64_t sent_ns = 0;
  std::string in;
};

/** Bytes of the whole reply at the front of `in`; 0 while it is not complete. */
size_t reply_size(const std::string& in) {
  const size_t head = in.find("\r\n\r\n");
  if (head == std::string::npos) return 0;
  const std::string lower = [&] {
    std::string text = in.substr(0, head);
    for (char& c : text) c = char(tolower(c));
    return text;
  }();
  const size_t at = lower.find("\r\ncontent-length:");
  const size_t body = at == std::string::npos ? 0 : strtoul(lower.c_str() + at + 17, nullptr, 10);
  return in.size() >= head + 4 + body ? head + 4 + body : 0;
}

bool send_all(int fd, const std::string& text) {
  for (size_t at = 0; at < text.size();) {
    const ssize_t n = send(fd, text.data() + at, text.size() - at, MSG_NOSIGNAL);
    if (n > 0)
      at += size_t(n);
    else if (errno != EINTR)
      return false;
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) return fprintf(stderr, "load PORT CONNECTIONS SECONDS BODY_FILE\n"), 2;
  const int count = atoi(argv[2]);
  const double seconds = atof(argv[3]);
  std::string body;
  FILE* file = fopen(argv[4], "r");
  if (file == nullptr) return perror(argv[4]), 1;
  char block[65536];
  for (size_t n; (n = fread(block, 1, sizeof block, file)) > 0;) body.append(block, n);
  fclose(file);
  const std::string request =
      "POST /rpc HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: " +
      std::to_string(body.size()) + "\r\n\r\n" + body;

  const int poller = epoll_create1(0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(uint16_t(atoi(argv[1])));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::vector<Connection> connections{size_t(count)};
  for (int i = 0; i < count; i++) {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
      return perror("connect"), 1;
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    connections[size_t(i)].fd = fd;
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u32 = uint32_t(i);
    epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
    if (i % 256 == 255) usleep(5000);
  }
  puts("open");
  fflush(stdout);
  usleep(800000);

  uint64_t requests = 0, errors = 0, replies = 0;
  std::vector<uint32_t> samples_us;
  samples_us.reserve(1 << 22);
  for (Connection& c : connections) {
    c.sent_ns = now_ns();
    if (!send_all(c.fd, request)) errors++;
  }
  const uint64_t begin = now_ns() + uint64_t(kWarmupSeconds) * 1000000000u;
  uint64_t end = ~uint64_t(0), started = 0;
  std::vector<epoll_event> events(1024);
  for (uint64_t now = now_ns(); now < end; now = now_ns()) {
    if (started == 0 && now >= begin) {
      started = now;
      end = now + uint64_t(seconds * 1e9);
      requests = 0;
      samples_us.clear();
      puts("begin");
      fflush(stdout);
    }
    const int ready = epoll_wait(poller, events.data(), int(events.size()), 10);
    for (int k = 0; k < ready; k++) {
      Connection& c = connections[events[size_t(k)].data.u32];
      const ssize_t n = recv(c.fd, block, sizeof block, 0);
      if (n <= 0) {
        errors++;
        epoll_ctl(poller, EPOLL_CTL_DEL, c.fd, nullptr);
        continue;
      }
      c.in.append(block, size_t(n));
      const size_t size = reply_size(c.in);
      if (size == 0) continue;
      if (c.in.compare(0, 12, "HTTP/1.1 200") != 0 || c.in.find("\"result\"") > size) errors++;
      c.in.erase(0, size);
      requests++;
      const uint64_t done = now_ns();
      if (++replies % kSampleEvery == 0) samples_us.push_back(uint32_t((done - c.sent_ns) / 1000));
      c.sent_ns = done;
      if (!send_all(c.fd, request)) errors++;
    }
  }
  const double took = double(now_ns() - started) / 1e9;
  std::sort(samples_us.begin(), samples_us.end());
  const auto at = [&](double p) {
    return samples_us.empty() ? 0u : samples_us[size_t(p * double(samples_us.size() - 1))];
  };
  printf("{\"requests\":%llu,\"seconds\":%.3f,\"p50_us\":%u,\"p99_us\":%u,\"errors\":%llu}\n",
         static_cast<unsigned long long>(requests), took, at(0.5), at(0.99),
         static_cast<unsigned long long>(errors));
  return 0;
}
