// isolates(): the functions of a module, in worker threads.
//
//   const images = await isolates<typeof import('./images.js')>(new URL('./images.js', import.meta.url), { max: 4 });
//   const small = await images.call.resize(bytes, 100);
//   for await (const hash of images.map('hash', files)) …
//   await images.close();

import { AsyncResource } from 'node:async_hooks';
import { EventEmitter } from 'node:events';
import { isAbsolute } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type ResourceLimits, SHARE_ENV, type WorkerOptions } from 'node:worker_threads';
import { backend } from '../backend/select';
import { InvalidArgument, onlyKnown } from '../errors';
import { IsolatePool, type Priority, type TaskOptions } from './isolate-pool';
import { duration, fn, integer, optionalInteger, optionalObject, optionalSignal } from './options';

export interface IsolatesOptions {
  /** Isolates that stay; default 1. */
  min?: number | undefined;
  /** Isolates at most; default procs(). */
  max?: number | undefined;
  /** Tasks that may wait for an isolate; default 10,000. More are refused with ERR_TAILRACE_QUEUE_FULL. */
  maxQueue?: number | undefined;
  /** How long an isolate above `min` stays without work; default 10,000 ms. */
  idleMs?: number | undefined;
  resourceLimits?: ResourceLimits | undefined;
  /** The module's own: require('node:worker_threads').workerData. */
  workerData?: unknown;
  env?: WorkerOptions['env'] | undefined;
  execArgv?: string[] | undefined;
  /** Name of the threads; default 'tailrace'. */
  name?: string | undefined;
}

export interface RunOptions {
  /** Aborts the task: its promise rejects with signal.reason. A running one costs its isolate, which is replaced. */
  signal?: AbortSignal | undefined;
  /** Before which others it leaves the queue; default 'normal'. */
  priority?: Priority | undefined;
  /** From the call to the result; then ERR_TAILRACE_TIMEOUT, as an abort. */
  deadlineMs?: number | undefined;
  /** Tasks of the same affinity run in the same isolate, as long as it lives. */
  affinity?: string | number | undefined;
  /** Transferred instead of copied. */
  transfer?: readonly unknown[] | undefined;
}

export interface MapOptions extends RunOptions {
  /** Tasks under way at once; default the isolates' max, twice. */
  concurrency?: number | undefined;
}

export interface IsolatesStats {
  isolates: number;
  busy: number;
  idle: number;
  queued: number;
  completed: number;
  failed: number;
  /** Isolates that died or were ended by an abort. */
  restarts: number;
}

type AnyFunction = (...args: never[]) => unknown;
type Functions<T> = { [K in keyof T as T[K] extends AnyFunction ? K : never]: T[K] };
type Exports<Module> = Functions<Module> &
  (Module extends { default: infer Default }
    ? Default extends AnyFunction
      ? unknown
      : Functions<Default>
    : unknown);
type Async<F> = F extends (...args: infer A) => infer R ? (...args: A) => Promise<Awaited<R>> : never;
type ResultOf<F> = F extends (...args: never[]) => infer R ? Awaited<R> : never;
type ArgumentsOf<F> = F extends (...args: infer A) => unknown ? A : never;
type Name<Module> = keyof Exports<Module> & string;

const kMaxIsolates = 1024;
const kNames = [
  'min', 'max', 'maxQueue', 'idleMs', 'resourceLimits', 'workerData', 'env', 'execArgv', 'name',
] as const; // biome-ignore format: a table

function taskOptions(options: RunOptions | undefined): TaskOptions {
  optionalObject('options', options);
  const { priority = 'normal', deadlineMs, affinity, transfer } = options ?? {};
  const signal = optionalSignal('signal', options?.signal);
  if (priority !== 'high' && priority !== 'normal' && priority !== 'low') {
    throw new InvalidArgument('priority', "'high', 'normal' or 'low'", priority);
  }
  if (deadlineMs !== undefined) duration('deadlineMs', deadlineMs);
  if (affinity !== undefined && typeof affinity !== 'string' && typeof affinity !== 'number') {
    throw new InvalidArgument('affinity', 'a string or a number', affinity);
  }
  if (transfer !== undefined && !Array.isArray(transfer)) {
    throw new InvalidArgument('transfer', 'an array', transfer);
  }
  return { signal, priority, deadlineMs, affinity, transfer };
}

export class Isolates<Module = Record<string, (...args: unknown[]) => unknown>> extends EventEmitter {
  readonly #pool: IsolatePool;
  readonly #max: number;

  /** call.name(...args): each function of the module, returning a promise. */
  readonly call: { readonly [K in Name<Module>]: Async<Exports<Module>[K]> };

  /** @internal */
  constructor(pool: IsolatePool, max: number) {
    super();
    this.#pool = pool;
    this.#max = max;
    pool.on('drain', () => this.emit('drain'));
    this.call = new Proxy(Object.create(null), {
      // 'then' is no function of the module: the record may be awaited or inspected.
      get: (_target, name) =>
        typeof name !== 'string' || name === 'then'
          ? undefined
          : (...args: unknown[]) => this.#submit(name, args, { priority: 'normal' }),
    });
  }

  #submit(name: string, args: unknown[], options: TaskOptions): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#pool.submit(name, args, options, (error, value) => {
        if (error === undefined) resolve(value);
        else reject(error);
      });
    });
  }

  /** One call with options. */
  run<K extends Name<Module>>(
    name: K,
    args: ArgumentsOf<Exports<Module>[K]>,
    options?: RunOptions,
  ): Promise<ResultOf<Exports<Module>[K]>> {
    if (typeof name !== 'string') throw new InvalidArgument('name', 'a string', name);
    if (!Array.isArray(args)) throw new InvalidArgument('args', 'an array', args);
    return this.#submit(name, args, taskOptions(options)) as Promise<ResultOf<Exports<Module>[K]>>;
  }

  /**
   * Calls the function with each item, and gives the results in the order of the items. Takes items only as fast
   * as results are taken. The first failure ends it; what is under way then is left to end by itself.
   */
  async *map<K extends Name<Module>>(
    name: K,
    items: Iterable<ArgumentsOf<Exports<Module>[K]>[0]> | AsyncIterable<ArgumentsOf<Exports<Module>[K]>[0]>,
    options?: MapOptions,
  ): AsyncGenerator<ResultOf<Exports<Module>[K]>, void, undefined> {
    const task = taskOptions(options);
    const concurrency = optionalInteger('concurrency', options?.concurrency, 1, 1 << 20, this.#max * 2);
    const underWay: Promise<unknown>[] = [];
    for await (const item of items) {
      // A queue shorter than `concurrency` is filled, never overfilled: not by this call, at least.
      while (underWay.length > 0 && this.#pool.full) {
        yield (await underWay.shift()) as ResultOf<Exports<Module>[K]>;
      }
      const result = this.#submit(name, [item], task);
      result.catch(() => {}); // it is heard of when its turn comes
      underWay.push(result);
      if (underWay.length >= concurrency) yield (await underWay.shift()) as ResultOf<Exports<Module>[K]>;
    }
    while (underWay.length > 0) yield (await underWay.shift()) as ResultOf<Exports<Module>[K]>;
  }

  /** Without a promise: done(error) or done(undefined, value), in the async context of this call. */
  callback<K extends Name<Module>>(
    name: K,
    args: ArgumentsOf<Exports<Module>[K]>,
    done: (error: unknown, value?: ResultOf<Exports<Module>[K]>) => void,
  ): void {
    fn('done', done);
    if (!Array.isArray(args)) throw new InvalidArgument('args', 'an array', args);
    const bound = AsyncResource.bind(done as (error: unknown, value?: unknown) => void);
    this.#pool.submit(name, args, { priority: 'normal' }, bound);
  }

  stats(): IsolatesStats {
    return this.#pool.stats();
  }

  /** The queue has been full since the last 'drain' event: wait for that before sending more. */
  get needsDrain(): boolean {
    return this.#pool.needsDrain;
  }

  /** Takes no more tasks, waits for those there are, ends the threads. */
  close(): Promise<void> {
    return this.#pool.close();
  }
}

/**
 * Loads a module (ESM or CommonJS) into worker threads. Rejects with the module's own error when it does not load.
 *
 * @param url file: URL, or an absolute path
 */
export async function isolates<Module = Record<string, (...args: unknown[]) => unknown>>(
  url: URL | string,
  options: IsolatesOptions = {},
): Promise<Isolates<Module>> {
  let module: string;
  if (url instanceof URL) module = url.href;
  else if (typeof url === 'string' && /^(file|data|node):/.test(url)) module = url;
  else if (typeof url === 'string' && isAbsolute(url)) module = pathToFileURL(url).href;
  else throw new InvalidArgument('url', 'a URL or an absolute path', url);
  optionalObject('options', options);
  onlyKnown(options, kNames);
  const least = optionalInteger('min', options.min, 0, kMaxIsolates, 1);
  const max = optionalInteger('max', options.max, 1, kMaxIsolates, Math.max(least, backend().sched.procs()));
  const min = integer('min', least, 0, max);
  const maxQueue = optionalInteger('maxQueue', options.maxQueue, 0, Number.MAX_SAFE_INTEGER, 10_000);
  const idleMs =
    options.idleMs === Number.POSITIVE_INFINITY
      ? options.idleMs
      : duration('idleMs', options.idleMs === undefined ? 10_000 : options.idleMs);
  const { name = 'tailrace' } = options;
  if (typeof name !== 'string' || name === '') throw new InvalidArgument('name', 'a non-empty string', name);
  const { resourceLimits, env, execArgv } = options;
  optionalObject('resourceLimits', resourceLimits);
  if (env !== SHARE_ENV && env !== null) optionalObject('env', env);
  if (
    execArgv !== undefined &&
    !(Array.isArray(execArgv) && execArgv.every((arg) => typeof arg === 'string'))
  ) {
    throw new InvalidArgument('execArgv', 'an array of strings', execArgv);
  }
  const pool = new IsolatePool({
    module,
    min,
    max,
    maxQueue,
    idleMs,
    name,
    workerData: options.workerData,
    worker: {
      ...(resourceLimits === undefined ? {} : { resourceLimits }),
      ...(env === undefined ? {} : { env }),
      ...(execArgv === undefined ? {} : { execArgv }),
    },
  });
  await pool.start();
  return new Isolates<Module>(pool, max);
}
