// See record.h.
#include "server/record.h"

#include <cstring>
#include <new>

#include "base/bytes.h"
#include "sched/p.h"

namespace tailrace::server {

char* Call::make_room(memory::Cache& cache, size_t bytes) noexcept {
  if (bytes <= kInlineBytes) return small;
  result_block = static_cast<char*>(cache.allocate(bytes));
  return result_block;
}

RequestRecord* RequestRecord::create(memory::Cache& cache, uint32_t calls, size_t data_bytes) noexcept {
  void* block = cache.allocate(sizeof(RequestRecord) + calls * sizeof(Call) + data_bytes);
  if (!block) return nullptr;
  auto* record = new (block) RequestRecord;
  record->call_count = calls;
  record->data_bytes = static_cast<uint32_t>(data_bytes);
  for (uint32_t i = 0; i < calls; i++) {
    auto* call = new (record->calls() + i) Call;
    call->record = record;
  }
  return record;
}

void RequestRecord::destroy(memory::Cache& cache) noexcept {
  for (uint32_t i = 0; i < call_count; i++) cache.free(calls()[i].result_block);
  cache.free(this);
}

void RequestRecord::destroy_anywhere() noexcept {
  for (uint32_t i = 0; i < call_count; i++) {
    if (calls()[i].result_block) memory::Cache::free_remote(calls()[i].result_block);
  }
  memory::Cache::free_remote(this);
}

uint64_t RequestRecord::expire(uint64_t now_ns, bool* newly) noexcept {
  // How soon a record that is settled in part is looked at again: an isolate is between "writing" and
  // "finished" for one memcpy, and while some calls of a batch have expired the others come back without a
  // message.
  constexpr uint64_t kAgainNs = 2'000'000;
  uint64_t next = kSettled;
  bool partly = false;
  for (uint32_t i = 0; i < call_count; i++) {
    Call& call = calls()[i];
    // acquire: a finished result is read next; partner: the release in settle()
    CallState state = call.state.load(std::memory_order_acquire);
    if (state == CallState::open && call.deadline_ns <= now_ns &&
        call.state.compare_exchange_strong(state, CallState::expired, std::memory_order_acq_rel,
                                           std::memory_order_acquire)) {
      state = CallState::expired;
      if (newly) *newly = true;
    }
    partly |= state == CallState::expired;
    if (state == CallState::open && call.deadline_ns < next) next = call.deadline_ns;
    if (state == CallState::writing && now_ns + kAgainNs < next) next = now_ns + kAgainNs;
  }
  if (next == kSettled || now_ns == kAll) return kSettled;
  return partly && now_ns + kAgainNs < next ? now_ns + kAgainNs : next;
}

void give_back(Call& call) noexcept {
  RequestRecord& record = *call.record;
  // acq_rel: gathers what the other calls' isolates wrote (release) for the P that takes the message
  if (record.outstanding.fetch_sub(1, std::memory_order_acq_rel) == 1) record.p->post_quiet(record);
}

void abandon(Call& call) noexcept {
  CallState state = CallState::open;
  // acq_rel: partner of the exchange in expire(); one of the two wins
  call.state.compare_exchange_strong(state, CallState::abandoned, std::memory_order_acq_rel,
                                     std::memory_order_relaxed);
  give_back(call);
}

bool settle(Call& call, const Answer& answer, memory::Cache& cache) noexcept {
  CallState state = CallState::open;
  // acq_rel: partner of the exchange in expire(); one of the two wins
  const bool mine = call.state.compare_exchange_strong(state, CallState::writing, std::memory_order_acq_rel,
                                                       std::memory_order_relaxed);
  if (mine) {
    // What a call's 32 bits cannot say counts as no memory.
    const bool fits = answer.bytes.size() <= UINT32_MAX;
    char* room = fits ? call.make_room(cache, answer.bytes.size()) : nullptr;
    if (room) {
      append(room, answer.bytes);
      call.kind = answer.kind;
      call.status = answer.status;
      call.result_head_bytes = answer.head_bytes;
      call.result_bytes = static_cast<uint32_t>(answer.bytes.size());
      call.state.store(CallState::finished, std::memory_order_release);  // partner: the acquire in expire()
    } else {
      // No memory for the answer: the peer is told that there was none in time.
      call.state.store(CallState::expired, std::memory_order_release);
    }
  }
  give_back(call);
  return mine;
}

}  // namespace tailrace::server
