// The server of adapters.bench.ts: node adapters-server.js <express|fastify> <ours|theirs>. Says its port to the parent.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import fastify from 'fastify';
import { json } from '../../lib/adapters/express';
import { plugin } from '../../lib/adapters/fastify';

const [, , framework, whose] = process.argv;
const ours = whose === 'ours';

// what the process has used, in microseconds: on a busy machine a steadier figure than requests a second
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send?.(user + system);
});

const tell = (port: number): void => void process.send?.(port);

/** A handler that looks at what came, and answers in a few bytes. */
const answer = (body: unknown) => ({ members: Object.keys(body as object).length });

async function main(): Promise<void> {
  if (framework === 'express') {
    const app = express();
    app.use(ours ? json() : express.json());
    app.post('/', (request, response) => void response.json(answer(request.body)));
    const server = createServer(app).listen(0, '127.0.0.1', () =>
      tell((server.address() as AddressInfo).port),
    );
  } else {
    const app = fastify();
    if (ours) await app.register(plugin);
    app.post('/', async (request) => answer(request.body));
    await app.listen({ port: 0, host: '127.0.0.1' });
    tell((app.server.address() as AddressInfo).port);
  }
}
process.on('disconnect', () => process.exit());
void main();
