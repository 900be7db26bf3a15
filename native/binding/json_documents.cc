// See json_documents.h. A document lives in a block that JavaScript owns: the text, then the words of its
// outline (json/outline.h). Nothing native is held for it, so a dropped document is garbage like any other.
//
// Off the event loop: a block whose text has been copied in is read by a thread of libuv's pool. Node waits
// for such work before an environment's heap ends, and the job holds the block, so its memory outlives the
// reading.
#include "binding/json_documents.h"

#include <cstring>
#include <new>

#include "binding/env_local.h"
#include "binding/json_ahead.h"
#include "binding/raw.h"
#include "json/join_lines.h"
#include "json/lines.h"
#include "json/minify.h"
#include "json/outline.h"
#include "json/outline_find.h"
#include "json/parser.h"

namespace tailrace::binding {

/** What an environment keeps for this. */
struct DocumentLocal {
  explicit DocumentLocal(memory::Cache& cache) noexcept : cache(cache), outliner(cache), parser(cache) {}
  memory::Cache& cache;
  json::Outliner outliner;
  json::Parser parser;
  PiecesAhead<JoinJob> ahead;
};

void DropDocumentLocal::operator()(DocumentLocal* local) const noexcept {
  memory::Cache& cache = local->cache;
  local->~DocumentLocal();
  cache.free(local);
}

namespace {

/** Results beside the status, in words that JavaScript hands over; lib/backend/native/json/addon.ts has the
 * same list. */
enum Info : size_t { kSlots, kContainers, kFlags, kInfoWords };
enum Flag : uint32_t { kEscapes = 1, kAscii = 2, kUtf8 = 4 };
/** Policy bits, as of json.cc. */
enum Policy : uint32_t { kStrictUtf8 = 1, kForbidProto = 2, kForbidConstructor = 4, kForbidDuplicates = 8 };
/** What outline() returns. */
enum Status : int32_t { kWritten = 0, kNoRoom = 1, kBad = -1, kNoMemory = -2 };

struct Bytes {
  uint8_t* data = nullptr;
  size_t size = 0;
};

Bytes bytes_of(napi_env env, napi_value value) noexcept {
  napi_typedarray_type type;
  void* data = nullptr;
  size_t size = 0;
  if (napi_get_typedarray_info(env, value, &type, &size, &data, nullptr, nullptr) != napi_ok || !data ||
      type != napi_uint8_array)
    return {};
  return {static_cast<uint8_t*>(data), size};
}

/** bytes, start, end of a call, held to the array whatever JS says. */
Bytes range_of(napi_env env, const napi_value* argv) noexcept {
  Bytes bytes = bytes_of(env, argv[0]);
  int64_t start = 0, end = 0;
  napi_get_value_int64(env, argv[1], &start);
  napi_get_value_int64(env, argv[2], &end);
  if (!bytes.data || start < 0 || end < start || static_cast<uint64_t>(end) > bytes.size) return {};
  return {bytes.data + start, static_cast<size_t>(end - start)};
}

uint32_t* info_of(napi_env env, napi_value value) noexcept {
  napi_typedarray_type type;
  void* data = nullptr;
  size_t length = 0;
  if (napi_get_typedarray_info(env, value, &type, &length, &data, nullptr, nullptr) != napi_ok || !data ||
      type != napi_uint32_array || length < kInfoWords)
    return nullptr;
  return static_cast<uint32_t*>(data);
}

constexpr size_t words_at(size_t text_bytes) noexcept { return (text_bytes + 3) & ~size_t{3}; }

Status check_keys(json::Parser& parser, Bytes text, uint32_t policy, uint32_t max_depth) noexcept {
  if (!(policy & (kForbidProto | kForbidConstructor | kForbidDuplicates))) return kWritten;
  json::DocumentOptions options;
  options.max_depth = max_depth;
  options.strict_utf8 = policy & kStrictUtf8;
  options.forbid_proto = policy & kForbidProto;
  options.forbid_constructor = policy & kForbidConstructor;
  options.forbid_duplicates = policy & kForbidDuplicates;
  const auto parsed = parser.parse(reinterpret_cast<const char*>(text.data), text.size, options, nullptr);
  parser.shrink();
  if (parsed.ok()) return kWritten;
  return parsed.error() == Error::out_of_memory ? kNoMemory : kBad;
}

/** The outline of a text behind a text of the same size in `block`; `block` may be empty: then only the
 * check. */
Status outline_into(json::Outliner& outliner, json::Parser& parser, Bytes text, uint32_t policy,
                    uint32_t max_depth, Bytes block, uint32_t* info) noexcept {
  const size_t at = words_at(text.size);
  // copied on the way, while it is read anyway
  char* copy = block.size >= at && block.data != text.data ? reinterpret_cast<char*>(block.data) : nullptr;
  const auto* data = reinterpret_cast<const char*>(text.data);
  const bool strict = policy & kStrictUtf8;
  json::SlotRoom room;
  if (block.size >= at)
    room = {reinterpret_cast<uint32_t*>(block.data + at), (block.size - at) / sizeof(uint32_t)};
  const json::OutlineStatus status = block.data ? outliner.run(data, text.size, max_depth, strict, copy, room)
                                                : outliner.check(data, text.size, max_depth, strict);
  if (status == json::OutlineStatus::no_memory) return kNoMemory;
  if (status != json::OutlineStatus::ok) return kBad;
  if (const Status keys = check_keys(parser, text, policy, max_depth); keys != kWritten) return keys;
  if (info) {
    info[kSlots] = outliner.slot_count();
    info[kContainers] = outliner.container_count();
    info[kFlags] = (outliner.escapes() ? kEscapes : 0u) | (outliner.ascii() ? kAscii : 0u) |
                   (outliner.utf8() ? kUtf8 : 0u);
  }
  if (block.size < at + outliner.words() * sizeof(uint32_t)) return kNoRoom;
  outliner.write(reinterpret_cast<uint32_t*>(block.data + at));
  return kWritten;
}

/** outline(bytes, start, end, policy, maxDepth, block, info): Status. Copies text and outline into the block.
 * Where there is no room for it the outline is kept for writeOutline(), and so must the block be. */
napi_value outline(napi_env env, napi_callback_info callback) {
  size_t argc = 7;
  napi_value argv[7];
  DocumentLocal& d = arguments_of<DocumentLocal>(env, callback, &argc, argv);
  Bytes text = range_of(env, argv);
  uint8_t nothing = 0;
  if (!text.data) text.data = &nothing;
  uint32_t policy = 0, max_depth = 0;
  napi_get_value_uint32(env, argv[3], &policy);
  napi_get_value_uint32(env, argv[4], &max_depth);
  Status status = outline_into(d.outliner, d.parser, text, policy, max_depth, bytes_of(env, argv[5]),
                               info_of(env, argv[6]));
  if (status != kNoRoom) d.outliner.shrink();
  return int_value(env, status);
}

/** writeOutline(block, textBytes): Status. The outline that outline() found no room for, behind its text,
 * which is in the block already. */
napi_value write_outline(napi_env env, napi_callback_info callback) {
  size_t argc = 2;
  napi_value argv[2];
  DocumentLocal& d = arguments_of<DocumentLocal>(env, callback, &argc, argv);
  const Bytes block = bytes_of(env, argv[0]);
  double text_bytes = 0;
  napi_get_value_double(env, argv[1], &text_bytes);
  const size_t at = words_at(static_cast<size_t>(text_bytes));
  if (block.size < at + d.outliner.words() * sizeof(uint32_t)) return int_value(env, kNoRoom);
  d.outliner.write(reinterpret_cast<uint32_t*>(block.data + at));
  d.outliner.shrink();
  return int_value(env, kWritten);
}

/**
 * find(block, textBytes, slots, path, escapes): the node at a path, -1, or -2: JavaScript must look. A step
 * of the path is {index or ~0, bytes of the key}, then the key, padded to whole words
 * (lib/backend/native/json/document.ts).
 */
napi_value find(napi_env env, napi_callback_info callback) {
  size_t argc = 5;
  napi_value argv[5];
  arguments_of<DocumentLocal>(env, callback, &argc, argv);
  bool escapes = true;
  napi_get_value_bool(env, argv[4], &escapes);
  Bytes block = bytes_of(env, argv[0]);
  Bytes path = bytes_of(env, argv[3]);
  double text_bytes = 0;
  uint32_t slot_count = 0;
  napi_get_value_double(env, argv[1], &text_bytes);
  napi_get_value_uint32(env, argv[2], &slot_count);
  const size_t text_size = static_cast<size_t>(text_bytes);
  const size_t at = words_at(text_size);
  if (!block.data || text_bytes < 0 || slot_count == 0 || block.size < at + size_t{4} * slot_count)
    return int_value(env, -1);
  // what JavaScript could have written is not believed: offsets and slots are held to the block
  const size_t container_room = (block.size - at - size_t{4} * slot_count) / sizeof(json::Container);
  json::OutlineView view{block.data,
                         text_size,
                         reinterpret_cast<const uint32_t*>(block.data + at),
                         slot_count,
                         reinterpret_cast<const json::Container*>(block.data + at + size_t{4} * slot_count),
                         container_room,
                         escapes};
  return int_value(env, json::find_path(view, path.data, path.size));
}

/** check(bytes, start, end, policy, maxDepth): boolean; undefined: no memory to tell */
napi_value check(napi_env env, napi_callback_info callback) {
  size_t argc = 5;
  napi_value argv[5], result = nullptr;
  DocumentLocal& d = arguments_of<DocumentLocal>(env, callback, &argc, argv);
  Bytes text = range_of(env, argv);
  uint8_t nothing = 0;
  if (!text.data) text.data = &nothing;
  uint32_t policy = 0, max_depth = 0;
  napi_get_value_uint32(env, argv[3], &policy);
  napi_get_value_uint32(env, argv[4], &max_depth);
  Status status = outline_into(d.outliner, d.parser, text, policy, max_depth, {}, nullptr);
  d.outliner.shrink();
  if (status != kNoMemory) napi_get_boolean(env, status >= 0, &result);
  return result;
}

/**
 * lines(bytes, start, end, maxLine, block, info): the lines of a range that ends with a newline as the text
 * of one array in the block (json/join_lines.h), which has kJoinSlack bytes more than the range; what follows
 * it in `bytes` may be joined ahead. Returns the lines that are not blank, or -1. info: bytes of the array's
 * text, all lines passed, their bytes.
 */
napi_value lines(napi_env env, napi_callback_info callback) {
  size_t argc = 6;
  napi_value argv[6];
  DocumentLocal& d = arguments_of<DocumentLocal>(env, callback, &argc, argv);
  Bytes text = range_of(env, argv);
  const Bytes all = bytes_of(env, argv[0]);
  Bytes block = bytes_of(env, argv[4]);
  uint32_t* info = info_of(env, argv[5]);
  if (!text.data || !info || block.size < text.size + json::kJoinSlack) return int_value(env, -1);
  const JoinJob::What what{longest_line(env, argv[3])};
  JoinJob* job = d.ahead.find(what, text.data, text.size);
  d.ahead.offer(what, text.data + text.size, all.data + all.size);
  json::JoinedLines done;
  if (job) {
    done = job->result;
    memcpy(block.data, job->joined.data(), done.bytes);
    d.ahead.pop();
  } else {
    done = json::join_lines(d.outliner, text.data, text.size, what.max_line, block.data);
  }
  info[0] = static_cast<uint32_t>(done.bytes);
  info[1] = done.lines;
  info[2] = static_cast<uint32_t>(done.consumed);
  return int_value(env, done.count);
}

/** linesEnded(): a reader that called lines() has come to its end. */
napi_value lines_ended(napi_env env, napi_callback_info callback) {
  size_t argc = 0;
  arguments_of<DocumentLocal>(env, callback, &argc, nullptr).ahead.ended();
  return nullptr;
}

/**
 * outlineLines(bytes, start, end, maxLine, block, table): the outlines of the lines of a range that ends with
 * a newline, behind a copy of it in the block, up to the first that is no JSON text or longer than maxLine,
 * or for which there is no room. Offsets are those of the copy. Returns how many lines those are that are not
 * blank, or -1. table: {all lines passed, their bytes}, then five words for each: where its text ends, where
 * its words begin (in words of the block), slots, containers, flags.
 */
napi_value outline_lines(napi_env env, napi_callback_info callback) {
  size_t argc = 6;
  napi_value argv[6];
  DocumentLocal& d = arguments_of<DocumentLocal>(env, callback, &argc, argv);
  Bytes text = range_of(env, argv);
  Bytes block = bytes_of(env, argv[4]);
  napi_typedarray_type type;
  void* data = nullptr;
  size_t room = 0;
  constexpr size_t kHead = 2, kRow = 5;
  if (!text.data ||
      napi_get_typedarray_info(env, argv[5], &type, &room, &data, nullptr, nullptr) != napi_ok ||
      type != napi_uint32_array || room < kHead || block.size < words_at(text.size))
    return int_value(env, -1);
  uint32_t* table = static_cast<uint32_t*>(data);
  size_t at = words_at(text.size) / sizeof(uint32_t);
  const size_t stop_at = block.size / sizeof(uint32_t);
  uint32_t* words = reinterpret_cast<uint32_t*>(block.data);
  int32_t count = 0;
  json::LineCursor line(text.data, text.size, longest_line(env, argv[3]));
  for (;;) {
    const json::LineCursor::Kind kind = line.next();
    if (kind == json::LineCursor::Kind::end || kind == json::LineCursor::Kind::too_long) break;
    if (kind == json::LineCursor::Kind::line) {
      json::Outliner& o = d.outliner;
      if (o.run(reinterpret_cast<const char*>(line.data()), line.size(), json::kNoDepthLimit, false) !=
          json::OutlineStatus::ok)
        break;
      if (stop_at - at < o.words() || room < kHead + kRow * (static_cast<size_t>(count) + 1)) break;
      uint32_t* row = table + kHead + kRow * static_cast<size_t>(count++);
      row[0] = line.stop();
      row[1] = static_cast<uint32_t>(at);
      row[2] = o.slot_count();
      row[3] = o.container_count();
      row[4] = (o.escapes() ? kEscapes : 0u) | (o.ascii() ? kAscii : 0u) | (o.utf8() ? kUtf8 : 0u);
      o.write_at(words + at, line.start());
      at += o.words();
    }
    line.take();
  }
  memcpy(block.data, text.data, line.consumed());
  table[0] = line.lines();
  table[1] = static_cast<uint32_t>(line.consumed());
  return int_value(env, count);
}

/** minify(bytes, start, end): a Buffer; the text is JSON already. */
napi_value minify(napi_env env, napi_callback_info callback) {
  size_t argc = 3;
  napi_value argv[3], result = nullptr;
  arguments_of<DocumentLocal>(env, callback, &argc, argv);
  Bytes text = range_of(env, argv);
  void* data = nullptr;
  if (napi_create_buffer(env, text.size + json::kMinifySlack, &data, &result) != napi_ok) return nullptr;
  size_t size = json::minify_text(text.data, text.size, static_cast<uint8_t*>(data));
  // a view of what was needed; the rest is at most what space there was
  napi_value buffer, view;
  size_t offset = 0;
  napi_typedarray_type type;
  napi_get_typedarray_info(env, result, &type, nullptr, nullptr, &buffer, &offset);
  if (size * 2 < text.size) {
    napi_create_buffer_copy(env, size, data, nullptr, &view);
    return view;
  }
  napi_value range[2];
  range[0] = int_value(env, 0);
  napi_create_double(env, static_cast<double>(size), &range[1]);
  napi_value subarray;
  napi_get_named_property(env, result, "subarray", &subarray);
  napi_call_function(env, result, subarray, 2, range, &view);
  return view;
}

struct Job {
  memory::Cache cache;
  json::Outliner outliner{cache};
  json::Parser parser{cache};
  Bytes block;
  size_t text_bytes = 0;
  uint32_t policy = 0;
  uint32_t max_depth = 0;
  uint32_t info[kInfoWords] = {};
  Status status = kBad;
  napi_ref held = nullptr;
  napi_ref told = nullptr;
  napi_deferred deferred = nullptr;
  napi_async_work work = nullptr;
};

void job_run(napi_env, void* data) {
  Job& job = *static_cast<Job*>(data);
  job.status = outline_into(job.outliner, job.parser, {job.block.data, job.text_bytes}, job.policy,
                            job.max_depth, job.block, job.info);
}

void job_done(napi_env env, napi_status outcome, void* data) {
  Job* job = static_cast<Job*>(data);
  napi_value told = nullptr;
  napi_get_reference_value(env, job->told, &told);
  if (uint32_t* info = told ? info_of(env, told) : nullptr) memcpy(info, job->info, sizeof job->info);
  // cancelled: the environment ends, and nobody waits any more
  if (outcome == napi_ok) napi_resolve_deferred(env, job->deferred, int_value(env, job->status));
  napi_delete_reference(env, job->held);
  napi_delete_reference(env, job->told);
  napi_delete_async_work(env, job->work);
  delete job;
}

/** outlineAsync(block, textBytes, policy, maxDepth, info): Promise<Status>. The block's text is there
 * already. */
napi_value outline_async(napi_env env, napi_callback_info callback) {
  size_t argc = 5;
  napi_value argv[5], promise = nullptr, name;
  arguments_of<DocumentLocal>(env, callback, &argc, argv);
  Job* job = new (std::nothrow) Job;
  if (!job) return nullptr;
  double text_bytes = 0;
  job->block = bytes_of(env, argv[0]);
  napi_get_value_double(env, argv[1], &text_bytes);
  job->text_bytes = static_cast<size_t>(text_bytes);
  if (job->text_bytes > job->block.size) job->text_bytes = 0;
  napi_get_value_uint32(env, argv[2], &job->policy);
  napi_get_value_uint32(env, argv[3], &job->max_depth);
  napi_create_reference(env, argv[0], 1, &job->held);
  napi_create_reference(env, argv[4], 1, &job->told);
  napi_create_promise(env, &job->deferred, &promise);
  napi_create_string_utf8(env, "tailrace:openAsync", NAPI_AUTO_LENGTH, &name);
  napi_create_async_work(env, nullptr, name, job_run, job_done, job, &job->work);
  napi_queue_async_work(env, job->work);
  return promise;
}

}  // namespace

void add_json_documents(Napi::Env env, Napi::Object json) {
  memory::Cache& cache = env_local(env).cache;
  void* block = cache.allocate(sizeof(DocumentLocal));
  if (!block) {
    Napi::Error::New(env, "out of memory").ThrowAsJavaScriptException();
    return;
  }
  DocumentLocal* d = new (block) DocumentLocal(cache);
  env_local(env).documents.reset(d);
  const struct {
    const char* name;
    napi_callback function;
  } functions[] = {{"find", find},
                   {"outline", outline},
                   {"outlineAsync", outline_async},
                   {"writeOutline", write_outline},
                   {"check", check},
                   {"lines", lines},
                   {"outlineLines", outline_lines},
                   {"minifyText", minify},
                   {"linesEnded", lines_ended}};
  for (const auto& entry : functions) {
    export_function(env, json, entry.name, entry.function, d);
  }
}

}  // namespace tailrace::binding
