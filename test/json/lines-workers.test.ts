// @timeout 240
// Worker threads that are terminated while pieces of theirs are decoded on other threads: nothing of theirs is read or
// written once it is gone, and nothing waits for it.

import * as assert from 'node:assert';
import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { suite } from 'uvu';
import * as json from '../../lib/json';
import { coreHeap } from '../../lib/memory';
import * as sched from '../../lib/sched';
import { hasNative, skipFile } from '../support/backends';
import { seeded } from '../support/seeded';

if (!hasNative()) skipFile('no native core, so nothing is decoded ahead');

const seed = Number(process.env.TAILRACE_TEST_SEED ?? Date.now() % 0x7fffffff);
const lib = JSON.stringify(join(__dirname, '../../lib'));
const source = `
  const { parentPort } = require('node:worker_threads');
  const { json } = require(${lib});
  const decoder = json.decoder({ type: 'object', properties: { id: { type: 'integer' }, s: { type: 'string' } } });
  const chunk = Buffer.from(Array.from({ length: 20000 }, (_, id) => JSON.stringify({ id, s: 'x'.repeat(id % 50), more: [id, 'y'] }) + '\\n').join(''));
  for (let round = 0; ; round++) {
    let sum = 0;
    for (const value of json.linesSync(chunk, round % 2 ? { decoder } : {})) sum += value.id;
    if (sum !== 20000 * 19999 / 2) throw new Error('wrong sum ' + sum);
    if (round === 1) parentPort.postMessage('running');
  }`;

const test = suite('lines and terminated workers');

test('terminated at random moments, several at a time', async () => {
  const random = seeded(seed);
  const before = sched.procs(4);
  const created = sched.metrics().created;
  try {
    for (let round = 0; round < 4; round++) {
      const workers = Array.from({ length: 3 }, () => new Worker(source, { eval: true }));
      await Promise.all(
        workers.map(async (worker) => {
          const [message] = await once(worker, 'message');
          assert.strictEqual(message, 'running');
          await new Promise((resolve) => setTimeout(resolve, random() * 30));
          assert.strictEqual(await worker.terminate(), 1, `TAILRACE_TEST_SEED=${seed}`);
        }),
      );
    }
    assert.ok(sched.metrics().created > created, 'something was decoded ahead');
  } finally {
    sched.procs(before);
  }
});

test('what was read ahead is not kept when a reader has come to its end', async () => {
  const before = sched.procs(4);
  try {
    const decoder = json.decoder({ type: 'object', properties: { id: { type: 'integer' } } });
    const chunk = Buffer.from(`{"id":1,"more":"${'x'.repeat(100)}"}\n`.repeat(20_000));
    const used = () => coreHeap()?.stats().inUse ?? 0;
    const start = used();
    for (const options of [{ decoder }, {}]) {
      const values = json.linesSync(chunk, options);
      let most = 0;
      for (const _ of values) most = Math.max(most, used());
      assert.ok(most > start + 200_000, `${most - start} bytes in use`);
      // a helper may hold it a moment longer
      for (let i = 0; i < 500 && used() >= start + 200_000; i++)
        await new Promise((done) => setTimeout(done, 10));
      assert.ok(used() < start + 200_000, `${used() - start} bytes are kept`);
    }
  } finally {
    sched.procs(before);
  }
});

test.run();
