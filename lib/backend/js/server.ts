// The server without the native core: same routes, limits, statuses and statistics, on node:net (the rules stand in
// contract.ts, connection.ts has the protocol). Whole requests gather in one queue and are run once a loop turn, as the
// native core drains its handler groups: that is what bounds them and lets the queue shed. There is no handoff here: while
// JavaScript is blocked, nobody answers.

import * as net from 'node:net';
import type { BackendServer, RawReply, RouteSpec, ServerBackend, ServerSpec, ServerStats } from '../contract';
import { type ConnectionHost, JsConnection } from './connection';
import { healthReply, type JsExchange, plainReply } from './exchange';
import { Router } from './router';
import { RpcEngine } from './rpc';

const kJson = ['Content-Type', 'application/json'];
const kSweepFastestMs = 5;
const kSweepSlowestMs = 1000;

/** What answers a request: a route, or the server itself at once. */
type Found = { route: RouteSpec; params: string[] } | { reply: RawReply };

class JsServer implements BackendServer, ConnectionHost {
  readonly limits: ServerSpec['limits'];
  private readonly spec: ServerSpec;
  private readonly listener: net.Server;
  private readonly router: Router;
  private readonly engine: RpcEngine | undefined;
  private readonly connections = new Map<net.Socket, JsConnection>();
  private readonly queue: Array<{ exchange: JsExchange; route: RouteSpec }> = [];
  private readonly count: ServerStats;
  private scheduled = false;
  private sheddingUntil = 0;
  private sweeper: NodeJS.Timeout | undefined;
  private refusedNow = 0;
  private closing: Promise<void> | undefined;
  private emptied: () => void = () => {};
  private listeningAt!: { address: string; family: 'IPv4' | 'IPv6'; port: number };

  constructor(spec: ServerSpec) {
    this.spec = spec;
    const { limits, rpc } = spec;
    this.limits = limits;
    const routes = [...spec.routes];
    this.engine = rpc === undefined ? undefined : new RpcEngine(rpc, limits);
    if (rpc !== undefined)
      routes.push({ method: 'POST', path: rpc.path, handle: (r) => this.rpc(r as JsExchange) });
    this.router = new Router(routes, spec.health !== false);
    this.count = {
      connections: 0,
      accepted: 0,
      refused: 0,
      requests: 0,
      replies: 0,
      shed: 0,
      timeouts: 0,
      malformed: 0,
      queued: 0,
      inFlight: 0,
      bytesIn: 0,
      bytesOut: 0,
      handoffs: 0,
    };
    // A peer that has ended its side may still wait for its replies.
    this.listener = net.createServer({ allowHalfOpen: true, noDelay: true });
    this.listener.maxConnections = limits.connections;
    this.listener.on('connection', (socket) => this.accept(socket));
    this.listener.on('drop', () => this.refuse());
  }

  listen(): Promise<void> {
    const { host, port, backlog, reusePort } = this.spec;
    return new Promise((resolve, reject) => {
      this.listener.once('error', reject);
      // reusePort is understood from Node 23.1 on; older ones ignore it.
      this.listener.listen({ host, port, backlog, reusePort } as net.ListenOptions, () => {
        this.listener.removeListener('error', reject);
        this.listener.on('error', (error) => this.spec.onError(error));
        this.listeningAt = this.listener.address() as typeof this.listeningAt;
        resolve();
      });
    });
  }

  address(): { address: string; family: 'IPv4' | 'IPv6'; port: number } {
    return { ...this.listeningAt };
  }

  ref(): void {
    this.listener.ref();
  }

  unref(): void {
    this.listener.unref();
  }

  stats(): ServerStats {
    const stats = { ...this.count, connections: this.connections.size, queued: this.queued };
    for (const socket of this.connections.keys()) {
      stats.bytesIn += socket.bytesRead;
      stats.bytesOut += socket.bytesWritten;
    }
    return stats;
  }

  close(drainMs: number): Promise<void> {
    this.closing ??= new Promise((resolve) => {
      let killer: NodeJS.Timeout | undefined;
      this.listener.close(() => {
        clearTimeout(killer);
        clearInterval(this.sweeper);
        // It counts a socket as gone before the socket says 'close'.
        if (this.connections.size === 0) resolve();
        else this.emptied = resolve;
      });
      for (const connection of this.connections.values()) connection.drain();
      const kill = (): void => {
        for (const connection of this.connections.values()) connection.kill();
      };
      if (drainMs <= 0) kill();
      else killer = setTimeout(kill, Math.min(drainMs, 0x7fffffff));
    });
    return this.closing;
  }

  // ------------------------------------------------------------ connections

  private accept(socket: net.Socket): void {
    this.count.accepted++;
    const connection = new JsConnection(socket, this, Date.now());
    this.connections.set(socket, connection);
    socket.once('close', () => this.left(connection));
    if (this.sweeper === undefined) {
      const { headerMs, requestMs, idleMs, writeMs } = this.limits;
      const every = Math.min(headerMs, requestMs, idleMs, writeMs) / 4;
      const step = Math.min(Math.max(every, kSweepFastestMs), kSweepSlowestMs);
      this.sweeper = setInterval(() => this.sweep(), step);
      this.sweeper.unref();
    }
  }

  private left(connection: JsConnection): void {
    this.connections.delete(connection.socket);
    this.count.bytesIn += connection.socket.bytesRead;
    this.count.bytesOut += connection.socket.bytesWritten;
    connection.left();
    if (this.connections.size === 0) {
      clearInterval(this.sweeper);
      this.sweeper = undefined;
      this.emptied();
    }
  }

  private refuse(): void {
    this.count.refused++;
    if (this.refusedNow++ > 0) return;
    setImmediate(() => {
      const count = this.refusedNow;
      this.refusedNow = 0;
      this.spec.onRefused(count);
    });
  }

  private sweep(): void {
    const now = Date.now();
    for (const connection of this.connections.values()) {
      if (connection.sweep(now)) this.count.timeouts++;
    }
  }

  // ------------------------------------------------------------ asked by connections

  draining(): boolean {
    return this.closing !== undefined;
  }

  opened(): void {
    this.count.inFlight++;
  }

  closed(sent: boolean): void {
    this.count.inFlight--;
    if (sent) this.count.replies++;
  }

  malformed(): void {
    this.count.malformed++;
  }

  leads(method: string, path: string): boolean {
    return 'route' in this.find(method, path);
  }

  route(exchange: JsExchange): void {
    this.count.requests++;
    const found = this.find(exchange.method, exchange.path);
    if ('reply' in found) {
      exchange.send(found.reply);
      return;
    }
    exchange.params = found.params;
    if (this.queued >= this.limits.queue) {
      this.count.shed++;
      this.sheddingUntil = Date.now() + 100;
      exchange.send(plainReply(503, 'Service Unavailable', ['Retry-After', '1']));
      return;
    }
    this.queue.push({ exchange, route: found.route });
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(() => this.drain());
  }

  // ------------------------------------------------------------ requests

  private find(method: string, path: string): Found {
    const own = healthReply(this.spec.health, method, path, () => !this.draining() && !this.shedding());
    if (own !== undefined) return { reply: own };
    // Asked of the server, not of a path (RFC 9110 9.3.7).
    if (path === '*') return { reply: { status: 204, headers: ['Allow', this.router.methods], body: '' } };
    const { route, params, allow } = this.router.match(method, path);
    if (route !== undefined) return { route, params };
    if (allow === undefined) return { reply: plainReply(404, 'Not Found') };
    return { reply: plainReply(405, 'Method Not Allowed', ['Allow', allow]) };
  }

  /** Calls that wait, here or for an isolate. */
  private get queued(): number {
    return this.queue.length + (this.spec.rpc?.waiting?.() ?? 0);
  }

  private shedding(): boolean {
    return this.queued >= this.limits.queue || Date.now() < this.sheddingUntil;
  }

  private drain(): void {
    this.scheduled = false;
    for (const { exchange, route } of this.queue.splice(0)) {
      if (exchange.connection.gone) continue;
      const reply = route.handle(exchange);
      if (reply instanceof Promise) {
        exchange.onDeadline(() => this.overdue(exchange, route));
        reply.then((late) => exchange.send(late));
      } else {
        if (Date.now() >= exchange.deadline) this.overdue(exchange, route); // it held the thread for too long
        exchange.send(reply);
      }
    }
  }

  private overdue(exchange: JsExchange, route: RouteSpec): void {
    // JSON-RPC calls have their own clocks and answer in JSON.
    if (route.path === this.spec.rpc?.path && exchange.method === 'POST') return;
    this.count.timeouts++;
    exchange.abort(new DOMException('The request timed out', 'TimeoutError'));
    exchange.send(plainReply(503, 'Service Unavailable'));
  }

  private rpc(exchange: JsExchange): RawReply | Promise<RawReply> {
    exchange.onTimedOut = () => this.count.timeouts++;
    const answer = this.engine!.handle(exchange.body(), exchange);
    return answer instanceof Promise ? answer.then(rpcReply) : rpcReply(answer);
  }
}

function rpcReply(text: string | undefined): RawReply {
  if (text === undefined) return { status: 204, headers: [], body: '' };
  return { status: 200, headers: kJson, body: text };
}

export function create(): ServerBackend {
  return {
    async serve(spec) {
      const made = new JsServer(spec);
      await made.listen();
      return made;
    },
  };
}
