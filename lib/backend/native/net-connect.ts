// Connecting: names to addresses, one address after the other, and giving up when told to.

import { promises as dns } from 'node:dns';
import { isIP } from 'node:net';
import { systemError } from '../../errors';
import type { BackendConnection, NetConnectSpec } from '../contract';
import { NativeConnection } from './net-connection';
import { type Entry, kConnected, kFailed, kPath, type NetEvent, type Sockets, type Waiting } from './sockets';

/** With other addresses left to be tried, one attempt to connect has so long (as Node's autoSelectFamily). */
const kAttemptMs = 250;
/** errno of Linux. */
const kTimedOut = 110;

/** One attempt to connect to one address. */
class Attempt implements Entry {
  readonly generation: number;
  private readonly slot: number;
  private timer: NodeJS.Timeout | undefined;
  private settled = false;

  constructor(
    private readonly sockets: Sockets,
    private readonly waiting: Waiting<NativeConnection>,
    private readonly address: string,
    private readonly port: number,
    limitMs: number,
  ) {
    const { native, result } = sockets;
    const errno = -native.connect(address, port);
    this.slot = result[0]!;
    this.generation = result[1]!;
    if (errno !== 0) {
      this.settled = true;
      waiting.reject(this.error(errno));
      return;
    }
    sockets.set(this.slot, this);
    sockets.ref();
    if (limitMs > 0) {
      this.timer = setTimeout(() => this.abort(this.error(kTimedOut)), limitMs);
    }
  }

  private error(errno: number): Error {
    const { address, port } = this;
    return systemError(errno, 'connect', port === kPath ? { address } : { address, port });
  }

  onEvent(news: number, event: NetEvent): void {
    const { sockets, address, port } = this;
    clearTimeout(this.timer);
    if ((news & kConnected) !== 0) {
      this.settled = true;
      const connection = new NativeConnection(sockets, this.slot, this.generation);
      sockets.unref();
      connection.local = port === kPath ? { path: address } : event.local;
      connection.remote = port === kPath ? { path: address } : event.remote;
      connection.onEvent(news, event);
      this.waiting.resolve(connection);
    } else if ((news & kFailed) !== 0) {
      this.abort(this.error(event.errno));
    }
  }

  /** Gives up. */
  abort(why: unknown): void {
    if (this.settled) return;
    this.settled = true;
    clearTimeout(this.timer);
    this.sockets.close(this.slot, this);
    this.sockets.unref();
    this.waiting.reject(why);
  }
}

export async function connect(sockets: Sockets, spec: NetConnectSpec): Promise<BackendConnection> {
  const { host, path, port, signal } = spec;
  signal?.throwIfAborted();
  let attempt: Attempt | undefined;
  let stop!: (why: unknown) => void;
  // Settled by an abort only: a lookup under way cannot be called off, but need not be waited for.
  const aborted = new Promise<never>((_, reject) => {
    stop = reject;
  });
  aborted.catch(() => undefined);
  const onAbort = (): void => {
    stop(signal?.reason);
    attempt?.abort(signal?.reason);
  };
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    let addresses: string[];
    if (path !== undefined) addresses = [path];
    else if (isIP(host)) addresses = [host];
    else {
      const found = await Promise.race([dns.lookup(host, { all: true }), aborted]);
      addresses = found.map(({ address }) => address);
    }
    const errors: Error[] = [];
    for (const [i, address] of addresses.entries()) {
      try {
        return await new Promise<NativeConnection>((resolve, reject) => {
          const limit = i + 1 < addresses.length ? kAttemptMs : 0;
          attempt = new Attempt(
            sockets,
            { resolve, reject },
            address,
            path !== undefined ? kPath : port,
            limit,
          );
        });
      } catch (error) {
        if (signal?.aborted) throw signal.reason;
        errors.push(error as Error);
      } finally {
        attempt = undefined;
      }
    }
    if (errors.length === 1) throw errors[0];
    throw Object.assign(new AggregateError(errors), { code: (errors[0] as NodeJS.ErrnoException).code });
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}
