// Calls and requests as handlers see them, over the words and bytes that native code sealed. Headers, signal and
// address are made when first looked at, from the record that native code keeps until the call is settled.

import type { BackendCall, BackendRequest } from '../contract';
import { splitHeaders } from '../header-lines';
import type { Segment } from './segment';

/** What a call asks of its server. */
export interface CallHost {
  head(call: NativeCall): string;
  remote(call: NativeCall): string;
  /** Begins to watch the call for its signal: abort() is called when its peer goes away or its time runs out. */
  watch(call: NativeCall): void;
}

abstract class Sealed {
  settled = false;
  private headers: string[] | undefined;
  private address: string | undefined;
  private controller: AbortController | undefined;

  constructor(
    protected readonly host: CallHost,
    readonly segment: Segment,
    readonly slot: number,
    readonly generation: number,
    readonly deadline: number,
  ) {}

  rawHeaders(): string[] {
    this.headers ??= splitHeaders(this.host.head(this as unknown as NativeCall));
    return this.headers;
  }

  remoteAddress(): string {
    this.address ??= this.host.remote(this as unknown as NativeCall);
    return this.address;
  }

  signal(): AbortSignal {
    if (this.controller === undefined) {
      this.controller = new AbortController();
      if (!this.settled) this.host.watch(this as unknown as NativeCall);
    }
    return this.controller.signal;
  }

  abort(reason: unknown): void {
    this.controller?.abort(reason);
  }
}

export class NativeRpcCall extends Sealed implements BackendCall {
  constructor(
    host: CallHost,
    segment: Segment,
    slot: number,
    generation: number,
    deadline: number,
    readonly id: string | number | null | undefined,
    readonly method: number,
  ) {
    super(host, segment, slot, generation, deadline);
  }
}

export class NativeRequest extends Sealed implements BackendRequest {
  readonly method: string;
  readonly target: string;
  private kept: Buffer | undefined;

  constructor(
    host: CallHost,
    segment: Segment,
    slot: number,
    generation: number,
    deadline: number,
    line: string,
    private readonly captures: readonly number[],
    private readonly bodyAt: number,
    private readonly bodyBytes: number,
  ) {
    super(host, segment, slot, generation, deadline);
    const space = line.indexOf(' ');
    this.method = line.slice(0, space);
    this.target = line.slice(space + 1, line.indexOf(' ', space + 1));
  }

  get params(): readonly string[] {
    if (this.captures.length === 0) return [];
    const segments = pathOf(this.target).split('/');
    return this.captures.map((index) => segments[index]!);
  }

  /** A copy, so that it may be kept; empty once the request is settled without its body having been looked at. */
  body(): Buffer {
    if (this.kept === undefined) {
      const end = this.settled ? this.bodyAt : this.bodyAt + this.bodyBytes;
      this.kept = Buffer.from(this.segment.bytes.subarray(this.bodyAt, end));
    }
    return this.kept;
  }
}

export type NativeCall = NativeRpcCall | NativeRequest;

/** The path of a request target: up to the query; an absolute form without scheme and authority (RFC 9112 3.2.2). */
function pathOf(target: string): string {
  const query = target.indexOf('?');
  const path = query < 0 ? target : target.slice(0, query);
  if (path.startsWith('/')) return path;
  const authority = path.indexOf('://');
  const slash = authority < 0 ? -1 : path.indexOf('/', authority + 3);
  return slash < 0 ? path : path.slice(slash);
}

/** For each ':name' of a route its segment's index in path.split('/'). */
export function captureIndexes(path: string): number[] {
  return path.split('/').flatMap((segment, index) => (segment.startsWith(':') ? [index] : []));
}

/** The id of a call from its JSON text at bytes[at, at + size): decimal digits without a call, the rest by JSON.parse. */
export function decodeId(bytes: Buffer, at: number, size: number): string | number | null {
  if (size === 0) return null;
  if (size <= 15) {
    let value = 0;
    let i = 0;
    for (; i < size; i++) {
      const digit = bytes[at + i]! - 0x30;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
    }
    if (i === size) return value;
  }
  return JSON.parse(bytes.toString('utf8', at, at + size)) as string | number | null;
}
