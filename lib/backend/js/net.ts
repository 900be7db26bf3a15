// The net part on node:net. Sockets are read in paused mode: at most a buffer of bytes waits (readableHighWaterMark),
// then TCP holds the peer back, so a connection that nobody reads never fills memory.

import * as net from 'node:net';
import type {
  BackendConnection,
  BackendTcpServer,
  NetAddress,
  NetBackend,
  NetConnectSpec,
  NetListenSpec,
} from '../contract';

interface Waiting<T> {
  resolve(value: T): void;
  reject(error: unknown): void;
}

function addressOf(host: string | undefined, family: string | undefined, port: number | undefined) {
  if (host === undefined || port === undefined) return undefined;
  return { address: host, family: family === 'IPv6' ? ('IPv6' as const) : ('IPv4' as const), port };
}

class JsConnection implements BackendConnection {
  onClose: (() => void) | undefined;
  readonly local: NetAddress | undefined;
  readonly remote: NetAddress | undefined;
  readonly #socket: net.Socket;
  #reading: Waiting<Buffer | null> | undefined;
  #failure: Error | undefined;
  #ended = false;
  #destroyed = false;

  constructor(socket: net.Socket, path: string | undefined) {
    this.#socket = socket;
    const at = path === undefined ? undefined : { path };
    this.local = at ?? addressOf(socket.localAddress, socket.localFamily, socket.localPort);
    this.remote = at ?? addressOf(socket.remoteAddress, socket.remoteFamily, socket.remotePort);
    socket.setNoDelay(true);
    socket.on('readable', () => this.#serve());
    socket.on('end', () => {
      this.#ended = true;
      this.#serve();
    });
    socket.on('error', (error) => {
      this.#failure = error;
    });
    socket.on('close', () => {
      this.#ended = true;
      this.#serve();
      this.onClose?.();
    });
  }

  /** Gives a waiting read what there is. */
  #serve(): void {
    const reading = this.#reading;
    if (reading === undefined) return;
    const chunk: Buffer | null = this.#socket.read();
    if (chunk === null && !this.#ended) return;
    this.#reading = undefined;
    if (chunk !== null) reading.resolve(chunk);
    else if (this.#failure !== undefined || this.#destroyed) reading.reject(this.#failure);
    else reading.resolve(null);
  }

  read(): Promise<Buffer | null> {
    return new Promise((resolve, reject) => {
      this.#reading = { resolve, reject };
      this.#serve();
    });
  }

  write(data: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      // A write that its socket did not survive is called back without an error by some of Node's versions.
      this.#socket.write(data, (error) => {
        if (error || this.#socket.destroyed) reject(this.#failure ?? error);
        else resolve();
      });
    });
  }

  end(): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) return reject(this.#failure);
      // 'close' without 'finish': it broke before the end was sent; end() after destroy calls nobody back
      const closed = (): void => (this.#failure === undefined ? resolve() : reject(this.#failure));
      if (this.#socket.destroyed) return closed();
      this.#socket.once('close', closed);
      this.#socket.end(() => {
        this.#socket.off('close', closed);
        resolve();
      });
    });
  }

  destroy(): void {
    this.#destroyed = true;
    this.#socket.destroy();
  }

  ref(): void {
    this.#socket.ref();
  }

  unref(): void {
    this.#socket.unref();
  }
}

class JsTcpServer implements BackendTcpServer {
  readonly address: NetAddress;
  readonly #server: net.Server;

  constructor(server: net.Server) {
    this.#server = server;
    const at = server.address();
    if (at === null) throw new Error('a server that listens has an address');
    this.address =
      typeof at === 'string'
        ? { path: at }
        : { address: at.address, family: at.family === 'IPv6' ? 'IPv6' : 'IPv4', port: at.port };
  }

  close(): Promise<void> {
    // net.Server.close() calls back when the last connection has gone too; the address is free before that.
    this.#server.close();
    return new Promise((resolve) => setImmediate(resolve));
  }

  ref(): void {
    this.#server.ref();
  }

  unref(): void {
    this.#server.unref();
  }
}

function listen(spec: NetListenSpec): Promise<BackendTcpServer> {
  return new Promise((resolve, reject) => {
    const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: false });
    const { backlog, path } = spec;
    server.once('error', reject);
    server.once('listening', () => {
      server.off('error', reject);
      server.on('error', spec.onError);
      resolve(new JsTcpServer(server));
    });
    server.on('connection', (socket) => spec.onConnection(new JsConnection(socket, path)));
    if (path !== undefined) server.listen({ path, backlog });
    else {
      const where: net.ListenOptions & { reusePort?: boolean } = {
        port: spec.port,
        host: spec.host,
        backlog,
      };
      // Node 20 does not know reusePort; it ignores it, and says nothing.
      if (spec.reusePort) where.reusePort = true;
      server.listen({ ...where, exclusive: true });
    }
  });
}

function connect(spec: NetConnectSpec): Promise<BackendConnection> {
  return new Promise((resolve, reject) => {
    const { path, host, port, signal } = spec;
    if (signal?.aborted) return reject(signal.reason);
    const socket = net.connect(
      path !== undefined ? { path, allowHalfOpen: true } : { host, port, allowHalfOpen: true },
    );
    const aborted = (): void => {
      socket.destroy();
      reject(signal?.reason);
    };
    signal?.addEventListener('abort', aborted, { once: true });
    const failed = (error: Error): void => {
      signal?.removeEventListener('abort', aborted);
      reject(error);
    };
    socket.once('error', failed);
    socket.once('connect', () => {
      signal?.removeEventListener('abort', aborted);
      socket.off('error', failed);
      resolve(new JsConnection(socket, path));
    });
  });
}

export function create(): NetBackend {
  return { listen, connect };
}
