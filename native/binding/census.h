// How many of the binding's long-lived things are alive in the process: a worker thread that ends, however it
// ends, must leave none behind. The tests hold it by these counts, which are exact where bytes of memory are
// noise.
#pragma once

#include <napi.h>

#include "base/counter.h"

namespace tailrace::binding {

enum class Kind : unsigned { environment, loop_host, group, net_host, kinds };

/** A member of what is counted. */
class Alive {
 public:
  explicit Alive(Kind kind) noexcept : count_(counts[static_cast<unsigned>(kind)]) { count_.add(1); }
  ~Alive() { count_.subtract(1); }
  Alive(const Alive&) = delete;
  Alive& operator=(const Alive&) = delete;

  static uint64_t read(unsigned kind) noexcept { return counts[kind].read(); }

 private:
  constinit static inline SharedCounter counts[static_cast<unsigned>(Kind::kinds)] = {};
  SharedCounter& count_;
};

/** exports.census. */
Napi::Function init_census(Napi::Env env);

}  // namespace tailrace::binding
