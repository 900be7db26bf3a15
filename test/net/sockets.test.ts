// What only the core's own sockets can show: that they are the core's, that they end with their isolate at any moment,
// that they live on while JavaScript is blocked, and that they keep a process alive just as long as they should.

import * as assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import * as nodeNet from 'node:net';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { suite } from 'uvu';
import { runtimeInfo } from '../../lib';
import { type Connection, connect, listen } from '../../lib/net';
import { onNative } from '../support/backends';

onNative();
const test = suite('net sockets of the core');
const host = '127.0.0.1';

async function readBytes(connection: Connection, bytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for (let size = 0; size < bytes; ) {
    const chunk = await connection.read();
    assert.ok(chunk, 'the end came too early');
    chunks.push(chunk);
    size += chunk.length;
  }
  return Buffer.concat(chunks);
}

function portOf(server: { address(): unknown }): number {
  return (server.address() as { port: number }).port;
}

test('no socket of them is one of node:net', async () => {
  assert.equal(runtimeInfo().supports.nativeNet, true);
  const server = await listen({ host }, () => undefined);
  const client = await connect({ host, port: portOf(server) });
  const handles = process.getActiveResourcesInfo();
  assert.deepEqual(
    handles.filter((name) => /^(TCP|Pipe)/.test(name) && name !== 'PipeWrap'),
    [],
  );
  client.destroy();
  await server.close();
});

test('a worker that is terminated takes its sockets along, whatever they are doing', async () => {
  for (let round = 0; round < 12; round++) {
    const worker = new Worker(join(__dirname, 'fixtures', 'echo-worker.js'));
    const [port] = (await once(worker, 'message')) as [number];
    const clients = await Promise.all(Array.from({ length: 4 }, () => connect({ host, port })));
    const talk = clients.map(async (client, i) => {
      try {
        for (;;) {
          await client.write(Buffer.alloc(i * 20_000 + 1, 'c'));
          if (i !== 3 && (await client.read()) === null) return 'end'; // one never reads
        }
      } catch (error) {
        return (error as { code?: string }).code;
      }
    });
    await new Promise((resolve) => setTimeout(resolve, round * 3));
    await worker.terminate();
    for (const how of await Promise.all(talk.slice(0, 3))) {
      assert.ok(how === 'end' || how === 'ECONNRESET' || how === 'EPIPE', how);
    }
    for (const client of clients) client.destroy();
    await talk[3];
    // Its port is free again.
    await assert.rejects(connect({ host, port }), { code: 'ECONNREFUSED', syscall: 'connect' });
  }
});

test('while JavaScript is blocked connections are accepted and read, and nothing is lost or mixed', async () => {
  const child = fork(join(__dirname, 'fixtures', 'blocked.js'), {
    env: { ...process.env, TAILRACE_BACKEND: 'native' },
  });
  try {
    const [port] = (await once(child, 'message')) as [number];
    const before = await connect({ host, port });
    const large = await connect({ host, port });
    const blocker = await connect({ host, port });
    await before.write('x');
    assert.equal((await before.read())?.toString(), 'x');
    const blocking = once(child, 'message');
    await blocker.write('block 800');
    await blocking;
    const bytes = Buffer.alloc(3_000_000, 'abcdefghijklm');
    const sent = large.write(bytes).then(() => large.end());
    for (let i = 0; i < 50; i++) await before.write(`${i};`);
    const during = await Promise.all(Array.from({ length: 30 }, () => connect({ host, port })));
    const echoes = during.map(async (client, i) => {
      await client.write(`client ${i}`);
      await client.end();
      const chunks: Buffer[] = [];
      for await (const chunk of client) chunks.push(chunk);
      assert.equal(Buffer.concat(chunks).toString(), `client ${i}`);
    });
    const expected = Array.from({ length: 50 }, (_, i) => `${i};`).join('');
    assert.equal((await readBytes(before, expected.length)).toString(), expected);
    assert.ok((await readBytes(large, bytes.length)).equals(bytes));
    await Promise.all([sent, ...echoes]);
    for (const client of [before, large, blocker]) client.destroy();
  } finally {
    child.disconnect();
    await once(child, 'exit');
  }
});

test('errors have what those of Node have', async () => {
  const server = await listen({ host }, () => undefined);
  const port = portOf(server);
  const nowhere = { path: '/nowhere/at/all' };
  const failures: [() => Promise<unknown>, () => Promise<unknown>][] = [
    [
      () => listen({ host, port }, () => undefined),
      () => once(nodeNet.createServer().listen({ host, port }), 'listening'),
    ],
    [() => listen(nowhere, () => undefined), () => once(nodeNet.createServer().listen(nowhere), 'listening')],
    [() => connect({ host, port: 1 }), () => once(nodeNet.connect({ host, port: 1 }), 'connect')],
    [() => connect(nowhere), () => once(nodeNet.connect(nowhere), 'connect')],
  ];
  const errorOf = (start: () => Promise<unknown>): Promise<Record<string, unknown>> =>
    start().then(
      () => assert.fail('was expected to fail'),
      (error) => error,
    );
  for (const [ours, nodes] of failures) {
    const error = await errorOf(ours);
    const expected = await errorOf(nodes);
    if (expected.port === -1) expected.port = undefined; // of a path, in some of Node's
    for (const key of ['code', 'errno', 'syscall', 'address', 'port']) {
      assert.equal(error[key], expected[key], `${key}: ${expected.message}`);
    }
  }
  await server.close();
});

test('IPv6, and both families at once', async () => {
  const server = await listen({}, async (connection) => connection.end(`${connection.remoteAddress}`));
  const { address } = server.address() as { address: string };
  const port = portOf(server);
  const seen: Record<string, string> = {};
  const nodes = nodeNet.createServer((socket) => socket.end(`${socket.remoteAddress}`)).listen(0);
  await once(nodes, 'listening');
  const families = address === '::' ? [host, '::1'] : [host];
  for (const where of families) {
    const client = await connect({ host: where, port });
    assert.equal(client.remoteAddress, where);
    seen[where] = (await readBytes(client, 1)).toString();
    client.destroy();
    const peer = nodeNet.connect({ host: where, port: (nodes.address() as nodeNet.AddressInfo).port });
    const [text] = await once(peer, 'data');
    assert.equal(seen[where], text.toString());
    peer.destroy();
  }
  await server.close();
  nodes.close();
});

test('a connection is handed over in the context of listen()', async () => {
  const storage = new AsyncLocalStorage<string>();
  const seen: (string | undefined)[] = [];
  const handler = (connection: Connection): void => {
    seen.push(storage.getStore());
    void connection.end();
  };
  const one = await storage.run('one', () => listen({ host }, handler));
  const two = await storage.run('two', () => listen({ host }, handler));
  for (const server of [two, one]) {
    const client = await connect({ host, port: portOf(server) });
    assert.equal(await client.read(), null);
    client.destroy();
  }
  assert.deepEqual(seen, ['two', 'one']);
  await one.close();
  await two.close();
});

test('what is unref()d does not keep a process alive, what is not does', () => {
  const entry = JSON.stringify(join(__dirname, '..', '..', 'lib', 'net'));
  const run = (code: string) =>
    spawnSync(
      process.execPath,
      ['-e', `const { listen, connect } = require(${entry}); (async () => { ${code} })()`],
      {
        encoding: 'utf8',
        timeout: 20_000,
        env: { ...process.env, TAILRACE_BACKEND: 'native' },
      },
    );
  const pair = `
    const server = await listen({ host: '127.0.0.1' }, (connection) => connection.unref());
    const client = await connect({ host: '127.0.0.1', port: server.address().port });
    server.unref(); client.unref();`;
  assert.equal(run(pair).status, 0);
  // Without the reference the process would have ended before it could print.
  const kept = run(
    `${pair} client.ref(); setTimeout(() => { console.log('alive'); client.destroy(); }, 200).unref();`,
  );
  assert.equal(kept.stdout, 'alive\n');
  assert.equal(kept.status, 0);
});

test.run();
