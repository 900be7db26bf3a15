// The JSON part for JS. One crossing a parse: the tape goes into typed arrays JS has handed over, string
// contents come back as the few strings they are cut from; lib/backend/native/json builds the values.
//
// Nothing here calls back into JS but for a function that makes a list of its arguments, so a parse cannot
// meet another one half done: a reviver, a toJSON or a getter runs before or after a crossing, never during.
// Values are always those of the text as it was when it was read; a text over memory another thread writes is
// copied by the facade before it comes here.
//
// Plain Node-API where a call is hot: node-addon-api's checks cost as much as the call.
#include "binding/json.h"

#include <cstdlib>
#include <cstring>
#include <new>

#include "base/cpu.h"
#include "base/status.h"
#include "binding/raw.h"
#include "json/kernel.h"
#include "json/parser.h"
#include "json/scan.h"
#include "json/text.h"
#include "json/unescape.h"

namespace tailrace::binding {

/** What parsing keeps for one environment. */
struct JsonLocal {
  explicit JsonLocal(memory::Cache& cache) noexcept : cache(cache), parser(cache), tape(cache), text(cache) {}
  memory::Cache& cache;
  json::Parser parser;
  json::ValueTape tape;
  json::Buffer<uint8_t> text;
  json::Stage1 stage1;
  napi_ref words = nullptr;
  napi_ref doubles = nullptr;
  napi_ref collect = nullptr;
  int32_t* header = nullptr;
  size_t word_capacity = 0;
};

void DropJsonLocal::operator()(JsonLocal* local) const noexcept {
  // the references to the tapes end with the environment
  memory::Cache& cache = local->cache;
  local->~JsonLocal();
  cache.free(local);
}

namespace {

constexpr size_t kHeaderWords = 16;
/** A chunk's bytes where it does not matter what they keep alive. Larger strings would be large objects to
 * V8: mapped, faulted in page by page and unmapped, each one. */
constexpr uint32_t kSlicedChunk = 64 << 10;

/** Where in the header what stands; lib/backend/native/json/addon.ts has the same list. */
enum Header : size_t {
  kLatinChunks = 0,
  kUtf16Chunks = 1,
  kFlags = 2,
  kDeepest = 3,
  kNews = 4,        // 1: call news() before reading the tape
  kGeneration = 5,  // of the trie: another one makes all known nodes, keys and shapes void
  kMixedList = 6,   // index of the list of mixed objects in the words
};

/** What parse() returns instead of strings; negative so that no count of anything is one. */
enum Status : int32_t {
  kBad = -1,
  kBadUtf8 = -2,
  kUnsuited = -3,
  kNeedWords = -4,
  kNeedDoubles = -5,
  kNoMemory = -6,
  kGeneric = -7,  // valid; another time it may do better
};

struct Span {
  const char* data = nullptr;
  size_t size = 0;
};

/** bytes, start, end of a call; the range is held to the array whatever JS says. */
Span span_of(napi_env env, const napi_value* argv) noexcept {
  napi_typedarray_type type;
  size_t length = 0;
  void* data = nullptr;
  if (napi_get_typedarray_info(env, argv[0], &type, &length, &data, nullptr, nullptr) != napi_ok || !data ||
      type != napi_uint8_array)
    return {};
  int64_t start = 0, end = 0;
  napi_get_value_int64(env, argv[1], &start);
  napi_get_value_int64(env, argv[2], &end);
  if (start < 0 || end < start || static_cast<uint64_t>(end) > length) return {};
  return {static_cast<const char*>(data) + start, static_cast<size_t>(end - start)};
}

/**
 * setup(words: Int32Array, doubles: Float64Array, collect: (...chunks) => chunks): where the next tapes go.
 * Kept alive until the next setup.
 */
napi_value setup(napi_env env, napi_callback_info info) {
  size_t argc = 3;
  napi_value argv[3];
  JsonLocal& j = arguments_of<JsonLocal>(env, info, &argc, argv);
  napi_typedarray_type type;
  napi_valuetype third = napi_undefined;
  napi_typeof(env, argv[2], &third);
  size_t words = 0, doubles = 0;
  void *word_data = nullptr, *double_data = nullptr;
  if (napi_get_typedarray_info(env, argv[0], &type, &words, &word_data, nullptr, nullptr) != napi_ok ||
      type != napi_int32_array ||
      napi_get_typedarray_info(env, argv[1], &type, &doubles, &double_data, nullptr, nullptr) != napi_ok ||
      type != napi_float64_array || words < kHeaderWords || third != napi_function) {
    napi_throw_type_error(env, nullptr, "setup(Int32Array, Float64Array, function)");
    return nullptr;
  }
  if (j.words) napi_delete_reference(env, j.words);
  if (j.doubles) napi_delete_reference(env, j.doubles);
  if (j.collect) napi_delete_reference(env, j.collect);
  napi_create_reference(env, argv[0], 1, &j.words);
  napi_create_reference(env, argv[1], 1, &j.doubles);
  napi_create_reference(env, argv[2], 1, &j.collect);
  j.header = static_cast<int32_t*>(word_data);
  j.word_capacity = words - kHeaderWords;
  j.tape.words = j.header + kHeaderWords;
  j.tape.doubles = static_cast<double*>(double_data);
  j.tape.double_capacity = doubles;
  return nullptr;
}

/**
 * The list of a text's chunks. Few go as the arguments of one call of JavaScript's collect(), a rest
 * parameter and nothing else, which takes a third of the time of setting an element each.
 */
class Chunks {
 public:
  Chunks(napi_env env, uint32_t total) noexcept : env_(env), few_(total <= kFew) {
    if (!few_) napi_create_array_with_length(env, total, &list_);
  }
  template <class Make, class Unit>
  bool put(Make make, const Unit* data, size_t size, const json::Buffer<uint32_t>& ends,
           size_t end_count) noexcept {
    size_t from = 0;
    for (size_t i = 0; i <= end_count; i++) {
      size_t to = i < end_count ? ends[i] : size;
      napi_value chunk;
      if (make(env_, data + from, to - from, &chunk) != napi_ok) return false;
      if (few_)
        chunks_[count_++] = chunk;
      else if (napi_set_element(env_, list_, count_++, chunk) != napi_ok)
        return false;
      from = to;
    }
    return true;
  }
  /** nullptr: there is no stack left for the call. */
  napi_value list(napi_ref collect) noexcept {
    if (!few_) return list_;
    napi_value function = nullptr, nobody = nullptr, result = nullptr;
    napi_get_undefined(env_, &nobody);
    napi_get_reference_value(env_, collect, &function);
    if (napi_call_function(env_, nobody, function, count_, chunks_, &result) == napi_ok) return result;
    napi_get_and_clear_last_exception(env_, &result);
    return nullptr;
  }

 private:
  static constexpr uint32_t kFew = 256;
  napi_env env_;
  bool few_;
  uint32_t count_ = 0;
  napi_value list_ = nullptr;
  napi_value chunks_[kFew];
};

/** Whether there are nodes, keys or shapes that JavaScript does not know. */
bool has_news(const json::Shapes& shapes) noexcept {
  return shapes.told_nodes != shapes.node_count() || shapes.told_keys != shapes.key_count() ||
         shapes.told_shapes != shapes.shape_count();
}

/**
 * parse(bytes, start, end, strings: 0 auto, 1 flat, 2 sliced): a negative Status; or the Latin-1 string when
 * there is one chunk of it and none of UTF-16; or all chunks, Latin-1 first.
 */
napi_value parse(napi_env env, napi_callback_info info) {
  size_t argc = 4;
  napi_value argv[4];
  JsonLocal& j = arguments_of<JsonLocal>(env, info, &argc, argv);
  Span span = span_of(env, argv);
  int32_t strings = 0;
  napi_get_value_int32(env, argv[3], &strings);
  json::ValueTape& t = j.tape;
  if (span.size > json::kMaxValueTapeBytes) return int_value(env, kUnsuited);
  if (!j.header || json::ValueTape::words_for(span.size) > j.word_capacity) return int_value(env, kNeedWords);
  t.latin_chunk = strings == 2 ? kSlicedChunk : 2048;
  t.utf16_chunk = strings == 2 ? kSlicedChunk / 2 : 1024;
  t.alone = strings == 1 ? 13 : 0xffff'ffffu;  // V8 copies substrings below 13 characters
  j.stage1.begin(span.data, span.size);
  const uint32_t known = t.shapes.node_count();
  switch (json::kernel().write_values(j.stage1, t)) {
    case json::TapeStatus::ok:
      break;
    case json::TapeStatus::bad:
      return int_value(env, kBad);
    case json::TapeStatus::bad_utf8:
      return int_value(env, kBadUtf8);
    case json::TapeStatus::unsuited:
      return int_value(env, kUnsuited);
    case json::TapeStatus::generic:
      // whether it brought keys that were not known, or too many to know
      j.header[kNews] = t.shapes.node_count() != known || (t.flags & json::kSawRefused) != 0;
      return int_value(env, kGeneric);
    case json::TapeStatus::need_doubles:
      return int_value(env, kNeedDoubles);
    case json::TapeStatus::no_memory:
      return int_value(env, kNoMemory);
  }
  if (t.word_count + t.mixed_count * 2 > j.word_capacity) return int_value(env, kUnsuited);
  if (t.mixed_count) memcpy(t.words + t.word_count, t.mixed.data(), t.mixed_count * sizeof(json::Mixed));
  const json::Shapes& shapes = t.shapes;
  bool news = has_news(shapes);
  uint32_t latin_chunks = static_cast<uint32_t>(t.latin_end_count + 1);
  uint32_t utf16_chunks = t.utf16_count ? static_cast<uint32_t>(t.utf16_end_count + 1) : 0;
  j.header[kLatinChunks] = static_cast<int32_t>(latin_chunks);
  j.header[kUtf16Chunks] = static_cast<int32_t>(utf16_chunks);
  j.header[kFlags] = static_cast<int32_t>(t.flags);
  j.header[kDeepest] = static_cast<int32_t>(t.deepest);
  j.header[kNews] = news;
  j.header[kGeneration] = static_cast<int32_t>(shapes.generation());
  j.header[kMixedList] = static_cast<int32_t>(kHeaderWords + t.word_count);
  napi_value result = nullptr;
  const char* latin = reinterpret_cast<const char*>(t.latin.data());
  if (latin_chunks == 1 && utf16_chunks == 0) {
    napi_create_string_latin1(env, latin, t.latin_count, &result);
    return result;
  }
  Chunks chunks(env, latin_chunks + utf16_chunks);
  if (!chunks.put(napi_create_string_latin1, latin, t.latin_count, t.latin_ends, t.latin_end_count))
    return int_value(env, kNoMemory);
  if (utf16_chunks &&
      !chunks.put(napi_create_string_utf16, t.utf16.data(), t.utf16_count, t.utf16_ends, t.utf16_end_count))
    return int_value(env, kNoMemory);
  result = chunks.list(j.collect);
  return result ? result : int_value(env, kNoMemory);
}

/** UTF-8 or WTF-8 to a JS string: lone surrogates stay what they are. */
napi_value key_string(napi_env env, JsonLocal& j, const uint8_t* text, size_t size) noexcept {
  napi_value result = nullptr;
  bool ascii = true;
  for (size_t i = 0; i < size; i++) ascii &= text[i] < 0x80;
  if (ascii) {
    napi_create_string_latin1(env, reinterpret_cast<const char*>(text), size, &result);
    return result;
  }
  if (!j.text.reserve(size * 2 + 2, 0)) return nullptr;
  char16_t* units = reinterpret_cast<char16_t*>(j.text.data());
  // an unescaped key may hold backslashes of its own: they are no escapes any more
  size_t count = json::transcode(text, size, units);
  napi_create_string_utf16(env, units, count, &result);
  return result;
}

/**
 * news(again: boolean): [numbers: Int32Array, keys: string[]] since the last call, or of all there is.
 * numbers: first node, first key, first shape, nodes, shapes; then parent and key of each node (parent -1:
 * the root of an object); then the node of each shape.
 */
napi_value news(napi_env env, napi_callback_info info) {
  size_t argc = 1;
  napi_value argv[1];
  JsonLocal& j = arguments_of<JsonLocal>(env, info, &argc, argv);
  json::Shapes& s = j.tape.shapes;
  bool again = false;
  napi_get_value_bool(env, argv[0], &again);
  if (again) s.told_nodes = s.told_keys = s.told_shapes = 0;
  constexpr size_t kCounts = 5;
  size_t nodes = s.node_count() - s.told_nodes, shapes = s.shape_count() - s.told_shapes;
  napi_value result, buffer, numbers, keys;
  void* data = nullptr;
  napi_create_array_with_length(env, 2, &result);
  size_t count = kCounts + nodes * 2 + shapes;
  if (napi_create_arraybuffer(env, count * sizeof(int32_t), &data, &buffer) != napi_ok) return nullptr;
  napi_create_typedarray(env, napi_int32_array, count, buffer, 0, &numbers);
  int32_t* out = static_cast<int32_t*>(data);
  *out++ = static_cast<int32_t>(s.told_nodes);
  *out++ = static_cast<int32_t>(s.told_keys);
  *out++ = static_cast<int32_t>(s.told_shapes);
  *out++ = static_cast<int32_t>(nodes);
  *out++ = static_cast<int32_t>(shapes);
  for (uint32_t i = s.told_nodes; i < s.node_count(); i++) {
    const json::ShapeOrigin& n = s.origin(i);
    *out++ = static_cast<int32_t>(n.parent);
    *out++ = static_cast<int32_t>(n.key_id);
  }
  for (uint32_t i = s.told_shapes; i < s.shape_count(); i++) *out++ = static_cast<int32_t>(s.shape_node(i));
  napi_create_array_with_length(env, s.key_count() - s.told_keys, &keys);
  for (uint32_t i = s.told_keys; i < s.key_count(); i++) {
    napi_handle_scope scope;
    napi_open_handle_scope(env, &scope);
    const json::Shapes::Key& key = s.key(i);
    napi_value text = key_string(env, j, s.arena() + key.offset, key.length);
    if (text) napi_set_element(env, keys, i - s.told_keys, text);
    napi_close_handle_scope(env, scope);
    if (!text) {
      napi_throw_error(env, error_info(Error::out_of_memory).code, error_info(Error::out_of_memory).text);
      return nullptr;
    }
  }
  s.told_nodes = s.node_count();
  s.told_keys = s.key_count();
  s.told_shapes = s.shape_count();
  napi_set_element(env, result, 0, numbers);
  napi_set_element(env, result, 1, keys);
  return result;
}

/** Policy bits of index(). */
enum Policy : uint32_t { kStrictUtf8 = 1, kForbidProto = 2, kForbidConstructor = 4, kForbidDuplicates = 8 };

bool run_parser(napi_env env, JsonLocal& j, const napi_value* argv) noexcept {
  Span span = span_of(env, argv);
  uint32_t policy = 0, max_depth = 0;
  napi_get_value_uint32(env, argv[3], &policy);
  napi_get_value_uint32(env, argv[4], &max_depth);
  json::DocumentOptions options;
  options.max_depth = max_depth;
  options.strict_utf8 = policy & kStrictUtf8;
  options.forbid_proto = policy & kForbidProto;
  options.forbid_constructor = policy & kForbidConstructor;
  options.forbid_duplicates = policy & kForbidDuplicates;
  return j.parser.parse(span.data ? span.data : "", span.size, options, nullptr).ok();
}

/** valid(bytes, start, end, policy, maxDepth): boolean */
napi_value valid(napi_env env, napi_callback_info info) {
  size_t argc = 5;
  napi_value argv[5], result = nullptr;
  JsonLocal& j = arguments_of<JsonLocal>(env, info, &argc, argv);
  napi_get_boolean(env, run_parser(env, j, argv), &result);
  j.parser.shrink();
  return result;
}

/** index(bytes, start, end, policy, maxDepth): the tape of node.h as Uint32Array, offsets from start; or
 * undefined. */
napi_value index(napi_env env, napi_callback_info info) {
  size_t argc = 5;
  napi_value argv[5], buffer, result = nullptr;
  JsonLocal& j = arguments_of<JsonLocal>(env, info, &argc, argv);
  if (run_parser(env, j, argv)) {
    const json::Tape& tape = j.parser.tape();
    void* data = nullptr;
    size_t bytes = tape.size * sizeof(json::Entry);
    // one word more: whether keys may have escapes
    if (napi_create_arraybuffer(env, bytes + sizeof(uint32_t), &data, &buffer) == napi_ok) {
      memcpy(data, tape.entries, bytes);
      uint32_t escapes = tape.escapes;
      memcpy(static_cast<char*>(data) + bytes, &escapes, sizeof escapes);
      napi_create_typedarray(env, napi_uint32_array, tape.size * 2 + 1, buffer, 0, &result);
    }
  }
  j.parser.shrink();
  return result;
}

/** text(bytes, start, end): the string the bytes are; undefined when they are not UTF-8. */
napi_value text(napi_env env, napi_callback_info info) {
  size_t argc = 3;
  napi_value argv[3], result = nullptr;
  JsonLocal& j = arguments_of<JsonLocal>(env, info, &argc, argv);
  Span span = span_of(env, argv);
  const uint8_t* bytes = reinterpret_cast<const uint8_t*>(span.data);
  size_t ascii = json::ascii_prefix(bytes, span.size);
  if (ascii == span.size) {
    napi_create_string_latin1(env, span.data ? span.data : "", span.size, &result);
    return result;
  }
  const json::Kernel& kernel = json::kernel();
  if (!kernel.valid_utf8(bytes + ascii, span.size - ascii)) return nullptr;
  if (!j.text.reserve(span.size * 2 + 128, 0)) return nullptr;
  char16_t* units = reinterpret_cast<char16_t*>(j.text.data());
  size_t count = kernel.to_utf16(bytes, span.size, units);
  napi_create_string_utf16(env, units, count, &result);
  if (j.text.capacity() > 1u << 20) j.text.release();
  return result;
}

/** minify(bytes, start, end): a Buffer; the text is JSON already. */
napi_value minify(napi_env env, napi_callback_info info) {
  size_t argc = 3;
  napi_value argv[3], result = nullptr;
  JsonLocal& j = arguments_of<JsonLocal>(env, info, &argc, argv);
  Span span = span_of(env, argv);
  if (!j.text.reserve(span.size + 1, 0)) return nullptr;
  size_t size = json::minify(reinterpret_cast<const uint8_t*>(span.data), span.size, j.text.data());
  napi_create_buffer_copy(env, size, j.text.data(), nullptr, &result);
  if (j.text.capacity() > 1u << 20) j.text.release();
  return result;
}

}  // namespace

Napi::Object init_json(Napi::Env env) {
  memory::Cache& cache = env_local(env).cache;
  Napi::Object exports = Napi::Object::New(env);
  void* block = cache.allocate(sizeof(JsonLocal));
  if (!block) {
    Napi::Error::New(env, "out of memory").ThrowAsJavaScriptException();
    return exports;
  }
  JsonLocal* j = new (block) JsonLocal(cache);
  env_local(env).json.reset(j);
  cpu::Isa isa;
  const char* wanted = getenv("TAILRACE_ISA");
  if (wanted && cpu::parse(wanted, &isa)) json::choose_kernel(isa);
  exports.Set("isa", cpu::name(json::kernel().isa));
  export_function(env, exports, "setup", setup, j);
  export_function(env, exports, "parse", parse, j);
  export_function(env, exports, "news", news, j);
  export_function(env, exports, "valid", valid, j);
  export_function(env, exports, "index", index, j);
  export_function(env, exports, "text", text, j);
  export_function(env, exports, "minify", minify, j);
  return exports;
}

}  // namespace tailrace::binding
