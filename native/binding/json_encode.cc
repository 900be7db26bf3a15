// Encoding by a schema for JS: the fragments are handed over once, each value in one crossing. Operations and
// doubles stand in typed arrays JS has handed over, string contents come as one string; the text goes into
// bytes that are JS's too (native/json/encode.h).
#include "binding/json_encode.h"

#include <cstring>
#include <new>

#include "base/status.h"
#include "binding/raw.h"
#include "json/buffer.h"
#include "json/encode.h"

namespace tailrace::binding {

namespace {
struct Held {
  napi_ref array;
  json::Fragments fragments;
};
}  // namespace

/** What encoding keeps for one environment. */
struct JsonEncodeLocal {
  explicit JsonEncodeLocal(memory::Cache& cache) noexcept : cache(cache), held(cache), units(cache) {}
  memory::Cache& cache;
  json::Buffer<Held> held;
  size_t held_count = 0;
  json::Buffer<char16_t> units;
  napi_ref arrays[4] = {};
  const int32_t* words = nullptr;
  size_t word_capacity = 0;
  const double* doubles = nullptr;
  size_t double_capacity = 0;
  uint8_t* slab = nullptr;
  size_t slab_capacity = 0;
  uint8_t* scratch = nullptr;
  size_t scratch_capacity = 0;
};

void DropJsonEncodeLocal::operator()(JsonEncodeLocal* local) const noexcept {
  // the references end with the environment
  memory::Cache& cache = local->cache;
  local->~JsonEncodeLocal();
  cache.free(local);
}

namespace {

constexpr size_t kKeptUnits = 1u << 20;

napi_value number(napi_env env, double value) noexcept {
  napi_value result = nullptr;
  napi_create_double(env, value, &result);
  return result;
}

bool array_of(napi_env env, napi_value value, napi_typedarray_type wanted, void** data,
              size_t* length) noexcept {
  napi_typedarray_type type;
  return napi_get_typedarray_info(env, value, &type, length, data, nullptr, nullptr) == napi_ok &&
         type == wanted;
}

/**
 * setup(words: Int32Array, doubles: Float64Array, slab: Uint8Array, scratch: Uint8Array). Kept alive until
 * the next setup. Results that fit go into the slab and stay there; others into the scratch, to be copied.
 */
napi_value setup(napi_env env, napi_callback_info info) {
  size_t argc = 4;
  napi_value argv[4];
  JsonEncodeLocal& j = arguments_of<JsonEncodeLocal>(env, info, &argc, argv);
  void *words = nullptr, *doubles = nullptr, *slab = nullptr, *scratch = nullptr;
  if (!array_of(env, argv[0], napi_int32_array, &words, &j.word_capacity) ||
      !array_of(env, argv[1], napi_float64_array, &doubles, &j.double_capacity) ||
      !array_of(env, argv[2], napi_uint8_array, &slab, &j.slab_capacity) ||
      !array_of(env, argv[3], napi_uint8_array, &scratch, &j.scratch_capacity)) {
    j.word_capacity = j.double_capacity = j.slab_capacity = j.scratch_capacity = 0;
    napi_throw_type_error(env, nullptr, "setup(Int32Array, Float64Array, Uint8Array, Uint8Array)");
    return nullptr;
  }
  for (size_t i = 0; i < 4; i++) {
    if (j.arrays[i]) napi_delete_reference(env, j.arrays[i]);
    napi_create_reference(env, argv[i], 1, &j.arrays[i]);
  }
  j.words = static_cast<const int32_t*>(words);
  j.doubles = static_cast<const double*>(doubles);
  j.slab = static_cast<uint8_t*>(slab);
  j.scratch = static_cast<uint8_t*>(scratch);
  return nullptr;
}

/** fragments(words: Int32Array): their number. [count, offsets (one more), bytes …]; not written any more. */
napi_value fragments(napi_env env, napi_callback_info info) {
  size_t argc = 1;
  napi_value argv[1];
  JsonEncodeLocal& j = arguments_of<JsonEncodeLocal>(env, info, &argc, argv);
  void* data = nullptr;
  size_t words = 0;
  if (!array_of(env, argv[0], napi_int32_array, &data, &words) || words < 2) {
    napi_throw_type_error(env, nullptr, "fragments(Int32Array)");
    return nullptr;
  }
  size_t id = 0;
  while (id < j.held_count && j.held[id].array) id++;
  if (id == j.held_count) {
    if (!j.held.reserve(id + 1, id)) {
      napi_throw_error(env, error_info(Error::out_of_memory).code, error_info(Error::out_of_memory).text);
      return nullptr;
    }
    j.held_count++;
  }
  const int32_t* at = static_cast<const int32_t*>(data);
  Held& held = j.held[id];
  held.fragments.count = static_cast<uint32_t>(at[0]);
  held.fragments.offsets = at + 1;
  held.fragments.bytes = reinterpret_cast<const uint8_t*>(at + 2 + at[0]);
  napi_create_reference(env, argv[0], 1, &held.array);
  return number(env, static_cast<double>(id));
}

/** drop(id): nobody will use these fragments again. */
napi_value drop(napi_env env, napi_callback_info info) {
  size_t argc = 1;
  napi_value argv[1];
  JsonEncodeLocal& j = arguments_of<JsonEncodeLocal>(env, info, &argc, argv);
  uint32_t id = 0;
  napi_get_value_uint32(env, argv[0], &id);
  if (id >= j.held_count || !j.held[id].array) return nullptr;
  napi_delete_reference(env, j.held[id].array);
  j.held[id] = {};
  return nullptr;
}

/** Where in the words what stands; lib/backend/native/json/schema-encoder.ts has the same list. */
enum Header : size_t {
  kId = 0,
  kWordCount = 1,  // behind the header
  kDoubleCount = 2,
  kOffset = 3,  // where the slab is free
  kResult = 4,  // bytes written; negative: so many must the scratch have room for; 0: it cannot be
  kWhere = 5,   // 0: in the slab, 1: in the scratch
  kHeaderWords = 8
};

/** encode(strings?): arguments and result stand in the header, since reading them from there costs nothing.
 */
napi_value encode(napi_env env, napi_callback_info info) {
  size_t argc = 1;
  napi_value argv[1];
  JsonEncodeLocal& j = arguments_of<JsonEncodeLocal>(env, info, &argc, argv);
  if (j.word_capacity < kHeaderWords) return nullptr;
  int32_t* header = const_cast<int32_t*>(j.words);
  header[kResult] = 0;
  size_t id = static_cast<uint32_t>(header[kId]), words = static_cast<uint32_t>(header[kWordCount]);
  size_t doubles = static_cast<uint32_t>(header[kDoubleCount]);
  size_t offset = static_cast<uint32_t>(header[kOffset]);
  if (id >= j.held_count || !j.held[id].array || words > j.word_capacity - kHeaderWords ||
      doubles > j.double_capacity || offset > j.slab_capacity)
    return nullptr;
  size_t units = 0;
  if (argc) {
    // most strings fit into what there is: one call instead of two
    if (!j.units.capacity() && !j.units.reserve(4096, 0)) return nullptr;
    if (napi_get_value_string_utf16(env, argv[0], j.units.data(), j.units.capacity(), &units) != napi_ok)
      return nullptr;
    if (units + 1 >= j.units.capacity()) {
      napi_get_value_string_utf16(env, argv[0], nullptr, 0, &units);
      if (!j.units.reserve(units + 2, 0)) return nullptr;
      napi_get_value_string_utf16(env, argv[0], j.units.data(), j.units.capacity(), &units);
    }
  }
  const json::Fragments& pieces = j.held[id].fragments;
  json::EncodeInput input{j.words + kHeaderWords, words, j.doubles, doubles, j.units.data(), units};
  size_t bound = json::encode_bound(pieces, input);
  if (bound > 0x7fff'ffff) bound = 0;
  bool fits = bound <= j.slab_capacity - offset;
  header[kWhere] = !fits;
  if (!fits && bound > j.scratch_capacity)
    header[kResult] = -static_cast<int32_t>(bound);
  else if (bound)
    header[kResult] =
        static_cast<int32_t>(json::encode_tape(pieces, input, fits ? j.slab + offset : j.scratch));
  if (j.units.capacity() > kKeptUnits) j.units.release();
  return nullptr;
}

}  // namespace

Napi::Object init_json_encode(Napi::Env env) {
  memory::Cache& cache = env_local(env).cache;
  Napi::Object exports = Napi::Object::New(env);
  void* block = cache.allocate(sizeof(JsonEncodeLocal));
  if (!block) {
    Napi::Error::New(env, "out of memory").ThrowAsJavaScriptException();
    return exports;
  }
  JsonEncodeLocal* j = new (block) JsonEncodeLocal(cache);
  env_local(env).json_encode.reset(j);
  export_function(env, exports, "setup", setup, j);
  export_function(env, exports, "fragments", fragments, j);
  export_function(env, exports, "drop", drop, j);
  export_function(env, exports, "encode", encode, j);
  return exports;
}

}  // namespace tailrace::binding
