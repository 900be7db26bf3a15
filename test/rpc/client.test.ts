// rpc.client against a server of ours and against servers that misbehave.

import { once } from 'node:events';
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { jsBackend } from '../../lib/backend/select';
import { client, RpcError } from '../../lib/rpc';
import { serveRpcOn } from '../../lib/rpc/serve';
import { quiet } from './conformance';

const test = suite('rpc client');

const methods = {
  add: ([a, b]: [number, number]) => a + b,
  hello: async ({ name }: { name: string }) => `hello ${name}`,
  fails: () => {
    throw new RpcError(5, 'five', { x: 1 });
  },
  never: () => new Promise<void>(() => {}),
  count: () => ++counted,
};
let counted = 0;

async function withServer(body: (url: string) => Promise<void>): Promise<void> {
  const server = await serveRpcOn(jsBackend(), { port: 0, log: quiet, methods });
  try {
    await body(`http://127.0.0.1:${server.address().port}/rpc`);
  } finally {
    await server.close({ drainMs: 0 });
  }
}

async function fails(promise: Promise<unknown>): Promise<Error & { code?: unknown }> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  assert.unreachable('it should have failed');
  throw new Error();
}

test('call, notify, batch', async () => {
  await withServer(async (url) => {
    const rpc = client<typeof methods>(url);
    const sum: number = await rpc.call('add', [1, 2]);
    assert.is(sum, 3);
    const text: string = await rpc.call('hello', { name: 'x' });
    assert.is(text, 'hello x');
    const failure = (await fails(rpc.call('fails'))) as RpcError;
    assert.instance(failure, RpcError);
    assert.equal([failure.code, failure.message, failure.data], [5, 'five', { x: 1 }]);
    await rpc.notify('count');
    assert.is(counted, 1);
    const results = await rpc.batch([
      { method: 'add', params: [1, 1] },
      { method: 'count', notify: true },
      { method: 'fails' },
      { method: 'none' },
    ]);
    assert.is(results[0], 2);
    assert.is(results[1], undefined);
    assert.is((results[2] as RpcError).code, 5);
    assert.is((results[3] as RpcError).code, -32601);
    assert.is(counted, 2);
    assert.equal(await rpc.batch([]), []);
    assert.equal(await rpc.batch([{ method: 'count', notify: true }]), [undefined]);
  });
});

test('timeoutMs and signal', async () => {
  await withServer(async (url) => {
    const late = await fails(client(url, { timeoutMs: 50 }).call('never'));
    assert.is(late.code, 'ERR_TAILRACE_TIMEOUT');
    assert.is(
      (await fails(client(url).call('never', undefined, { timeoutMs: 50 }))).code,
      'ERR_TAILRACE_TIMEOUT',
    );
    const stop = new AbortController();
    const reason = new Error('mine');
    setTimeout(() => stop.abort(reason), 20);
    assert.is(await fails(client(url).call('never', undefined, { signal: stop.signal })), reason);
    assert.is(await fails(client(url, { signal: stop.signal }).call('never')), reason);
  });
});

test('retries what never reached a method, and nothing else', async () => {
  let requests = 0;
  let answers: Array<[number, string]> = [];
  const server = http
    .createServer((request, response) => {
      request.resume().on('end', () => {
        requests++;
        const [status, body] = answers.shift()!;
        response.writeHead(status).end(body);
      });
    })
    .listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const ok = (id: number): [number, string] => [200, `{"jsonrpc":"2.0","result":7,"id":${id}}`];
  try {
    answers = [[503, ''], [502, ''], ok(1)];
    assert.is(await client(url, { retries: 2 }).call('x'), 7);
    assert.is(requests, 3);
    answers = [
      [503, ''],
      [503, ''],
    ];
    assert.is((await fails(client(url, { retries: 1 }).call('x'))).code, 'ERR_TAILRACE_RPC_TRANSPORT');
    answers = [[503, '']];
    assert.is((await fails(client(url).call('x'))).code, 'ERR_TAILRACE_RPC_TRANSPORT');
    requests = 0;
    for (const bad of [
      [500, ''],
      [404, 'no'],
      [200, 'not json'],
      [200, '7'],
      [200, '{"jsonrpc":"2.0","id":1,"error":5}'],
      [204, ''],
      ok(99),
    ] as Array<[number, string]>) {
      answers = [bad];
      const failure = await fails(client(url, { retries: 3 }).call('x'));
      assert.is(failure.code, 'ERR_TAILRACE_RPC_TRANSPORT', JSON.stringify(bad));
    }
    assert.is(requests, 7, 'none of these is retried');
    answers = [[200, '{"jsonrpc":"2.0","error":{"code":-32600,"message":"Batch too large"},"id":null}']];
    assert.is((await fails(client(url).batch([{ method: 'x' }]))).code, -32600);
    answers = [[200, '[]']];
    assert.is((await fails(client(url).batch([{ method: 'x' }]))).code, 'ERR_TAILRACE_RPC_TRANSPORT');
  } finally {
    server.close();
    server.closeAllConnections();
  }
  const gone = await fails(client(url, { retries: 1 }).call('x'));
  assert.is(gone.code, 'ERR_TAILRACE_RPC_TRANSPORT');
  assert.ok(gone.cause instanceof Error);
});

test('a connection that breaks before the whole answer is there is retried, then a transport error', async () => {
  let requests = 0;
  let status = 200;
  const server = http
    .createServer((request, response) => {
      request.resume().on('end', () => {
        requests++;
        response.writeHead(status, { 'content-length': 100 });
        response.write('{"jsonrpc"', () => response.destroy());
      });
    })
    .listen(0, '127.0.0.1');
  await once(server, 'listening');
  const rpc = client(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, { retries: 1 });
  try {
    for (status of [200, 503]) {
      requests = 0;
      const failure = await fails(rpc.call('x'));
      assert.is(failure.code, 'ERR_TAILRACE_RPC_TRANSPORT');
      assert.ok(failure.cause instanceof Error);
      assert.is(requests, 2);
    }
    assert.is((await fails(rpc.notify('x'))).code, 'ERR_TAILRACE_RPC_TRANSPORT');
    assert.is((await fails(rpc.batch([{ method: 'x' }]))).code, 'ERR_TAILRACE_RPC_TRANSPORT');
  } finally {
    server.close();
    server.closeAllConnections();
  }
});

test('answers to a batch that are no objects are passed over', async () => {
  const answers = '[null,1,"x",[],{"jsonrpc":"2.0","result":7,"id":1}]';
  const fake = (async () => new Response(answers)) as unknown as typeof fetch;
  assert.equal(await client('http://x/', { fetch: fake }).batch([{ method: 'x' }]), [7]);
  const two = client('http://x/', { fetch: fake }).batch([{ method: 'x' }, { method: 'y' }]);
  assert.is((await fails(two)).code, 'ERR_TAILRACE_RPC_TRANSPORT');
});

test('fetch can be replaced; wrong arguments are TypeErrors', async () => {
  let asked: RequestInit | undefined;
  const fake = async (_url: unknown, init?: RequestInit) => {
    asked = init;
    return new Response('{"jsonrpc":"2.0","result":1,"id":1}');
  };
  const rpc = client('http://nowhere.invalid/', {
    fetch: fake as typeof fetch,
    headers: { authorization: 'x' },
  });
  assert.is(await rpc.call('x', []), 1);
  assert.is((asked!.headers as Record<string, string>).authorization, 'x');
  for (const wrong of [
    { retries: -1 },
    { timeoutMs: 0 },
    { fetch: 1 },
    { signal: 1 },
    { retry: 1 },
    { headers: 5 },
    { headers: { 'a b': 'c' } },
    { headers: { a: 'b\r\nc: d' } },
  ]) {
    assert.throws(
      () => client('http://x/', wrong as object),
      (error: Error) => error instanceof TypeError,
    );
  }
  for (const url of ['/relative', 'ftp://x/']) {
    assert.throws(
      () => client(url),
      (error: Error) => error instanceof TypeError,
    );
  }
  assert.instance(await fails(rpc.call('x', 5 as never)), TypeError);
  assert.instance(await fails(rpc.call(5 as never)), TypeError);
  for (const wrong of [null, 5]) {
    const failure = await fails(rpc.batch([wrong as never]));
    assert.is(failure.code, 'ERR_TAILRACE_INVALID_ARG');
  }
});

test.run();
