// rpc.serve: the options of a server, and methods behind one path of it. Methods come as a record of closures, which
// run here, or from a module, which runs in worker isolates (isolates.ts) or, without `isolates`, here as well.

import { pathToFileURL } from 'node:url';
import type { Backend, RpcMethodSpec, RpcSpec } from '../backend/contract';
import { InvalidArgument } from '../errors';
import { checkLog } from '../server/log';
import { checkLimits, checkServeOptions, type ServeOptions, serveOptionNames } from '../server/options';
import { type Server, start } from '../server/start';
import { flag, integer, optionalFunction, path, record, unlessAborted } from '../server/validate';
import { IsolatePool } from './isolates';
import { compileMethods, type Methods, makeFailure, type OnCall } from './methods';

export interface RpcServeOptions extends ServeOptions {
  /** '/rpc' */
  path?: string;
  /** Own members only. Either this or module. */
  methods?: Methods;
  /** Its default export is the methods record. A file: URL, or an absolute path. */
  module?: URL | string;
  /** With module: how many worker isolates run it; they take calls from one queue. Without it, it runs in this isolate. */
  isolates?: number;
  /** Messages of errors that are no RpcError reach the client. false */
  exposeErrors?: boolean;
  onCall?: OnCall;
}

const kNames = [...serveOptionNames, 'path', 'methods', 'module', 'isolates', 'exposeErrors', 'onCall'];

function moduleUrl(value: unknown): string {
  const given = value instanceof URL ? value.href : value;
  if (typeof given === 'string' && given.startsWith('file:') && URL.canParse(given)) return given;
  if (typeof given === 'string' && given.startsWith('/')) return pathToFileURL(given).href;
  if (typeof given === 'string' && /^[A-Za-z]:[\\/]/.test(given)) return pathToFileURL(given).href;
  throw new InvalidArgument('module', 'a file: URL or an absolute path', value);
}

/** The methods record of a module: its default export, also through CommonJS interop. */
export async function importMethods(url: string): Promise<unknown> {
  const namespace = (await import(url)) as { default?: unknown };
  const first = namespace.default;
  const inner = (first as { default?: unknown; __esModule?: boolean } | undefined)?.__esModule
    ? (first as { default?: unknown }).default
    : first;
  if (typeof inner !== 'object' || inner === null) {
    throw new InvalidArgument('module', 'a module whose default export is the methods record', url);
  }
  return inner;
}

/** serve() on a given backend: for tests that compare the two. */
export async function serveRpcOn(on: Backend, options: RpcServeOptions): Promise<Server> {
  const given = record(options, 'options') as unknown as RpcServeOptions;
  const log = checkLog(given.log);
  const exposeErrors = flag(given.exposeErrors, 'exposeErrors', false);
  const onCall = optionalFunction(given.onCall, 'onCall');
  const limits = checkLimits(given.limits);
  if ((given.methods === undefined) === (given.module === undefined)) {
    throw new InvalidArgument('methods', 'given, or module, and not both', given.methods);
  }
  const isolates = given.isolates === undefined ? undefined : integer(given.isolates, 'isolates', 1, 1024);
  if (isolates !== undefined && given.module === undefined) {
    throw new InvalidArgument(
      'isolates',
      'left out with methods: closures cannot leave their isolate',
      isolates,
    );
  }
  if (isolates !== undefined && onCall !== undefined) {
    throw new InvalidArgument('onCall', 'left out with isolates: a closure cannot leave its isolate', onCall);
  }
  const url = given.module === undefined ? undefined : moduleUrl(given.module);
  const compile = { log, exposeErrors, onCall, queue: limits.queue };
  const failure = makeFailure(log, exposeErrors);
  const specOf = (methods: RpcMethodSpec[], pool?: IsolatePool): RpcSpec => ({
    path: path(given.path, 'path', '/rpc'),
    methods,
    failure,
    ...(pool === undefined ? {} : { waiting: () => pool.waiting }),
    ...(pool?.group === undefined ? {} : { group: pool.group }),
  });

  if (url === undefined) {
    return start(on.server, checkServeOptions(given, kNames, specOf(compileMethods(given.methods, compile))));
  }
  // Everything else is checked before the module's code runs.
  const { signal } = checkServeOptions(given, kNames, specOf([]));
  signal?.throwIfAborted();
  if (isolates === undefined) {
    const methods = compileMethods(await unlessAborted(importMethods(url), signal), compile);
    return start(on.server, checkServeOptions(given, kNames, specOf(methods)));
  }
  const how = { url, isolates, exposeErrors, queue: limits.queue, log };
  const pool = await IsolatePool.create(how, on.server, signal);
  try {
    const checked = checkServeOptions(given, kNames, specOf(pool.methods, pool));
    return await start(on.server, checked, () => pool.close());
  } catch (error) {
    await pool.close();
    throw error;
  }
}
