// When a pool looks after what is idle: by a timer that is there only while something can expire. Time is the test's own.

import * as assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import fc from 'fast-check';
import { suite } from 'uvu';
import { pool } from '../../lib/pool';
import { type FakeTime, withFakeTime } from '../support/timers';
import { counts, type Item, numbered, until } from './numbered';

const test = suite('pool: idle');

/** Lets time pass, and the timer (there is one at most) go off. */
function pass(time: FakeTime, ms: number): void {
  time.now += ms;
  assert.ok(time.timers.length <= 1, 'one timer a pool');
  time.timers[0]?.go();
}

test('what min keeps needs no timer, however long nothing happens', () =>
  withFakeTime(async (time) => {
    const { items, made, destroyed } = numbered({ min: 2, max: 4, idleMs: 100 });
    assert.equal(time.timers.length, 0, 'nothing can expire yet');
    for (let i = 0; i < 5; i++) {
      items.release(await items.acquire());
      assert.equal(time.timers.length, 0, 'used, and idle again');
    }
    const all = await Promise.all([1, 2, 3, 4].map(() => items.acquire()));
    assert.equal(time.timers.length, 0, 'nothing is idle');
    for (const item of all) items.release(item);
    assert.deepEqual(
      time.timers.map(({ ms }) => ms),
      [100],
    );
    pass(time, 100);
    assert.deepEqual(counts(items), [2, 2, 0]);
    assert.deepEqual(destroyed, all.slice(0, 2), 'the oldest');
    assert.equal(time.timers.length, 0, 'the others stay');
    time.now += 1e6;
    items.release(await items.acquire());
    items.destroy(await items.acquire());
    assert.deepEqual(counts(items), [2, 2, 0]);
    assert.equal(time.timers.length, 0, 'made again for min');
    assert.equal(made.length, 5);
    await items.close();
  }));

test('without min the last one goes, and the timer with it', () =>
  withFakeTime(async (time) => {
    const { items } = numbered({ idleMs: 100 });
    const [a, b] = [await items.acquire(), await items.acquire()];
    items.release(a);
    time.now += 30;
    items.release(b);
    pass(time, 70);
    assert.deepEqual(counts(items), [1, 1, 0]);
    assert.deepEqual(
      time.timers.map(({ ms }) => ms),
      [30],
    );
    pass(time, 30);
    assert.deepEqual(counts(items), [0, 0, 0]);
    assert.equal(time.timers.length, 0);
    await items.close();
  }));

test('what is due sooner than the timer that waits moves it', () =>
  withFakeTime(async (time) => {
    const { items, destroyed } = numbered({ min: 1, max: 3, idleMs: 100, maxLifetimeMs: 10_000 });
    assert.deepEqual(
      time.timers.map(({ ms }) => ms),
      [10_000],
      'its age, though min keeps it',
    );
    const old = await items.acquire();
    time.now += 9000;
    const young = await items.acquire();
    items.release(young);
    assert.deepEqual(
      time.timers.map(({ ms }) => ms),
      [100],
      'one more than min is idle',
    );
    pass(time, 100);
    assert.deepEqual([destroyed, items.size], [[young], 1]);
    const next = await items.acquire();
    items.destroy(next);
    items.release(old);
    assert.deepEqual(
      time.timers.map(({ ms }) => ms),
      [900],
      'the rest of its life',
    );
    pass(time, 900);
    assert.equal(destroyed.at(-1), old);
    assert.deepEqual(counts(items), [1, 1, 0], 'made again for min');
    assert.equal(time.timers.length, 1);
    await items.close();
    assert.equal(time.timers.length, 0);
  }));

test('what expires ends as what made the pool, not as who brought it back', async () => {
  const requests = new AsyncLocalStorage<string>();
  const ended: unknown[] = [];
  const items = requests.run('maker', () =>
    pool({ create: () => ({}), destroy: () => ended.push(requests.getStore()), max: 2, idleMs: 5 }),
  );
  await requests.run('request', async () => {
    const item = await items.acquire();
    items.destroy(await items.acquire()); // by the request itself
    items.release(item);
  });
  await until(() => items.size === 0);
  assert.deepEqual(ended, ['request', 'maker']);
  await items.close();
});

test('random use: a timer when something can expire, none otherwise, and in time', async () => {
  const operation = fc.oneof(
    { weight: 4, arbitrary: fc.constant({ kind: 'acquire' as const, n: 0 }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('release' as const), n: fc.nat(9) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('destroy' as const), n: fc.nat(9) }) },
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constant('pass' as const), n: fc.integer({ min: 1, max: 120 }) }),
    },
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(operation, { maxLength: 80 }),
      fc.nat(3),
      fc.constantFrom(Infinity, 250),
      (operations, min, maxLifetimeMs) =>
        withFakeTime(async (time) => {
          const { items, destroyed } = numbered({ min, max: 5, idleMs: 100, maxLifetimeMs });
          const used: Item[] = [];
          const idleSince = new Map<Item, number>();
          for (const { kind, n } of operations) {
            if (kind === 'acquire') {
              if (used.length < 5) used.push(await items.acquire());
              idleSince.delete(used.at(-1) as Item);
            } else if (kind === 'pass') {
              // As the event loop would: at the time the timer was set for.
              for (let left = n; left > 0; ) {
                const step = Math.min(left, time.timers[0]?.ms ?? left);
                time.now += step;
                left -= step;
                if (time.timers.length > 0) time.timers[0]?.go();
              }
            } else if (used.length > 0) {
              const item = used.splice(n % used.length, 1)[0] as Item;
              if (kind === 'destroy') items.destroy(item);
              else {
                items.release(item);
                idleSince.set(item, time.now);
              }
            }
            for (const item of destroyed) idleSince.delete(item);
            const longest = time.now - Math.min(time.now, ...idleSince.values());
            assert.ok(longest < 100 || items.size <= min, `idle for ${longest} ms`);
            const canExpire = items.available > 0 && (items.size > min || maxLifetimeMs !== Infinity);
            if (canExpire) assert.equal(time.timers.length, 1);
            // One that waited before all were taken finds nothing, and is gone then.
            else for (const timer of [...time.timers]) timer.go();
            if (!canExpire) assert.equal(time.timers.length, 0);
          }
          for (const item of used) items.release(item);
          for (let i = 0; i < 3; i++) pass(time, 100);
          assert.equal(items.size, min);
          await items.close();
          assert.equal(time.timers.length, 0);
        }),
    ),
  );
});

test.run();
