// Isolates that share the server's queue: a slow call holds up nobody, on either backend; on the native core the serving
// isolate is not needed for any of it. What is asserted is the order of events, never a time.

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { nativeBackend } from '../../lib/backend/select';
import { onNative } from '../support/backends';
import { get, post, RawClient, requestOnce, within } from '../support/http-client';

onNative();

const call = (method: string, params: unknown = [], id = 1) =>
  post('/rpc', JSON.stringify({ jsonrpc: '2.0', method, params, id }));

async function ask(client: RawClient): Promise<{ result?: unknown; error?: { code: number } }> {
  return JSON.parse((await client.response())!.body) as { result?: unknown; error?: { code: number } };
}

type Run = (port: number, child: ChildProcess) => Promise<void>;

async function withServer(
  backend: string,
  isolates: number,
  run: Run,
  env: NodeJS.ProcessEnv = {},
): Promise<void> {
  const child = fork(join(__dirname, 'fixtures', 'serve-module.js'), {
    env: { ...process.env, ...env, TAILRACE_BACKEND: backend, ISOLATES: String(isolates) },
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  try {
    const [port] = (await within(once(child, 'message'), 'the server')) as [number];
    await run(port, child);
  } finally {
    child.disconnect();
    await within(once(child, 'exit'), 'the server to end');
  }
}

interface Counts {
  queued: number;
  inFlight: number;
}

async function counts(child: ChildProcess): Promise<Counts> {
  child.send('stats');
  const [stats] = (await within(once(child, 'message'), 'statistics')) as [Counts];
  return stats;
}

/** So many calls wait for an isolate, and so many run in one. */
async function untilCalls(
  child: ChildProcess,
  expected: { waiting: number; running: number },
): Promise<void> {
  const { waiting, running } = expected;
  for (let i = 0; i < 1000; i++) {
    const { queued, inFlight } = await counts(child);
    if (queued === waiting && inFlight - queued === running) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.equal(await counts(child), { queued: waiting, inFlight: waiting + running });
}

/** A call of `hold` runs until its gate is opened. */
class Gate {
  static #count = 0;
  readonly path = join(tmpdir(), `tailrace-gate-${process.pid}-${Gate.#count++}`);
  readonly call = call('hold', [this.path]);

  open(): void {
    writeFileSync(this.path, '');
  }

  remove(): void {
    rmSync(this.path, { force: true });
  }
}

/** One connection for each. */
async function ask1(port: number, ...calls: string[]): Promise<RawClient[]> {
  const clients: RawClient[] = [];
  for (const text of calls) clients.push((await RawClient.connect(port)).write(text));
  return clients;
}

const test = suite('rpc isolates');

test('calls are answered while the serving isolate is blocked', async () => {
  await withServer('native', 2, async (port, child) => {
    const [client] = await ask1(port, call('echo', ['before']));
    assert.equal((await ask(client!)).result, ['before']);
    const gate = new Gate();
    const blocked = once(child, 'message');
    child.send(gate.path);
    await within(blocked, 'the block');
    // It cannot answer the request for its statistics before it is back.
    let back = false;
    const stats = counts(child).then(() => {
      back = true;
    });
    for (let i = 0; i < 50; i++) {
      client!.write(call('add', [i, 1]));
      assert.is((await ask(client!)).result, i + 1);
    }
    client!.write(call('later', [7]));
    assert.equal((await ask(client!)).result, [7]);
    assert.not(back, 'the isolate was not blocked');
    gate.open();
    await within(stats, 'statistics');
    client!.destroy();
    gate.remove();
  });
});

test('a handle that is stale or foreign is a named error', async () => {
  const { server } = nativeBackend();
  const group = server.share!(10);
  const spec = { methods: [], failure: () => ({ code: 1, message: '' }) };
  const member = server.join!(group.handle, spec);
  const [table, slot, generation] = group.handle as [number, number, number];
  for (const handle of [
    [table ^ 2, slot, generation],
    [table, slot, generation + 1],
    [table, 1e6, generation],
    [0, 0, 0],
  ]) {
    assert.throws(
      () => server.join!(handle, spec),
      (e: { code: string }) => e.code === 'ERR_TAILRACE_STALE_HANDLE',
    );
  }
  member.close();
  assert.throws(
    () => member.close(),
    (e: { code: string }) => e.code === 'ERR_TAILRACE_STALE_HANDLE',
  );
  group.close();
  assert.throws(
    () => server.join!(group.handle, spec),
    (e: { code: string }) => e.code === 'ERR_TAILRACE_STALE_HANDLE',
  );
});

for (const backend of ['native', 'js']) {
  test(`a slow call holds up its own isolate only: ${backend}`, async () => {
    await withServer(backend, 2, async (port, child) => {
      const gate = new Gate();
      const [slow] = await ask1(port, gate.call);
      await untilCalls(child, { waiting: 0, running: 1 });
      const quick = await ask1(port, ...Array.from({ length: 40 }, (_, i) => call('echo', [i])));
      for (const [i, client] of quick.entries()) assert.equal((await ask(client)).result, [i]);
      gate.open();
      assert.is((await ask(slow!)).error, undefined);
      for (const client of [slow!, ...quick]) client.destroy();
      gate.remove();
    });
  });

  test(`an answer does not wait for the next call, also when it comes in a microtask: ${backend}`, async () => {
    await withServer(backend, 1, async (port, child) => {
      const gates = [new Gate(), new Gate()] as const;
      const calls = [gates[0].call, call('echo', [1]), call('soon', [2]), gates[1].call, call('echo', [3])];
      const clients: RawClient[] = [];
      for (const [i, text] of calls.entries()) {
        clients.push(...(await ask1(port, text)));
        await untilCalls(child, { waiting: i, running: 1 });
      }
      gates[0].open();
      await ask(clients[0]!);
      assert.equal((await ask(clients[1]!)).result, [1]);
      assert.equal((await ask(clients[2]!)).result, [2]);
      await untilCalls(child, { waiting: 1, running: 1 }); // the last one still waits behind the slow one
      gates[1].open();
      assert.equal((await ask(clients[4]!)).result, [3]);
      for (const client of clients) client.destroy();
      for (const gate of gates) gate.remove();
    });
  });

  test(`of the calls that wait, higher priorities start first: ${backend}`, async () => {
    await withServer(backend, 1, async (port, child) => {
      const gate = new Gate();
      const [slow] = await ask1(port, gate.call);
      await untilCalls(child, { waiting: 0, running: 1 });
      const clients: RawClient[] = [];
      for (const method of ['low', 'normal', 'high', 'low', 'high', 'normal']) {
        clients.push(...(await ask1(port, call(method))));
        await untilCalls(child, { waiting: clients.length, running: 1 });
      }
      gate.open();
      const places = await Promise.all(clients.map(async (client) => (await ask(client)).result));
      assert.equal(places, [4, 2, 0, 5, 1, 3]);
      for (const client of [slow!, ...clients]) client.destroy();
      gate.remove();
    });
  });

  test(`an isolate that dies fails the call it runs; those that wait are answered by the next one: ${backend}`, async () => {
    await withServer(backend, 1, async (port, child) => {
      const gate = new Gate();
      const [slow] = await ask1(port, gate.call);
      await untilCalls(child, { waiting: 0, running: 1 });
      const [dead] = await ask1(port, call('die'));
      await untilCalls(child, { waiting: 1, running: 1 });
      const waiting = await ask1(port, call('echo', [1]), call('echo', [2]));
      await untilCalls(child, { waiting: 3, running: 1 });
      gate.open();
      assert.is((await ask(dead!)).error!.code, -32603);
      assert.equal((await ask(waiting[0]!)).result, [1]);
      assert.equal((await ask(waiting[1]!)).result, [2]);
      for (const client of [slow!, dead!, ...waiting]) client.destroy();
      gate.remove();
    });
  });

  test(`the queue is bounded: 503, and not ready: ${backend}`, async () => {
    const run = async (port: number, child: ChildProcess) => {
      const gate = new Gate();
      const [slow] = await ask1(port, gate.call);
      await untilCalls(child, { waiting: 0, running: 1 });
      const waiting = await ask1(port, call('echo', [1]), call('echo', [2]));
      await untilCalls(child, { waiting: 2, running: 1 });
      const [shed] = await ask1(port, call('echo', [3]));
      assert.is((await shed!.response())!.status, 503);
      assert.is((await requestOnce(port, get('/readyz')))!.status, 503);
      gate.open();
      for (const [i, client] of waiting.entries()) assert.equal((await ask(client)).result, [i + 1]);
      let ready = 503;
      for (let i = 0; i < 500 && ready === 503; i++)
        ready = (await requestOnce(port, get('/readyz')))!.status;
      assert.is(ready, 200);
      for (const client of [slow!, shed!, ...waiting]) client.destroy();
      gate.remove();
    };
    await withServer(backend, 1, run, { QUEUE: '2' });
  });

  test(`a client that leaves aborts its call in another isolate: ${backend}`, async () => {
    await withServer(backend, 2, async (port, child) => {
      const [client] = await ask1(port, call('wait'));
      await untilCalls(child, { waiting: 0, running: 1 });
      client!.destroy();
      // The call ends with the abort: nothing is in flight any more.
      await untilCalls(child, { waiting: 0, running: 0 });
    });
  });

  test(`a server with isolates that is unref'd keeps nothing alive: ${backend}`, async () => {
    const child = fork(join(__dirname, 'fixtures', 'serve-module.js'), {
      env: { ...process.env, ISOLATES: '2', UNREF: '1', TAILRACE_BACKEND: backend },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const [code] = (await within(once(child, 'exit'), 'the end of the process')) as [number];
    assert.is(code, 0);
  });
}

test.run();
