// The server under test, in a process of its own: SERVER=native|fallback|isolates|isolates-js|node-http|fastify|jayson (isolates: two of
// them, by the core's queue or by messages), methods add and pick (reads
// a few fields of a 12 KB document). Prints "port N" when it listens. Peers must be installed by whoever wants them measured.

import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import { isMainThread } from 'node:worker_threads';

type Rpc = { jsonrpc: string; method: 'add' | 'pick'; params: never; id: number };

const methods = {
  add: ([a, b]: [number, number]) => a + b,
  pick: ({ orders }: { orders: Array<{ id: string; customer: { name: string } }> }) => [
    orders.length,
    orders[0]!.id,
    orders[orders.length - 1]!.customer.name,
  ],
};
const port = Number(process.env.PORT ?? 0);
const ready = (at: number): void => console.log(`port ${at}`);

/** The module of methods that worker isolates run is this file. */
export default methods;

async function tailrace(backend: string, isolates?: number): Promise<void> {
  process.env.TAILRACE_BACKEND = backend;
  const { serve } = require('../../lib/rpc') as typeof import('../../lib/rpc');
  const what = isolates === undefined ? { methods } : { module: __filename, isolates };
  ready((await serve({ port, ...what })).address().port);
}

/** What people write by hand. */
function nodeHttp(): void {
  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      const { id, method, params } = JSON.parse(Buffer.concat(chunks).toString()) as Rpc;
      const body = JSON.stringify({ jsonrpc: '2.0', result: methods[method](params), id });
      response.writeHead(200, {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
      });
      response.end(body);
    });
  });
  server.keepAliveTimeout = 75_000;
  server.listen({ port, host: '127.0.0.1', backlog: 4096 }, () =>
    ready((server.address() as AddressInfo).port),
  );
}

/** Not dependencies of this package: required by name, so that neither types nor modules must exist. */
function peer(name: string): unknown {
  return module.require(name);
}

function fastify(): void {
  type Fastify = (options: object) => {
    post(path: string, handler: (request: { body: Rpc }) => Promise<unknown>): void;
    listen(options: object): Promise<string>;
    server: http.Server;
  };
  const app = (peer('fastify') as Fastify)({ logger: false });
  app.post('/rpc', async ({ body: { id, method, params } }) => ({
    jsonrpc: '2.0',
    result: methods[method](params),
    id,
  }));
  app.listen({ port, host: '127.0.0.1' }).then(() => ready((app.server.address() as AddressInfo).port));
}

function jayson(): void {
  type Jayson = { Server: new (methods: object) => { http(): http.Server } };
  type Done = (error: null, result: unknown) => void;
  const server = new (peer('jayson') as Jayson).Server({
    add: (params: [number, number], done: Done) => done(null, methods.add(params)),
    pick: (params: never, done: Done) => done(null, methods.pick(params)),
  }).http();
  server.listen(port, '127.0.0.1', () => ready((server.address() as AddressInfo).port));
}

switch (isMainThread ? process.env.SERVER : 'none') {
  case 'none':
    break;
  case 'isolates':
    tailrace('native', 2);
    break;
  case 'isolates-js':
    tailrace('js', 2);
    break;
  case 'native':
    tailrace('native');
    break;
  case 'fallback':
    tailrace('js');
    break;
  case 'node-http':
    nodeHttp();
    break;
  case 'fastify':
    fastify();
    break;
  case 'jayson':
    jayson();
    break;
  default:
    throw new Error('SERVER must be native, fallback, isolates, isolates-js, node-http, fastify or jayson');
}
