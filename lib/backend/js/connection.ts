// One connection of the fallback server, as native/server/connection.h is one of the native: reads requests, lets the
// server route them, and writes the replies in the order of the requests, whoever finished them first. Reading stops while
// `pipeline` requests are under way or more than `writeBytes` wait to be sent.
//
// node:net moves the bytes. Not node:http: see http-head.ts; besides, a worker thread that is terminated while it serves
// can abort the whole process inside that parser.

import type * as net from 'node:net';
import type { ServerLimits } from '../contract';
import { abortError, continueBytes, JsExchange, plainReply } from './exchange';
import { BodyReader } from './http-body';
import { kUnseen, parseHead, type RequestHead, type Seen } from './http-head';
import { reasonOf } from './reasons';

/** Our end is sent; the peer may take so long to read our reply and to send its own. */
const kLingerMs = 2000;

const kNoBody = Buffer.alloc(0);
const kCr = 0x0d;
const kLf = 0x0a;

/** What a connection asks of its server. */
export interface ConnectionHost {
  readonly limits: ServerLimits;
  draining(): boolean;
  /** A whole request: answered at once, or queued. */
  route(exchange: JsExchange): void;
  /** Whether a route answers it: only then is a client told to send the body that it holds back. */
  leads(method: string, path: string): boolean;
  opened(): void;
  /** A request's reply is written (`sent`), or nobody is there for it any more. */
  closed(sent: boolean): void;
  malformed(): void;
}

/** Some clients send an empty line behind a body (RFC 9112 2.2): until a request comes the connection is idle. */
function strayLine(data: Buffer, at: number): boolean {
  const size = data.length - at;
  return data[at] === kCr && (size === 1 || (size === 2 && data[at + 1] === kLf));
}

export class JsConnection {
  readonly socket: net.Socket;
  readonly remoteAddress: string;
  gone = false;
  private readonly host: ConnectionHost;
  /** Requests whose replies are not written yet, in order. */
  private readonly open: JsExchange[] = [];
  /** Bytes of the bodies of those. */
  private held = 0;
  /** Bytes of an incomplete head, or of requests that must wait for their turn. */
  private input: Buffer | undefined;
  /** What `input` is the front of while nothing is taken from it: bytes of a slow head are copied once, not once each. */
  private store: Buffer | undefined;
  private seen: Seen = kUnseen;
  private head: RequestHead | undefined;
  private body: BodyReader | undefined;
  /** First byte of the request that is being read; 0: none has come. */
  private startedAt = 0;
  /** Idle, or lingering, since. */
  private since: number;
  /** `input` waits for a turn, not for more bytes. */
  private stalled = false;
  /** No further request is read. */
  private closing = false;
  private lingering = false;
  private peerEnded = false;
  private oweContinue = false;
  private corked = false;
  private reading = false;
  private queued = 0;
  private waiting = false;
  private flushed = 0;
  private flushedAt = 0;

  constructor(socket: net.Socket, host: ConnectionHost, now: number) {
    this.socket = socket;
    this.host = host;
    this.remoteAddress = socket.remoteAddress ?? '';
    this.since = now;
    socket.on('data', (chunk: Buffer) => this.receive(chunk));
    socket.on('end', () => this.ended());
    // 'close' follows, and is all that matters.
    socket.on('error', () => {});
  }

  // ------------------------------------------------------------ reading

  private receive(chunk: Buffer): void {
    if (this.closing || this.gone) return;
    this.keep(chunk);
    if (!this.stalled) this.read();
  }

  private keep(chunk: Buffer): void {
    const kept = this.input;
    if (kept === undefined) {
      this.input = chunk;
      return;
    }
    const size = kept.length + chunk.length;
    if (this.store === undefined || this.store.length < size) {
      this.store = Buffer.allocUnsafeSlow(2 * size);
      kept.copy(this.store);
    }
    chunk.copy(this.store, kept.length);
    this.input = this.store.subarray(0, size);
  }

  private drop(): void {
    this.input = undefined;
    this.store = undefined;
  }

  private mayTake(): boolean {
    const { pipeline, headerBytes, bodyBytes, writeBytes } = this.host.limits;
    return (
      !this.closing &&
      !this.gone &&
      this.open.length < pipeline &&
      this.held <= headerBytes + bodyBytes &&
      this.socket.writableLength <= writeBytes
    );
  }

  /** Takes whole requests from the front of the input and keeps the rest. */
  private read(): void {
    const data = this.input!;
    let at = 0;
    this.reading = true;
    while (at < data.length) {
      if (!this.mayTake()) {
        this.stalled = !this.closing && !this.gone;
        if (this.stalled) this.socket.pause();
        break;
      }
      if (this.startedAt === 0 && !strayLine(data, at)) this.startedAt = Date.now();
      const next = this.step(data, at);
      if (next < 0) break;
      at = next;
    }
    this.reading = false;
    // A body may be a view of what was taken: it is not to be written over.
    if (at > 0) this.store = undefined;
    this.input = this.closing || this.gone || at === data.length ? undefined : data.subarray(at);
    this.settle();
  }

  /** Takes from one request what has come of it; where that ends, or -1 when more must come before anything is taken. */
  private step(data: Buffer, from: number): number {
    let at = from;
    if (this.head === undefined) {
      const { head, status, bytes, seen } = parseHead(data, at, this.seen, this.host.limits);
      this.seen = seen;
      if (status !== 0) {
        this.refuse(status);
        return -1;
      }
      if (head === undefined) return -1;
      at += bytes;
      if (!head.chunked && head.length === 0) {
        this.dispatch(head, kNoBody);
        return at;
      }
      this.head = head;
      this.body = new BodyReader(head, this.host.limits);
      if (head.expects && at === data.length && !this.expect(head)) return -1;
    }
    const body = this.body!;
    at = body.take(data, at);
    if (body.status !== 0) {
      this.refuse(body.status);
      return -1;
    }
    if (body.done) this.dispatch(this.head, body.bytes());
    return at;
  }

  /**
   * The client waits for 100 Continue; replies to earlier requests go first. A request that leads nowhere has its reply
   * instead, and as its client may send the body all the same or not, nothing is read behind it (RFC 9110 10.1.1).
   */
  private expect(head: RequestHead): boolean {
    if (!this.host.leads(head.method, head.path)) {
      head.keepAlive = false;
      this.dispatch(head, kNoBody);
      return false;
    }
    if (this.open.length > 0) this.oweContinue = true;
    else this.write(continueBytes);
    return true;
  }

  private dispatch(head: RequestHead, body: Buffer): void {
    if (!head.keepAlive) this.closing = true;
    this.oweContinue = false;
    const deadline = this.startedAt + this.host.limits.requestMs;
    const exchange = new JsExchange(this, head, body, deadline);
    this.begin(exchange);
    exchange.routing = true;
    this.host.route(exchange);
    exchange.routing = false;
    this.startedAt = 0;
  }

  private begin(exchange: JsExchange): void {
    this.head = undefined;
    this.body = undefined;
    this.open.push(exchange);
    this.held += exchange.body().length;
    this.host.opened();
  }

  /** A request that cannot be read: its status, behind the replies before it, and no further request. */
  private refuse(status: number): void {
    if (status !== 408) this.host.malformed();
    this.closing = true;
    this.oweContinue = false;
    this.startedAt = 0;
    this.drop();
    const exchange = new JsExchange(this, undefined, kNoBody, 0);
    this.begin(exchange);
    exchange.send(plainReply(status, reasonOf(status)));
  }

  private ended(): void {
    this.peerEnded = true;
    this.abort(abortError('The client closed the connection'));
    this.settle();
  }

  // ------------------------------------------------------------ writing

  /** An exchange has its reply: those at the front are written. */
  ready(): void {
    while (this.open.length > 0 && this.open[0]!.replied && !this.gone) {
      const exchange = this.open[0]!;
      // Nothing of a further request has come: an empty line behind a body is none.
      const last = this.open.length === 1 && (this.startedAt === 0 || exchange.routing) && !this.stalled;
      const keepAlive = exchange.keepAlive && !(last && (this.closing || this.host.draining()));
      if (!keepAlive) this.closing = true;
      this.write(exchange.encode(keepAlive));
      this.open.shift();
      this.held -= exchange.body().length;
      this.since = Date.now();
      this.host.closed(true);
      if (!keepAlive) this.leave();
    }
    if (this.oweContinue && this.open.length === 0) {
      this.oweContinue = false;
      this.write(continueBytes);
    }
    if (!this.reading) this.settle();
  }

  /** What one turn of the loop writes goes out together. */
  private write(bytes: Buffer): void {
    if (this.gone || !this.socket.writable) return;
    if (!this.corked) {
      this.corked = true;
      this.socket.cork();
      process.nextTick(() => {
        this.corked = false;
        this.socket.uncork();
      });
    }
    this.queued += bytes.length;
    this.socket.write(bytes, () => this.settle());
  }

  /** After each change: goes on reading when it may again, ends what has nothing more to do. */
  private settle(): void {
    if (this.gone || this.reading || this.socket.destroyed) return;
    if (this.stalled && (this.closing || this.mayTake())) {
      this.stalled = false;
      if (!this.closing) {
        this.read(); // comes back here
        return;
      }
      this.drop();
    }
    // The end of the peer's bytes is told also while reading is stopped, and then means nothing yet.
    if (this.stalled) return;
    // A message cut short is malformed (RFC 9112 8); whoever ended only its own side reads why.
    if (this.peerEnded && this.startedAt !== 0 && !this.closing) this.refuse(400);
    if (this.socket.isPaused()) this.socket.resume();
    if (this.open.length > 0) return;
    if (this.peerEnded) {
      this.socket.destroySoon();
    } else if (this.closing && !this.lingering) {
      // Our end only, and go on reading: closing with unread bytes would send a reset, which can overtake the reply on
      // its way to the peer (RFC 9112 9.6).
      this.lingering = true;
      this.since = Date.now();
      this.socket.end();
    }
  }

  // ------------------------------------------------------------ life

  private abort(reason: unknown): void {
    for (const exchange of this.open) exchange.abort(reason);
  }

  private leave(): void {
    this.held = 0;
    for (const exchange of this.open.splice(0)) {
      exchange.abort(abortError('The client closed the connection'));
      this.host.closed(false);
    }
  }

  /** The socket is closed. */
  left(): void {
    this.gone = true;
    this.leave();
    this.drop();
    this.head = undefined;
    this.body = undefined;
  }

  /** Draining: an idle connection ends; one that lingers has sent its last reply and ends by itself. */
  drain(): void {
    if (this.lingering || this.startedAt !== 0 || this.open.length > 0 || this.stalled) return;
    this.socket.destroySoon();
  }

  kill(): void {
    this.abort(abortError('The server was closed'));
    this.socket.destroy();
  }

  /** Ends what is too late; whether that was a timeout, and not just an idle connection. */
  sweep(now: number): boolean {
    const { writeMs, headerMs, requestMs, idleMs } = this.host.limits;
    if (this.unsent(now)) {
      if (now - this.flushedAt <= writeMs) return false;
    } else if (this.lingering) {
      if (now - this.since > kLingerMs) this.socket.destroy();
      return false;
    } else if (this.open.length > 0 || this.stalled) {
      return false; // each request has its own deadline
    } else if (this.startedAt !== 0) {
      if (now - this.startedAt <= (this.head === undefined ? headerMs : requestMs)) return false;
      this.refuse(408);
      return true;
    } else {
      if (now - this.since > idleMs) this.socket.destroy();
      return false;
    }
    this.socket.destroy();
    return true;
  }

  /** Whether reply bytes wait; notes when the socket last took some. New replies are no progress. */
  private unsent(now: number): boolean {
    // The handle's queue shrinks with each partial write; writableLength only when a whole chunk is through.
    const handle = (this.socket as unknown as { _handle?: { writeQueueSize?: number } })._handle;
    const waiting = this.socket.writableLength;
    const flushed = this.queued - waiting - (handle?.writeQueueSize ?? 0);
    if (!this.waiting || flushed !== this.flushed) this.flushedAt = now;
    this.waiting = waiting > 0;
    this.flushed = flushed;
    return waiting > 0;
  }
}
