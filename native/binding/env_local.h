// What the binding keeps for one environment (a Node isolate: the main thread or a worker thread). Functions
// called from JS need no P; what they need stands here, and only this environment's thread touches it.
#pragma once

#include <napi.h>

#include <memory>

#include "binding/census.h"
#include "memory/cache.h"
#include "memory/heap.h"

namespace tailrace::binding {

class LoopHost;
class ServerHost;
class NetHost;
struct JsonLocal;  // json.cc
struct DropJsonLocal {
  void operator()(JsonLocal* local) const noexcept;
};
struct JsonSchemaLocal;  // json_schema.cc
struct DropJsonSchemaLocal {
  void operator()(JsonSchemaLocal* local) const noexcept;
};
struct JsonEncodeLocal;  // json_encode.cc
struct DropJsonEncodeLocal {
  void operator()(JsonEncodeLocal* local) const noexcept;
};

struct DocumentLocal;  // json_documents.cc
struct DropDocumentLocal {
  void operator()(DocumentLocal* local) const noexcept;
};

/**
 * A thread that ends takes its work with it: what it had used is not wanted again soon, and where nobody
 * serves no sysmon would ever give it back. Costs the thread 0.1 to 0.3 ms, of an end that takes several.
 */
struct GiveBackAtTheEnd {
  ~GiveBackAtTheEnd() { (void)memory::purge(); }
};

struct EnvLocal {
  Alive alive{Kind::environment};
  // Each part adds what it needs; members are destroyed by the environment's cleanup, in reverse order.
  GiveBackAtTheEnd give_back;                      // before the cache, so that it has what the cache had
  memory::Cache cache;                             // next, so that it outlives all that draws from it
  Napi::Reference<Napi::TypedArray> heap_words;    // over a SharedArrayBuffer, kept for
  memory::Publication heap_figures;                // which writes to it, and stops first
  LoopHost* loop_host = nullptr;                   // not owned: it ends by its own cleanup hook, before this
  ServerHost* server_host = nullptr;               // likewise, with the loop host
  NetHost* net_host = nullptr;                     // likewise
  std::unique_ptr<JsonLocal, DropJsonLocal> json;  // made by init_json
  std::unique_ptr<JsonSchemaLocal, DropJsonSchemaLocal> json_schema;
  std::unique_ptr<DocumentLocal, DropDocumentLocal> documents;  // made by add_json_documents
  std::unique_ptr<JsonEncodeLocal, DropJsonEncodeLocal> json_encode;
};

/** The environment's EnvLocal (instance data); never null between init and cleanup. */
EnvLocal& env_local(Napi::Env env);

}  // namespace tailrace::binding
