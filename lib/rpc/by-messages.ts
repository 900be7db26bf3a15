// Calls to worker isolates as messages: the way of the fallback, which has no queue that several isolates can take
// from. An isolate is sent a call only while it has few that it has not begun (kWindow: enough to hide the trip between
// threads, few enough that hardly anything waits behind a slow one), and none while the first of them has not begun for
// kStuckMs: then its handler is a slow one. A handler that has returned a promise counts as begun.

import type { Worker } from 'node:worker_threads';
import type { BackendCall, RpcFailure, RpcMethodSpec } from '../backend/contract';
import { RawJson, rpcFailures } from '../backend/shared';
import { ClosedError } from '../errors';
import { RpcError } from './error';
import type { FromIsolate, MethodFacts, ToIsolate } from './isolate-messages';
import type { Transport } from './isolates';

const kWindow = 4;
const kStuckMs = 2;

interface Job {
  seq: number;
  method: number;
  params: string | undefined;
  call: BackendCall;
  resolve(value: unknown): void;
  reject(error: unknown): void;
  begun: boolean;
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

/** What an isolate has been sent and has not answered. */
class Member {
  readonly worker: Worker;
  readonly jobs = new Map<number, Job>();
  /** Sent and not known to have begun. */
  unbegun = 0;
  /** When it last had nothing unbegun, or said that something had begun. */
  private moved = 0;
  private outbox: ToIsolate[] = [];

  constructor(worker: Worker) {
    this.worker = worker;
  }

  get open(): boolean {
    if (this.worker.threadId < 0 || this.unbegun >= kWindow) return false;
    return this.unbegun === 0 || performance.now() - this.moved < kStuckMs;
  }

  sent(): void {
    if (this.unbegun++ === 0) this.moved = performance.now();
  }

  begun(): void {
    this.unbegun--;
    this.moved = performance.now();
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

export class MessageTransport implements Transport {
  private readonly members = new Map<Worker, Member>();
  private readonly lanes = [new Fifo<Job>(), new Fifo<Job>(), new Fifo<Job>()] as const;
  private readonly queue: number;
  private nextSeq = 1;
  private closed = false;

  /** @param queue calls that may wait */
  constructor(queue: number) {
    this.queue = queue;
  }

  methods(facts: readonly MethodFacts[]): RpcMethodSpec[] {
    return facts.map(({ name, priority, timeoutMs }, index) => ({
      name,
      priority,
      timeoutMs,
      // Text goes through untouched; the isolate looks at it.
      lazy: true,
      invoke: (params, call) => this.call(index, priority, params as Buffer | undefined, call),
    }));
  }

  joined(worker: Worker): void {
    this.members.set(worker, new Member(worker));
    this.dispatch();
  }

  left(worker: Worker, error: Error): void {
    const member = this.members.get(worker);
    this.members.delete(worker);
    for (const job of member?.jobs.values() ?? []) if (!job.done) settle(job, () => job.reject(error));
  }

  close(): void {
    this.closed = true;
    for (const lane of this.lanes) {
      for (let job = lane.take(); job !== undefined; job = lane.take())
        job.reject(new ClosedError('The server was closed'));
    }
  }

  said(worker: Worker, message: FromIsolate): void {
    const member = this.members.get(worker);
    if (member === undefined || message.kind === 'log') return;
    const job = member.jobs.get(message.seq);
    if (job === undefined) return;
    if (!job.begun) member.begun();
    job.begun = true;
    if (message.kind !== 'pending') {
      member.jobs.delete(message.seq);
      if (message.kind === 'result') settle(job, () => job.resolve(new RawJson(message.text)));
      else settle(job, () => job.reject(errorOf(message.failure)));
    }
    this.dispatch();
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
    if (this.waiting >= this.queue) {
      throw new RpcError(rpcFailures.overloaded.code, rpcFailures.overloaded.message);
    }
    return new Promise((resolve, reject) => {
      const text = params?.toString('utf8');
      const seq = this.nextSeq++;
      this.lanes[priority as 0 | 1 | 2].push({
        seq,
        method,
        params: text,
        call,
        resolve,
        reject,
        begun: false,
        done: false,
      });
      this.dispatch();
    });
  }

  private dispatch(): void {
    while (this.waiting > 0) {
      let best: Member | undefined;
      for (const member of this.members.values()) {
        if (!member.open) continue;
        if (
          best === undefined ||
          member.unbegun < best.unbegun ||
          (member.unbegun === best.unbegun && member.jobs.size < best.jobs.size)
        ) {
          best = member;
        }
      }
      if (best === undefined) return;
      const job = this.lanes[2].take() ?? this.lanes[1].take() ?? this.lanes[0].take();
      if (job !== undefined) send(best, job);
    }
  }
}

function send(member: Member, job: Job): void {
  const { call, seq } = job;
  const signal = call.signal();
  if (signal.aborted) {
    settle(job, () => job.reject(signal.reason));
    return;
  }
  const onAbort = (): void => {
    if (job.done) return;
    member.post({
      kind: 'abort',
      seq,
      message: (signal.reason as Error | undefined)?.message ?? 'Aborted',
    });
  };
  signal.addEventListener('abort', onAbort, { once: true });
  member.jobs.set(seq, job);
  member.sent();
  member.post({
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

function settle(job: Job, how: () => void): void {
  job.done = true;
  how();
}

/** The isolate has logged what had to be logged and decided what may be seen. */
function errorOf(failure: RpcFailure): RpcError {
  return new RpcError(failure.code, failure.message, failure.data);
}
