// tailrace/memory on the native backend, and what only it has: pages that go back, the core's heap.

import * as assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { suite } from 'uvu';
import { backend } from '../../lib/backend/select';
import * as json from '../../lib/json';
import { type CoreHeap, coreHeap, slab } from '../../lib/memory';
import { serve } from '../../lib/server';
import { onNative } from '../support/backends';
import { conformance } from './conformance';
import { decays } from './decay';
import { decaysInWorkers } from './decay-worker';
import { front } from './front';
import { guarded } from './guard';
import { misuse } from './misuse';
import { spares } from './spares';

const run = promisify(execFile);

onNative();
conformance('native').run();
decays('native').run();
decaysInWorkers('native').run();
front('native').run();
guarded('native').run();
misuse('native').run();
spares('native').run();

const test = suite('memory, native only');

function residentBytes(): number {
  const match = /RssAnon:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'));
  assert.ok(match);
  return Number(match[1]) * 1024;
}

test('purge gives pages back while their neighbours are in use', () => {
  const memory = slab();
  const all = Array.from({ length: 2000 }, () => memory.allocUnsafe(65536).fill(1));
  for (let i = 0; i < all.length; i++) if (i % 16 !== 0) memory.free(all[i]!);
  const before = residentBytes();
  const bytes = memory.purge();
  const fell = before - residentBytes();
  assert.ok(bytes > 100e6, `${bytes}`);
  assert.ok(fell > 0.8 * bytes, `${fell} of ${bytes}`);
});

test('purge again, where very many runs of free blocks have no memory already', () => {
  const memory = slab({ guard: false });
  const all = Array.from({ length: 131_072 }, () => memory.allocUnsafe(8192));
  for (let i = 0; i < all.length; i += 2) memory.free(all[i] as Buffer);
  assert.ok(memory.purge() > 200e6);
  const begin = performance.now();
  assert.ok(memory.purge() < 200e6);
  // Tenths of a second; looking through all runs for each takes fifty times that.
  assert.ok(performance.now() - begin < 6000);
});

test('the edges of a given-back range stay', () => {
  const { memory } = backend();
  const arena = memory.arena(1 << 20);
  const bytes = new Uint8Array(arena).fill(1);
  assert.ok(memory.giveBack(arena, 5000, 500_000) > 400_000);
  assert.equal(bytes.indexOf(0) >= 5000, true);
  assert.equal(bytes.lastIndexOf(0) < 505_000, true);
  assert.equal(bytes[300_000], 0);
  assert.equal(memory.giveBack(arena, 10, 100), 0);
  for (const [offset, length] of [
    [-1, 5],
    [0, (1 << 20) + 1],
    [NaN, 1],
    [1 << 20, 1],
  ] as const) {
    assert.throws(() => memory.giveBack(arena, offset, length), RangeError);
  }
});

test("the core's heap has figures and can be purged", () => {
  const { memory } = backend();
  const stats = memory.coreStats();
  assert.ok(stats !== undefined);
  assert.ok(stats.committed >= stats.inUse);
  assert.ok(stats.caches >= 1);
  assert.ok(memory.purgeCore() >= 0);
});

test("the core's figures are read without a call, in workers that end at any moment too", async () => {
  const { memory, json } = backend();
  const counters = memory.coreCounters;
  assert.ok(counters !== undefined);
  assert.equal(memory.coreCounters, counters);
  const given = Atomics.load(counters, 7);
  json.parse(`[${'1,'.repeat(200_000)}1]`, undefined);
  memory.purgeCore();
  const stats = memory.coreStats();
  assert.equal(Number(Atomics.load(counters, 0)), stats?.reserved);
  assert.equal(Number(Atomics.load(counters, 7)), stats?.givenBack);
  assert.ok(Atomics.load(counters, 7) >= given);
  const select = resolve(__dirname, '..', '..', 'lib', 'backend', 'select');
  const code = `
    const { memory } = require(${JSON.stringify(select)}).backend();
    memory.coreCounters;
    require('node:worker_threads').parentPort.postMessage('ready');
    (function churn() { memory.purgeCore(); setImmediate(churn); })();`;
  for (let round = 0; round < 3; round++) {
    const workers = Array.from({ length: 3 }, () => new Worker(code, { eval: true }));
    await Promise.all(workers.map((worker) => new Promise((done) => worker.once('message', done))));
    await Promise.all(workers.map((worker) => worker.terminate()));
    for (let i = 0; i < 100; i++) memory.purgeCore(); // writes to all that are left
  }
});

test("the core's counters say what stats() says soon after the last use, and the limit at once", async () => {
  const heap = coreHeap() as CoreHeap;
  const { counters } = heap;
  const documents = Array.from({ length: 30 }, () => json.open(`[${'"text",'.repeat(2000)}1]`));
  await sleep(500);
  assert.equal(Number(Atomics.load(counters, 2)), heap.stats().inUse);
  for (const document of documents) document.close();
  await sleep(500);
  assert.equal(Number(Atomics.load(counters, 2)), heap.stats().inUse);
  heap.limit(1 << 30);
  assert.equal(Number(Atomics.load(counters, 4)), 1 << 30);
  heap.limit(Infinity);
  assert.equal(Atomics.load(counters, 4), 2n ** 64n - 1n);
});

/** Runs with a limit on the core's heap that leaves room for `spare` bytes, and lifts it. */
async function limited(heap: CoreHeap, spare: number, run: () => unknown): Promise<void> {
  heap.purge();
  heap.limit(heap.stats().committed + spare);
  try {
    await run();
  } finally {
    heap.limit(Infinity);
  }
}

test('what a large text has left in the core goes back though nothing else happens', async () => {
  const program = `
    const { json, memory } = require(${JSON.stringify(resolve(__dirname, '../../lib'))});
    const text = Buffer.from('[' + '{"a":[1,2,3],"b":"text"},'.repeat(400000) + '1]');
    const heap = memory.coreHeap();
    const before = heap.stats().committed;
    for (const use of [() => json.open(text).close(), () => json.validate(text), () => json.parse(text)]) use();
    const most = heap.stats().committed;
    const began = Date.now();
    const look = setInterval(() => {
      const { committed, inUse } = heap.stats();
      const left = committed - inUse;
      if (left > (most - before) / 8 && Date.now() - began < 8000) return;
      clearInterval(look);
      console.log(JSON.stringify({ before, most, left }));
    }, 100);`;
  const { stdout } = await run(process.execPath, ['-e', program]);
  const { before, most, left } = JSON.parse(stdout) as Record<string, number>;
  assert.ok(most! - before! > 4e6, stdout);
  assert.ok(left! <= (most! - before!) / 8, stdout);
});

test('coreHeap: a limit that is reached is a named error, and lifting it is all it takes', async () => {
  const heap = coreHeap();
  assert.ok(heap !== undefined);
  for (const bad of [-1, NaN, 1.5, -Infinity, '5', undefined]) {
    assert.throws(() => heap.limit(bad as number), { code: 'ERR_TAILRACE_INVALID_ARG', message: /"bytes"/ });
  }
  assert.equal(heap.stats().limit, Infinity);
  const document = Buffer.from(`[${'{"a":[1,2,3],"b":"text"},'.repeat(200_000)}0]`);
  const outOfMemory = { name: 'TailraceError', code: 'ERR_TAILRACE_OUT_OF_MEMORY' };
  await limited(heap, 1 << 20, async () => {
    assert.ok(heap.stats().limit < Infinity);
    for (let i = 0; i < 20; i++) {
      assert.throws(() => json.open(document), outOfMemory);
    }
    assert.throws(() => json.open(document, { duplicateKeys: 'error' }), outOfMemory);
    await assert.rejects(json.openAsync(document), outOfMemory);
    // What can be done without the core's heap is done, and right.
    assert.equal(json.validate(document), true);
    assert.equal(json.validate(document.subarray(1)), false);
    assert.equal(json.minify(document).length, document.length);
    assert.equal((json.parse(document) as unknown[]).length, 200_001);
    assert.equal(json.encode(json.parse(document)).length, document.length);
    const schema = { type: 'array', items: { type: 'number' } } as const;
    assert.deepEqual(json.decoder(schema)(Buffer.from('[1,2]')), [1, 2]);
    assert.equal(json.encoder(schema)([1, 2]).toString(), '[1,2]');
    assert.ok(heap.stats().refused >= 20);
    assert.ok(heap.stats().committed <= heap.stats().limit);
    assert.equal(json.open('[1,2]').get('/1'), 2); // what fits still goes
  });
  const opened = json.open(document);
  assert.equal(opened.get('/199999/b'), 'text');
  opened.close();
});

test('coreHeap: a server that may take no more memory answers or closes, and serves again afterwards', async () => {
  const heap = coreHeap() as CoreHeap;
  const server = await serve({
    port: 0,
    routes: { 'POST /length': (request) => String(request.body.length) },
    limits: { bodyBytes: 8 << 20 },
  });
  const { port } = server.address() as { port: number };
  const post = async (bytes: number): Promise<string> => {
    try {
      const reply = await fetch(`http://127.0.0.1:${port}/length`, {
        method: 'POST',
        body: Buffer.alloc(bytes),
      });
      const text = await reply.text();
      return reply.status === 200 ? text : String(reply.status);
    } catch {
      return 'closed';
    }
  };
  assert.equal(await post(4 << 20), String(4 << 20));
  await limited(heap, 256 << 10, async () => {
    const outcomes = await Promise.all(Array.from({ length: 8 }, () => post(4 << 20)));
    assert.ok(
      outcomes.every((outcome) => outcome !== String(4 << 20)),
      `${outcomes}`,
    );
  });
  assert.equal(await post(4 << 20), String(4 << 20));
  assert.equal(await post(10), '10');
  await server.close();
});

test('workers with slabs of their own, ended at any moment, leave nothing behind', async () => {
  const { memory } = backend();
  const before = memory.coreStats()!.caches;
  const part = resolve(__dirname, '..', '..', 'lib', 'memory');
  const code = `
    const { slab } = require(${JSON.stringify(part)});
    const memory = slab();
    const { parentPort } = require('node:worker_threads');
    const held = Array.from({ length: 100 }, (_, i) => memory.alloc(i * 97).fill(i));
    parentPort.postMessage('ready');
    (function churn() {
      for (let i = 0; i < 1000; i++) {
        const at = i % held.length;
        memory.free(held[at]);
        held[at] = memory.allocUnsafe((i * 31) % 40000).fill(i);
      }
      memory.purge();
      setImmediate(churn);
    })();`;
  for (let round = 0; round < 3; round++) {
    await Promise.all(
      Array.from({ length: 4 }, async (_, i) => {
        const worker = new Worker(code, { eval: true });
        await new Promise((done, fail) => {
          worker.once('message', done);
          worker.once('error', fail);
        });
        await new Promise((done) => setTimeout(done, i * 3));
        await worker.terminate();
      }),
    );
  }
  assert.equal(memory.coreStats()!.caches, before);
});

test.run();
