// The net part on the core's own sockets: listeners here, connections in net-connection.ts, connecting in net-connect.ts.
// native/server/socket.h says how they work, sockets.ts how their news comes.

import { AsyncResource } from 'node:async_hooks';
import { promises as dns } from 'node:dns';
import { isIP } from 'node:net';
import { systemError } from '../../errors';
import type { BackendTcpServer, NetAddress, NetBackend, NetListenSpec } from '../contract';
import type { NativeAddon } from '../load';
import { connect } from './net-connect';
import { NativeConnection } from './net-connection';
import { type Entry, kListenerFailed, kPath, type NetAddon, type NetEvent, Sockets } from './sockets';

class NativeTcpServer implements BackendTcpServer, Entry {
  readonly address: NetAddress;
  private referenced = true;
  private closed = false;
  /** Connections are handed over in the context of listen(), as node:net does, not in that of the first socket. */
  private readonly scope = new AsyncResource('TAILRACE_LISTENER');

  constructor(
    private readonly sockets: Sockets,
    private readonly spec: NetListenSpec,
    private readonly slot: number,
    readonly generation: number,
  ) {
    sockets.set(slot, this);
    sockets.ref();
    const { path } = spec;
    if (path !== undefined) this.address = { path };
    else {
      const [address, port] = sockets.native.address(slot, generation);
      this.address = { address, family: address.includes(':') ? 'IPv6' : 'IPv4', port };
    }
  }

  onEvent(news: number, event: NetEvent): void {
    if ((news & kListenerFailed) !== 0) this.spec.onError(systemError(event.errno, 'accept'));
  }

  accepted(slot: number, generation: number, news: number, event: NetEvent): void {
    const connection = new NativeConnection(this.sockets, slot, generation);
    const { path } = this.spec;
    connection.local = path !== undefined ? { path } : event.local;
    connection.remote = path !== undefined ? { path } : event.remote;
    connection.onEvent(news, event);
    this.scope.runInAsyncScope(this.spec.onConnection, undefined, connection);
  }

  close(): Promise<void> {
    if (!this.closed) {
      this.closed = true;
      this.sockets.close(this.slot, this);
      this.unref();
    }
    return Promise.resolve();
  }

  ref(): void {
    if (this.referenced || this.closed) return;
    this.referenced = true;
    this.sockets.ref();
  }

  unref(): void {
    if (!this.referenced) return;
    this.referenced = false;
    this.sockets.unref();
  }
}

// errno of Linux: kNoFamily and kNoAddress is what `::` gives without IPv6
const kNoFamily = 97;
const kNoAddress = 99;
const kNoEntry = 2;
const kNoAccess = 13;

async function listen(sockets: Sockets, spec: NetListenSpec): Promise<BackendTcpServer> {
  const { host, path, backlog, reusePort } = spec;
  const { native, result } = sockets;
  const port = path === undefined ? spec.port : kPath;
  let addresses: string[];
  if (path !== undefined) addresses = [path];
  // All addresses: IPv6 takes IPv4 along, where there is IPv6.
  else if (host === undefined) addresses = ['::', '0.0.0.0'];
  else addresses = [isIP(host) ? host : (await dns.lookup(host)).address];
  let errno = 0;
  for (const address of addresses) {
    errno = -native.listen(address, port, backlog, reusePort);
    if (errno === 0) return new NativeTcpServer(sockets, spec, result[0]!, result[1]!);
    if (errno !== kNoFamily && errno !== kNoAddress) break;
  }
  // As libuv, for the sake of Windows: a path whose folder is not there cannot be listened on.
  if (path !== undefined && errno === kNoEntry) errno = kNoAccess;
  const address = host ?? addresses[0];
  throw systemError(errno, 'listen', port > 0 ? { address, port } : { address });
}

export function create(addon: NativeAddon): NetBackend {
  let made: Sockets | undefined;
  const sockets = (): Sockets => {
    made ??= new Sockets(addon.net as NetAddon);
    return made;
  };
  return {
    listen: async (spec) => listen(sockets(), spec),
    connect: async (spec) => connect(sockets(), spec),
  };
}
