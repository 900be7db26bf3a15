// tailrace/net: TCP and Unix sockets as promises.
//
//   const server = await listen({ port: 7 }, async (connection) => {
//     for await (const bytes of connection) await connection.write(bytes);
//     await connection.end();
//   });
//
// The facade validates and holds defaults and texts; lib/backend/{native,js}/net.ts do the work.

import type { BackendConnection, BackendTcpServer, NetAddress } from '../backend/contract';
import { backend } from '../backend/select';
import { InvalidArgument, onlyKnown } from '../errors';
import { Connection } from './connection';

export { Connection, type Writable } from './connection';

export interface ListenOptions {
  /** 0 (the default): any free one. */
  port?: number | undefined;
  /** Address or name; default: all addresses. */
  host?: string | undefined;
  /** A Unix socket instead of a port. */
  path?: string | undefined;
  /** Connections that may wait to be accepted; default 511, capped by the system. */
  backlog?: number | undefined;
  /** Several processes share the port (Linux). On Node below 23.1 the fallback cannot, and listens alone. */
  reusePort?: boolean | undefined;
  /** Closes the server; before it listens, listen() rejects with signal.reason. */
  signal?: AbortSignal | undefined;
}

export interface ConnectOptions {
  port?: number | undefined;
  /** Address or name; default 'localhost'. */
  host?: string | undefined;
  /** A Unix socket instead of host and port. */
  path?: string | undefined;
  /** Gives up connecting: connect() rejects with signal.reason. No effect once connected. */
  signal?: AbortSignal | undefined;
}

/** What listen() gives. */
export interface TcpServer {
  /** IP address and port, or the path of a Unix socket. */
  address(): NetAddress;
  /** Stops listening and destroys the open connections, unless `connections: 'keep'`. */
  close(options?: { connections?: 'destroy' | 'keep' }): Promise<void>;
  readonly closed: boolean;
  /** Open connections. */
  readonly connections: number;
  ref(): TcpServer;
  unref(): TcpServer;
}

function integer(name: string, value: unknown, from: number, to: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < from || value > to) {
    throw new InvalidArgument(name, `an integer from ${from} to ${to}`, value);
  }
  return value;
}

function text(name: string, value: unknown): string {
  if (typeof value !== 'string' || value === '' || value.includes('\0')) {
    throw new InvalidArgument(name, 'a non-empty string without NUL', value);
  }
  return value;
}

function record<T>(value: T): T {
  if (typeof value !== 'object' || value === null) throw new InvalidArgument('options', 'an object', value);
  return value;
}

function signalOf(value: unknown): AbortSignal | undefined {
  if (value !== undefined && !(value instanceof AbortSignal))
    throw new InvalidArgument('signal', 'an AbortSignal', value);
  return value;
}

function pathOf(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  const path = text('path', value);
  // sockaddr_un: 108 bytes with the final NUL; Node would cut a longer path silently
  if (process.platform !== 'win32' && Buffer.byteLength(path) > 107) {
    throw new InvalidArgument('path', 'at most 107 bytes', value);
  }
  return path;
}

/** An error of a handler ends its connection and is otherwise the program's own affair, as in node:net. */
function report(error: unknown): void {
  process.nextTick(() => {
    throw error;
  });
}

class Server implements TcpServer {
  readonly #live = new Set<Connection>();
  readonly #onConnection: (connection: Connection) => unknown;
  #backend: BackendTcpServer | undefined;
  #closing: Promise<void> | undefined;

  constructor(onConnection: (connection: Connection) => unknown) {
    this.#onConnection = onConnection;
  }

  started(server: BackendTcpServer): void {
    this.#backend = server;
  }

  accept(socket: BackendConnection): void {
    const connection = new Connection(socket);
    this.#live.add(connection);
    connection.whenClosed.then(() => this.#live.delete(connection));
    try {
      const result = this.#onConnection(connection);
      if (result instanceof Promise) result.catch((error) => this.#failed(connection, error));
    } catch (error) {
      this.#failed(connection, error);
    }
  }

  #failed(connection: Connection, error: unknown): void {
    // A connection that broke took its handler with it: nothing is wrong with the handler.
    const broke = connection.closed || connection.failure === error;
    connection.destroy();
    if (!broke) report(error);
  }

  address(): NetAddress {
    return (this.#backend as BackendTcpServer).address;
  }

  get closed(): boolean {
    return this.#closing !== undefined;
  }

  get connections(): number {
    return this.#live.size;
  }

  close(options: { connections?: 'destroy' | 'keep' } = {}): Promise<void> {
    const what = record(options).connections ?? 'destroy';
    if (what !== 'destroy' && what !== 'keep')
      throw new InvalidArgument('connections', "'destroy' or 'keep'", what);
    this.#closing ??= (this.#backend as BackendTcpServer).close();
    if (what === 'keep') return this.#closing;
    const gone = [...this.#live].map((connection) => connection.destroy().whenClosed);
    return Promise.all([this.#closing, ...gone]).then(() => undefined);
  }

  ref(): this {
    this.#backend?.ref();
    return this;
  }

  unref(): this {
    this.#backend?.unref();
    return this;
  }
}

/**
 * Listens. `onConnection` gets each connection; when it throws or its promise rejects, the connection is destroyed,
 * and unless the failure was the connection's own the error becomes an uncaught exception.
 * Rejects with the system's error (EADDRINUSE …).
 */
export async function listen(
  options: ListenOptions,
  onConnection: (connection: Connection) => unknown,
): Promise<TcpServer> {
  onlyKnown(record(options), ['port', 'host', 'path', 'backlog', 'reusePort', 'signal']);
  const path = pathOf(options.path);
  const port = options.port === undefined ? 0 : integer('port', options.port, 0, 65535);
  const host = options.host === undefined ? undefined : text('host', options.host);
  const backlog = options.backlog === undefined ? 511 : integer('backlog', options.backlog, 1, 65535);
  const { reusePort = false } = options;
  if (typeof reusePort !== 'boolean') throw new InvalidArgument('reusePort', 'a boolean', reusePort);
  const signal = signalOf(options.signal);
  if (typeof onConnection !== 'function')
    throw new InvalidArgument('onConnection', 'a function', onConnection);
  signal?.throwIfAborted();

  const server = new Server(onConnection);
  const started = await backend().net.listen({
    host,
    port,
    path,
    backlog,
    reusePort,
    onConnection: (socket) => server.accept(socket),
    onError: (error) => process.emitWarning(error),
  });
  server.started(started);
  if (signal !== undefined) {
    if (signal.aborted) {
      await server.close();
      throw signal.reason;
    }
    signal.addEventListener('abort', () => void server.close(), { once: true });
  }
  return server;
}

/** Connects. Rejects with the system's error (ECONNREFUSED …), or with signal.reason. */
export async function connect(options: ConnectOptions): Promise<Connection> {
  onlyKnown(record(options), ['port', 'host', 'path', 'signal']);
  const path = pathOf(options.path);
  if (path === undefined && options.port === undefined)
    throw new InvalidArgument('port', 'given, or path', undefined);
  const port = path !== undefined ? 0 : integer('port', options.port, 1, 65535);
  const host = options.host === undefined ? 'localhost' : text('host', options.host);
  const signal = signalOf(options.signal);
  signal?.throwIfAborted();
  return new Connection(await backend().net.connect({ host, port, path, signal }));
}
