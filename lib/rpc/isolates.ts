// The methods of a module in n worker isolates, which take calls from one queue: a slow call holds up its own isolate
// and nobody else's. Here are the lives of the isolates: started together, replaced when they die, ended with the
// server. How a call gets to an isolate and back is a Transport's: the native core's handler group, which the isolates
// join, or messages (isolate-messages.ts).

import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { BackendGroup, RpcMethodSpec, ServerBackend } from '../backend/contract';
import { InvalidArgument, TailraceError } from '../errors';
import type { Logger } from '../server/log';
import { unlessAborted } from '../server/validate';
import { MessageTransport } from './by-messages';
import { newClaims } from './claims';
import type {
  FromIsolate,
  IsolateFailure,
  IsolateReady,
  IsolateStart,
  MethodFacts,
} from './isolate-messages';
import type { Transport } from './transport';

const kRestartFirstMs = 100;
const kRestartSlowestMs = 10_000;
/** One that had loaded the module may have died of a call: the next one is not to keep others waiting for longer. */
const kRestartLoadedMs = 1_000;
/**
 * A replacement that has not loaded the module by then never will: it is ended, and the next one tries. Where the first ones
 * took long it has several times as long as they.
 */
const kLoadMs = 30_000;
const kLoadTimes = 4;
/** One that has taken calls for so long has not died of being started: the pauses begin anew. */
const kProvenMs = 1_000;

export interface PoolOptions {
  url: string;
  exposeErrors: boolean;
  /** Calls that may wait. */
  queue: number;
  isolates: number;
  log: Logger;
  /** A replacement has so long to load the module. The first ones have as long as the caller waits. */
  loadMs?: number;
}

/** The isolates join the server's own queue: calls and answers never pass through the JavaScript of this isolate. */
class GroupTransport implements Transport {
  readonly group: BackendGroup;
  readonly waiting = 0;

  constructor(group: BackendGroup) {
    this.group = group;
  }

  methods(facts: readonly MethodFacts[]): RpcMethodSpec[] {
    const invoke = (): never => {
      throw new TailraceError(
        'ERR_TAILRACE_INTERNAL',
        'A call of a shared group came to the serving isolate',
      );
    };
    return facts.map((method) => ({ ...method, invoke }));
  }

  joined(): void {}
  said(): void {}
  left(): void {}

  close(): void {
    this.group.close();
  }
}

export class IsolatePool {
  methods: RpcMethodSpec[] = [];
  private readonly options: PoolOptions;
  private readonly transport: Transport;
  private readonly workers = new Set<Worker>();
  private readonly restarts = new Set<NodeJS.Timeout>();
  private started = false;
  private closed = false;
  private restartMs = kRestartFirstMs;
  /** The longest that an isolate took to load the module. */
  private loadedInMs = 0;

  /** Resolves when every isolate has loaded the module; rejects with the first failure, or when the signal aborts. */
  static async create(
    options: PoolOptions,
    server: ServerBackend,
    signal: AbortSignal | undefined,
  ): Promise<IsolatePool> {
    const transport =
      server.share === undefined
        ? new MessageTransport(options.queue)
        : new GroupTransport(server.share(options.queue));
    const pool = new IsolatePool(options, transport);
    try {
      const opened = Promise.all(Array.from({ length: options.isolates }, () => pool.open()));
      const [facts] = await unlessAborted(opened, signal);
      pool.methods = transport.methods(facts!);
      pool.started = true;
      return pool;
    } catch (error) {
      await pool.close();
      throw error;
    }
  }

  private constructor(options: PoolOptions, transport: Transport) {
    this.options = options;
    this.transport = transport;
  }

  get waiting(): number {
    return this.transport.waiting;
  }

  get group(): BackendGroup | undefined {
    return this.transport.group;
  }

  async close(): Promise<void> {
    this.closed = true;
    for (const timer of this.restarts) clearTimeout(timer);
    await Promise.all([...this.workers].map((worker) => worker.terminate()));
    this.transport.close();
  }

  private open(): Promise<MethodFacts[]> {
    const { url, exposeErrors, queue, log } = this.options;
    const claims = newClaims();
    const start: IsolateStart = { url, exposeErrors, queue, group: this.transport.group?.handle, claims };
    const worker = new Worker(join(__dirname, 'worker.js'), { workerData: start, name: 'tailrace-rpc' });
    this.workers.add(worker);
    const openedAt = performance.now();
    let joinedAt: number | undefined;
    const loading = this.started ? this.endUnlessLoaded(worker) : undefined;
    return new Promise((resolve, reject) => {
      worker.once('message', (said: IsolateReady) => {
        clearTimeout(loading);
        if ('failed' in said) {
          reject(revived(said.failed));
          worker.terminate();
          return;
        }
        worker.on('message', (messages: FromIsolate[]) => this.receive(worker, messages));
        // It keeps nothing alive by itself: the listening server does. After on(), which refs the port again.
        worker.unref();
        joinedAt = performance.now();
        this.loadedInMs = Math.max(this.loadedInMs, joinedAt - openedAt);
        this.transport.joined(worker, claims);
        resolve(said.ready);
      });
      worker.on('error', (error) => log.error('tailrace rpc: an isolate failed:', error));
      worker.once('exit', (code) => {
        clearTimeout(loading);
        this.workers.delete(worker);
        const error = new TailraceError(
          'ERR_TAILRACE_ISOLATE_EXIT',
          `An isolate ended with exit code ${code}`,
        );
        reject(error);
        this.transport.left(worker, error);
        if (this.closed || !this.started) return;
        if (joinedAt !== undefined) {
          const proven = performance.now() - joinedAt >= kProvenMs;
          this.restartMs = proven ? kRestartFirstMs : Math.min(this.restartMs, kRestartLoadedMs);
        }
        const pause = this.restart();
        log.error(
          `tailrace rpc: calls under way in it have failed; the next one starts in ${pause} ms:`,
          error,
        );
      });
    });
  }

  private endUnlessLoaded(worker: Worker): NodeJS.Timeout {
    const { log, loadMs = Math.max(kLoadMs, Math.ceil(kLoadTimes * this.loadedInMs)) } = this.options;
    let loaded = false;
    worker.once('message', () => {
      loaded = true;
    });
    // A message that came while this isolate was blocked is heard before the verdict.
    const verdict = (): void => {
      if (loaded) return;
      log.error(`tailrace rpc: an isolate has not loaded the module in ${loadMs} ms and is ended`);
      worker.terminate();
    };
    return setTimeout(() => setImmediate(() => setImmediate(verdict)), loadMs).unref();
  }

  /** Not at once: a module that fails whenever it is loaded, or soon after, must not turn into a busy loop. */
  private restart(): number {
    const pause = this.restartMs;
    const timer = setTimeout(() => {
      this.restarts.delete(timer);
      this.open().catch((error) => {
        if (!this.closed) this.options.log.error('tailrace rpc: an isolate cannot be started:', error);
      });
    }, pause);
    timer.unref();
    this.restarts.add(timer);
    this.restartMs = Math.min(pause * 2, kRestartSlowestMs);
    return pause;
  }

  private receive(worker: Worker, messages: FromIsolate[]): void {
    for (const message of messages) {
      if (message.kind === 'log') this.options.log[message.level](message.text);
      else this.transport.said(worker, message);
    }
  }
}

/** What the module threw, as it would be without a thread in between. */
function revived({ argument, name, message, stack, code }: IsolateFailure): Error {
  const error = argument === undefined ? new Error(message) : new InvalidArgument(argument, '');
  return Object.assign(error, { name, message, stack }, code === undefined ? {} : { code });
}
