// What a backend offers, part by part. The facade (lib/<part>) validates, holds defaults, error classes and
// texts; a backend only computes on arguments that are already right. Two implement it: backend/native (the
// addon) and backend/js (what Node has). One conformance suite per part runs on both.

import type { SchedBackend } from './contract-sched';
import type { JsonDecode, JsonEncode, JsonPlan } from './json-plan';

export type { SchedBackend, SchedFigures } from './contract-sched';

/** What a backend cannot do is listed here and shown by runtimeInfo(); all else it does. */
export interface Supports {
  /** A native thread serves while JavaScript is blocked. */
  readonly handoff: boolean;
  /** Connections of tailrace/net are the core's; false: they are node:net's, and behave the same. */
  readonly nativeNet: boolean;
}

export interface Backend {
  readonly name: 'native' | 'js';
  /** The SIMD kernel in use: icelake, haswell, westmere, arm64, fallback; 'js' on the fallback. */
  readonly isa: string;
  readonly supports: Supports;
  readonly json: JsonBackend;
  readonly memory: MemoryBackend;
  readonly net: NetBackend;
  readonly sched: SchedBackend;
  readonly server: ServerBackend;
}

// ---------------------------------------------------------------- json

/**
 * All filled in and checked by the facade. undefined instead of this record means the defaults, which are
 * JSON.parse's own: number, last, no depth limit, ignore, ignore, replace, auto.
 */
export interface JsonParseOptions {
  /** bigint: integers (no fraction, no exponent) that a double cannot hold exactly become bigints. */
  integers: 'number' | 'bigint';
  duplicateKeys: 'last' | 'error';
  /** Arrays and objects that may be open at once: `[]` needs 1, a scalar 0. kJsonNoDepthLimit: no limit. */
  maxDepth: number;
  /** What becomes of a key `__proto__` (compared unescaped). remove: as if its last value had been deleted. */
  protoAction: 'ignore' | 'remove' | 'error';
  /** The same for a key `constructor` whose (last) value is an object with an own key `prototype`. */
  constructorAction: 'ignore' | 'remove' | 'error';
  /** Bytes only: replace as TextDecoder does (a maximal subpart becomes one U+FFFD), or fail. */
  utf8: 'replace' | 'error';
  /** A hint about memory, never about values: auto: a kept string pins at most 4 KB of its document. */
  strings: 'auto' | 'flat' | 'sliced';
}

/** maxDepth of a document without a limit. */
export const kJsonNoDepthLimit = 0xffff_ffff;

/** What JsonValue.type says, in the order of these numbers. */
export enum JsonType {
  null = 0,
  boolean = 1,
  number = 2,
  string = 3,
  array = 4,
  object = 5,
}

/**
 * A JSON pointer, split and unescaped once. Object: the last member of that name. Array: `0` or a number
 * without leading zero; anything else (`-` too) finds nothing. No token: the node itself.
 */
export interface JsonPath {
  readonly tokens: readonly string[];
  /** A backend may hang its own compiled form here; nobody else touches it. */
  compiled?: unknown;
}

/**
 * A validated document whose values are made when asked for. A node is a number only its document
 * understands; -1 says there is none. The facade asks only with nodes it got from this document, and not after close().
 */
export interface JsonBackendDocument {
  readonly root: number;
  type(node: number): JsonType;
  /**
   * Elements of an array; members of an object, duplicates counted; 0 for others. This, children, find and
   * resolve see every member: the facade hides what an action `remove` removes; toJS and get (of a value) leave it out.
   */
  size(node: number): number;
  /** Elements in order, or for an object key, value, key, value … in document order, duplicates too. */
  children(node: number): ArrayLike<number>;
  at(node: number, index: number): number;
  find(node: number, key: string): number;
  resolve(node: number, path: JsonPath): number;
  /** resolve and toJS in one call; undefined when there is nothing. */
  get(node: number, path: JsonPath): unknown;
  /** The whole value (a key node gives its string), as parse() with the document's options would. */
  toJS(node: number): unknown;
  /** Its exact source text without surrounding space, as UTF-8; a copy. */
  raw(node: number): Buffer;
  /** Moves it into shared memory, once; what another thread needs to open it. */
  share(): JsonSharedDocument;
  /** Frees what it holds at once; what it shared can no longer be opened. Idempotent. */
  close(): void;
}

/** A document in shared memory; both can be posted. */
export interface JsonSharedDocument {
  /** See backend/json/shared-document.ts. */
  readonly buffer: SharedArrayBuffer;
  readonly options: JsonParseOptions | undefined;
}

/**
 * Bytes arrive as a plain Uint8Array or Buffer over an ArrayBuffer: the facade has copied what was shared and
 * refused what was detached. Every failure is thrown as jsonFailure() of backend/json-failure.ts makes it.
 *
 * `offset` of a failure (in bytes; UTF-16 units for a string; from `start` for a range) is the length of the
 * longest prefix that some valid JSON text begins with: the first unit that cannot stand where it stands, or
 * the input's length when it ends too early. utf8 'error': the first byte of the first bad sequence. Depth: the bracket that
 * is one too many. Keys: the opening quote of the first offending key (for a duplicate the later one; a key that is both counts as a duplicate).
 * Order when several apply: utf8, then syntax or depth whichever stands first, then keys.
 */
export interface JsonBackend {
  parse(input: string | Uint8Array, options: JsonParseOptions | undefined): unknown;
  /** parse of bytes[start, end) without making a view: for lines and for the server. */
  parseRange(bytes: Uint8Array, start: number, end: number, options: JsonParseOptions | undefined): unknown;
  /** Whether parse would return. */
  validate(input: string | Uint8Array, options: JsonParseOptions | undefined): boolean;
  /** The same text without insignificant space, everything else byte for byte; bytes that are not UTF-8 stay. */
  minify(input: string | Uint8Array): Buffer;
  /** Always copies its input. */
  open(input: string | Uint8Array, options: JsonParseOptions | undefined): JsonBackendDocument;
  /** The same without keeping the event loop: the input is copied before this returns. */
  openAsync(input: string | Uint8Array, options: JsonParseOptions | undefined): Promise<JsonBackendDocument>;
  /** No copy, when the backend that shared it is this one. Throws ERR_TAILRACE_STALE_HANDLE. */
  openShared(shared: JsonSharedDocument): JsonBackendDocument;
  /**
   * Appends the values of bytes[start, end), lines that end with a newline each, up to the first that is at fault or longer than
   * maxLine: how many lines those are, blank ones included, and where they end. undefined: this backend is no faster at many lines than
   * at one.
   */
  lines(
    bytes: Uint8Array,
    start: number,
    end: number,
    maxLine: number,
    values: unknown[],
  ): { lines: number; end: number } | undefined;
  /** The same, lines as documents. */
  openLines(
    bytes: Uint8Array,
    start: number,
    end: number,
    maxLine: number,
  ): { documents: JsonBackendDocument[]; lines: number; end: number } | undefined;
  /** A reader of many lines has come to its end: what was kept for it may go. */
  linesEnded(): void;
  /**
   * JSON.stringify(value) as UTF-8; undefined when that gives undefined. bigintAsInteger: bigints (after
   * toJSON) become integers instead of a TypeError.
   */
  encode(value: unknown, bigintAsInteger: boolean): Buffer | undefined;
  /** A faster way to decode by a plan; undefined when the backend has none. */
  decoder(plan: JsonPlan): JsonDecode | undefined;
  encoder(plan: JsonPlan): JsonEncode;
}

// ---------------------------------------------------------------- net

/** Where a socket is: an IP address, or the path of a Unix socket. */
export type NetAddress = { address: string; family: 'IPv4' | 'IPv6'; port: number } | { path: string };

/** Exactly one of path and host/port is used: path when it is not undefined. */
export interface NetListenSpec {
  host: string | undefined;
  port: number;
  path: string | undefined;
  backlog: number;
  reusePort: boolean;
  /** Must not throw. Before its first read() a connection takes at most a bounded buffer of bytes. */
  onConnection(connection: BackendConnection): void;
  /** The listener failed later than its start (out of descriptors …); it goes on. Must not throw. */
  onError(error: Error): void;
}

export interface NetConnectSpec {
  host: string;
  port: number;
  path: string | undefined;
  signal: AbortSignal | undefined;
}

/**
 * One connection. The facade keeps the order: at most one read under way, nothing written after end(), no
 * call after destroy(). Failures of the system reject with Node's own errors (code ECONNRESET …).
 */
export interface BackendConnection {
  readonly local: NetAddress | undefined;
  readonly remote: NetAddress | undefined;
  /** What has come, at least a byte, the caller's to keep; null at the peer's end. */
  read(): Promise<Buffer | null>;
  /** Resolves when the system has taken all of it; the bytes must not change until then. Several keep their order. */
  write(data: Uint8Array): Promise<void>;
  /** Sends our end behind what was written; resolves when that is done. Reading goes on. */
  end(): Promise<void>;
  /** Closes at once. What is under way rejects (with anything: the facade says why). Idempotent. */
  destroy(): void;
  /** Set once by the facade: the socket is gone, by destroy(), by an error or because both sides ended. */
  onClose: (() => void) | undefined;
  ref(): void;
  unref(): void;
}

export interface BackendTcpServer {
  readonly address: NetAddress;
  /** Stops listening; its connections live on. Resolves when the address is free. */
  close(): Promise<void>;
  ref(): void;
  unref(): void;
}

export interface NetBackend {
  /** Resolves when it listens; rejects with the system's error (code EADDRINUSE …). */
  listen(spec: NetListenSpec): Promise<BackendTcpServer>;
  /** Rejects with the system's error, or with signal.reason. */
  connect(spec: NetConnectSpec): Promise<BackendConnection>;
}

// ---------------------------------------------------------------- memory

/** The native core's own heap, in bytes unless said. */
export interface CoreHeapStats {
  /** Address space. */
  reserved: number;
  /** Pages that hold memory. */
  committed: number;
  /** Blocks handed out, by the size of their class. */
  inUse: number;
  /** Free blocks in caches and central lists. */
  cached: number;
  limit: number;
  /** Batches that caches took from and gave to the central lists (counts). */
  refills: number;
  releases: number;
  /** To the system, ever. */
  givenBack: number;
  /** Allocations that failed (a count). */
  refused: number;
  /** Caches alive (a count). */
  caches: number;
}

/**
 * Memory that JavaScript sees. The slab's free lists live in lib/memory: JS pops and pushes them itself, since a call
 * into native code costs more than an allocation. A backend makes the arenas and gives their pages back.
 */
export interface MemoryBackend {
  /** Whether slabs are guarded unless told: debug builds, and TAILRACE_DEBUG=guard=1. */
  readonly guarded: boolean;
  /** A zeroed arena of `bytes`, untransferable. Throws LimitError when the system has no memory for it. */
  arena(bytes: number): ArrayBuffer;
  /**
   * Gives back the memory of the whole system pages inside [offset, offset + bytes) of an arena; they read as
   * zero afterwards. Returns the bytes given back: 0 where it cannot.
   */
  giveBack(arena: ArrayBuffer, offset: number, bytes: number): number;
  /** The core's heap; undefined on the fallback, which has none. */
  coreStats(): CoreHeapStats | undefined;
  /**
   * The same figures without a call: in the order of CoreHeapStats, read by Atomics.load, a fifth of a second old while
   * the heap is in use and as old as its last use when not. The limit is 2^64 - 1 when there is none.
   */
  readonly coreCounters: BigUint64Array | undefined;
  /** Gives the core's free pages back; returns bytes. 0 on the fallback. */
  purgeCore(): number;
  /** Most bytes the core's heap may commit, Infinity for no limit; what it refuses is ERR_TAILRACE_OUT_OF_MEMORY. */
  limitCore(bytes: number): void;
}

// ---------------------------------------------------------------- server, rpc

// What both server backends answer on their own (the conformance suite holds them to it):
// - malformed request, HTTP/1.1 without Host, Content-Length with Transfer-Encoding: 400, then close; header
//   too large or too many: 431 or 414, close; body above bodyBytes: 413, close (before any 100 Continue); a coding
//   before chunked, CONNECT: 501; Expect other than 100-continue: 417; a version other than 1.0 and 1.1: 505. A
//   request cut short by the peer's end: 400. Row by row: test/server/raw-requests.ts.
// - 100 Continue only where a route answers; else the reply at once, and close. OPTIONS *: 204 with Allow.
// - path of no route: 404; path of a route, other method: 405 with Allow; HEAD runs the GET route, its body
//   dropped. A literal segment beats ':name', from left to right; ':name' never matches an empty segment.
//   The path is the target up to '?', compared as sent; absolute-form targets lose scheme and authority.
// - header not complete headerMs after its first byte, or body not complete requestMs after the request's
//   first byte: 408, close. Handler not settled by its deadline (first byte + requestMs): 503, its signal
//   aborts. A connection without a request for idleMs: closed without a word. Above `connections`: accepted
//   and closed at once, counted as refused. Queue of the group full: 503 with Retry-After: 1.
// - a reply without a Content-Type header gets none; 204 and 304 have no body. Own replies are text/plain.
// - the client gone before the reply: signal() aborts with an AbortError.
// - health: GET live gives 200 'ok\n'; GET ready 200 'ok\n', or 503 'not ready\n' while shedding or draining.
// - close(drainMs): stop listening, close idle connections, replies under way carry Connection: close.
//   What is left after drainMs: signals abort, sockets are destroyed.
//
// JSON-RPC (RpcSpec): POST on its path, the query ignored; other methods 405 with Allow: POST. Always HTTP 200
// with application/json; 204 when there is nothing to say (notifications only).
// - not UTF-8, not JSON, empty body: one -32700, id null. Deeper than limits.depth, more calls than limits.batch,
//   empty batch, top level neither object nor array: one -32600, id null.
// - a call is an object with jsonrpc exactly "2.0", method a string, params absent, array or object, id absent,
//   string, number or null; otherwise -32600, with the id when that is valid and null when not (also when absent).
//   Other members are ignored; of duplicate members the last counts; escaped member names count ("\u0069d").
// - the id is echoed as its JSON text, byte for byte (1e2, 12345678901234567890, "\u0041").
// - unknown method -32601. A "__proto__" member anywhere in params, or a "constructor" member whose value has
//   a "prototype" member: -32602 for that call. (Lazy params are not looked at: their reader is.)
// - undefined as a result is null. A call not settled after min(timeoutMs, deadline): -32001, signal aborts.
// - replies of a batch stand in the order of its calls. Texts and codes: rpcFailures in backend/shared.ts.

/** All limits are filled in by the facade: bytes, counts, milliseconds. */
export interface ServerLimits {
  connections: number;
  headerBytes: number;
  headers: number;
  bodyBytes: number;
  /** Requests of one connection that may be under way at once. */
  pipeline: number;
  headerMs: number;
  requestMs: number;
  idleMs: number;
  /** A peer that does not read its replies. */
  writeMs: number;
  /** Reply bytes one connection may have waiting before reading from it stops. */
  writeBytes: number;
  /** Requests waiting for JavaScript, per handler group. */
  queue: number;
  /** Calls in one JSON-RPC batch. */
  batch: number;
  /** Depth of a JSON body. */
  depth: number;
}

export interface HealthSpec {
  live: string;
  ready: string;
  blockedMs: number;
}

/** A finished reply, as bytes to be sent: the facade has made it out of what the handler returned. */
export interface RawReply {
  status: number;
  /** name, value, name, value …; without Content-Length, Connection, Date */
  headers: readonly string[];
  body: string | Uint8Array;
}

/** One request as a backend hands it to a route; alive until it is settled. Everything is made when first looked at. */
export interface BackendRequest {
  readonly method: string;
  /** Request target as sent, with its query. */
  readonly target: string;
  /** The captured segments in the path's order, still percent-encoded. */
  readonly params: readonly string[];
  /** name, value, name, value …; names in lower case */
  rawHeaders(): string[];
  remoteAddress(): string;
  body(): Buffer;
  signal(): AbortSignal;
  /** Milliseconds since the epoch. */
  readonly deadline: number;
}

/** One JSON-RPC call as a backend hands it to its method. */
export interface BackendCall {
  /** Its exact value; undefined for a notification. */
  readonly id: string | number | null | undefined;
  rawHeaders(): string[];
  remoteAddress(): string;
  signal(): AbortSignal;
  readonly deadline: number;
}

export interface RouteSpec {
  /** GET …; '*' for any */
  method: string;
  /** '/users/:id'; the last route of the list may be '*' (notFound). */
  path: string;
  /**
   * Runs the handler in an async scope of its own. Never throws synchronously and never rejects: the facade
   * has turned failures into replies.
   */
  handle(request: BackendRequest): RawReply | Promise<RawReply>;
}

export interface RpcFailure {
  code: number;
  message: string;
  data?: unknown;
}

export interface RpcMethodSpec {
  name: string;
  /** Params stay JSON text: the handler gets a JsonDocument. */
  lazy: boolean;
  /** Of calls that wait for JavaScript together, higher ones start first: 2 high, 1 normal, 0 low. */
  priority: number;
  /**
   * Runs the handler in an async scope of its own. May throw or reject: the backend turns the error into a
   * reply by RpcSpec.failure. A RawJson (backend/shared.ts) as result is JSON text to be placed as it is.
   * `params` is the parsed value, undefined when the call has none, a Buffer of JSON text when lazy.
   */
  invoke(params: unknown, call: BackendCall): unknown;
  timeoutMs: number;
}

export interface RpcSpec {
  path: string;
  methods: readonly RpcMethodSpec[];
  /** Its isolates run the methods; `invoke` is then never called here. */
  group?: BackendGroup;
  /** Calls that wait for an isolate in a queue that is not the server's, but counts as it: for shedding, readiness, statistics. */
  waiting?(): number;
  /** Logs what must be logged and decides what the client may see. */
  failure(error: unknown): RpcFailure;
}

export interface ServerSpec {
  host: string;
  port: number;
  backlog: number;
  reusePort: boolean;
  limits: ServerLimits;
  health: HealthSpec | false;
  routes: readonly RouteSpec[];
  rpc: RpcSpec | undefined;
  onError(error: Error): void;
  /** Connections were turned away at the limit; at most one call a loop turn. */
  onRefused(count: number): void;
}

export interface ServerStats {
  connections: number;
  accepted: number;
  /** Connections turned away at the limit. */
  refused: number;
  requests: number;
  replies: number;
  /** Requests answered 503 because the group's queue was full. */
  shed: number;
  /** Requests or connections ended by a timeout. */
  timeouts: number;
  /** Malformed requests. */
  malformed: number;
  /** Requests waiting for JavaScript now. */
  queued: number;
  /** Requests under way now. */
  inFlight: number;
  bytesIn: number;
  bytesOut: number;
  /** Times a native thread took the server over from a blocked loop. */
  handoffs: number;
}

export interface BackendServer {
  address(): { address: string; family: 'IPv4' | 'IPv6'; port: number };
  /** Stops accepting, answers what is under way for at most drainMs, then closes all. */
  close(drainMs: number): Promise<void>;
  stats(): ServerStats;
  ref(): void;
  unref(): void;
}

/** Names a group in other isolates of this process: structured-cloneable. */
export type GroupHandle = readonly number[];

/** Calls that wait for JavaScript, taken in common by the isolates that have joined. */
export interface BackendGroup {
  readonly handle: GroupHandle;
  /** Nobody can join any more. */
  close(): void;
}

/** How an isolate runs the calls it takes from a group: `methods` in the order of the server's. */
export interface MemberSpec {
  methods: readonly RpcMethodSpec[];
  failure(error: unknown): RpcFailure;
}

export interface BackendMember {
  /** Takes no more; calls that it has not answered fail. */
  close(): void;
}

export interface ServerBackend {
  /** Resolves when it listens; rejects with the system's error (code EADDRINUSE …). */
  serve(spec: ServerSpec): Promise<BackendServer>;
  /**
   * A group for at most `bound` calls, fed by the servers of this isolate. A backend without it has its calls sent to
   * other isolates as messages (lib/rpc/isolates).
   */
  share?(bound: number): BackendGroup;
  /** Takes calls of a group of another isolate until it is closed. ERR_TAILRACE_STALE_HANDLE: it is closed. */
  join?(handle: GroupHandle, spec: MemberSpec): BackendMember;
}
