// Giving back in worker threads: each slab by the timers of its own thread, and what a worker leaves behind when it ends
// in the midst of it. Time is real and never judged: tests wait for states.

import * as assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Worker } from 'node:worker_threads';
import { suite } from 'uvu';
import { type Slab, slab } from '../../lib/memory';

const part = resolve(__dirname, '..', '..', 'lib', 'memory');
const status = '/proc/self/status';

/** What every worker begins with. `until` keeps it alive, which the slab's timer must not. */
const prelude = `
  const { slab } = require(${JSON.stringify(part)});
  const { parentPort: parent, workerData } = require('node:worker_threads');
  const until = async (condition) => {
    for (let i = 0; i < 4000 && !condition(); i++) await new Promise((done) => setTimeout(done, 5));
    if (!condition()) throw new Error('never came true: ' + condition);
  };
  /** Views of several arenas and sizes, all but the kept ones free: some 20 MB that were written to. */
  const fill = (memory) => {
    const all = [100, 3000, 65536].flatMap((size) =>
      Array.from({ length: 300 }, (_, i) => memory.allocUnsafe(size).fill(i)));
    const kept = all.filter((_, i) => i % 150 === 7);
    for (const buffer of all) if (!kept.includes(buffer)) memory.free(buffer);
    return kept;
  };
`;

interface Ended {
  /** What it has posted, in order. */
  readonly messages: unknown[];
  readonly exitCode: number;
}

/** Runs code in a worker to its end (half a minute, then with exit code 1); `meanwhile` is called with each message. */
function run(
  code: string,
  workerData: unknown,
  meanwhile: (worker: Worker) => void = () => {},
): Promise<Ended> {
  return new Promise((done, fail) => {
    const worker = new Worker(`${prelude}void (async () => {${code}})();`, { eval: true, workerData });
    const messages: unknown[] = [];
    worker.on('message', (message) => {
      messages.push(message);
      meanwhile(worker);
    });
    const tooLong = setTimeout(() => void worker.terminate(), 30_000);
    worker.once('error', fail);
    worker.once('exit', (exitCode) => {
      clearTimeout(tooLong);
      done({ messages, exitCode });
    });
  });
}

const books = (memory: Slab) => {
  const { reserved, givenBack, inUse } = memory.stats();
  return { reserved, givenBack, inUse };
};

export function decaysInWorkers(name: string) {
  const test = suite(`memory, decay in workers, ${name}`);

  test("each worker's slab gives back by itself, and only its own", async () => {
    const mine = slab({ decayMs: Infinity, guard: false });
    const held = Array.from({ length: 50 }, () => mine.alloc(1000));
    for (const buffer of held.splice(10)) mine.free(buffer);
    const before = books(mine);
    const code = `
      const memory = slab({ decayMs: 20, guard: false });
      const kept = fill(memory);
      const full = memory.stats();
      const seen = [full.reserved > 15e6 && full.givenBack === 0];
      await until(() => memory.stats().reserved < full.reserved / 4);
      const few = memory.stats();
      seen.push(few.givenBack === full.reserved - few.reserved, few.inUse > 0);
      seen.push(kept.every((buffer, i) => buffer.every((byte) => byte === (((i % 2) * 150 + 7) & 255))));
      for (const buffer of kept) memory.free(buffer);
      await until(() => memory.stats().reserved === 0);
      seen.push(memory.stats().givenBack === full.reserved);
      // And again, from nothing.
      const zeroed = memory.alloc(3000);
      seen.push(zeroed.every((byte) => byte === 0));
      memory.free(zeroed);
      await until(() => memory.stats().reserved === 0);
      parent.postMessage(seen);`;
    const all = await Promise.all([1, 2, 3].map(() => run(code, undefined)));
    for (const { messages, exitCode } of all) {
      assert.deepEqual([messages, exitCode], [[[true, true, true, true, true, true]], 0]);
    }
    assert.deepEqual(books(mine), before);
    for (const buffer of held) mine.free(buffer);
  });

  test('a worker with nothing else to do ends, whatever is set aside and whatever waits', async () => {
    // The next look would be in ten minutes. The second slab looks as after one.
    const code = `
      const memory = slab({ decayMs: 20 * 60_000, guard: false });
      const kept = fill(memory);
      if (workerData === 'aside') {
        const aside = memory.heaps.reduce((sum, heap) => sum + heap.setAside(1000), 0);
        if (aside !== 900 - kept.length) throw new Error('aside: ' + aside);
      }
      parent.postMessage(memory.stats().inUse > 0);`;
    for (const workerData of ['free', 'aside']) {
      const { messages, exitCode } = await run(code, workerData);
      assert.deepEqual([messages, exitCode], [[true], 0]);
    }
  });

  test('workers that end in the midst of giving back, one way or another, take their arenas along', async () => {
    // Views are aside, timers wait, and steps are under way: arenas go while others are made.
    const code = `
      const memories = [0, 10, 1000].map((decayMs) => slab({ decayMs, guard: false }));
      const kept = memories.map(fill);
      await until(() => memories[0].stats().givenBack > 0);
      let turns = 0;
      (function churn() {
        for (const memory of memories) kept.push(fill(memory).slice(0, 1));
        parent.postMessage(turns);
        if (++turns < 3 || workerData === 'terminated') setTimeout(churn, 8);
        else if (workerData === 'exit') process.exit(3);
      })();`;
    const round = async (): Promise<void> => {
      const ended = await Promise.all([
        run(code, 'runs out'),
        run(code, 'exit'),
        run(code, 'terminated', (worker) => void worker.terminate()),
      ]);
      assert.deepEqual(
        ended.map(({ exitCode }) => exitCode),
        [0, 3, 1],
      );
      assert.ok(ended.every(({ messages }) => messages.length > 0));
    };
    const resident = () =>
      Number(/RssAnon:\s+(\d+) kB/.exec(readFileSync(status, 'utf8'))?.[1] ?? Number.NaN) * 1024;
    for (let i = 0; i < 2; i++) await round(); // what a process keeps of its first workers
    if (!existsSync(status)) return;
    const before = resident();
    for (let i = 0; i < 4; i++) await round();
    // Each of the twelve had 60 MB and more.
    const grown = resident() - before;
    assert.ok(grown < 400e6, `${grown} bytes are left`);
  });

  return test;
}
