// The isolate's side: handles that go stale, what is sealed where, and the race between an answer and a
// deadline.
#include <doctest/doctest.h>

#include <atomic>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "../sched/loop.h"
#include "memory/heap.h"
#include "server/segment.h"

using namespace tailrace;
using namespace tailrace::server;

TEST_CASE("a handle is good until its call is taken, and never again") {
  memory::Cache cache;
  CallTable table(cache);
  std::vector<Call> calls(200);
  std::vector<std::pair<uint32_t, uint32_t>> handles;
  CHECK(table.reserve(200));
  for (Call& call : calls) {
    const uint32_t slot = table.add(call);
    handles.emplace_back(slot, table.generation(slot));
  }
  for (size_t i = 0; i < calls.size(); i++)
    CHECK(table.find(handles[i].first, handles[i].second) == &calls[i]);
  for (size_t i = 0; i < calls.size(); i++)
    CHECK(table.take(handles[i].first, handles[i].second) == &calls[i]);
  CHECK(table.size() == 0);
  CHECK(table.reserve(1));
  const uint32_t slot = table.add(calls[0]);
  for (auto [old, generation] : handles) CHECK(table.take(old, generation) == nullptr);
  CHECK(table.find(12345, 1) == nullptr);
  CHECK(table.take(slot, table.generation(slot)) == &calls[0]);
  CHECK(table.take_any() == nullptr);
}

namespace {

/** A record whose only "P" is the loop's; freed where it comes back. */
RequestRecord* make_record(memory::Cache& cache, sched::P& p, const std::vector<std::string>& params,
                           std::atomic<int>* returned = nullptr) {
  size_t bytes = 0;
  for (const auto& text : params) bytes += text.size() + 1;
  RequestRecord* record = RequestRecord::create(cache, static_cast<uint32_t>(params.size()), bytes);
  record->p = &p;
  record->outstanding = static_cast<uint32_t>(params.size());
  uint32_t at = 0;
  for (uint32_t i = 0; i < params.size(); i++) {
    Call& call = record->calls()[i];
    std::memcpy(record->data() + at, params[i].data(), params[i].size());
    call.flags = Call::kHasParams;
    call.kind = Call::Kind::result;
    call.params = {at, static_cast<uint32_t>(params[i].size())};
    call.id = {at, 1};
    call.target = i;
    call.deadline_ns = UINT64_MAX - 1;
    at += static_cast<uint32_t>(params[i].size()) + 1;
  }
  static std::atomic<int>* counter;
  counter = returned;
  record->deliver = [](sched::Message& message, sched::P& p) noexcept {
    if (counter) ++*counter;
    static_cast<RequestRecord&>(message).destroy(p.cache());
  };
  return record;
}

}  // namespace

TEST_CASE("small params are joined, large ones stand alone, and what does not fit waits") {
  memory::Cache cache;
  test::Loop loop;
  HandlerGroup* group = HandlerGroup::create(cache, nullptr, 16);
  CallTable table(cache);
  Drain drain(*group, table);
  const std::string large = "[\"" + std::string(3000, 'l') + "\"]";
  const std::vector<std::string> params = {"[1]", large, "{\"a\":\"\xc3\xbc\"}", "[4]"};
  RequestRecord* record = make_record(cache, loop.p(), params);
  for (uint32_t i = 0; i < 4; i++) CHECK(group->push(record->calls()[i]));

  std::vector<int32_t> words(Drain::kWords * Drain::kMaxCalls);
  std::vector<char> bytes(64);
  Batch batch = drain.seal(words.data(), 512, bytes.data(), 64, 0);
  CHECK(batch.calls == 1);  // the large one does not fit
  CHECK(batch.needed == 0);
  CHECK(std::string(bytes.data(), batch.joined_bytes) == "[[1]]");
  CHECK(drain.pending());
  batch = drain.seal(words.data(), 512, bytes.data(), 64, 0);
  CHECK(batch.calls == 0);
  CHECK(batch.needed > large.size());
  bytes.resize(8192);
  batch = drain.seal(words.data(), 512, bytes.data(), 8192, 0);
  CHECK(batch.calls == 3);
  CHECK(batch.joined == 2);
  CHECK_FALSE(batch.ascii);
  CHECK(std::string(bytes.data(), batch.joined_bytes) == "[{\"a\":\"\xc3\xbc\"},[4]]");
  CHECK_FALSE(drain.pending());
  for (uint32_t i = 0; i < 3; i++) {
    const int32_t* word = words.data() + i * Drain::kWords;
    CHECK(std::string(bytes.data() + word[4], static_cast<size_t>(word[5])) == params[i + 1]);
    CHECK(((word[3] & Drain::kJoined) != 0) == (i != 0));
    CHECK(word[2] == static_cast<int32_t>(i + 1));
  }
  CHECK(table.size() == 4);
  drain.abandon();
  group->give_back_all();
  loop.run();
  CHECK(table.size() == 0);
  group->release(cache);
}

TEST_CASE("a call that expired in the queue is not begun") {
  memory::Cache cache;
  test::Loop loop;
  std::atomic<int> returned{0};
  HandlerGroup* group = HandlerGroup::create(cache, nullptr, 16);
  CallTable table(cache);
  Drain drain(*group, table);
  RequestRecord* record = make_record(cache, loop.p(), {"[1]", "[2]"}, &returned);
  CHECK(group->push(record->calls()[0]));
  CHECK(group->push(record->calls()[1]));
  CHECK(record->expire(RequestRecord::kAll) == RequestRecord::kSettled);
  std::vector<int32_t> words(Drain::kWords * Drain::kMaxCalls);
  std::vector<char> bytes(1024);
  CHECK(drain.seal(words.data(), 512, bytes.data(), 1024, 0).calls == 0);
  loop.run();
  CHECK(returned == 1);
  group->release(cache);
}

TEST_CASE("a call that expired while its handler runs goes home without it; what comes later is stale") {
  memory::Cache cache;
  test::Loop loop;
  std::atomic<int> returned{0};
  HandlerGroup* group = HandlerGroup::create(cache, nullptr, 16);
  CallTable table(cache);
  Drain drain(*group, table);
  RequestRecord* record = make_record(cache, loop.p(), {"[1]", "[2]", "[3]"}, &returned);
  for (uint32_t i = 0; i < 3; i++) CHECK(group->push(record->calls()[i]));
  record->calls()[0].deadline_ns = record->calls()[2].deadline_ns = 10;
  std::vector<int32_t> words(Drain::kWords * Drain::kMaxCalls);
  std::vector<char> bytes(4096);
  CHECK(drain.seal(words.data(), 512, bytes.data(), 4096, 0).calls == 3);
  CHECK(drain.give_back_expired() == 0);
  CHECK(record->expire(20) != RequestRecord::kSettled);
  CHECK(drain.give_back_expired() == 2);
  CHECK(drain.give_back_expired() == 0);
  CHECK(table.size() == 1);
  const auto handle = [&](uint32_t i) {
    const int32_t* word = words.data() + i * Drain::kWords;
    return table.take(static_cast<uint32_t>(word[0]), static_cast<uint32_t>(word[1]));
  };
  CHECK(handle(0) == nullptr);
  CHECK(handle(2) == nullptr);
  loop.run();
  CHECK(returned == 0);  // one of its calls is still under way
  Call* last = handle(1);
  CHECK(last == &record->calls()[1]);
  CHECK(settle(*last, {Call::Kind::result, 200, 0, "1"}, cache));
  loop.run();
  CHECK(returned == 1);
  group->release(cache);
}

TEST_CASE("without memory for handles calls are refused, not left to spin; afterwards all is as before") {
  memory::Cache cache;
  test::Loop loop;
  std::atomic<int> returned{0};
  HandlerGroup* group = HandlerGroup::create(cache, nullptr, 16);
  std::vector<int32_t> words(Drain::kWords * Drain::kMaxCalls);
  std::vector<char> bytes(1024);
  CallTable table(cache);
  Drain drain(*group, table);
  RequestRecord* record = make_record(cache, loop.p(), {"[1]", "[2]"}, &returned);
  RequestRecord* later = make_record(cache, loop.p(), {"[3]"}, &returned);
  CHECK(group->push(record->calls()[0]));
  CHECK(group->push(record->calls()[1]));

  std::vector<void*> hoard;
  memory::set_limit(1);
  for (size_t size : {16384u, 8192u, 4096u, 2048u, 1024u}) {
    while (void* block = cache.allocate(size)) hoard.push_back(block);
  }
  Batch batch = drain.seal(words.data(), 512, bytes.data(), 1024, 0);
  CHECK(batch.calls == 0);
  CHECK(batch.needed == 0);
  CHECK(batch.refused == 2);
  CHECK_FALSE(drain.pending());
  CHECK(record->calls()[0].state == CallState::abandoned);
  loop.run();
  CHECK(returned == 1);

  memory::set_limit(memory::kUnlimited);
  for (void* block : hoard) cache.free(block);
  CHECK(group->push(later->calls()[0]));
  batch = drain.seal(words.data(), 512, bytes.data(), 1024, 0);
  CHECK(batch.calls == 1);
  CHECK(batch.refused == 0);
  drain.abandon();
  loop.run();
  CHECK(returned == 2);
  group->release(cache);
}

TEST_CASE("a full table goes on with the handles that come free when it cannot grow") {
  memory::Cache cache;
  test::Loop loop;
  HandlerGroup* group = HandlerGroup::create(cache, nullptr, 256);
  std::vector<int32_t> words(Drain::kWords * Drain::kMaxCalls);
  std::vector<char> bytes(8192);
  CallTable table(cache);
  Drain drain(*group, table);
  RequestRecord* record = make_record(cache, loop.p(), std::vector<std::string>(100, "[1]"));
  for (uint32_t i = 0; i < 100; i++) CHECK(group->push(record->calls()[i]));
  CHECK(drain.seal(words.data(), 60, bytes.data(), 8192, 0).calls == 60);  // of 64 handles
  std::vector<void*> hoard;
  memory::set_limit(1);
  for (size_t size : {16384u, 8192u, 4096u, 2048u, 1024u}) {
    while (void* block = cache.allocate(size)) hoard.push_back(block);
  }
  const Batch batch = drain.seal(words.data(), 60, bytes.data(), 8192, 0);
  CHECK(batch.calls == 4);
  CHECK(batch.refused == 0);
  CHECK(group->size() == 36);
  CHECK(drain.refuse(30) == 30);
  CHECK(group->size() == 6);
  memory::set_limit(memory::kUnlimited);
  for (void* block : hoard) cache.free(block);
  drain.abandon();
  group->give_back_all();
  loop.run();
  group->release(cache);
}

TEST_CASE("a batch that expired in part waits for the call that is being answered at that moment") {
  memory::Cache cache;
  test::Loop loop;
  RequestRecord* record = make_record(cache, loop.p(), {"[1]", "[2]"});
  Call& hasty = record->calls()[0];
  Call& other = record->calls()[1];
  hasty.deadline_ns = 1'000;
  other.deadline_ns = 60'000'000'000;
  other.state = CallState::writing;
  bool newly = false;
  const uint64_t again = record->expire(2'000, &newly);
  CHECK(newly);
  CHECK(hasty.state.load() == CallState::expired);
  CHECK(again != RequestRecord::kSettled);  // its result cannot be read yet
  CHECK(again < other.deadline_ns);
  newly = false;
  other.state = CallState::finished;
  CHECK(record->expire(again, &newly) == RequestRecord::kSettled);
  CHECK_FALSE(newly);
  record->destroy(cache);
}

TEST_CASE("an answer and a deadline race: one of them wins, the record comes back once") {
  memory::Cache cache;
  test::Loop loop;
  std::atomic<int> returned{0};
  int answered = 0, expired = 0;
  for (int round = 0; round < 2000; round++) {
    RequestRecord* record = make_record(cache, loop.p(), {"[1]"}, &returned);
    Call& call = record->calls()[0];
    std::atomic<bool> go{false};
    bool won = false;
    std::thread isolate([&] {
      memory::Cache mine;
      while (!go.load()) {
      }
      Answer answer;
      answer.kind = Call::Kind::result;
      answer.bytes = "an answer that is longer than the room inside of a call, so that it needs a block";
      won = settle(call, answer, mine);
      mine.flush();
    });
    go = true;
    while (record->expire(RequestRecord::kAll - 1) != RequestRecord::kSettled) {
    }
    const bool lost = call.state.load() == CallState::expired;
    isolate.join();
    CHECK(won == !lost);
    (won ? answered : expired)++;
    loop.run();
    CHECK(returned == round + 1);
  }
  CHECK(answered + expired == 2000);
}
