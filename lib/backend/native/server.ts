// The server on the native core. Native code accepts, reads, parses, answers what it can, orders and writes; this
// runs the handlers of a batch of calls each time the loop is called back, and puts down what they return.

import { getSystemErrorMap } from 'node:util';
import { TailraceError } from '../../errors';
import type {
  BackendServer,
  JsonBackend,
  RawReply,
  RpcFailure,
  RpcMethodSpec,
  ServerBackend,
  ServerSpec,
  ServerStats,
} from '../contract';
import type { NativeAddon } from '../load';
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

/** native/binding/server.cc */
interface ServerAddon extends ReplyAddon {
  readonly callWords: number;
  readonly maxCalls: number;
  create(spec: object): number;
  address(server: number): [string, 4 | 6, number];
  drain(server: number, segment: Uint8Array, from: number, maxCalls: number): number;
  head(server: number, slot: number, generation: number): string;
  remote(server: number, slot: number, generation: number): string;
  /** 0: no; 1: the peer went away; 2: its time ran out. */
  cancelled(server: number, slot: number, generation: number): 0 | 1 | 2;
  close(server: number, drainMs: number): void;
  dispose(server: number): void;
  hold(server: number, on: boolean): void;
  stats(server: number, out: Float64Array): void;
}

/** segment.h's CallFlags */
const kNotification = 1;
const kHasParams = 2;
const kLazy = 4;
const kRaw = 8;
const kJoined = 16;

/** Calls run in one turn of the loop: then timers and other libraries have theirs. */
const kCallsATurn = 1024;

const kEventClosed = 0;
const kStats = [
  'connections',
  'accepted',
  'refused',
  'requests',
  'replies',
  'shed',
  'timeouts',
  'malformed',
  'queued',
  'inFlight',
  'bytesIn',
  'bytesOut',
  'handoffs',
] as const satisfies readonly (keyof ServerStats)[];

/** As node:net has it: EADDRINUSE: address already in use 127.0.0.1:8080 */
function listenError(failure: number, address: string, port: number): Error {
  if (failure <= -10000) {
    return new TailraceError('ERR_TAILRACE_LISTEN', `Cannot listen on ${address}:${port}`);
  }
  const [code, text] = getSystemErrorMap().get(failure) ?? ['UNKNOWN', 'unknown error'];
  const error = new Error(`listen ${code}: ${text} ${address}:${port}`);
  return Object.assign(error, { code, errno: failure, syscall: 'listen', address, port });
}

class NativeServer implements BackendServer, CallHost {
  private readonly addon: ServerAddon;
  private readonly spec: ServerSpec;
  private readonly json: () => JsonBackend;
  private readonly methods: readonly RpcMethodSpec[];
  private readonly captures: number[][];
  private readonly anyPriority: boolean;
  private readonly words: Int32Array;
  private readonly segments = new SegmentPool();
  private readonly replies: ReplyBuffer;
  private readonly watched = new Set<NativeCall>();
  private readonly where: ReturnType<BackendServer['address']>;
  private handle: number;
  private closing: Promise<void> | undefined;
  private closed: () => void = () => {};
  private last: ServerStats | undefined;

  constructor(addon: ServerAddon, spec: ServerSpec, address: string, json: () => JsonBackend) {
    this.addon = addon;
    this.spec = spec;
    this.json = json;
    this.methods = spec.rpc?.methods ?? [];
    this.anyPriority = this.methods.some((method) => method.priority !== 1);
    this.captures = spec.routes.map((route) => captureIndexes(route.path));
    this.words = new Int32Array(addon.callWords * addon.maxCalls + 5);
    this.replies = new ReplyBuffer(addon);
    const { limits } = spec;
    const handle = addon.create({
      limits: Float64Array.of(
        limits.connections,
        limits.headerBytes,
        limits.headers,
        limits.bodyBytes,
        limits.pipeline,
        limits.headerMs,
        limits.requestMs,
        limits.idleMs,
        limits.writeMs,
        limits.writeBytes,
        limits.queue,
        limits.batch,
        limits.depth,
      ),
      host: address,
      port: spec.port,
      backlog: spec.backlog,
      reusePort: spec.reusePort,
      live: spec.health === false ? '' : spec.health.live,
      ready: spec.health === false ? '' : spec.health.ready,
      blockedMs: spec.health === false ? 0 : spec.health.blockedMs,
      routes: spec.routes.flatMap((route) => [route.method, route.path]),
      rpcPath: spec.rpc?.path ?? '',
      methods: this.methods.flatMap((method) => [method.name, method.lazy, method.timeoutMs]),
      words: this.words,
      replyWords: this.replies.words,
      replyBytes: this.replies.bytes,
      onCalls: () => this.onCalls(),
      onEvent: (event: number, count: number) => this.onEvent(event, count),
    });
    if (handle < 0) throw listenError(handle, address, spec.port);
    this.handle = handle;
    this.replies.attach(handle);
    const [host, family, port] = addon.address(handle);
    this.where = { address: host, family: family === 6 ? 'IPv6' : 'IPv4', port };
  }

  address(): ReturnType<BackendServer['address']> {
    return this.where;
  }

  ref(): void {
    if (this.handle !== 0) this.addon.hold(this.handle, true);
  }

  unref(): void {
    if (this.handle !== 0) this.addon.hold(this.handle, false);
  }

  stats(): ServerStats {
    if (this.handle === 0) return this.last!;
    const out = new Float64Array(kStats.length);
    this.addon.stats(this.handle, out);
    return Object.fromEntries(kStats.map((name, index) => [name, out[index]!])) as Record<
      (typeof kStats)[number],
      number
    >;
  }

  close(drainMs: number): Promise<void> {
    if (this.closing === undefined) {
      this.closing = new Promise((resolve) => {
        this.closed = resolve;
      });
      this.addon.close(this.handle, drainMs);
    }
    return this.closing;
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
      why === 1
        ? new DOMException('The client closed the connection', 'AbortError')
        : new DOMException('The request timed out', 'TimeoutError'),
    );
  }

  // ------------------------------------------------------------ called by native code

  private onEvent(event: number, count: number): void {
    if (event !== kEventClosed) {
      this.spec.onRefused(count);
      return;
    }
    // Not from inside the callback: it still uses what dispose() takes apart.
    setImmediate(() => {
      this.last = { ...this.stats(), queued: 0, inFlight: 0 };
      const handle = this.handle;
      this.replies.detach();
      this.handle = 0;
      this.addon.dispose(handle);
      for (const call of this.watched) this.checkCancelled(call);
      this.closed();
    });
  }

  /** Calls wait, or some that are watched may have been cancelled. Microtasks run when this returns. */
  private onCalls(): void {
    for (const call of this.watched) this.checkCancelled(call);
    const { addon, words } = this;
    const tail = addon.callWords * addon.maxCalls;
    for (let left = kCallsATurn; left > 0 && this.handle !== 0; ) {
      const segment = this.segments.take();
      const calls = addon.drain(this.handle, segment.bytes, segment.at, Math.min(left, addon.maxCalls));
      if (calls === 0) {
        if (words[tail + 4] === 0) return;
        this.segments.renew(words[tail + 4]!);
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
      this.run(segment, from, calls, values);
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

  private run(segment: Segment, from: number, calls: number, values: unknown[]): void {
    const { words } = this;
    const { callWords } = this.addon;
    const now = Date.now();
    let joined = 0;
    // Higher priorities of a batch start first; without any, calls start as they are read.
    const ranked: Array<Array<() => void>> | undefined = this.anyPriority ? [[], [], []] : undefined;
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
      const start = (): void => this.call(call, flags, value, at, size);
      if (ranked === undefined) start();
      else ranked[this.methods[target]!.priority]!.push(start);
    }
    if (ranked !== undefined)
      for (let rank = 2; rank >= 0; rank--) for (const start of ranked[rank]!) start();
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
      const result = this.methods[call.method]!.invoke(params, call);
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
    const text = failureText(this.spec.rpc!.failure(error));
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

export function create(addon: NativeAddon): ServerBackend {
  const native = addon.server as ServerAddon;
  let json: JsonBackend | undefined;
  const getJson = (): JsonBackend => {
    json ??= (require('./json') as { create(addon: NativeAddon): JsonBackend }).create(addon);
    return json;
  };
  return {
    async serve(spec: ServerSpec): Promise<BackendServer> {
      const { isIP } = await import('node:net');
      let address = spec.host;
      if (isIP(address) === 0) {
        const { promises } = await import('node:dns');
        ({ address } = await promises.lookup(address));
      }
      return new NativeServer(native, spec, address, getJson);
    },
  };
}
