// What the fallback server keeps per connection, and the sweep that ends slow ones. node:http's own timeouts are
// switched off: they cannot tell an idle connection from a late header on a fresh one, and know no slow reader.
// The sweep looks at byte counters instead of hooking into the data path.

import type * as net from 'node:net';
import type { ServerLimits } from '../contract';
import { abortError, type JsExchange } from './exchange';

export type Lateness = 'none' | 'head' | 'body' | 'idle' | 'write';

export class JsConnection {
  readonly socket: net.Socket;
  readonly remoteAddress: string;
  /** Requests whose replies have not been handed to the system, in the order of their heads. */
  readonly open = new Set<JsExchange>();
  /** The request that came last: the only one whose reply may say Connection: close. */
  last: JsExchange | undefined;
  /** Whole requests beyond limits.pipeline, waiting for their turn. */
  readonly waiting: JsExchange[] = [];
  running = 0;
  gone = false;
  /** A malformed request came: its status is sent once the replies before it are out; nothing follows. */
  broken = 0;
  private idleSince: number;
  private idleBytes = 0;
  private headSince = 0;
  private stalledSince = 0;
  private stalledBytes = 0;

  constructor(socket: net.Socket, now: number) {
    this.socket = socket;
    this.remoteAddress = socket.remoteAddress ?? '';
    this.idleSince = now;
  }

  /** A request's head is complete: returns when its first byte was seen, to a sweep's precision. */
  begin(exchange: JsExchange): void {
    this.open.add(exchange);
    this.last = exchange;
    this.headSince = 0;
  }

  firstByteAt(now: number): number {
    return this.headSince > 0 ? this.headSince : now;
  }

  end(exchange: JsExchange, now: number): void {
    this.open.delete(exchange);
    if (this.open.size === 0) {
      this.idleSince = now;
      this.idleBytes = this.socket.bytesRead;
    }
  }

  /** The peer has ended its side, or is gone: whoever works for it may stop. */
  abort(): void {
    for (const exchange of this.open) exchange.abort(abortError('The client closed the connection'));
  }

  /** What this connection is late with, if with anything. */
  late(now: number, limits: ServerLimits): Lateness {
    if (this.stalled(now, limits.writeMs)) return 'write';
    if (this.open.size > 0) {
      for (const exchange of this.open) if (!exchange.complete && now >= exchange.deadline) return 'body';
      return 'none';
    }
    if (this.socket.bytesRead > this.idleBytes) {
      if (this.headSince === 0) this.headSince = now;
      return now - this.headSince > limits.headerMs ? 'head' : 'none';
    }
    return now - this.idleSince > limits.idleMs ? 'idle' : 'none';
  }

  /** Reply bytes are waiting and none of them has moved for writeMs. */
  private stalled(now: number, writeMs: number): boolean {
    // The handle's queue shrinks with each partial write; writableLength only when a whole chunk is through.
    const handle = (this.socket as unknown as { _handle?: { writeQueueSize?: number } })._handle;
    const bytes = this.socket.writableLength + (handle?.writeQueueSize ?? 0);
    if (bytes === 0) {
      this.stalledSince = 0;
      return false;
    }
    if (this.stalledSince === 0 || bytes !== this.stalledBytes) {
      this.stalledSince = now;
      this.stalledBytes = bytes;
      return false;
    }
    return now - this.stalledSince > writeMs;
  }
}
