// The root of the package: every part under its name, each loaded when one of its exports is first looked at, so that
// `require('tailrace')` costs next to nothing. The same parts are modules of their own: tailrace/json and so on.

import type { Supports } from './backend/contract';
import { lazyModule } from './backend/lazy';

export {
  ClosedError,
  InvalidArgument,
  isTailraceError,
  JsonSchemaError,
  JsonSyntaxError,
  LimitError,
  QueueFullError,
  TailraceError,
  TimeoutError,
} from './errors';

/** What this process (this thread) runs on. */
export interface RuntimeInfo {
  backend: 'native' | 'js';
  /** Why it is the fallback; absent on the native backend. */
  reason?: string;
  /** SIMD kernel in use: 'icelake', 'haswell', 'westmere', 'arm64', 'fallback'; 'js' on the fallback. */
  isa: string;
  /** Of this package. */
  version: string;
  /** Of Node, without the 'v'. */
  node: string;
  procs: number;
  /** What only the native backend does. */
  supports: Supports;
}

/** Says which backend is in use and why. Chooses it when nothing has yet. */
export function runtimeInfo(): RuntimeInfo {
  const { selection } = require('./backend/select') as typeof import('./backend/select');
  const { backend, reason } = selection();
  return {
    backend: backend.name,
    ...(reason === undefined ? {} : { reason }),
    isa: backend.isa,
    version: (require('../../package.json') as { version: string }).version,
    node: process.versions.node,
    procs: backend.sched.procs(),
    supports: { ...backend.supports },
  };
}

// Each export of a part is named here, so that import and require see them before the part is loaded; the types make
// the compiler complain about one that is missing.

export const json = lazyModule<typeof import('./json')>(() => require('./json'), {
  JsonSchemaDefinitionError: true,
  JsonSchemaError: true,
  JsonSyntaxError: true,
  decoder: true,
  encode: true,
  encoder: true,
  lines: true,
  linesSync: true,
  minify: true,
  open: true,
  openAsync: true,
  openShared: true,
  parse: true,
  read: true,
  stringify: true,
  validate: true,
});

export const net = lazyModule<typeof import('./net')>(() => require('./net'), {
  Connection: true,
  connect: true,
  listen: true,
});

export const sched = lazyModule<typeof import('./sched')>(() => require('./sched'), {
  Channel: true,
  Isolates: true,
  LatencyHistogram: true,
  Mutex: true,
  Scope: true,
  Semaphore: true,
  channel: true,
  isolates: true,
  metrics: true,
  mutex: true,
  procs: true,
  scope: true,
  select: true,
  semaphore: true,
  withCancel: true,
  withDeadline: true,
  withTimeout: true,
});

export const server = lazyModule<typeof import('./server')>(() => require('./server'), {
  Server: true,
  serve: true,
});

export const rpc = lazyModule<typeof import('./rpc')>(() => require('./rpc'), {
  RpcError: true,
  client: true,
  handler: true,
  route: true,
  serve: true,
});

export const memory = lazyModule<typeof import('./memory')>(() => require('./memory'), {
  SlabError: true,
  coreHeap: true,
  explain: true,
  slab: true,
});

export const pool = lazyModule<typeof import('./pool')>(() => require('./pool'), {
  pool: true,
});
