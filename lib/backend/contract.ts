// What a backend offers, part by part. The facade (lib/<part>) validates, holds defaults, error classes and
// texts; a backend only computes on arguments that are already right. Two implement it: backend/native (the
// addon) and backend/js (what Node has). One conformance suite per part runs on both.

/** What a backend cannot do is listed here and shown by runtimeInfo(); all else it does. */
export interface Supports {
  /** A native thread serves while JavaScript is blocked. */
  readonly handoff: boolean;
}

export interface Backend {
  readonly name: 'native' | 'js';
  /** The SIMD kernel in use: icelake, haswell, fallback; 'js' on the fallback. */
  readonly isa: string;
  readonly supports: Supports;
  readonly server: ServerBackend;
}

// ---------------------------------------------------------------- server, rpc

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
  /** Index into RouteSpec list; the captured segments, still percent-encoded. */
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
  /** Never throws synchronously and never rejects: the facade has turned failures into replies. */
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
  /**
   * Runs the handler. May throw or reject: the backend turns the error into a reply by RpcSpec.failure.
   * `params` is the parsed value, undefined when the call has none, a Buffer of JSON text when lazy.
   */
  invoke(params: unknown, call: BackendCall): unknown;
  timeoutMs: number;
}

export interface RpcSpec {
  path: string;
  methods: readonly RpcMethodSpec[];
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

export interface ServerBackend {
  /** Resolves when it listens; rejects with the system's error (code EADDRINUSE …). */
  serve(spec: ServerSpec): Promise<BackendServer>;
}
