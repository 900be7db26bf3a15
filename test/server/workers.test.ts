// @timeout 240
// 60 worker threads that serve and parse, each terminated at a moment that the seed chooses: while it loads, when it
// has begun to serve, in the midst of calls. None may leave anything behind in the core. Held by the core's own counts
// and the kernel's, which are exact; how the process's memory goes is the bench's affair
// (bench/end_to_end/workers.bench.ts), since most of its slope is Node's own.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { loadAddon } from '../../lib/backend/load';
import { onNative } from '../support/backends';

onNative();

const kWorkers = 60;
const kAtOnce = 4;
const seed = Number(process.env.SEED ?? Date.now() & 0x7fffffff) >>> 0 || 1;
let state = seed;

/** xorshift32 (Marsaglia, 2003) */
function random(bound: number): number {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % bound;
}

const load = loadAddon();
assert.is(load.state, 'loaded');
const addon = (load as unknown as { addon: Record<string, unknown> }).addon as {
  census(): number[];
  memory: { stats(out: Float64Array): void };
};

interface Counts {
  environments: number;
  loopHosts: number;
  groups: number;
  netHosts: number;
  ps: number;
  /** Bytes of blocks in use, and caches, of the core's heap: connections, records, calls, segments' words. */
  bytes: number;
  /** Bytes of memory that the heap holds, free ones included: what a thread had used goes back when it ends. */
  committed: number;
  caches: number;
  descriptors: number;
  threads: number;
}

function counts(): Counts & { psMade: number } {
  const [environments, loopHosts, groups, netHosts, ps, psMade] = addon.census() as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const heap = new Float64Array(10);
  addon.memory.stats(heap);
  return {
    environments,
    loopHosts,
    groups,
    netHosts,
    ps,
    psMade,
    bytes: heap[2]!,
    committed: heap[1]!,
    caches: heap[9]!,
    descriptors: readdirSync('/proc/self/fd').length,
    threads: readdirSync('/proc/self/task').length,
  };
}

/**
 * What must be as it was before. A host M may be made in any round; those are few, stay, and are used again. Node closes
 * descriptors of its own when it likes, so there may be fewer of those.
 */
function lasting({
  psMade: _,
  threads: __,
  descriptors: ___,
  ...rest
}: ReturnType<typeof counts>): Partial<Counts> {
  return rest;
}

async function one(): Promise<void> {
  const worker = new Worker(join(__dirname, 'fixtures', 'worker.js'));
  const ended = new Promise<number>((resolve, reject) => {
    worker.once('exit', resolve);
    worker.once('error', reject);
  });
  const moment = random(3);
  if (moment > 0) await new Promise((resolve) => worker.once('message', resolve));
  await sleep(moment === 1 ? 0 : random(60));
  await worker.terminate();
  await ended;
}

async function many(workers: number): Promise<void> {
  for (let done = 0; done < workers; done += kAtOnce) {
    await Promise.all(Array.from({ length: kAtOnce }, one));
  }
}

test(`terminated workers leave nothing behind (SEED=${seed})`, async () => {
  const again = `repeat with SEED=${seed} node dist/test/server/workers.test.js`;
  await many(kAtOnce * 2); // what is made once a process is there now
  const before = counts();
  assert.is(before.environments, 1, again);
  await many(kWorkers);
  for (let i = 0; i < 200 && counts().descriptors > before.descriptors; i++) await sleep(10);
  const after = counts();
  assert.ok(
    after.descriptors <= before.descriptors,
    `${before.descriptors} to ${after.descriptors}; ${again}`,
  );
  assert.equal(lasting(after), lasting(before), again);
  assert.is(after.groups + after.loopHosts + after.ps, 0, again);
  // A P is made for each isolate that serves at once, and used again by those that come later.
  assert.ok(after.psMade <= kAtOnce, `${after.psMade} Ps for ${kAtOnce} isolates at once; ${again}`);
  assert.ok(
    after.threads <= before.threads + kAtOnce,
    `${before.threads} to ${after.threads} threads; ${again}`,
  );
});

test('a worker whose server has calls under way is counted while it lives', async () => {
  const worker = new Worker(join(__dirname, 'fixtures', 'worker.js'));
  await new Promise((resolve) => worker.once('message', resolve));
  const alive = counts();
  await worker.terminate(); // first, or a failed assertion would leave it running
  assert.is(alive.environments, 2);
  assert.is(alive.groups, 1);
  assert.is(alive.loopHosts, 1);
  assert.is(alive.ps, 1);
  assert.ok(alive.caches > 1);
  assert.is(counts().groups, 0);
});

test.run();
