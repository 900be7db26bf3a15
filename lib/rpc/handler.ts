// JSON-RPC inside a server that is not ours (node:http, Express, Nest) or in a route of ours: the same methods, rules
// and errors. The envelope is read by the JavaScript engine on both backends, since the bytes are in JavaScript
// already.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RpcSpec, ServerLimits } from '../backend/contract';
import { RpcEngine, type RpcExchange } from '../backend/js/rpc';
import { InvalidArgument } from '../errors';
import { checkLog, type Logger } from '../server/log';
import { checkLimits, type Limits } from '../server/options';
import type { ReplyObject } from '../server/reply';
import type { Handler as RouteHandler } from '../server/routes';
import { flag, onlyKnown, optionalFunction, record } from '../server/validate';
import { compileMethods, type Methods, makeFailure, type OnCall } from './methods';

export interface HandlerOptions {
  methods: Methods;
  /** Messages of errors that are no RpcError reach the client. false */
  exposeErrors?: boolean;
  onCall?: OnCall;
  /** bodyBytes, requestMs, batch, depth and queue count here. */
  limits?: Limits;
  log?: Logger;
}

const kOptions = ['methods', 'exposeErrors', 'onCall', 'limits', 'log'];

function makeEngine(options: HandlerOptions): { engine: RpcEngine; limits: ServerLimits; log: Logger } {
  const given = record(options, 'options') as unknown as HandlerOptions;
  onlyKnown(given, kOptions, '');
  const limits = checkLimits(given.limits);
  const log = checkLog(given.log);
  const exposeErrors = flag(given.exposeErrors, 'exposeErrors', false);
  const onCall = optionalFunction(given.onCall, 'onCall');
  const methods = compileMethods(given.methods, { log, exposeErrors, onCall, queue: limits.queue });
  const spec: RpcSpec = { path: '/', methods, failure: makeFailure(log, exposeErrors) };
  return { engine: new RpcEngine(spec, limits), limits, log };
}

/** A request of node:http, as far as calls look at it. */
class NodeExchange implements RpcExchange {
  readonly deadline: number;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  #controller: AbortController | undefined;

  constructor(request: IncomingMessage, response: ServerResponse, deadline: number) {
    this.#request = request;
    this.#response = response;
    this.deadline = deadline;
  }

  rawHeaders(): string[] {
    return this.#request.rawHeaders.map((item, i) => (i % 2 === 0 ? item.toLowerCase() : item));
  }

  remoteAddress(): string {
    return this.#request.socket.remoteAddress ?? '';
  }

  signal(): AbortSignal {
    if (this.#controller === undefined) {
      const controller = new AbortController();
      this.#controller = controller;
      const response = this.#response;
      const onClose = (): void => {
        if (!response.writableEnded) {
          controller.abort(new DOMException('The client closed the connection', 'AbortError'));
        }
      };
      if (response.destroyed) onClose();
      else response.once('close', onClose);
    }
    return this.#controller.signal;
  }
}

function send(response: ServerResponse, status: number, type: string, body: string, more: object = {}): void {
  if (response.headersSent || response.destroyed) return;
  const length = Buffer.byteLength(body);
  response.writeHead(status, { 'Content-Type': type, 'Content-Length': length, ...more });
  response.end(body);
}

const kText = 'text/plain; charset=utf-8';

function answer(response: ServerResponse, text: string | undefined): void {
  if (text !== undefined) {
    send(response, 200, 'application/json', text);
  } else if (!response.headersSent && !response.destroyed) {
    response.writeHead(204);
    response.end();
  }
}

/** A function for http.createServer or app.use(path, …). Reads the body itself, or takes what a body parser left. */
export function handler(
  options: HandlerOptions,
): (request: IncomingMessage, response: ServerResponse) => void {
  const { engine, limits } = makeEngine(options);
  return (request, response) => {
    if (request.method !== 'POST') {
      send(response, 405, kText, 'Method Not Allowed\n', { Allow: 'POST' });
      return;
    }
    const exchange = new NodeExchange(request, response, Date.now() + limits.requestMs);
    const run = (body: Uint8Array): void => {
      const text = engine.handle(body, exchange);
      if (text instanceof Promise) text.then((late) => answer(response, late));
      else answer(response, text);
    };
    const { body } = request as { body?: unknown };
    if (body !== undefined && request.readableEnded) {
      // A body parser was here first. What it made is turned back into text: ids keep their value, not their spelling.
      if (body instanceof Uint8Array) run(body);
      else run(Buffer.from(typeof body === 'string' ? body : (JSON.stringify(body) ?? '')));
      return;
    }
    const tooLarge = (): void => {
      send(response, 413, kText, 'Payload Too Large\n', { Connection: 'close' });
    };
    if (Number(request.headers['content-length'] ?? 0) > limits.bodyBytes) {
      tooLarge();
      return;
    }
    const chunks: Buffer[] = [];
    let bytes = 0;
    const late = setTimeout(() => {
      send(response, 408, kText, 'Request Timeout\n', { Connection: 'close' });
    }, limits.requestMs);
    late.unref();
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= limits.bodyBytes) {
        chunks.push(chunk);
        return;
      }
      chunks.length = 0;
      clearTimeout(late);
      tooLarge();
    });
    request.on('end', () => {
      clearTimeout(late);
      if (!response.headersSent) run(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks));
    });
    request.on('close', () => clearTimeout(late));
    request.on('error', () => clearTimeout(late));
  };
}

/** A handler for a 'POST /path' route of tailrace/server: rpc beside other routes, or several of them. */
export function route(options: HandlerOptions): RouteHandler {
  const { engine } = makeEngine(options);
  return (request, context): ReplyObject | Promise<ReplyObject> => {
    if (request === null || typeof request !== 'object' || !Buffer.isBuffer(request.body)) {
      throw new InvalidArgument('request', 'a request of tailrace/server', request);
    }
    const exchange: RpcExchange = {
      rawHeaders: () => Object.entries(request.headers).flat(),
      remoteAddress: () => request.remoteAddress,
      signal: () => context.signal,
      deadline: context.deadline,
    };
    const text = engine.handle(request.body, exchange);
    return text instanceof Promise ? text.then(routeReply) : routeReply(text);
  };
}

function routeReply(text: string | undefined): ReplyObject {
  if (text === undefined) return { status: 204 };
  return { status: 200, headers: { 'Content-Type': 'application/json' }, body: text };
}
