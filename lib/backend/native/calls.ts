// The calls of a handler group in this isolate: taken from the queue in batches, run, and their answers put down where
// native code finds them. Of a queue that other isolates share one call is taken at a time.

import { TailraceError } from '../../errors';
import type { JsonBackend, RawReply, RouteSpec, RpcFailure, RpcMethodSpec } from '../contract';
import { RawJson } from '../shared';
import {
  type CallHost,
  captureIndexes,
  decodeId,
  type NativeCall,
  NativeRequest,
  NativeRpcCall,
} from './call';
import { type ReplyAddon, ReplyBuffer, ReplyKind } from './reply-buffer';
import { type Segment, SegmentPool } from './segment';

/** native/binding/calls.cc */
export interface CallsAddon extends ReplyAddon {
  readonly callWords: number;
  readonly maxCalls: number;
  drain(group: number, segment: Uint8Array, from: number, maxCalls: number): number;
  /** Answers at most so many waiting calls as failed; how many it were. */
  refuse(group: number, maxCalls: number): number;
  head(group: number, slot: number, generation: number): string;
  remote(group: number, slot: number, generation: number): string;
  /** 0: no; 1: the peer went away; 2: its time ran out; 3: one of these, and native code has forgotten the call. */
  cancelled(group: number, slot: number, generation: number): 0 | 1 | 2 | 3;
}

/** What runs: routes are closures of the serving isolate, methods may be those of a module. */
export interface CallsSpec {
  readonly routes: readonly RouteSpec[];
  readonly methods: readonly RpcMethodSpec[];
  failure(error: unknown): RpcFailure;
  /** Calls taken in one entry into JavaScript, at most. */
  readonly aTurn: number;
}

/** segment.h's CallFlags */
const kNotification = 1;
const kHasParams = 2;
const kLazy = 4;
const kRaw = 8;
const kJoined = 16;

export class Calls implements CallHost {
  private readonly words: Int32Array;
  private readonly replies: ReplyBuffer;
  private readonly addon: CallsAddon;
  private readonly spec: CallsSpec;
  private readonly json: () => JsonBackend;
  private readonly captures: number[][];
  private readonly segments = new SegmentPool();
  private readonly watched = new Set<NativeCall>();
  private handle = 0;

  constructor(addon: CallsAddon, spec: CallsSpec, json: () => JsonBackend) {
    this.addon = addon;
    this.spec = spec;
    this.json = json;
    this.captures = spec.routes.map((route) => captureIndexes(route.path));
    this.words = new Int32Array(addon.callWords * addon.maxCalls + 5);
    this.replies = new ReplyBuffer(addon);
  }

  /** What native code keeps: the words of a batch, the buffer of replies, and where it enters. */
  get shared(): { words: Int32Array; replyWords: Int32Array; replyBytes: Uint8Array; onCalls: () => void } {
    const { words, bytes } = this.replies;
    return { words: this.words, replyWords: words, replyBytes: bytes, onCalls: () => this.run() };
  }

  /** The group is known by this number from now on. */
  attach(handle: number): void {
    this.handle = handle;
    this.replies.attach(handle);
  }

  /** Before the group is taken apart: what comes after it has nobody to go to. Returns the number. */
  detach(): number {
    const { handle } = this;
    this.replies.detach();
    this.handle = 0;
    for (const call of this.watched) this.checkCancelled(call);
    return handle;
  }

  // ------------------------------------------------------------ CallHost

  head(call: NativeCall): string {
    return this.handle === 0 ? '' : this.addon.head(this.handle, call.slot, call.generation);
  }

  remote(call: NativeCall): string {
    return this.handle === 0 ? '' : this.addon.remote(this.handle, call.slot, call.generation);
  }

  watch(call: NativeCall): void {
    this.watched.add(call);
    this.checkCancelled(call);
  }

  private checkCancelled(call: NativeCall): void {
    const why = this.handle === 0 ? 1 : this.addon.cancelled(this.handle, call.slot, call.generation);
    if (why === 0) return;
    this.watched.delete(call);
    call.abort(
      why === 1 || (why === 3 && Date.now() < call.deadline)
        ? new DOMException('The client closed the connection', 'AbortError')
        : new DOMException('The request timed out', 'TimeoutError'),
    );
  }

  // ------------------------------------------------------------ called by native code

  /** Calls wait, or some that are watched may have been cancelled. Microtasks run when this returns. */
  run(): void {
    if (this.replies.cancellations) for (const call of this.watched) this.checkCancelled(call);
    const { addon, words } = this;
    const tail = addon.callWords * addon.maxCalls;
    for (let left = this.spec.aTurn; left > 0 && this.handle !== 0; ) {
      const segment = this.segments.take(0);
      if (segment === undefined) {
        addon.refuse(this.handle, left);
        return;
      }
      const calls = addon.drain(this.handle, segment.bytes, segment.at, Math.min(left, addon.maxCalls));
      if (calls === 0) {
        const needed = words[tail + 4]!;
        if (needed === 0) return;
        if (this.segments.take(needed) === undefined) left -= addon.refuse(this.handle, 1);
        continue;
      }
      const from = segment.at;
      segment.at += words[tail + 3]!;
      segment.live += calls;
      const values = this.parseJoined(
        segment.bytes,
        from,
        words[tail]!,
        words[tail + 1]!,
        words[tail + 2] === 1,
      );
      this.runBatch(segment, from, calls, values);
      left -= calls;
    }
  }

  /** The small params of a batch, parsed in one go. Each was validated alone, so each is one element. */
  private parseJoined(bytes: Buffer, at: number, count: number, size: number, ascii: boolean): unknown[] {
    if (count === 0) return [];
    const text = bytes.toString(ascii ? 'latin1' : 'utf8', at, at + size);
    const values = JSON.parse(text) as unknown[];
    if (values.length !== count)
      throw new TailraceError('ERR_TAILRACE_INTERNAL', 'Joined params do not match');
    return values;
  }

  private runBatch(segment: Segment, from: number, calls: number, values: unknown[]): void {
    const { words } = this;
    const { callWords } = this.addon;
    const now = Date.now();
    let joined = 0;
    for (let i = 0; i < calls; i++) {
      const word = i * callWords;
      const slot = words[word]!;
      const generation = words[word + 1]!;
      const target = words[word + 2]!;
      const flags = words[word + 3]!;
      const at = from + words[word + 4]!;
      const size = words[word + 5]!;
      const headAt = from + words[word + 6]!;
      const headSize = words[word + 7]!;
      const deadline = now + words[word + 8]!;
      if ((flags & kRaw) !== 0) {
        const line = segment.bytes.toString('latin1', headAt, headAt + headSize);
        const captures = this.captures[target]!;
        this.request(
          new NativeRequest(this, segment, slot, generation, deadline, line, captures, at, size),
          target,
        );
        continue;
      }
      const id = (flags & kNotification) !== 0 ? undefined : decodeId(segment.bytes, headAt, headSize);
      const call = new NativeRpcCall(this, segment, slot, generation, deadline, id, target);
      const value = (flags & kJoined) !== 0 ? values[joined++] : undefined;
      this.call(call, flags, value, at, size);
    }
  }

  // ------------------------------------------------------------ JSON-RPC

  private call(call: NativeRpcCall, flags: number, joined: unknown, at: number, size: number): void {
    try {
      let params = joined;
      if ((flags & (kHasParams | kJoined)) === kHasParams) {
        const { bytes } = call.segment;
        if ((flags & kLazy) !== 0) params = Buffer.from(bytes.subarray(at, at + size));
        else params = this.json().parseRange(bytes, at, at + size, undefined);
      }
      const result = this.spec.methods[call.method]!.invoke(params, call);
      if (isThenable(result)) {
        // A thenable that throws, or settles twice, is tamed by Promise.resolve.
        Promise.resolve(result).then(
          (value) => this.result(call, value),
          (error) => this.failed(call, error),
        );
      } else {
        this.result(call, result);
      }
    } catch (error) {
      this.failed(call, error);
    }
  }

  private result(call: NativeRpcCall, value: unknown): void {
    let text = '';
    if (call.id !== undefined) {
      if (typeof value === 'number') text = Number.isFinite(value) ? `${value === 0 ? 0 : value}` : 'null';
      else {
        try {
          text = (value instanceof RawJson ? value.text : JSON.stringify(value)) ?? 'null';
        } catch (error) {
          this.failed(call, error);
          return;
        }
      }
    }
    this.settle(call);
    this.replies.add(call.slot, call.generation, ReplyKind.result, 200, '', text);
  }

  private failed(call: NativeRpcCall, error: unknown): void {
    const text = failureText(this.spec.failure(error));
    this.settle(call);
    this.replies.add(call.slot, call.generation, ReplyKind.error, 200, '', call.id === undefined ? '' : text);
  }

  // ------------------------------------------------------------ routes

  private request(request: NativeRequest, target: number): void {
    const reply = this.spec.routes[target]!.handle(request);
    if (reply instanceof Promise) reply.then((raw) => this.reply(request, raw));
    else this.reply(request, reply);
  }

  private reply(request: NativeRequest, { status, headers, body }: RawReply): void {
    let head = '';
    for (let i = 0; i < headers.length; i += 2) head += `${headers[i]}: ${headers[i + 1]}\r\n`;
    this.settle(request);
    const { slot, generation } = request;
    if (typeof body === 'string') this.replies.add(slot, generation, ReplyKind.raw, status, head, body);
    else this.replies.addBytes(slot, generation, ReplyKind.raw, status, head, body);
  }

  private settle(call: NativeCall): void {
    call.settled = true;
    if (this.watched.size > 0) this.watched.delete(call);
    this.segments.release(call.segment);
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
  );
}

/** An error object as JSON; data that is not JSON (a cycle, a bigint) is left out: code and message still tell. */
function failureText(failure: RpcFailure): string {
  const { code, message, data } = failure;
  try {
    return JSON.stringify({ code, message, data });
  } catch {
    return JSON.stringify({ code, message });
  }
}
