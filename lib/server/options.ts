// Server options: what they are, their defaults, their checks. Every limit has a default that is safe in front of
// strangers, and none can be switched off; only raised.

import type { HealthSpec, RouteSpec, RpcSpec, ServerLimits, ServerSpec } from '../backend/contract';
import { InvalidArgument } from '../errors';
import { checkLog, type Logger } from './log';
import { compileRoutes, type Handler, takenPaths } from './routes';
import { flag, integer, onlyKnown, optionalFunction, optionalSignal, path, record, text } from './validate';

export interface Limits {
  /** Open at once; more are closed at once, and counted as refused. 65,536 */
  connections?: number;
  /** Request line and headers, in bytes: beyond 431, or 414 when the line alone is longer. 16 KB */
  headerBytes?: number;
  /** Header fields: beyond 431. 100 */
  headers?: number;
  /** Beyond 413. 1 MB */
  bodyBytes?: number;
  /** Requests of one connection under way at once, if their bytes are not more than one may have; others wait. 64 */
  pipeline?: number;
  /** From a header's first byte to its last: beyond 408. 10 s */
  headerMs?: number;
  /** From a request's first byte to its reply: 408 when the client is late, 503 when the handler is. 60 s */
  requestMs?: number;
  /** A connection without a request is closed after it. 75 s */
  idleMs?: number;
  /** A peer that takes no byte of its replies for so long is dropped. 30 s */
  writeMs?: number;
  /** Reply bytes a connection may have waiting before the server stops reading from it. 1 MB */
  writeBytes?: number;
  /** Requests that wait for JavaScript: beyond 503. 65,536 */
  queue?: number;
  /** Calls in one JSON-RPC batch: beyond -32600. 1,000 */
  batch?: number;
  /** Arrays and objects inside each other in a JSON-RPC body: beyond -32600. 256 */
  depth?: number;
}

export interface HealthOptions {
  live?: string;
  ready?: string;
  /** `live` answers 503 once JavaScript has been blocked for so long (native backend). 30 s */
  blockedMs?: number;
}

export interface ServeOptions {
  /** 0: the system chooses; address() tells. */
  port: number;
  /** '127.0.0.1' */
  host?: string;
  backlog?: number;
  /** Several processes on one port (SO_REUSEPORT). */
  reusePort?: boolean;
  /** 'METHOD /path/:name': METHOD may be '*'; a literal segment beats a parameter. */
  routes?: Record<string, Handler>;
  /** For paths that no route has. */
  notFound?: Handler;
  limits?: Limits;
  /** false: none. */
  health?: HealthOptions | false;
  /** Not there yet: only false. */
  admin?: false;
  /** console-like; errors and warnings go to stderr by default. */
  log?: Logger;
  /** Closes the server (without drain) when it aborts. */
  signal?: AbortSignal;
}

export const serveOptionNames = [
  'port', 'host', 'backlog', 'reusePort', 'routes', 'notFound', 'limits', 'health', 'admin', 'log', 'signal',
] as const; // biome-ignore format: a table

const kMs = 0x7fffffff;
/** default, least, most */
const kLimits: Record<keyof ServerLimits, readonly [number, number, number]> = {
  connections: [65_536, 1, 16_777_216],
  headerBytes: [16_384, 256, 1_048_576],
  headers: [100, 1, 1_000],
  bodyBytes: [1_048_576, 0, 1_073_741_824],
  pipeline: [64, 1, 4_096],
  headerMs: [10_000, 1, kMs],
  requestMs: [60_000, 1, kMs],
  idleMs: [75_000, 1, kMs],
  writeMs: [30_000, 1, kMs],
  writeBytes: [1_048_576, 1_024, 1_073_741_824],
  queue: [65_536, 1, 16_777_216],
  batch: [1_000, 1, 1_000_000],
  depth: [256, 1, 100_000],
};

export function checkLimits(value: Limits | undefined): ServerLimits {
  const given = value === undefined ? {} : record(value, 'limits');
  onlyKnown(given, Object.keys(kLimits), 'limits.');
  const limits = {} as Record<keyof ServerLimits, number>;
  for (const name of Object.keys(kLimits) as (keyof ServerLimits)[]) {
    const [byDefault, min, max] = kLimits[name];
    limits[name] = integer(given[name], `limits.${name}`, min, max, byDefault);
  }
  return limits;
}

function checkHealth(value: HealthOptions | false | undefined): HealthSpec | false {
  if (value === false) return false;
  const given = value === undefined ? {} : record(value, 'health');
  onlyKnown(given, ['live', 'ready', 'blockedMs'], 'health.');
  const health = {
    live: path(given.live, 'health.live', '/livez'),
    ready: path(given.ready, 'health.ready', '/readyz'),
    blockedMs: integer(given.blockedMs, 'health.blockedMs', 1, kMs, 30_000),
  };
  if (health.live === health.ready)
    throw new InvalidArgument('health.ready', 'another path than live', health.ready);
  return health;
}

export type CheckedOptions = Omit<ServerSpec, 'onError' | 'onRefused'> & {
  log: Logger;
  signal: AbortSignal | undefined;
};

/** Throws InvalidArgument for the first option that is wrong. */
export function checkServeOptions(
  options: ServeOptions,
  known: readonly string[] = serveOptionNames,
  rpc?: RpcSpec,
): CheckedOptions {
  const given = record(options, 'options') as unknown as ServeOptions;
  onlyKnown(given, known, '');
  const log = checkLog(given.log);
  const health = checkHealth(given.health);
  if (given.admin !== undefined && given.admin !== false) {
    throw new InvalidArgument('admin', 'false: an admin port is not there yet', given.admin);
  }
  const notFound = optionalFunction(given.notFound, 'notFound');
  const routes: RouteSpec[] = compileRoutes(given.routes, notFound, log, takenPaths(health, rpc?.path));
  return {
    port: integer(given.port, 'port', 0, 65_535),
    host: text(given.host, 'host', '127.0.0.1'),
    backlog: integer(given.backlog, 'backlog', 1, 65_535, 4_096),
    reusePort: flag(given.reusePort, 'reusePort', false),
    limits: checkLimits(given.limits),
    health,
    routes,
    rpc,
    log,
    signal: optionalSignal(given.signal, 'signal'),
  };
}
