// A raw HTTP/1.1 client on node:net for tests: sends bytes as they are given, so that it can be malformed, slow or gone,
// and reads replies one by one.

import { once } from 'node:events';
import * as net from 'node:net';

export interface RawResponse {
  status: number;
  reason: string;
  version: string;
  /** Names in lower case; repeated fields joined by ', '. */
  headers: Record<string, string>;
  body: string;
}

/** Longest wait for anything in a test: a watchdog against hanging, never an assertion about speed. */
export const kPatienceMs = 20_000;

/** Rejects when `promise` has not settled within the watchdog's time. */
export async function within<T>(promise: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited in vain for ${what}`)), kPatienceMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

export async function until(condition: () => boolean, what: string): Promise<void> {
  const end = Date.now() + kPatienceMs;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`waited in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export class RawClient {
  readonly socket: net.Socket;
  /** Bytes that no response has taken yet, one character a byte. */
  buffered = '';
  ended = false;
  private wake: (() => void) | undefined;

  static async connect(port: number, options: { allowHalfOpen?: boolean } = {}): Promise<RawClient> {
    const socket = net.connect({ port, host: '127.0.0.1', ...options });
    const client = new RawClient(socket);
    await within(once(socket, 'connect'), 'a connection');
    return client;
  }

  private constructor(socket: net.Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.buffered += chunk.toString('latin1');
      this.wake?.();
    });
    const end = (): void => {
      this.ended = true;
      this.wake?.();
    };
    socket.on('end', end);
    socket.on('close', end);
    socket.on('error', end);
  }

  write(data: string | Uint8Array): this {
    if (!this.socket.destroyed) this.socket.write(data);
    return this;
  }

  /** Waits until `done` says so of what is buffered; false when the connection ended before. */
  private async fill(done: () => boolean, what: string): Promise<boolean> {
    while (!done()) {
      if (this.ended) return false;
      await within(new Promise<void>((resolve) => (this.wake = resolve)), what);
    }
    return true;
  }

  /** The next response; undefined when the connection ended instead. `head`: it has no body whatever it says. */
  async response(head = false): Promise<RawResponse | undefined> {
    const whole = await this.fill(() => this.buffered.includes('\r\n\r\n'), 'a response');
    if (!whole) return undefined;
    const end = this.buffered.indexOf('\r\n\r\n');
    const lines = this.buffered.slice(0, end).split('\r\n');
    const [, version, status, reason] = /^(HTTP\/1\.[01]) (\d{3}) ?(.*)$/.exec(lines[0]!) ?? [];
    if (version === undefined) throw new Error(`not a status line: ${lines[0]}`);
    const headers: Record<string, string> = {};
    for (const line of lines.slice(1)) {
      const colon = line.indexOf(':');
      const name = line.slice(0, colon).toLowerCase();
      const value = line.slice(colon + 1).trim();
      headers[name] = name in headers ? `${headers[name]}, ${value}` : value;
    }
    const code = Number(status);
    const none = head || code === 204 || code === 304 || code < 200;
    if (!none && headers['content-length'] === undefined)
      throw new Error(`a body without length: ${lines.join('|')}`);
    const size = none ? 0 : Number(headers['content-length']);
    if (!(await this.fill(() => this.buffered.length >= end + 4 + size, 'a body'))) {
      throw new Error('the connection ended inside a body');
    }
    const body = Buffer.from(this.buffered.slice(end + 4, end + 4 + size), 'latin1').toString('utf8');
    this.buffered = this.buffered.slice(end + 4 + size);
    return { status: code, reason: reason!, version, headers, body };
  }

  /** Resolves when the server has ended the connection; what came before stays in `buffered`. */
  async closed(): Promise<void> {
    await this.fill(() => false, 'the end of the connection');
  }

  destroy(): void {
    this.socket.destroy();
  }
}

/** One request on a connection of its own. */
export async function requestOnce(
  port: number,
  request: string | Uint8Array,
  head = false,
): Promise<RawResponse | undefined> {
  const client = await RawClient.connect(port);
  try {
    client.write(request);
    return await client.response(head);
  } finally {
    client.destroy();
  }
}

/** Text of a POST with the right length. */
export function post(path: string, body: string, headers = ''): string {
  return `POST ${path} HTTP/1.1\r\nHost: t\r\n${headers}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

export function get(path: string, headers = ''): string {
  return `GET ${path} HTTP/1.1\r\nHost: t\r\n${headers}\r\n`;
}
