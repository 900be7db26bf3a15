// What other threads put into a P's inbox: an intrusive node that says by itself what is to be done with it.
// It is part of a record that its sender already has (a request, a close order), so posting allocates nothing
// and can never find the inbox full.
#pragma once

#include "base/mpsc.h"

namespace tailrace::sched {

class P;

struct Message : MpscNode {
  /**
   * Runs once, on the P's owner, in the order of the posts; the node is off all lists and may be freed here.
   * If `p.closed()`, the P died before it came to the message: this then runs on whatever thread found it,
   * which owns nothing of the P, and only settles or frees the record (memory::Cache::free_remote).
   */
  using Deliver = void (*)(Message& self, P& p) noexcept;
  Deliver deliver = nullptr;
};

}  // namespace tailrace::sched
