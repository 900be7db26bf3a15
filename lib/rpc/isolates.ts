// The methods of a module in n worker isolates, which take calls from one queue: a slow call holds up its own isolate
// and nobody else's. An isolate is sent a call only while it has few that it has not begun (kWindow: enough to hide
// the trip between threads, few enough that hardly anything waits behind a slow one); a handler that has returned a
// promise counts as begun. An isolate that dies fails its calls and is started anew.

import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { BackendCall, RpcFailure, RpcMethodSpec } from '../backend/contract';
import { RawJson, rpcFailures } from '../backend/shared';
import { ClosedError, TailraceError } from '../errors';
import type { Logger } from '../server/log';
import { RpcError } from './error';
import type { FromIsolate, IsolateReady, IsolateStart, ToIsolate } from './isolate-messages';

const kWindow = 4;
const kRestartFirstMs = 100;
const kRestartSlowestMs = 10_000;

export interface PoolOptions extends IsolateStart {
  isolates: number;
  log: Logger;
}

interface Job {
  seq: number;
  method: number;
  params: string | undefined;
  call: BackendCall;
  resolve(value: unknown): void;
  reject(error: unknown): void;
  done: boolean;
}

/** First in, first out, without the cost of shift() on long arrays. */
class Fifo<T> {
  private items: T[] = [];
  private head = 0;

  get size(): number {
    return this.items.length - this.head;
  }

  push(item: T): void {
    this.items.push(item);
  }

  take(): T | undefined {
    const item = this.items[this.head];
    if (item === undefined) return undefined;
    this.items[this.head++] = undefined as T;
    if (this.head > 1024 && this.head * 2 > this.items.length) {
      this.items = this.items.slice(this.head);
      this.head = 0;
    }
    return item;
  }
}

class Isolate {
  readonly worker: Worker;
  readonly jobs = new Map<number, Job>();
  /** Sent and not known to have begun. */
  unbegun = 0;
  private outbox: ToIsolate[] = [];

  constructor(worker: Worker) {
    this.worker = worker;
  }

  post(message: ToIsolate): void {
    if (this.outbox.length === 0) {
      process.nextTick(() => {
        const batch = this.outbox;
        this.outbox = [];
        this.worker.postMessage(batch);
      });
    }
    this.outbox.push(message);
  }
}

export class IsolatePool {
  methods: RpcMethodSpec[] = [];
  private readonly options: PoolOptions;
  private readonly isolates = new Set<Isolate>();
  private readonly lanes = [new Fifo<Job>(), new Fifo<Job>(), new Fifo<Job>()] as const;
  private nextSeq = 1;
  private closed = false;
  private restartMs = kRestartFirstMs;
  private readonly restarts = new Set<NodeJS.Timeout>();

  /** Resolves when every isolate has loaded the module; rejects with the first failure. */
  static async create(options: PoolOptions): Promise<IsolatePool> {
    const pool = new IsolatePool(options);
    try {
      const [ready] = await Promise.all(Array.from({ length: options.isolates }, () => pool.open()));
      pool.methods = ready!.map(({ name, priority, timeoutMs }, index) => ({
        name,
        priority,
        timeoutMs,
        // Text goes through untouched; the isolate looks at it.
        lazy: true,
        invoke: (params, call) => pool.call(index, priority, params as Buffer | undefined, call),
      }));
      return pool;
    } catch (error) {
      await pool.close();
      throw error;
    }
  }

  private constructor(options: PoolOptions) {
    this.options = options;
  }

  async close(): Promise<void> {
    this.closed = true;
    for (const timer of this.restarts) clearTimeout(timer);
    await Promise.all([...this.isolates].map((isolate) => isolate.worker.terminate()));
    for (const lane of this.lanes) {
      for (let job = lane.take(); job !== undefined; job = lane.take())
        job.reject(new ClosedError('The server was closed'));
    }
  }

  private open(): Promise<Array<{ name: string; priority: number; timeoutMs: number }>> {
    const { url, exposeErrors, queue } = this.options;
    const start: IsolateStart = { url, exposeErrors, queue };
    const worker = new Worker(join(__dirname, 'worker.js'), { workerData: start, name: 'tailrace-rpc' });
    const isolate = new Isolate(worker);
    this.isolates.add(isolate);
    return new Promise((resolve, reject) => {
      worker.once('message', (said: IsolateReady) => {
        if ('failed' in said) {
          const { name, message, stack, code } = said.failed;
          const error = Object.assign(new Error(message), { name, code });
          error.stack = stack;
          reject(error);
          worker.terminate();
          return;
        }
        // It keeps nothing alive by itself: the listening server does.
        worker.unref();
        worker.on('message', (messages: FromIsolate[]) => this.receive(isolate, messages));
        this.restartMs = kRestartFirstMs;
        resolve(said.ready);
        this.dispatch();
      });
      worker.on('error', (error) => {
        this.options.log.error('tailrace rpc: an isolate failed:', error);
      });
      worker.once('exit', (code) => {
        this.isolates.delete(isolate);
        const error = new TailraceError(
          'ERR_TAILRACE_ISOLATE_EXIT',
          `An isolate ended with exit code ${code}`,
        );
        reject(error);
        for (const job of isolate.jobs.values()) if (!job.done) this.settle(job, () => job.reject(error));
        isolate.jobs.clear();
        if (!this.closed && this.methods.length > 0) this.restart();
      });
    });
  }

  /** Not at once: a module that fails whenever it is loaded must not turn into a busy loop. */
  private restart(): void {
    const timer = setTimeout(() => {
      this.restarts.delete(timer);
      this.open().catch((error) => {
        if (!this.closed) this.options.log.error('tailrace rpc: an isolate cannot be started:', error);
      });
    }, this.restartMs);
    timer.unref();
    this.restarts.add(timer);
    this.restartMs = Math.min(this.restartMs * 2, kRestartSlowestMs);
  }

  private get waiting(): number {
    return this.lanes[0].size + this.lanes[1].size + this.lanes[2].size;
  }

  private call(
    method: number,
    priority: number,
    params: Buffer | undefined,
    call: BackendCall,
  ): Promise<unknown> {
    if (this.closed) throw new ClosedError('The server was closed');
    if (this.waiting >= this.options.queue) {
      throw new RpcError(rpcFailures.overloaded.code, rpcFailures.overloaded.message);
    }
    return new Promise((resolve, reject) => {
      const text = params?.toString('utf8');
      const job: Job = { seq: this.nextSeq++, method, params: text, call, resolve, reject, done: false };
      this.lanes[priority as 0 | 1 | 2].push(job);
      this.dispatch();
    });
  }

  private dispatch(): void {
    while (this.waiting > 0) {
      let best: Isolate | undefined;
      for (const isolate of this.isolates) {
        if (isolate.worker.threadId < 0 || isolate.unbegun >= kWindow) continue;
        if (
          best === undefined ||
          isolate.unbegun < best.unbegun ||
          (isolate.unbegun === best.unbegun && isolate.jobs.size < best.jobs.size)
        ) {
          best = isolate;
        }
      }
      if (best === undefined) return;
      const job = this.lanes[2].take() ?? this.lanes[1].take() ?? this.lanes[0].take();
      if (job !== undefined) this.send(best, job);
    }
  }

  private send(isolate: Isolate, job: Job): void {
    const { call, seq } = job;
    const signal = call.signal();
    if (signal.aborted) {
      this.settle(job, () => job.reject(signal.reason));
      return;
    }
    const onAbort = (): void => {
      if (job.done) return;
      isolate.post({
        kind: 'abort',
        seq,
        message: (signal.reason as Error | undefined)?.message ?? 'Aborted',
      });
    };
    signal.addEventListener('abort', onAbort, { once: true });
    isolate.jobs.set(seq, job);
    isolate.unbegun++;
    isolate.post({
      kind: 'call',
      seq,
      method: job.method,
      params: job.params,
      id: call.id,
      headers: call.rawHeaders(),
      remoteAddress: call.remoteAddress(),
      deadline: call.deadline,
    });
  }

  private receive(isolate: Isolate, messages: FromIsolate[]): void {
    for (const message of messages) {
      if (message.kind === 'log') {
        this.options.log[message.level](message.text);
        continue;
      }
      const job = isolate.jobs.get(message.seq);
      if (job === undefined) continue;
      if (message.kind === 'pending') {
        isolate.unbegun--;
        (job as Job & { begun?: boolean }).begun = true;
        continue;
      }
      if ((job as Job & { begun?: boolean }).begun !== true) isolate.unbegun--;
      isolate.jobs.delete(message.seq);
      if (message.kind === 'result') this.settle(job, () => job.resolve(new RawJson(message.text)));
      else this.settle(job, () => job.reject(errorOf(message.failure)));
    }
    this.dispatch();
  }

  private settle(job: Job, how: () => void): void {
    job.done = true;
    how();
  }
}

/** The isolate has logged what had to be logged and decided what may be seen. */
function errorOf(failure: RpcFailure): RpcError {
  return new RpcError(failure.code, failure.message, failure.data);
}
