// One request on the fallback server, from its whole head and body to its reply: what routes see (BackendRequest), its
// deadline and signal, and the bytes of the reply.

import type { BackendRequest, HealthSpec, RawReply } from '../contract';
import { splitHeaders } from '../header-lines';
import type { JsConnection } from './connection';
import type { RequestHead } from './http-head';
import { reasonOf } from './reasons';

export const continueBytes = Buffer.from('HTTP/1.1 100 Continue\r\n\r\n');

const kNone: RawReply = { status: 500, headers: [], body: '' };

/** A reply of the server itself: a line of plain text. */
export function plainReply(status: number, text: string, headers: readonly string[] = []): RawReply {
  return { status, headers: ['Content-Type', 'text/plain; charset=utf-8', ...headers], body: `${text}\n` };
}

/** Health routes: answered at once, past the queue. undefined: the path is none of them. */
export function healthReply(
  health: HealthSpec | false,
  method: string,
  path: string,
  ready: () => boolean,
): RawReply | undefined {
  if (health === false || (path !== health.live && path !== health.ready)) return undefined;
  if (method !== 'GET' && method !== 'HEAD')
    return plainReply(405, 'Method Not Allowed', ['Allow', 'GET, HEAD']);
  if (path === health.ready && !ready()) return plainReply(503, 'not ready');
  return plainReply(200, 'ok');
}

export function abortError(message: string): Error {
  return new DOMException(message, 'AbortError');
}

let dateSecond = -1;
let dateText = '';

/** RFC 9110 5.6.7; made once a second. */
function dateNow(): string {
  const now = Date.now();
  const second = Math.floor(now / 1000);
  if (second !== dateSecond) {
    dateSecond = second;
    dateText = new Date(now).toUTCString();
  }
  return dateText;
}

export class JsExchange implements BackendRequest {
  readonly method: string;
  readonly target: string;
  readonly path: string;
  readonly keepAlive: boolean;
  readonly deadline: number;
  readonly connection: JsConnection;
  params: readonly string[] = [];
  replied = false;
  /** Counts it, once, when a call of it ran out of time. */
  onTimedOut: (() => void) | undefined;
  /** The server is looking for what answers it: a reply that comes now comes at once. */
  routing = false;
  private readonly head: RequestHead | undefined;
  private readonly content: Buffer;
  private reply = kNone;
  private controller: AbortController | undefined;
  private reason: unknown;
  private timer: NodeJS.Timeout | undefined;

  /** @param head undefined: of a request that could not be read, and is answered only */
  constructor(connection: JsConnection, head: RequestHead | undefined, body: Buffer, deadline: number) {
    this.connection = connection;
    this.head = head;
    this.method = head?.method ?? '';
    this.target = head?.target ?? '';
    this.path = head?.path ?? '';
    this.keepAlive = head?.keepAlive ?? false;
    this.content = body;
    this.deadline = deadline;
  }

  rawHeaders(): string[] {
    return this.head === undefined ? [] : splitHeaders(this.head.text);
  }

  remoteAddress(): string {
    return this.connection.remoteAddress;
  }

  body(): Buffer {
    return this.content;
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
    if (this.replied) return;
    this.timer = setTimeout(callback, Math.min(Math.max(this.deadline - Date.now(), 0), 0x7fffffff));
    this.timer.unref();
  }

  timedOut(): void {
    this.onTimedOut?.();
    this.onTimedOut = undefined;
  }

  /** Gives the reply to the connection, once; later ones, and those for nobody, are dropped. */
  send(reply: RawReply): void {
    if (this.replied) return;
    this.replied = true;
    clearTimeout(this.timer);
    if (this.connection.gone) return;
    this.reply = reply;
    this.connection.ready();
  }

  /** The reply's bytes: a copy, since a handler may go on using what it returned. */
  encode(keepAlive: boolean): Buffer {
    const { status, headers, body } = this.reply;
    let text = `HTTP/1.1 ${status} ${reasonOf(status)}\r\n`;
    for (let i = 0; i < headers.length; i += 2) text += `${headers[i]}: ${headers[i + 1]}\r\n`;
    const bodiless = status === 204 || status === 304;
    let size = 0;
    if (!bodiless) {
      size = typeof body === 'string' ? Buffer.byteLength(body) : body.byteLength;
      text += `Content-Length: ${size}\r\n`;
    }
    if (!keepAlive) text += 'Connection: close\r\n';
    else if (this.head?.minor === 0) text += 'Connection: keep-alive\r\n';
    text += `Date: ${dateNow()}\r\n\r\n`;
    if (bodiless || this.method === 'HEAD') size = 0;
    const bytes = Buffer.allocUnsafe(text.length + size);
    bytes.write(text, 0, 'latin1');
    if (size > 0) {
      if (typeof body === 'string') bytes.write(body, text.length);
      else bytes.set(body, text.length);
    }
    return bytes;
  }
}
