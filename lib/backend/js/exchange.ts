// One HTTP request on the fallback server, from its head to its reply: what routes see (BackendRequest), its
// deadline and signal, and the one place that writes a reply to node:http.

import type * as http from 'node:http';
import type { BackendRequest, HealthSpec, RawReply } from '../contract';
import type { JsConnection } from './connection';
import { reasonOf } from './reasons';

const kNoBytes = Buffer.alloc(0);

/** A reply of the server itself: a line of plain text. */
export function plainReply(status: number, text: string, headers: readonly string[] = []): RawReply {
  return { status, headers: ['Content-Type', 'text/plain; charset=utf-8', ...headers], body: `${text}\n` };
}

/** Health routes: answered at once, past the queue. undefined: the path is none of them. */
export function healthReply(
  health: HealthSpec | false,
  method: string,
  path: string,
  unready: string | undefined,
): RawReply | undefined {
  if (health === false || (path !== health.live && path !== health.ready)) return undefined;
  if (method !== 'GET' && method !== 'HEAD')
    return plainReply(405, 'Method Not Allowed', ['Allow', 'GET, HEAD']);
  if (path === health.ready && unready !== undefined) return plainReply(503, unready);
  return plainReply(200, 'ok');
}

export function abortError(message: string): Error {
  return new DOMException(message, 'AbortError');
}

export class JsExchange implements BackendRequest {
  readonly method: string;
  readonly target: string;
  params: readonly string[] = [];
  readonly deadline: number;
  readonly connection: JsConnection;
  readonly incoming: http.IncomingMessage;
  private readonly outgoing: http.ServerResponse;
  /** The whole body has come. */
  complete = false;
  replied = false;
  private chunks: Buffer[] = [];
  private joined: Buffer | undefined;
  private controller: AbortController | undefined;
  private reason: unknown;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    connection: JsConnection,
    incoming: http.IncomingMessage,
    outgoing: http.ServerResponse,
    deadline: number,
  ) {
    this.connection = connection;
    this.incoming = incoming;
    this.outgoing = outgoing;
    this.method = incoming.method ?? '';
    this.target = incoming.url ?? '';
    this.deadline = deadline;
  }

  rawHeaders(): string[] {
    const headers = this.incoming.rawHeaders.slice();
    for (let i = 0; i < headers.length; i += 2) headers[i] = headers[i]!.toLowerCase();
    return headers;
  }

  remoteAddress(): string {
    return this.connection.remoteAddress;
  }

  addChunk(chunk: Buffer): void {
    this.chunks.push(chunk);
  }

  body(): Buffer {
    if (this.joined === undefined) {
      if (this.chunks.length === 0) this.joined = kNoBytes;
      else this.joined = this.chunks.length === 1 ? this.chunks[0]! : Buffer.concat(this.chunks);
      this.chunks = [];
    }
    return this.joined;
  }

  signal(): AbortSignal {
    if (this.controller === undefined) {
      this.controller = new AbortController();
      if (this.reason !== undefined) this.controller.abort(this.reason);
    }
    return this.controller.signal;
  }

  abort(reason: unknown): void {
    if (this.reason !== undefined) return;
    this.reason = reason;
    this.controller?.abort(reason);
  }

  /** Calls back once at the deadline, unless a reply was sent before. */
  onDeadline(callback: () => void): void {
    if (this.deadline === Number.POSITIVE_INFINITY || this.replied) return;
    this.timer = setTimeout(callback, Math.min(Math.max(this.deadline - Date.now(), 0), 0x7fffffff));
    this.timer.unref();
  }

  sendContinue(): void {
    this.outgoing.writeContinue();
  }

  /** Sends the reply, once; false when one was sent before or nobody is there any more. */
  send(reply: RawReply, close: boolean): boolean {
    if (this.replied) return false;
    this.replied = true;
    clearTimeout(this.timer);
    this.chunks = [];
    if (this.connection.gone) return false;
    const { status } = reply;
    const headers = reply.headers.slice();
    const bodiless = status === 204 || status === 304;
    const size = typeof reply.body === 'string' ? Buffer.byteLength(reply.body) : reply.body.byteLength;
    if (!bodiless) headers.push('Content-Length', String(size));
    if (close) headers.push('Connection', 'close');
    this.outgoing.writeHead(status, reasonOf(status), headers);
    if (bodiless || this.method === 'HEAD') this.outgoing.end();
    else this.outgoing.end(reply.body);
    return true;
  }

  /** Calls back when the reply has been handed to the system, or never will be. */
  onSent(callback: () => void): void {
    this.outgoing.once('close', callback);
  }
}
