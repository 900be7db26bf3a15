// What the server keeps once per P: scratch memory that every connection of the P uses in its turn.
#pragma once

#include <cstddef>

#include "http/reply.h"
#include "json/parser.h"
#include "sched/p.h"
#include "sched/plocal.h"

namespace tailrace::server {

struct ServerLocal {
  // A read of 64 KB takes a pipelined burst of a few hundred small requests, or most bodies whole.
  static constexpr size_t kReadBytes = 64 * 1024;
  static constexpr size_t kCorkBytes = 64 * 1024;

  explicit ServerLocal(sched::P& p) noexcept : parser(p.cache()) {}

  json::Parser parser;
  http::DateCache date;
  size_t corked = 0;
  char read[kReadBytes];
  char cork[kCorkBytes];
};

inline constinit sched::PLocal<ServerLocal> server_local;

}  // namespace tailrace::server
