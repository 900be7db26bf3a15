// See segment.h.
#include "server/segment.h"

#include <algorithm>
#include <cstring>

#include "base/bytes.h"

namespace tailrace::server {

// ---------------------------------------------------------------- CallTable

CallTable::~CallTable() { cache_.free(entries_); }

bool CallTable::reserve(uint32_t more) noexcept {
  if (size_ + more <= capacity_) return true;
  uint32_t capacity = capacity_ ? capacity_ : 64;
  while (capacity < size_ + more) capacity *= 2;
  auto* entries = static_cast<Entry*>(cache_.allocate(sizeof(Entry) * capacity));
  if (!entries) return false;
  if (entries_) std::memcpy(entries, entries_, sizeof(Entry) * used_);
  cache_.free(entries_);
  entries_ = entries;
  capacity_ = capacity;
  return true;
}

uint32_t CallTable::add(Call& call) noexcept {
  uint32_t slot = free_;
  if (slot != UINT32_MAX) {
    free_ = entries_[slot].next_free;
  } else {
    slot = used_++;
    entries_[slot].generation = 1;
  }
  entries_[slot].call = &call;
  size_++;
  return slot;
}

Call* CallTable::find(uint32_t slot, uint32_t generation) const noexcept {
  if (slot >= used_ || entries_[slot].generation != generation) return nullptr;
  return entries_[slot].call;
}

void CallTable::free_slot(uint32_t slot) noexcept {
  Entry& entry = entries_[slot];
  entry.call = nullptr;
  // 31 bits: JS keeps generations as small integers
  entry.generation = (entry.generation + 1) & 0x3fff'ffff;
  entry.next_free = free_;
  free_ = slot;
  size_--;
}

Call* CallTable::take(uint32_t slot, uint32_t generation) noexcept {
  Call* call = find(slot, generation);
  if (call) free_slot(slot);
  return call;
}

Call* CallTable::take_expired(uint32_t* at) noexcept {
  while (*at < used_) {
    const uint32_t slot = (*at)++;
    Call* call = entries_[slot].call;
    // relaxed: nothing but the state is looked at; one that expires just now is found the next time
    if (!call || call->state.load(std::memory_order_relaxed) != CallState::expired) continue;
    free_slot(slot);
    return call;
  }
  return nullptr;
}

Call* CallTable::take_any() noexcept {
  for (uint32_t slot = 0; slot < used_; slot++) {
    if (Call* call = entries_[slot].call) {
      free_slot(slot);
      return call;
    }
  }
  return nullptr;
}

// ---------------------------------------------------------------- Drain

namespace {

bool joins(const Call& call) noexcept {
  return (call.flags & Call::kHasParams) && !(call.flags & Call::kLazy) &&
         call.params.bytes <= Drain::kJoinBytes;
}

/** Bytes a call takes in the segment, its separator included. */
uint32_t sealed_bytes(const Call& call) noexcept {
  return call.params.bytes + call.id.bytes + call.line.bytes + 1;
}

/** Copies and tells whether all was ASCII. */
bool copy_ascii(char* to, std::string_view from) noexcept {
  unsigned char seen = 0;
  for (size_t i = 0; i < from.size(); i++) {
    to[i] = from[i];
    seen |= static_cast<unsigned char>(from[i]);
  }
  return seen < 0x80;
}

int32_t put(char* bytes, uint32_t* at, std::string_view text) noexcept {
  const uint32_t start = *at;
  append(bytes + start, text);
  *at += static_cast<uint32_t>(text.size());
  return static_cast<int32_t>(start);
}

}  // namespace

Call* Drain::next() noexcept {
  if (held_) {
    Call* call = held_;
    held_ = nullptr;
    return call;
  }
  while (Call* call = group_.pop()) {
    // relaxed: nobody waits for an expired one; if it expires now its answer is dropped later
    if (call->state.load(std::memory_order_relaxed) != CallState::expired) return call;
    give_back(*call);
  }
  return nullptr;
}

Batch Drain::seal(int32_t* words, uint32_t max_calls, char* bytes, uint32_t capacity,
                  uint64_t now_ns) noexcept {
  Batch batch;
  Call* taken[kMaxCalls];
  uint32_t room = 2;  // the brackets
  if (max_calls > kMaxCalls) max_calls = kMaxCalls;
  if (!table_.reserve(max_calls)) {
    if (table_.room() == 0) {
      batch.refused = refuse(max_calls);
      return batch;
    }
    max_calls = std::min(max_calls, table_.room());
  }
  while (batch.calls < max_calls) {
    Call* call = next();
    if (!call) break;
    if (room + sealed_bytes(*call) > capacity) {
      held_ = call;
      if (batch.calls == 0) batch.needed = room + sealed_bytes(*call);
      break;
    }
    room += sealed_bytes(*call);
    taken[batch.calls++] = call;
  }
  if (batch.calls == 0) return batch;

  uint32_t at = 0;
  bytes[at++] = '[';
  for (uint32_t i = 0; i < batch.calls; i++) {
    const Call& call = *taken[i];
    if (!joins(call)) continue;
    if (batch.joined++) bytes[at++] = ',';
    batch.ascii &= copy_ascii(bytes + at, call.record->view(call.params));
    words[i * kWords + 4] = static_cast<int32_t>(at);
    at += call.params.bytes;
  }
  bytes[at++] = ']';
  batch.joined_bytes = at;

  for (uint32_t i = 0; i < batch.calls; i++) {
    Call& call = *taken[i];
    const RequestRecord& record = *call.record;
    const bool raw = call.kind == Call::Kind::raw;
    const bool joined = joins(call);
    int32_t* word = words + i * kWords;
    const uint32_t slot = table_.add(call);
    word[0] = static_cast<int32_t>(slot);
    word[1] = static_cast<int32_t>(table_.generation(slot));
    word[2] = static_cast<int32_t>(call.target);
    word[3] = (call.flags & (Call::kNotification | Call::kHasParams | Call::kLazy)) | (raw ? kRaw : 0) |
              (joined ? kJoined : 0);
    if (!joined) word[4] = put(bytes, &at, record.view(call.params));
    word[5] = static_cast<int32_t>(call.params.bytes);
    const Span head = raw ? call.line : call.id;
    word[6] = put(bytes, &at, record.view(head));
    word[7] = static_cast<int32_t>(head.bytes);
    word[8] = call.deadline_ns > now_ns ? static_cast<int32_t>((call.deadline_ns - now_ns) / 1'000'000) : 0;
  }
  batch.bytes = at;
  return batch;
}

uint32_t Drain::refuse(uint32_t max_calls) noexcept {
  uint32_t refused = 0;
  for (; refused < max_calls; refused++) {
    Call* call = next();
    if (!call) break;
    server::abandon(*call);
  }
  return refused;
}

uint32_t Drain::give_back_expired() noexcept {
  uint32_t slot = 0;
  uint32_t given = 0;
  for (; Call* call = table_.take_expired(&slot); given++) give_back(*call);
  return given;
}

void Drain::abandon() noexcept {
  if (held_) {
    if (group_.push(*held_)) {
      group_.notify();
    } else {
      server::abandon(*held_);
    }
  }
  held_ = nullptr;
  while (Call* call = table_.take_any()) server::abandon(*call);
}

}  // namespace tailrace::server
