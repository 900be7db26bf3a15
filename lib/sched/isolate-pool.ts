// The queue and the worker threads behind isolates(): one task at a time in each isolate, a bounded queue with
// three priorities before them, as many isolates as there is work for, between min and max.
//
// A task that is aborted, or whose deadline passes, rejects at once. If it was running, its isolate cannot be
// told to stop (its code may never come back to its loop), so the isolate ends and a new one takes its place.

import { EventEmitter } from 'node:events';
import { join } from 'node:path';
import { Worker, type WorkerOptions } from 'node:worker_threads';
import { ClosedError, QueueFullError, TailraceError, TimeoutError } from '../errors';
import type { FromIsolate, SentError, ToIsolate } from './isolate-messages';
import { recordLatency } from './latency';
import { Queue } from './waiting';

export type Priority = 'high' | 'normal' | 'low';
const priorities: readonly Priority[] = ['high', 'normal', 'low'];

export interface PoolOptions {
  module: string;
  min: number;
  max: number;
  maxQueue: number;
  idleMs: number;
  name: string;
  workerData: unknown;
  worker: Pick<WorkerOptions, 'resourceLimits' | 'env' | 'execArgv'>;
}

export interface TaskOptions {
  signal?: AbortSignal | undefined;
  priority: Priority;
  deadlineMs?: number | undefined;
  affinity?: string | number | undefined;
  transfer?: readonly unknown[] | undefined;
}

type Done = (error: unknown, value?: unknown) => void;

interface Job {
  name: string;
  args: unknown[];
  options: TaskOptions;
  queuedAt: bigint;
  done: Done;
  /** Undefined once it has ended. */
  end: ((error: unknown, value?: unknown) => void) | undefined;
  isolate: Isolate | undefined;
  home: Lanes;
}

/** One queue a priority. */
class Lanes {
  readonly lanes = new Map(priorities.map((priority) => [priority, new Queue<Job>()]));

  take(): Job | undefined {
    for (const lane of this.lanes.values()) {
      const job = lane.take();
      if (job !== undefined) return job;
    }
    return undefined;
  }
  add(job: Job): void {
    this.lanes.get(job.options.priority)?.add(job);
  }
  delete(job: Job): void {
    this.lanes.get(job.options.priority)?.delete(job);
  }
}

export function received(sent: SentError): unknown {
  const { error } = sent;
  if (error instanceof Error) {
    if (sent.name !== undefined && error.name !== sent.name) error.name = sent.name;
    // Defined, not assigned: a DOMException arrives whole on newer Nodes, and its code is a getter.
    if (sent.code !== undefined && (error as { code?: unknown }).code !== sent.code) {
      Object.defineProperty(error, 'code', {
        value: sent.code,
        configurable: true,
        enumerable: true,
        writable: true,
      });
    }
  }
  return error;
}

class Isolate {
  readonly worker: Worker;
  /** Tasks that want this one. */
  readonly own = new Lanes();
  ready = false;
  job: Job | undefined;
  number = 0;
  idleTimer: NodeJS.Timeout | undefined;

  constructor(readonly options: PoolOptions) {
    this.worker = new Worker(join(__dirname, 'isolate-worker.js'), {
      ...options.worker,
      name: options.name,
      workerData: options.workerData,
    });
    const start: ToIsolate = { module: options.module };
    this.worker.postMessage(start);
  }
}

export class IsolatePool extends EventEmitter {
  readonly #options: PoolOptions;
  readonly #isolates = new Set<Isolate>();
  readonly #affinities = new Map<string | number, Isolate>();
  readonly #common = new Lanes();
  #queued = 0;
  #completed = 0;
  #failed = 0;
  #restarts = 0;
  #needsDrain = false;
  #closed: Promise<void> | undefined;
  #whenIdle: (() => void) | undefined;

  constructor(options: PoolOptions) {
    super();
    this.#options = options;
  }

  /** Starts `min` isolates, at least one. Rejects with the module's own error when it does not load. */
  async start(): Promise<void> {
    const first = Math.max(1, this.#options.min);
    await new Promise<void>((resolve, reject) => {
      const isolate = this.#spawn((error) => (error === undefined ? resolve() : reject(error)));
      isolate.worker.ref();
    });
    for (let i = 1; i < first; i++) this.#spawn();
  }

  get needsDrain(): boolean {
    return this.#needsDrain;
  }

  stats() {
    let busy = 0;
    for (const isolate of this.#isolates) if (isolate.job !== undefined) busy++;
    const isolates = this.#isolates.size;
    return {
      isolates,
      busy,
      idle: isolates - busy,
      queued: this.#queued,
      completed: this.#completed,
      failed: this.#failed,
      restarts: this.#restarts,
    };
  }

  /** Whether submit() would be refused now. */
  get full(): boolean {
    return this.#queued >= this.#options.maxQueue && !this.#hasIdle();
  }

  submit(name: string, args: unknown[], options: TaskOptions, done: Done): void {
    const { signal, deadlineMs } = options;
    if (this.#closed) {
      done(new ClosedError('the isolates are closed'));
      return;
    }
    if (signal?.aborted) {
      done(signal.reason);
      return;
    }
    if (this.full) {
      done(new QueueFullError(`the queue is full (${this.#options.maxQueue} tasks)`));
      return;
    }
    let timer: NodeJS.Timeout | undefined;
    const job: Job = {
      name,
      args,
      options,
      done,
      queuedAt: process.hrtime.bigint(),
      isolate: undefined,
      home: this.#common,
      end: (error, value) => {
        job.end = undefined;
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
        if (error === undefined) this.#completed++;
        else this.#failed++;
        done(error, value);
      },
    };
    const giveUp = (error: unknown): void => {
      if (job.end === undefined) return;
      const { isolate } = job;
      if (isolate === undefined) {
        job.home.delete(job);
        this.#queued--;
      }
      job.end(error);
      if (isolate !== undefined) this.#replace(isolate);
      this.#settle();
    };
    const onAbort = (): void => giveUp(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    if (deadlineMs !== undefined) {
      timer = setTimeout(
        () => giveUp(new TimeoutError(`the task took longer than ${deadlineMs} ms`)),
        deadlineMs,
      );
      timer.unref();
    }
    const { affinity } = options;
    if (affinity !== undefined) {
      const home = this.#affinities.get(affinity) ?? this.#adopt(affinity);
      if (home !== undefined) job.home = home.own;
    }
    job.home.add(job);
    this.#queued++;
    if (this.#queued >= this.#options.maxQueue) this.#needsDrain = true;
    this.#dispatch();
  }

  /** No more tasks; resolves when all that were accepted have ended and the threads are gone. */
  close(): Promise<void> {
    this.#closed ??= (async () => {
      if (this.#queued > 0 || this.stats().busy > 0) {
        await new Promise<void>((resolve) => {
          this.#whenIdle = resolve;
        });
      }
      await Promise.all([...this.#isolates].map((isolate) => this.#end(isolate)));
    })();
    return this.#closed;
  }

  #hasIdle(): boolean {
    for (const isolate of this.#isolates) if (isolate.ready && isolate.job === undefined) return true;
    return this.#isolates.size < this.#options.max;
  }

  /** Chooses the isolate that has the fewest affinities for a new one. */
  #adopt(affinity: string | number): Isolate | undefined {
    let best: Isolate | undefined;
    for (const isolate of this.#isolates) if (!best || isolate.number < best.number) best = isolate;
    if (best === undefined) return undefined;
    best.number++;
    this.#affinities.set(affinity, best);
    return best;
  }

  #spawn(onStart?: (error?: unknown) => void): Isolate {
    const isolate = new Isolate(this.#options);
    const { worker } = isolate;
    this.#isolates.add(isolate);
    // It keeps the process until it is ready: tasks may be queued for it, and those keep nothing by themselves.
    const failStart = (error: unknown): void => {
      this.#forget(isolate);
      void worker.terminate();
      if (onStart) {
        onStart(error);
        return;
      }
      // Nobody else would say it: the tasks that wait for an isolate do.
      if (this.#isolates.size === 0) {
        for (let job = this.#common.take(); job; job = this.#common.take()) {
          this.#queued--;
          job.end?.(error);
        }
        this.#settle();
      }
    };
    worker.on('message', (message: FromIsolate) => {
      // One that is being ended may still have something to say; unref() would undo what terminate() waits with.
      if (!this.#isolates.has(isolate)) return;
      if ('failed' in message) {
        failStart(received(message.failed));
        return;
      }
      if ('ready' in message) {
        isolate.ready = true;
        worker.unref();
        onStart?.();
        this.#dispatch();
        return;
      }
      const { job } = isolate;
      if (job === undefined) return;
      isolate.job = undefined;
      job.isolate = undefined;
      worker.unref();
      if ('error' in message) {
        const error = received(message.error);
        job.end?.(
          error === undefined ? new TailraceError('ERR_TAILRACE_TASK_FAILED', 'undefined was thrown') : error,
        );
      } else {
        job.end?.(undefined, message.value);
      }
      this.#dispatch();
    });
    worker.on('error', (error) => {
      if (isolate.ready) this.#lost(isolate, error);
      else failStart(error);
    });
    worker.on('exit', (code) => {
      if (!this.#isolates.has(isolate)) return;
      const error = new TailraceError(
        'ERR_TAILRACE_ISOLATE_EXIT',
        `the isolate ended with exit code ${code}`,
      );
      if (isolate.ready) this.#lost(isolate, error);
      else failStart(error);
    });
    return isolate;
  }

  /** An isolate died by itself: its task fails, and another takes its place when there is work. */
  #lost(isolate: Isolate, error: unknown): void {
    this.#forget(isolate);
    this.#restarts++;
    const { job } = isolate;
    isolate.job = undefined;
    job?.end?.(error);
    this.#dispatch();
  }

  #replace(isolate: Isolate): void {
    isolate.job = undefined;
    this.#forget(isolate);
    this.#restarts++;
    void isolate.worker.terminate();
    this.#dispatch();
  }

  #forget(isolate: Isolate): void {
    this.#isolates.delete(isolate);
    clearTimeout(isolate.idleTimer);
    for (const [affinity, home] of this.#affinities) if (home === isolate) this.#affinities.delete(affinity);
    // What waited for it goes on with anybody.
    for (let job = isolate.own.take(); job; job = isolate.own.take()) {
      job.home = this.#common;
      this.#common.add(job);
    }
  }

  async #end(isolate: Isolate): Promise<void> {
    this.#forget(isolate);
    await isolate.worker.terminate();
  }

  #dispatch(): void {
    for (const isolate of this.#isolates) {
      while (isolate.ready && isolate.job === undefined) {
        const job = isolate.own.take() ?? this.#common.take();
        if (job === undefined) break;
        this.#run(isolate, job);
      }
      if (isolate.ready && isolate.job === undefined) this.#rest(isolate);
    }
    let starting = 0;
    for (const isolate of this.#isolates) if (!isolate.ready) starting++;
    const wanted = Math.min(this.#options.max - this.#isolates.size, this.#queued - starting);
    for (let i = 0; i < wanted; i++) this.#spawn();
    this.#settle();
  }

  #run(isolate: Isolate, job: Job): void {
    this.#queued--;
    clearTimeout(isolate.idleTimer);
    isolate.idleTimer = undefined;
    recordLatency(Number(process.hrtime.bigint() - job.queuedAt));
    const message: ToIsolate = { run: 1, name: job.name, args: job.args };
    try {
      isolate.worker.postMessage(message, (job.options.transfer ?? []) as never[]);
    } catch (error) {
      job.end?.(error); // DataCloneError
      return;
    }
    isolate.job = job;
    job.isolate = isolate;
    isolate.worker.ref();
  }

  /** An isolate without work ends after idleMs, if there are more than min. */
  #rest(isolate: Isolate): void {
    if (isolate.idleTimer !== undefined || this.#isolates.size <= Math.max(1, this.#options.min)) return;
    if (this.#options.idleMs === Number.POSITIVE_INFINITY) return;
    isolate.idleTimer = setTimeout(() => {
      isolate.idleTimer = undefined;
      if (isolate.job === undefined && this.#isolates.size > Math.max(1, this.#options.min))
        void this.#end(isolate);
    }, this.#options.idleMs);
    isolate.idleTimer.unref();
  }

  /** After a change: 'drain', and the end of close(). */
  #settle(): void {
    if (this.#needsDrain && this.#queued === 0) {
      this.#needsDrain = false;
      this.emit('drain');
    }
    if (this.#whenIdle && this.#queued === 0 && this.stats().busy === 0) {
      this.#whenIdle();
      this.#whenIdle = undefined;
    }
  }
}
