// Decoding by a schema for JS: the program is handed over once, each text in one crossing. Slots and doubles
// go into typed arrays JS has handed over (native/json/program.h), string contents come back as the few
// strings they are cut from; lib/backend/native/json builds the values.
#include "binding/json_schema.h"

#include <cstring>
#include <new>

#include "base/status.h"
#include "binding/json_ahead.h"
#include "binding/raw.h"
#include "json/kernel.h"
#include "json/program.h"
#include "json/program_lines.h"

namespace tailrace::binding {

namespace {
/** A program lives in a typed array of JS, which its reference keeps. */
struct Held {
  napi_ref array;
  json::Program program;
  uint64_t serial;
};
}  // namespace

/** What decoding keeps for one environment. */
struct JsonSchemaLocal {
  explicit JsonSchemaLocal(memory::Cache& cache) noexcept : cache(cache), tape(cache), programs(cache) {}
  memory::Cache& cache;
  json::DecodeTape tape;
  json::Buffer<Held> programs;
  size_t program_count = 0;
  napi_ref words = nullptr;
  napi_ref doubles = nullptr;
  json::Stage1 stage1;
  uint64_t last_serial = 0;
  PiecesAhead<DecodeJob> ahead;
};

void DropJsonSchemaLocal::operator()(JsonSchemaLocal* local) const noexcept {
  // the references end with the environment
  memory::Cache& cache = local->cache;
  local->~JsonSchemaLocal();
  cache.free(local);
}

namespace {

/** What decode() returns instead of strings; lib/backend/native/json/addon.ts has the same numbers. */
enum Status : int32_t { kNo = -1, kNeedWords = -2, kNeedDoubles = -3 };

constexpr size_t kKeptBytes = 1u << 20;

/** setup(words: Int32Array, doubles: Float64Array): where the next slots go. Kept alive until the next setup.
 */
napi_value setup(napi_env env, napi_callback_info info) {
  size_t argc = 2;
  napi_value argv[2];
  JsonSchemaLocal& j = arguments_of<JsonSchemaLocal>(env, info, &argc, argv);
  napi_typedarray_type type;
  size_t words = 0, doubles = 0;
  void *word_data = nullptr, *double_data = nullptr;
  if (napi_get_typedarray_info(env, argv[0], &type, &words, &word_data, nullptr, nullptr) != napi_ok ||
      type != napi_int32_array ||
      napi_get_typedarray_info(env, argv[1], &type, &doubles, &double_data, nullptr, nullptr) != napi_ok ||
      type != napi_float64_array) {
    napi_throw_type_error(env, nullptr, "setup(Int32Array, Float64Array)");
    return nullptr;
  }
  if (j.words) napi_delete_reference(env, j.words);
  if (j.doubles) napi_delete_reference(env, j.doubles);
  napi_create_reference(env, argv[0], 1, &j.words);
  napi_create_reference(env, argv[1], 1, &j.doubles);
  j.tape.words = static_cast<int32_t*>(word_data);
  j.tape.word_capacity = words;
  j.tape.doubles = static_cast<double*>(double_data);
  j.tape.double_capacity = doubles;
  return nullptr;
}

/** program(words: Int32Array): its number. The array must not be written any more. */
napi_value program(napi_env env, napi_callback_info info) {
  size_t argc = 1;
  napi_value argv[1];
  JsonSchemaLocal& j = arguments_of<JsonSchemaLocal>(env, info, &argc, argv);
  napi_typedarray_type type;
  size_t words = 0;
  void* data = nullptr;
  if (napi_get_typedarray_info(env, argv[0], &type, &words, &data, nullptr, nullptr) != napi_ok ||
      type != napi_int32_array || words == 0) {
    napi_throw_type_error(env, nullptr, "program(Int32Array)");
    return nullptr;
  }
  size_t id = 0;
  while (id < j.program_count && j.programs[id].array) id++;
  if (id == j.program_count) {
    if (!j.programs.reserve(id + 1, id)) {
      napi_throw_error(env, error_info(Error::out_of_memory).code, error_info(Error::out_of_memory).text);
      return nullptr;
    }
    j.program_count++;
  }
  Held& held = j.programs[id];
  held.program.words = static_cast<const int32_t*>(data);
  held.program.size = words;
  held.serial = ++j.last_serial;
  napi_create_reference(env, argv[0], 1, &held.array);
  return int_value(env, static_cast<int32_t>(id));
}

/** drop(id): nobody will run this program again. */
napi_value drop(napi_env env, napi_callback_info info) {
  size_t argc = 1;
  napi_value argv[1];
  JsonSchemaLocal& j = arguments_of<JsonSchemaLocal>(env, info, &argc, argv);
  uint32_t id = 0;
  napi_get_value_uint32(env, argv[0], &id);
  if (id >= j.program_count || !j.programs[id].array) return nullptr;
  napi_delete_reference(env, j.programs[id].array);
  j.programs[id] = {};
  return nullptr;
}

template <class Make, class Unit>
bool put_chunks(napi_env env, napi_value list, uint32_t& at, Make make, const Unit* data,
                const json::Buffer<uint32_t>& ends, size_t count) noexcept {
  size_t from = 0;
  for (size_t i = 0; i < count; i++) {
    napi_value chunk;
    if (make(env, data + from, ends[i] - from, &chunk) != napi_ok) return false;
    if (napi_set_element(env, list, at++, chunk) != napi_ok) return false;
    from = ends[i];
  }
  return true;
}

/** The text of a call, bytes[start, end), and the program it is for. */
struct Call {
  const uint8_t* data = nullptr;
  size_t size = 0;
  const uint8_t* array_end = nullptr;
  const Held* held = nullptr;
};

/** From id, bytes, start, end. false: not what the facade may send. */
bool call_of(napi_env env, const JsonSchemaLocal& j, const napi_value* argv, Call* call) noexcept {
  uint32_t id = 0;
  napi_get_value_uint32(env, argv[0], &id);
  napi_typedarray_type type;
  size_t length = 0;
  void* data = nullptr;
  int64_t start = 0, end = 0;
  if (napi_get_typedarray_info(env, argv[1], &type, &length, &data, nullptr, nullptr) != napi_ok || !data ||
      type != napi_uint8_array)
    return false;
  napi_get_value_int64(env, argv[2], &start);
  napi_get_value_int64(env, argv[3], &end);
  if (start < 0 || end < start || static_cast<uint64_t>(end) > length || id >= j.program_count ||
      !j.programs[id].array || end - start > static_cast<int64_t>(json::kMaxValueTapeBytes))
    return false;
  call->data = static_cast<const uint8_t*>(data) + start;
  call->size = static_cast<size_t>(end - start);
  call->array_end = static_cast<const uint8_t*>(data) + length;
  call->held = &j.programs[id];
  return true;
}

/** What both decoders return when the tape is right; buffers that grew large are given back. */
napi_value strings_of(napi_env env, json::DecodeTape& t) noexcept {
  const char* latin = reinterpret_cast<const char*>(t.latin.data());
  napi_value result = nullptr;
  if (t.utf16_chunks == 0 && t.latin_chunks < 2) {
    if (t.latin_chunks == 0) return int_value(env, 0);
    napi_create_string_latin1(env, latin, t.latin_ends[0], &result);
  } else {
    napi_create_array_with_length(env, 1 + t.latin_chunks + t.utf16_chunks, &result);
    uint32_t at = 1;
    napi_set_element(env, result, 0, int_value(env, static_cast<int32_t>(t.latin_chunks)));
    if (!put_chunks(env, result, at, napi_create_string_latin1, latin, t.latin_ends, t.latin_chunks) ||
        !put_chunks(env, result, at, napi_create_string_utf16, t.utf16.data(), t.utf16_ends, t.utf16_chunks))
      return int_value(env, kNo);
  }
  if (t.latin.capacity() > kKeptBytes) t.latin.release();
  if (t.utf16.capacity() > kKeptBytes) t.utf16.release();
  if (t.scratch.capacity() > kKeptBytes / sizeof(json::Slot)) t.scratch.release();
  return result;
}

/**
 * decode(id, bytes, start, end): a negative Status; the number of strings when there is none (0); the Latin-1
 * chunk when it is the only one; or [Latin-1 chunks …, UTF-16 chunks …], the number of the former in the
 * array's place 0.
 */
napi_value decode(napi_env env, napi_callback_info info) {
  size_t argc = 4;
  napi_value argv[4];
  JsonSchemaLocal& j = arguments_of<JsonSchemaLocal>(env, info, &argc, argv);
  Call call;
  if (!call_of(env, j, argv, &call)) return int_value(env, kNo);
  j.stage1.begin(reinterpret_cast<const char*>(call.data), call.size);
  switch (json::kernel().run_program(j.stage1, call.held->program, j.tape)) {
    case json::DecodeStatus::yes:
      return strings_of(env, j.tape);
    case json::DecodeStatus::no:
    case json::DecodeStatus::no_memory:
      break;
    case json::DecodeStatus::need_words:
      return int_value(env, kNeedWords);
    case json::DecodeStatus::need_doubles:
      return int_value(env, kNeedDoubles);
  }
  return int_value(env, kNo);
}

/** Slots and doubles of a piece that was decoded elsewhere, to where JavaScript reads them; else what is
 * missing. */
json::DecodeStatus take_over(const DecodeJob& job, json::DecodeTape& tape) noexcept {
  if (job.tape.used.words > tape.word_capacity) return json::DecodeStatus::need_words;
  if (job.tape.used.doubles > tape.double_capacity) return json::DecodeStatus::need_doubles;
  memcpy(tape.words, job.words.data(), job.tape.used.words * sizeof(int32_t));
  memcpy(tape.doubles, job.doubles.data(), job.tape.used.doubles * sizeof(double));
  return json::DecodeStatus::yes;
}

/** The head of decodeLines()'s table. */
void tell(uint32_t* table, const json::DecodedLines& done) noexcept {
  table[0] = done.count;
  table[1] = done.lines;
  table[2] = static_cast<uint32_t>(done.consumed);
  table[3] = static_cast<uint32_t>(done.status == json::DecodeStatus::yes            ? 0
                                   : done.status == json::DecodeStatus::need_words   ? kNeedWords
                                   : done.status == json::DecodeStatus::need_doubles ? kNeedDoubles
                                                                                     : kNo);
}

/**
 * decodeLines(id, bytes, start, end, maxLine, table): the strings of all lines together, as decode() gives
 * those of one. The range ends with a newline; what follows it in `bytes` may be decoded ahead. table: {lines
 * decoded, lines passed, bytes of them, Status or 0 of the line behind them}, then a DecodedLine each
 * (native/json/program_lines.h).
 */
napi_value decode_lines(napi_env env, napi_callback_info info) {
  size_t argc = 6;
  napi_value argv[6];
  JsonSchemaLocal& j = arguments_of<JsonSchemaLocal>(env, info, &argc, argv);
  Call call;
  napi_typedarray_type type;
  size_t room = 0;
  void* data = nullptr;
  constexpr size_t kHead = 4;
  constexpr size_t kRow = sizeof(json::DecodedLine) / sizeof(uint32_t);
  if (!call_of(env, j, argv, &call) ||
      napi_get_typedarray_info(env, argv[5], &type, &room, &data, nullptr, nullptr) != napi_ok ||
      type != napi_uint32_array || room < kHead + kRow * DecodeJob::kRows)
    return int_value(env, kNo);
  const size_t longest = longest_line(env, argv[4]);
  uint32_t* table = static_cast<uint32_t*>(data);
  json::DecodedLine* rows = reinterpret_cast<json::DecodedLine*>(table + kHead);
  const DecodeJob::What what{call.held->program, call.held->serial, longest};
  DecodeJob* job = j.ahead.find(what, call.data, call.size);
  j.ahead.offer(what, call.data + call.size, call.array_end);
  if (!job) {
    tell(table, json::decode_lines(j.stage1, call.held->program, j.tape, call.data, call.size,
                                   {rows, DecodeJob::kRows, longest}));
    return strings_of(env, j.tape);
  }
  const json::DecodeStatus status = take_over(*job, j.tape);
  if (status != json::DecodeStatus::yes) {
    tell(table, {.status = status});  // it will be asked for again, with more room
    return int_value(env, 0);
  }
  tell(table, job->result);
  memcpy(rows, job->table.data(), job->result.count * sizeof *rows);
  napi_value strings = strings_of(env, job->tape);
  j.ahead.pop();
  return strings;
}

/** linesEnded(): a reader that called decodeLines() has come to its end. */
napi_value lines_ended(napi_env env, napi_callback_info info) {
  size_t argc = 0;
  arguments_of<JsonSchemaLocal>(env, info, &argc, nullptr).ahead.ended();
  return nullptr;
}

}  // namespace

Napi::Object init_json_schema(Napi::Env env) {
  memory::Cache& cache = env_local(env).cache;
  Napi::Object exports = Napi::Object::New(env);
  void* block = cache.allocate(sizeof(JsonSchemaLocal));
  if (!block) {
    Napi::Error::New(env, "out of memory").ThrowAsJavaScriptException();
    return exports;
  }
  JsonSchemaLocal* j = new (block) JsonSchemaLocal(cache);
  env_local(env).json_schema.reset(j);
  export_function(env, exports, "setup", setup, j);
  export_function(env, exports, "program", program, j);
  export_function(env, exports, "drop", drop, j);
  export_function(env, exports, "decode", decode, j);
  export_function(env, exports, "decodeLines", decode_lines, j);
  export_function(env, exports, "linesEnded", lines_ended, j);
  return exports;
}

}  // namespace tailrace::binding
