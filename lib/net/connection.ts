// Connection: a socket as a pair of promises, made for `await` and `for await`. What the backends need not know
// stands here: the order of calls, timeouts, which error a call gets after the end, the stream adapter.

import type { Duplex } from 'node:stream';
import type { BackendConnection, NetAddress } from '../backend/contract';
import { ClosedError, InvalidArgument, TimeoutError } from '../errors';

const maxTimeoutMs = 2 ** 31 - 1;

/** Bytes, or text that is sent as UTF-8. */
export type Writable = string | ArrayBufferView | ArrayBuffer;

function bytesOf(data: Writable): Uint8Array {
  if (typeof data === 'string') return Buffer.from(data, 'utf8');
  if (data instanceof Uint8Array) return data;
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  throw new InvalidArgument('data', 'a string, an ArrayBufferView or an ArrayBuffer', data);
}

function ipOf(
  at: NetAddress | undefined,
): { address: string; family: 'IPv4' | 'IPv6'; port: number } | undefined {
  return at !== undefined && 'address' in at ? at : undefined;
}

export class Connection implements AsyncIterable<Buffer> {
  readonly #backend: BackendConnection;
  readonly #closed: Promise<void>;
  #isClosed = false;
  /** Why every further call fails. */
  #failure: Error | undefined;
  #ending: Promise<void> | undefined;
  #lastRead: Promise<unknown> | undefined;
  #bytesRead = 0;
  #bytesWritten = 0;
  #timeoutMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #lastActive = 0;

  /** Made by listen() and connect() only. */
  constructor(backend: BackendConnection) {
    this.#backend = backend;
    this.#closed = new Promise((resolve) => {
      backend.onClose = () => {
        this.#isClosed = true;
        this.#stopTimer();
        resolve();
      };
    });
  }

  /** undefined for a Unix socket. */
  get remoteAddress(): string | undefined {
    return ipOf(this.#backend.remote)?.address;
  }

  get remotePort(): number | undefined {
    return ipOf(this.#backend.remote)?.port;
  }

  get remoteFamily(): 'IPv4' | 'IPv6' | undefined {
    return ipOf(this.#backend.remote)?.family;
  }

  get localAddress(): string | undefined {
    return ipOf(this.#backend.local)?.address;
  }

  get localPort(): number | undefined {
    return ipOf(this.#backend.local)?.port;
  }

  /** Bytes that read() has given out. */
  get bytesRead(): number {
    return this.#bytesRead;
  }

  /** Bytes that the system has taken. */
  get bytesWritten(): number {
    return this.#bytesWritten;
  }

  /** Whether the socket is gone: destroyed, broken, or ended on both sides. */
  get closed(): boolean {
    return this.#isClosed;
  }

  /** Resolves when the socket is gone. Never rejects. */
  get whenClosed(): Promise<void> {
    return this.#closed;
  }

  /** What ended it: the reason that its calls reject with; undefined while nothing went wrong. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /**
   * The next bytes, at least one, yours to keep; null when the peer has ended its side, again and again.
   * Several reads under way are served in their order. Rejects with the system's error (ECONNRESET …), with
   * ERR_TAILRACE_CLOSED after destroy() and with ERR_TAILRACE_TIMEOUT after setTimeout's time.
   */
  read(): Promise<Buffer | null> {
    const before = this.#lastRead;
    const read = before === undefined ? this.#read() : before.then(() => this.#read());
    const settled = read.then(
      () => undefined,
      () => undefined,
    );
    this.#lastRead = settled;
    settled.then(() => {
      if (this.#lastRead === settled) this.#lastRead = undefined;
    });
    return read;
  }

  async #read(): Promise<Buffer | null> {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      const chunk = await this.#backend.read();
      this.#touch();
      if (chunk !== null) this.#bytesRead += chunk.length;
      return chunk;
    } catch (error) {
      throw this.#fail(error);
    }
  }

  /** destroy() and timeouts say why; otherwise what the backend says counts from now on. */
  #fail(error: unknown): Error {
    this.#failure ??= error instanceof Error ? error : new ClosedError('The connection is closed');
    return this.#failure;
  }

  /**
   * Resolves when the system has taken all of `data`: that is the back-pressure. Until then its bytes must not change.
   * Writes keep their order, awaited or not. After end() it rejects with ERR_TAILRACE_CLOSED.
   */
  async write(data: Writable): Promise<void> {
    const bytes = bytesOf(data);
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#ending !== undefined) throw new ClosedError('Written after end()');
    if (bytes.length === 0) return;
    try {
      await this.#backend.write(bytes);
      this.#bytesWritten += bytes.length;
      this.#touch();
    } catch (error) {
      throw this.#fail(error);
    }
  }

  /** Writes `data` when given, then sends our end; resolves when both are with the system. Reading goes on. */
  async end(data?: Writable): Promise<void> {
    if (this.#ending !== undefined) return this.#ending;
    const last = data === undefined ? undefined : this.write(data);
    if (this.#failure !== undefined && last === undefined) throw this.#failure;
    this.#ending = this.#end(last);
    return this.#ending;
  }

  async #end(last: Promise<void> | undefined): Promise<void> {
    try {
      await Promise.all([last, this.#backend.end()]);
      this.#touch();
    } catch (error) {
      throw this.#fail(error);
    }
  }

  /** Closes at once; what is under way rejects with `error`, or with ERR_TAILRACE_CLOSED. */
  destroy(error?: Error): this {
    this.#failure ??= error ?? new ClosedError('The connection is closed');
    this.#stopTimer();
    this.#backend.destroy();
    return this;
  }

  /** Destroys the connection with ERR_TAILRACE_TIMEOUT when no byte came or went for `ms`; 0 turns that off. */
  setTimeout(ms: number): this {
    if (!Number.isInteger(ms) || ms < 0 || ms > maxTimeoutMs) {
      throw new InvalidArgument('ms', `an integer from 0 to ${maxTimeoutMs}`, ms);
    }
    this.#stopTimer();
    this.#timeoutMs = ms;
    if (ms > 0 && !this.#isClosed) {
      this.#touch();
      this.#watch(ms);
    }
    return this;
  }

  #touch(): void {
    if (this.#timeoutMs > 0) this.#lastActive = performance.now();
  }

  /** One timer, armed again for what is left when it fires early: cheaper than one a read. */
  #watch(ms: number): void {
    this.#timer = setTimeout(() => {
      const left = this.#timeoutMs - (performance.now() - this.#lastActive);
      if (left > 0) this.#watch(Math.ceil(left));
      else this.destroy(new TimeoutError(`No byte for ${this.#timeoutMs} ms`));
    }, ms);
    this.#timer.unref();
  }

  #stopTimer(): void {
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Keeps the process alive (the default). */
  ref(): this {
    this.#backend.ref();
    return this;
  }

  unref(): this {
    this.#backend.unref();
    return this;
  }

  /** The reads until the peer's end. Leaving the loop early destroys the connection, as it does with Node's streams. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void, undefined> {
    let whole = false;
    try {
      for (let chunk = await this.read(); chunk !== null; chunk = await this.read()) yield chunk;
      whole = true;
    } finally {
      if (!whole) this.destroy();
    }
  }

  #stream: Duplex | undefined;

  /** The same socket as a Node stream, always the same one. Use either it or read() and write(). */
  stream(): Duplex {
    if (this.#stream === undefined) {
      if (this.#failure !== undefined) throw this.#failure;
      this.#stream = (require('./duplex') as typeof import('./duplex')).duplexOf(this);
    }
    return this.#stream;
  }
}
