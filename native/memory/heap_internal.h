// What cache.cc and heap.cc share: the list of live caches and the heap's counters.
#pragma once

#include "base/counter.h"
#include "base/lock.h"

namespace tailrace::memory {

class Cache;

namespace internal {
extern Mutex caches_mutex;
extern Cache* caches;  // under caches_mutex
extern SharedCounter refused;
extern SharedCounter past_refills;  // of caches that are gone
extern SharedCounter past_releases;
extern SharedCounter large_spans;
extern SharedCounter large_pages;
}  // namespace internal

}  // namespace tailrace::memory
