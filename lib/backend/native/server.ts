// The server on the native core. Native code accepts, reads, parses, answers what it can, orders and writes; calls.ts
// runs the handlers of a batch of calls each time the loop is called back. Methods may run in other isolates, which
// join a shared group.

import { getSystemErrorMap } from 'node:util';
import { TailraceError } from '../../errors';
import type {
  BackendGroup,
  BackendMember,
  BackendServer,
  GroupHandle,
  JsonBackend,
  MemberSpec,
  RpcMethodSpec,
  ServerBackend,
  ServerSpec,
  ServerStats,
} from '../contract';
import type { NativeAddon } from '../load';
import { Calls, type CallsAddon } from './calls';

/** native/binding/server.cc and calls.cc */
interface ServerAddon extends CallsAddon {
  create(spec: object): number;
  share(bound: number, lanes: number): GroupHandle;
  unshare(handle: GroupHandle): void;
  join(handle: GroupHandle, spec: object): number;
  leave(group: number): void;
  address(server: number): [string, 4 | 6, number];
  close(server: number, drainMs: number): void;
  dispose(server: number): void;
  hold(server: number, on: boolean): void;
  stats(server: number, out: Float64Array): void;
}

/** Calls run in one turn of the loop: then timers and other libraries have theirs. */
const kCallsATurn = 1024;
/**
 * Of a queue that other isolates take from as well: what one has taken no other can run, and what one has answered, also
 * in a microtask, is not to wait for the next call. Native code enters again as long as calls wait.
 */
const kOfACommonQueue = 1;

const kEventClosed = 0;
const kStats = [
  'connections',
  'accepted',
  'refused',
  'requests',
  'replies',
  'shed',
  'timeouts',
  'malformed',
  'queued',
  'inFlight',
  'bytesIn',
  'bytesOut',
  'handoffs',
] as const satisfies readonly (keyof ServerStats)[];

/** As node:net has it: EADDRINUSE: address already in use 127.0.0.1:8080 */
function listenError(failure: number, address: string, port: number): Error {
  if (failure <= -10000) {
    return new TailraceError('ERR_TAILRACE_LISTEN', `Cannot listen on ${address}:${port}`);
  }
  const [code, text] = getSystemErrorMap().get(failure) ?? ['UNKNOWN', 'unknown error'];
  const error = new Error(`listen ${code}: ${text} ${address}:${port}`);
  return Object.assign(error, { code, errno: failure, syscall: 'listen', address, port });
}

/** Calls of one priority stand in one lane; with several, there is one for each. */
function lanesOf(methods: readonly RpcMethodSpec[]): number {
  return methods.some((method) => method.priority !== 1) ? 3 : 1;
}

class NativeServer implements BackendServer {
  private readonly addon: ServerAddon;
  private readonly spec: ServerSpec;
  private readonly calls: Calls;
  private readonly where: ReturnType<BackendServer['address']>;
  private handle: number;
  private closing: Promise<void> | undefined;
  private closed: () => void = () => {};
  private last: ServerStats | undefined;

  constructor(addon: ServerAddon, spec: ServerSpec, address: string, json: () => JsonBackend) {
    this.addon = addon;
    this.spec = spec;
    const { limits, routes, rpc } = spec;
    const methods = rpc?.methods ?? [];
    // A shared group has a lane for each priority; then this one has the routes alone.
    const lanes = rpc?.group === undefined ? lanesOf(methods) : 1;
    const lane = (priority: number): number => (rpc?.group === undefined && lanes === 1 ? 0 : priority);
    const failure = rpc?.failure ?? ((error: unknown) => ({ code: -32603, message: String(error) }));
    this.calls = new Calls(addon, { routes, methods, failure, aTurn: kCallsATurn }, json);
    const handle = addon.create({
      limits: Float64Array.of(
        limits.connections,
        limits.headerBytes,
        limits.headers,
        limits.bodyBytes,
        limits.pipeline,
        limits.headerMs,
        limits.requestMs,
        limits.idleMs,
        limits.writeMs,
        limits.writeBytes,
        limits.queue,
        limits.batch,
        limits.depth,
      ),
      host: address,
      port: spec.port,
      backlog: spec.backlog,
      reusePort: spec.reusePort,
      live: spec.health === false ? '' : spec.health.live,
      ready: spec.health === false ? '' : spec.health.ready,
      blockedMs: spec.health === false ? 0 : spec.health.blockedMs,
      routes: routes.flatMap((route) => [route.method, route.path]),
      rpcPath: rpc?.path ?? '',
      methods: methods.flatMap(({ name, lazy, timeoutMs, priority }) => [
        name,
        lazy,
        timeoutMs,
        lane(priority),
      ]),
      lanes,
      group: rpc?.group?.handle ?? null,
      ...this.calls.shared,
      onEvent: (event: number, count: number) => this.onEvent(event, count),
    });
    if (handle < 0) throw listenError(handle, address, spec.port);
    this.handle = handle;
    this.calls.attach(handle);
    const [host, family, port] = addon.address(handle);
    this.where = { address: host, family: family === 6 ? 'IPv6' : 'IPv4', port };
  }

  address(): ReturnType<BackendServer['address']> {
    return this.where;
  }

  ref(): void {
    if (this.handle !== 0) this.addon.hold(this.handle, true);
  }

  unref(): void {
    if (this.handle !== 0) this.addon.hold(this.handle, false);
  }

  stats(): ServerStats {
    if (this.handle === 0) return this.last!;
    const out = new Float64Array(kStats.length);
    this.addon.stats(this.handle, out);
    return Object.fromEntries(kStats.map((name, index) => [name, out[index]!])) as Record<
      (typeof kStats)[number],
      number
    >;
  }

  close(drainMs: number): Promise<void> {
    if (this.closing === undefined) {
      this.closing = new Promise((resolve) => {
        this.closed = resolve;
      });
      this.addon.close(this.handle, drainMs);
    }
    return this.closing;
  }

  // ------------------------------------------------------------ called by native code

  private onEvent(event: number, count: number): void {
    if (event !== kEventClosed) {
      this.spec.onRefused(count);
      return;
    }
    // Not from inside the callback: it still uses what dispose() takes apart.
    setImmediate(() => {
      this.last = { ...this.stats(), queued: 0, inFlight: 0 };
      this.handle = 0;
      this.addon.dispose(this.calls.detach());
      this.closed();
    });
  }
}

export function create(addon: NativeAddon): ServerBackend {
  const native = addon.server as ServerAddon;
  let json: JsonBackend | undefined;
  const getJson = (): JsonBackend => {
    json ??= (require('./json') as { create(addon: NativeAddon): JsonBackend }).create(addon);
    return json;
  };
  return {
    async serve(spec: ServerSpec): Promise<BackendServer> {
      const { isIP } = await import('node:net');
      let address = spec.host;
      if (isIP(address) === 0) {
        const { promises } = await import('node:dns');
        ({ address } = await promises.lookup(address));
      }
      return new NativeServer(native, spec, address, getJson);
    },
    share(bound: number): BackendGroup {
      // Which priorities its methods have is not known before they are loaded, elsewhere.
      const handle = native.share(bound, 3);
      return { handle, close: () => native.unshare(handle) };
    },
    join(handle: GroupHandle, spec: MemberSpec): BackendMember {
      const { methods, failure } = spec;
      const calls = new Calls(native, { routes: [], methods, failure, aTurn: kOfACommonQueue }, getJson);
      calls.attach(native.join(handle, calls.shared));
      return { close: () => native.leave(calls.detach()) };
    },
  };
}
