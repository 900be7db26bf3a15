// A running server as its user holds it, and the start that server and rpc share.

import { EventEmitter } from 'node:events';
import type { Backend, BackendServer, ServerBackend, ServerStats } from '../backend/contract';
import { type CheckedOptions, checkServeOptions, type ServeOptions } from './options';
import { integer, onlyKnown, record } from './validate';

export interface CloseOptions {
  /** How long replies under way may take; then connections are cut. 10 s */
  drainMs?: number;
}

/**
 * Events: 'listening', once, after serve() has resolved; 'error' (of the server, not of a handler; logged when
 * nobody listens); 'refused' (count), connections turned away at the limit; 'close', once.
 */
export class Server extends EventEmitter {
  readonly #backend: BackendServer;
  readonly #after: () => Promise<void>;
  #closed: Promise<void> | undefined;

  /** @internal */
  constructor(backend: BackendServer, after: () => Promise<void>) {
    super();
    this.#backend = backend;
    this.#after = after;
  }

  address(): { address: string; family: 'IPv4' | 'IPv6'; port: number } {
    return this.#backend.address();
  }

  /** Stops accepting, lets replies under way finish, then closes every connection. Further calls wait for the first. */
  close(options: CloseOptions = {}): Promise<void> {
    if (this.#closed === undefined) {
      onlyKnown(record(options, 'options'), ['drainMs'], '');
      const drainMs = integer(options.drainMs, 'drainMs', 0, 0x7fffffff, 10_000);
      this.#closed = this.#backend
        .close(drainMs)
        .then(() => this.#after())
        .then(() => {
          this.emit('close');
        });
    }
    return this.#closed;
  }

  stats(): ServerStats {
    return this.#backend.stats();
  }

  /** Keeps the process alive (the default while it listens). */
  ref(): this {
    this.#backend.ref();
    return this;
  }

  /** Lets the process end although the server listens. */
  unref(): this {
    this.#backend.unref();
    return this;
  }
}

// For `await using`, where the runtime has it; close() is its named twin.
const asyncDispose = (Symbol as unknown as { asyncDispose?: symbol }).asyncDispose;
if (asyncDispose !== undefined) {
  Object.defineProperty(Server.prototype, asyncDispose, {
    value(this: Server) {
      return this.close();
    },
    writable: true,
    configurable: true,
  });
}

/** @param after runs once the server is closed (worker isolates end there) */
export async function start(
  backend: ServerBackend,
  options: CheckedOptions,
  after: () => Promise<void> = async () => {},
): Promise<Server> {
  const { log, signal, ...spec } = options;
  signal?.throwIfAborted();
  let server: Server | undefined;
  const made = await backend.serve({
    ...spec,
    onError(error) {
      if (server !== undefined && server.listenerCount('error') > 0) server.emit('error', error);
      else log.error('tailrace server:', error);
    },
    onRefused(count) {
      server?.emit('refused', count);
    },
  });
  const started = new Server(made, after);
  server = started;
  if (signal !== undefined) {
    const onAbort = (): void => {
      started.close({ drainMs: 0 });
    };
    if (signal.aborted) {
      await started.close({ drainMs: 0 });
      throw signal.reason;
    }
    signal.addEventListener('abort', onAbort, { once: true });
    started.once('close', () => signal.removeEventListener('abort', onAbort));
  }
  const told = setImmediate(() => started.emit('listening'));
  started.once('close', () => clearImmediate(told)); // never after it
  return started;
}

/** serve() on a given backend: for tests that compare the two. */
export async function serveOn(on: Backend, options: ServeOptions): Promise<Server> {
  return start(on.server, checkServeOptions(options));
}
