// The worker thread of workers.bench.ts: a server, a parser and their clients in one isolate, until somebody terminates
// it. workerData {server: 'tailrace' | 'node:http', client: 'fetch' | 'net'}. The node:http ones never load the
// package: what the process keeps after them is Node's own.

import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';

const { server, client } = workerData as { server: 'tailrace' | 'node:http'; client: 'fetch' | 'net' };
const big = Buffer.from(
  JSON.stringify({ list: Array.from({ length: 200 }, (_, i) => ({ id: i, name: `n${i}` })) }),
);
const methods = {
  add: ([a, b]: [number, number]) => a + b,
  slow: async () => {
    await sleep(5);
    return 'slow';
  },
};

/** Serves the methods and says where; and how to parse. */
async function serveTailrace(): Promise<{ port: number; parse: (text: Buffer) => unknown }> {
  const { parse } = require('../../lib/json') as typeof import('../../lib/json/index.js');
  const { serve } = require('../../lib/rpc') as typeof import('../../lib/rpc/index.js');
  const serving = await serve({ port: 0, methods });
  return { port: serving.address().port, parse };
}

async function serveNode(): Promise<{ port: number; parse: (text: Buffer) => unknown }> {
  const serving = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8');
    request.on('data', (piece) => {
      body += piece;
    });
    request.on('end', async () => {
      const { id, method, params } = JSON.parse(body) as {
        id: number;
        method: keyof typeof methods;
        params: [number, number];
      };
      response.end(JSON.stringify({ jsonrpc: '2.0', id, result: await methods[method](params) }));
    });
  });
  await new Promise<void>((resolve) => serving.listen(0, '127.0.0.1', resolve));
  return { port: (serving.address() as AddressInfo).port, parse: (text) => JSON.parse(text.toString()) };
}

type Call = (method: string, params: unknown[]) => Promise<unknown>;

function text(method: string, params: unknown[]): string {
  return JSON.stringify({ jsonrpc: '2.0', id: 1, method, params });
}

function fetchClient(port: number): Call {
  return async (method, params) => {
    const reply = await fetch(`http://127.0.0.1:${port}/rpc`, { method: 'POST', body: text(method, params) });
    return reply.json();
  };
}

async function netClient(port: number): Promise<Call> {
  const sockets: Socket[] = [];
  return (method, params) =>
    new Promise((resolve, reject) => {
      const socket = sockets.pop() ?? connect(port, '127.0.0.1');
      const body = text(method, params);
      socket.once('error', reject);
      socket.once('data', (reply) => {
        socket.off('error', reject);
        sockets.push(socket);
        resolve(reply);
      });
      socket.write(`POST /rpc HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
    });
}

void (async () => {
  const { port, parse } = await (server === 'tailrace' ? serveTailrace() : serveNode());
  const call = client === 'fetch' ? fetchClient(port) : await netClient(port);
  parentPort!.postMessage('serving');
  for (;;) {
    parse(big);
    await Promise.all([call('add', [1, 2]), call('slow', []), call('add', [3, 4])]);
  }
})();
