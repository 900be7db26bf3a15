// A million of each mistake, and of each thing that must end clean: the named error every time, and at the end all
// memory is where it was. Counted, on both backends.
//
// @timeout 600
// @env TAILRACE_TEST_BACKEND=js|native

import * as assert from 'node:assert/strict';
import { suite } from 'uvu';
import { type Slab, slab } from '../../lib/memory';
import { pool } from '../../lib/pool';
import { onFallback, onNative } from '../support/backends';

const name = process.env.TAILRACE_TEST_BACKEND === 'native' ? 'native' : 'fallback';
name === 'native' ? onNative() : onFallback();

/** TAILRACE_TEST_TIMES: fewer, where the whole million is gone through elsewhere. */
const million = Number(process.env.TAILRACE_TEST_TIMES ?? 1_000_000);
const test = suite(`memory, a million of each, ${name}`);

/** What a slab holds and has counted, but for what it refused. */
function books(memory: Slab) {
  const { reserved, committed, inUse, allocations, frees } = memory.stats();
  return { reserved, committed, inUse, allocations, frees };
}

/** Does it a million times; how often it threw what it had to. Without traces: making them is what would take the time. */
function refusals(code: string, run: (i: number) => unknown): number {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  let count = 0;
  for (let i = 0; i < million; i++) {
    try {
      run(i);
    } catch (error) {
      if ((error as { code?: string }).code === code) count++;
    }
  }
  Error.stackTraceLimit = limit;
  return count;
}

function setUp() {
  const memory = slab({ limit: 1 << 20 });
  const mine = memory.alloc(64);
  const freed = memory.alloc(64);
  memory.free(freed);
  return { memory, mine, freed };
}

/** Holds a million refusals to their code, and the slab to its books. */
function refuses(
  label: string,
  code: string,
  run: (s: ReturnType<typeof setUp>, i: number) => unknown,
): void {
  test(label, () => {
    const start = setUp();
    const before = books(start.memory);
    assert.equal(
      refusals(code, (i) => run(start, i)),
      million,
    );
    assert.deepEqual(books(start.memory), before);
    start.memory.free(start.mine);
    start.memory.purge();
    assert.equal(start.memory.stats().reserved, 0);
  });
}

const ordinary = Buffer.alloc(64);
const others = slab();
const theirs = others.alloc(64);
const badSizes = [-1, Number.NaN, 2 ** 53, Infinity, -Infinity, 0.5, 1e300];

refuses('a second free', 'ERR_TAILRACE_DOUBLE_FREE', ({ memory, freed }) => memory.free(freed));
refuses("free of another slab's", 'ERR_TAILRACE_FOREIGN_BUFFER', ({ memory }) => memory.free(theirs));
refuses('free of an ordinary one', 'ERR_TAILRACE_FOREIGN_BUFFER', ({ memory }) => memory.free(ordinary));
refuses('free of a part', 'ERR_TAILRACE_FOREIGN_BUFFER', ({ memory, mine }) => memory.free(mine.subarray(1)));
refuses('negative, NaN and huge sizes', 'ERR_TAILRACE_INVALID_ARG', ({ memory }, i) =>
  memory.alloc(badSizes[i % badSizes.length] as number),
);
refuses('the limit', 'ERR_TAILRACE_LIMIT', ({ memory }) => memory.allocUnsafe(2 << 20));

test('use of a scope after its end, of a lease after its release', () => {
  const memory = slab();
  const ended = memory.scope((s) => ({ s })).s;
  const lease = memory.lease(10);
  lease.release();
  const before = books(memory);
  assert.equal(
    refusals('ERR_TAILRACE_CLOSED', (i) => (i % 2 === 0 ? ended.alloc(1) : lease.buffer)),
    million,
  );
  assert.deepEqual(books(memory), before);
});

test('buffers of all sizes, leases, scopes', () => {
  const memory = slab();
  for (let i = 0; i < million; i++) memory.free(memory.allocUnsafe((i * 7919) % 40_000));
  for (let i = 0; i < million; i++) memory.lease(i % 300).release();
  for (let i = 0; i < million; i++) memory.scope((s) => s.allocUnsafe(i & 127));
  const { inUse, allocations, frees } = memory.stats();
  assert.deepEqual([inUse, allocations, frees], [0, 3 * million, 3 * million]);
  memory.purge();
  assert.equal(memory.stats().reserved, 0);
});

test('a million live at once, freed in another order', () => {
  const memory = slab();
  const live = Array.from({ length: million }, (_, i) => memory.allocUnsafe(1 + (i & 31)));
  assert.ok(memory.stats().inUse >= million * 16);
  for (let step = 0; step < 7; step++) for (let i = step; i < million; i += 7) memory.free(live[i] as Buffer);
  assert.equal(memory.stats().inUse, 0);
  memory.purge();
  assert.equal(memory.stats().reserved, 0);
});

test('items of a pool: acquired, released, destroyed, given up', async () => {
  let made = 0;
  let destroyed = 0;
  const items = pool({
    create: () => ({ id: made++ }),
    destroy: () => {
      destroyed++;
    },
    max: 10,
    maxUses: 1000,
  });
  for (let i = 0; i < million; i++) {
    const item = items.tryAcquire() ?? (await items.acquire());
    if (i % 100 === 0) items.destroy(item);
    else items.release(item);
  }
  const item = await items.acquire();
  assert.equal(
    refusals('ERR_TAILRACE_FOREIGN_ITEM', () => items.release({ id: 0 })),
    million,
  );
  items.release(item);
  assert.equal(
    refusals('ERR_TAILRACE_DOUBLE_RELEASE', () => items.release(item)),
    million,
  );
  const all = await Promise.all(Array.from({ length: 10 }, () => items.acquire()));
  const given = new AbortController();
  const waiting = Array.from({ length: 100_000 }, () => items.acquire({ signal: given.signal }));
  given.abort();
  const outcomes = await Promise.allSettled(waiting);
  assert.ok(outcomes.every(({ status }) => status === 'rejected'));
  assert.equal(items.pending, 0);
  for (const each of all) items.release(each);
  await items.close();
  assert.equal(made, destroyed);
  assert.equal(items.size, 0);
});

test.run();
