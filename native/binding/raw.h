// The plain C calls of Node-API that the JSON functions share. They are called for every text, and
// node-addon-api's objects cost more than a small text does, so they stand below it.
#pragma once

#include <node_api.h>

#include <cstddef>
#include <cstdint>

namespace tailrace::binding {

/** The arguments of a call, and what export_function() tied to the function. */
template <class T>
T& arguments_of(napi_env env, napi_callback_info info, size_t* argc, napi_value* argv) noexcept {
  void* data = nullptr;
  napi_get_cb_info(env, info, argc, argv, nullptr, &data);
  return *static_cast<T*>(data);
}

inline napi_value int_value(napi_env env, int32_t n) noexcept {
  napi_value result = nullptr;
  napi_create_int32(env, n, &result);
  return result;
}

/** maxLine of a call: bytes, or no limit. */
inline size_t longest_line(napi_env env, napi_value value) noexcept {
  double most = 0;
  napi_get_value_double(env, value, &most);
  return most < 4e9 ? static_cast<size_t>(most) : SIZE_MAX;
}

/** Sets `to.name`. `data` outlives the environment's last call. */
inline void export_function(napi_env env, napi_value to, const char* name, napi_callback function,
                            void* data) noexcept {
  napi_value value = nullptr;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, function, data, &value);
  napi_set_named_property(env, to, name, value);
}

}  // namespace tailrace::binding
