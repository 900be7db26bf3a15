// Calls to worker isolates as messages: the way of the fallback, which has no queue that several isolates can take
// from. An isolate is sent a call while it has few that it has not begun, and none while the first of them has not begun
// for kStuckMs: then its handler is a slow one, and what it has not begun is taken back (claims.ts) for whoever is free. A
// handler that has returned a promise counts as begun.

import type { Worker } from 'node:worker_threads';
import type { BackendCall, RpcFailure, RpcMethodSpec } from '../backend/contract';
import { RawJson, rpcFailures } from '../backend/shared';
import { ClosedError } from '../errors';
import { Claims, kWindow } from './claims';
import { RpcError } from './error';
import { Fifo } from './fifo';
import type { FromIsolate, MethodFacts, ToIsolate } from './isolate-messages';
import type { Transport } from './transport';

const kStuckMs = 2;
const kMaxSeq = 0x7fff_ffff;

interface Job {
  seq: number;
  method: number;
  priority: number;
  params: string | undefined;
  call: BackendCall;
  /** Where it was sent; undefined while it waits. */
  member: Member | undefined;
  resolve(value: unknown): void;
  reject(error: unknown): void;
  done: boolean;
}

/** What an isolate has been sent and has not answered. */
class Member {
  readonly worker: Worker;
  readonly jobs = new Map<number, Job>();
  readonly claims: Claims<Job>;
  /** When it was last idle, or last said something. */
  private moved = 0;
  private outbox: ToIsolate[] = [];

  constructor(worker: Worker, claims: Int32Array) {
    this.worker = worker;
    this.claims = new Claims(claims);
  }

  get open(): boolean {
    const { sent } = this.claims;
    return this.worker.threadId >= 0 && sent < kWindow && (sent === 0 || !this.late);
  }

  /** It runs something slow, or is not there yet, and more was sent. */
  get stuck(): boolean {
    return this.claims.sent > 0 && this.late && this.claims.unbegun > 0;
  }

  private get late(): boolean {
    return performance.now() - this.moved >= kStuckMs;
  }

  /** The slot where it is to claim the job. */
  sent(job: Job): number {
    if (this.claims.sent === 0) this.moved = performance.now();
    this.jobs.set(job.seq, job);
    job.member = this;
    return this.claims.send(job.seq, job);
  }

  said(seq: number): void {
    this.moved = performance.now();
    this.claims.reported(seq);
  }

  /** What it has not begun, for another isolate. */
  takeBack(): Job[] {
    const jobs = this.claims.takeBack();
    for (const job of jobs) {
      this.jobs.delete(job.seq);
      job.member = undefined;
    }
    return jobs;
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
  private timer: NodeJS.Timeout | undefined;
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

  joined(worker: Worker, claims: Int32Array): void {
    this.members.set(worker, new Member(worker, claims));
    this.dispatch();
  }

  left(worker: Worker, error: Error): void {
    const member = this.members.get(worker);
    if (member === undefined) return;
    this.members.delete(worker);
    this.wait(member.takeBack());
    for (const job of member.jobs.values()) if (!job.done) settle(job, () => job.reject(error));
    this.dispatch();
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
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
    member.said(message.seq);
    if (message.kind !== 'pending') {
      member.jobs.delete(message.seq);
      if (message.kind === 'result') settle(job, () => job.resolve(new RawJson(message.text)));
      else settle(job, () => job.reject(errorOf(message.failure)));
    }
    this.dispatch();
  }

  /** Calls that no isolate has been sent. */
  get waiting(): number {
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
      const seq = this.nextSeq;
      this.nextSeq = seq === kMaxSeq ? 1 : seq + 1;
      const text = params?.toString('utf8');
      const sent = { member: undefined, done: false };
      const job: Job = { seq, method, priority, params: text, call, resolve, reject, ...sent };
      const signal = call.signal();
      signal.addEventListener('abort', () => abort(job, signal.reason), { once: true });
      this.lanes[priority as 0 | 1 | 2].push(job);
      this.dispatch();
    });
  }

  /** They are the next of their priority again. */
  private wait(jobs: readonly Job[]): void {
    for (const [priority, lane] of this.lanes.entries()) {
      lane.putBack(jobs.filter((job) => job.priority === priority));
    }
  }

  private dispatch(): void {
    while (this.waiting > 0) {
      let best: Member | undefined;
      for (const member of this.members.values()) {
        if (member.open && (best === undefined || isFreer(member, best))) best = member;
      }
      if (best === undefined) return;
      const job = this.lanes[2].take() ?? this.lanes[1].take() ?? this.lanes[0].take();
      if (job !== undefined) this.send(best, job);
    }
  }

  private send(member: Member, job: Job): void {
    const { call, seq } = job;
    const signal = call.signal();
    if (signal.aborted) {
      settle(job, () => job.reject(signal.reason));
      return;
    }
    member.post({
      kind: 'call',
      seq,
      slot: member.sent(job),
      method: job.method,
      params: job.params,
      id: call.id,
      headers: call.rawHeaders(),
      remoteAddress: call.remoteAddress(),
      deadline: call.deadline,
    });
    this.watch();
  }

  /** Looks, while something has not begun, whether it should be taken back. */
  private watch(): void {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      const stuck = [...this.members.values()].filter((member) => member.stuck);
      this.wait(stuck.flatMap((member) => member.takeBack()));
      this.dispatch();
      if ([...this.members.values()].some((member) => member.claims.sent > 0)) this.watch();
    }, kStuckMs).unref();
  }
}

function isFreer(a: Member, b: Member): boolean {
  return a.claims.sent !== b.claims.sent ? a.claims.sent < b.claims.sent : a.jobs.size < b.jobs.size;
}

function abort(job: Job, reason: unknown): void {
  if (job.done) return;
  const message = (reason as Error | undefined)?.message ?? 'Aborted';
  job.member?.post({ kind: 'abort', seq: job.seq, message });
}

function settle(job: Job, how: () => void): void {
  job.done = true;
  how();
}

/** The isolate has logged what had to be logged and decided what may be seen. */
function errorOf(failure: RpcFailure): RpcError {
  return new RpcError(failure.code, failure.message, failure.data);
}
