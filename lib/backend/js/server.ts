// The server on node:http, for systems without the native core: same routes, limits, statuses and statistics (the
// rules stand in contract.ts). Whole requests gather in one queue and are run once a loop turn, as the native core
// drains its handler groups: that is what bounds them and lets the queue shed. There is no handoff here: while
// JavaScript is blocked, nobody answers.

import * as http from 'node:http';
import type * as net from 'node:net';
import type { BackendServer, RawReply, RouteSpec, ServerBackend, ServerSpec, ServerStats } from '../contract';
import { JsConnection } from './connection';
import { abortError, healthReply, JsExchange, plainReply } from './exchange';
import { endWith, hasBody, linger, malformedStatus, type ParserError, refusedHead } from './http-end';
import { reasonOf } from './reasons';
import { pathOf, Router } from './router';
import { RpcEngine } from './rpc';

const kJson = ['Content-Type', 'application/json'];
const kSweepFastestMs = 5;
const kSweepSlowestMs = 1000;

class JsServer implements BackendServer {
  private readonly spec: ServerSpec;
  private readonly http: http.Server;
  private readonly router: Router;
  private readonly engine: RpcEngine | undefined;
  private readonly connections = new Map<net.Socket, JsConnection>();
  private readonly queue: Array<{ exchange: JsExchange; route: RouteSpec }> = [];
  private readonly count: ServerStats;
  private scheduled = false;
  private sheddingUntil = 0;
  private draining = false;
  private sweeper: NodeJS.Timeout | undefined;
  private refusedNow = 0;
  private closing: Promise<void> | undefined;
  private emptied: () => void = () => {};
  private listeningAt!: { address: string; family: 'IPv4' | 'IPv6'; port: number };

  constructor(spec: ServerSpec) {
    this.spec = spec;
    const { limits, rpc } = spec;
    const routes = [...spec.routes];
    this.engine = rpc === undefined ? undefined : new RpcEngine(rpc, limits);
    if (rpc !== undefined)
      routes.push({ method: 'POST', path: rpc.path, handle: (r) => this.rpc(r as JsExchange) });
    this.router = new Router(routes);
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
    this.http = http.createServer({
      maxHeaderSize: limits.headerBytes,
      requireHostHeader: false,
      keepAliveTimeout: 0,
      headersTimeout: 0,
      requestTimeout: 0,
      connectionsCheckingInterval: 0x7fffffff,
      noDelay: true,
    });
    this.http.timeout = 0;
    // A peer that has ended its side may still wait for its replies.
    (this.http as http.Server & { httpAllowHalfOpen: boolean }).httpAllowHalfOpen = true;
    this.http.maxConnections = limits.connections;
    this.http.maxHeadersCount = limits.headers + 1;
    this.http.on('connection', (socket) => this.accept(socket));
    this.http.on('drop', () => this.refuse());
    this.http.on('request', (req, res) => this.request(req, res, false));
    this.http.on('checkContinue', (req, res) => this.request(req, res, true));
    this.http.on('checkExpectation', (req, res) => this.request(req, res, false, 417));
    this.http.on('clientError', (error, socket) => this.malformed(error, socket as net.Socket));
    this.http.on('connect', (_req, socket) =>
      socket.end('HTTP/1.1 405 Method Not Allowed\r\nConnection: close\r\n\r\n'),
    );
  }

  listen(): Promise<void> {
    const { host, port, backlog, reusePort } = this.spec;
    return new Promise((resolve, reject) => {
      this.http.once('error', reject);
      // reusePort is understood from Node 23.1 on; older ones ignore it.
      this.http.listen({ host, port, backlog, reusePort } as net.ListenOptions, () => {
        this.http.removeListener('error', reject);
        this.http.on('error', (error) => this.spec.onError(error));
        this.listeningAt = this.http.address() as typeof this.listeningAt;
        resolve();
      });
    });
  }

  address(): { address: string; family: 'IPv4' | 'IPv6'; port: number } {
    return { ...this.listeningAt };
  }

  ref(): void {
    this.http.ref();
  }

  unref(): void {
    this.http.unref();
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
      this.draining = true;
      let killer: NodeJS.Timeout | undefined;
      this.http.close(() => {
        clearTimeout(killer);
        clearInterval(this.sweeper);
        // It counts a socket as gone before the socket says 'close'.
        if (this.connections.size === 0) resolve();
        else this.emptied = resolve;
      });
      for (const connection of this.connections.values()) {
        if (connection.open.size === 0) connection.socket.destroy();
      }
      const kill = (): void => {
        for (const connection of this.connections.values()) {
          for (const exchange of connection.open) exchange.abort(abortError('The server was closed'));
          connection.socket.destroy();
        }
      };
      if (drainMs <= 0) kill();
      else killer = setTimeout(kill, Math.min(drainMs, 0x7fffffff));
    });
    return this.closing;
  }

  // ------------------------------------------------------------ connections

  private accept(socket: net.Socket): void {
    this.count.accepted++;
    const connection = new JsConnection(socket, Date.now());
    this.connections.set(socket, connection);
    socket.once('close', () => this.left(connection));
    socket.once('end', () => connection.abort());
    if (this.sweeper === undefined) {
      const { headerMs, requestMs, idleMs, writeMs } = this.spec.limits;
      const every = Math.min(headerMs, requestMs, idleMs, writeMs) / 4;
      const step = Math.min(Math.max(every, kSweepFastestMs), kSweepSlowestMs);
      this.sweeper = setInterval(() => this.sweep(), step);
      this.sweeper.unref();
    }
  }

  private left(connection: JsConnection): void {
    connection.gone = true;
    this.connections.delete(connection.socket);
    this.count.bytesIn += connection.socket.bytesRead;
    this.count.bytesOut += connection.socket.bytesWritten;
    this.count.inFlight -= connection.open.size;
    connection.abort();
    connection.open.clear();
    connection.waiting.length = 0;
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
      const late = connection.late(now, this.spec.limits);
      if (late === 'none') continue;
      if (late !== 'idle') this.count.timeouts++;
      if (late === 'head') this.fail(connection, 408);
      else if (late === 'body') this.bodyLate(connection);
      else connection.socket.destroy();
    }
  }

  private bodyLate(connection: JsConnection): void {
    for (const exchange of connection.open) {
      if (!exchange.complete) this.refuseRequest(exchange, 408);
    }
  }

  /** Answers a request that never became one, after the replies before it, and closes. */
  private fail(connection: JsConnection, status: number): void {
    if (connection.broken === 0) connection.broken = status;
    if (connection.open.size > 0 || connection.gone || !connection.socket.writable) return;
    endWith(connection.socket, connection.broken);
  }

  private malformed(error: ParserError, socket: net.Socket): void {
    const connection = this.connections.get(socket);
    if (connection === undefined || connection.broken !== 0) return;
    if (error.code === 'ECONNRESET' || error.code === 'EPIPE' || !socket.writable) {
      socket.destroy();
      return;
    }
    this.count.malformed++;
    const status = malformedStatus(error);
    // Broken inside a body: that request has its place in the order of replies already.
    const { last } = connection;
    if (last !== undefined && !last.complete && !last.replied) {
      connection.broken = status;
      this.refuseRequest(last, status);
    } else {
      this.fail(connection, status);
    }
  }

  // ------------------------------------------------------------ requests

  private request(req: http.IncomingMessage, res: http.ServerResponse, expects: boolean, refuse = 0): void {
    const connection = this.connections.get(req.socket);
    if (connection === undefined || connection.broken !== 0) return;
    const { limits } = this.spec;
    const exchange = new JsExchange(
      connection,
      req,
      res,
      connection.firstByteAt(Date.now()) + limits.requestMs,
    );
    connection.begin(exchange);
    exchange.onSent(() => this.sent(exchange));
    this.count.requests++;
    this.count.inFlight++;
    const status = refuse || refusedHead(req, limits);
    if (status !== 0) {
      this.count.malformed++;
      this.refuseRequest(exchange, status);
      return;
    }
    const withBody = hasBody(req);
    const path = pathOf(exchange.target);
    const own = healthReply(this.spec.health, exchange.method, path, this.unready());
    const match = own === undefined ? this.router.match(exchange.method, path) : undefined;
    let early = own;
    if (match !== undefined && match.route === undefined) {
      early =
        match.allow === undefined
          ? plainReply(404, 'Not Found')
          : plainReply(405, 'Method Not Allowed', ['Allow', match.allow]);
    }
    if (early !== undefined) {
      exchange.complete = !withBody;
      // A client that waits for 100 Continue does not send its body: nothing of it can follow.
      this.reply(exchange, early, expects);
      if (withBody && !expects) this.swallow(exchange);
      return;
    }
    exchange.params = match!.params;
    if (expects) exchange.sendContinue();
    if (!withBody) {
      req.resume();
      this.whole(exchange, match!.route!);
      return;
    }
    let bytes = 0;
    req.on('data', (chunk: Buffer) => {
      if (exchange.replied) return;
      bytes += chunk.length;
      if (bytes <= limits.bodyBytes) {
        exchange.addChunk(chunk);
        return;
      }
      this.count.malformed++;
      this.refuseRequest(exchange, 413);
    });
    req.on('end', () => {
      if (!exchange.replied) this.whole(exchange, match!.route!);
    });
    req.on('error', ignore);
  }

  /** Reads and drops the body of a request that was answered at its head, as far as bodies may go. */
  private swallow(exchange: JsExchange): void {
    let bytes = 0;
    exchange.incoming.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > this.spec.limits.bodyBytes) exchange.connection.socket.destroy();
    });
    exchange.incoming.on('end', () => {
      exchange.complete = true;
    });
    exchange.incoming.on('error', ignore);
  }

  /** Why no further work should be sent here; undefined: it may. */
  private unready(): string | undefined {
    if (this.draining) return 'draining';
    const shedding = this.queued >= this.spec.limits.queue || Date.now() < this.sheddingUntil;
    return shedding ? 'overloaded' : undefined;
  }

  /** Calls that wait, here or for an isolate. */
  private get queued(): number {
    return this.queue.length + (this.spec.rpc?.waiting?.() ?? 0);
  }

  private whole(exchange: JsExchange, route: RouteSpec): void {
    exchange.complete = true;
    const { connection } = exchange;
    (exchange as JsExchange & { route?: RouteSpec }).route = route;
    if (connection.running >= this.spec.limits.pipeline) {
      connection.waiting.push(exchange);
      connection.socket.pause();
      return;
    }
    this.enqueue(exchange, route);
  }

  private enqueue(exchange: JsExchange, route: RouteSpec): void {
    if (this.queued >= this.spec.limits.queue) {
      this.count.shed++;
      this.sheddingUntil = Date.now() + 100;
      this.reply(exchange, plainReply(503, 'Service Unavailable', ['Retry-After', '1']), false);
      return;
    }
    exchange.connection.running++;
    this.queue.push({ exchange, route });
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(() => this.drain());
  }

  private drain(): void {
    this.scheduled = false;
    for (const { exchange, route } of this.queue.splice(0)) {
      if (exchange.connection.gone) {
        this.done(exchange);
        continue;
      }
      const reply = route.handle(exchange);
      if (reply instanceof Promise) {
        exchange.onDeadline(() => this.overdue(exchange, route));
        reply.then((late) => this.finish(exchange, late));
      } else {
        this.finish(exchange, reply);
      }
    }
  }

  private overdue(exchange: JsExchange, route: RouteSpec): void {
    // JSON-RPC calls have their own clocks and answer in JSON.
    if (route.path === this.spec.rpc?.path && exchange.method === 'POST') return;
    this.count.timeouts++;
    exchange.abort(new DOMException('The request timed out', 'TimeoutError'));
    this.reply(exchange, plainReply(503, 'Service Unavailable'), false);
  }

  private finish(exchange: JsExchange, reply: RawReply): void {
    this.reply(exchange, reply, false);
    this.done(exchange);
  }

  /** A handler has settled: the next whole request of its connection may run. */
  private done(exchange: JsExchange): void {
    const { connection } = exchange;
    connection.running--;
    const next = connection.waiting.shift() as (JsExchange & { route?: RouteSpec }) | undefined;
    if (next !== undefined) this.enqueue(next, next.route!);
    if (connection.waiting.length === 0 && connection.socket.isPaused()) connection.socket.resume();
  }

  private rpc(exchange: JsExchange): RawReply | Promise<RawReply> {
    const answer = this.engine!.handle(exchange.body(), exchange);
    return answer instanceof Promise ? answer.then(rpcReply) : rpcReply(answer);
  }

  private refuseRequest(exchange: JsExchange, status: number): void {
    this.reply(exchange, plainReply(status, reasonOf(status)), true);
  }

  private reply(exchange: JsExchange, reply: RawReply, close: boolean): void {
    const { connection } = exchange;
    const last = connection.last === exchange;
    // node:http calls destroySoon behind a reply that closes.
    if (close && !exchange.complete) connection.socket.destroySoon = () => linger(connection.socket);
    if (exchange.send(reply, close || (this.draining && last))) this.count.replies++;
  }

  /** The reply is with the system, or never will be. */
  private sent(exchange: JsExchange): void {
    const { connection } = exchange;
    if (!connection.open.has(exchange)) return;
    this.count.inFlight--;
    connection.end(exchange, Date.now());
    if (connection.gone || connection.open.size > 0) return;
    if (connection.broken !== 0) this.fail(connection, connection.broken);
    else if (this.draining) connection.socket.destroySoon();
  }
}

function rpcReply(text: string | undefined): RawReply {
  if (text === undefined) return { status: 204, headers: [], body: '' };
  return { status: 200, headers: kJson, body: text };
}

function ignore(): void {}

export function create(): ServerBackend {
  return {
    async serve(spec) {
      const made = new JsServer(spec);
      await made.listen();
      return made;
    },
  };
}
