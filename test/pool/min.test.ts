// The items that `min` asks for: made at once, kept, made again, and tried again when that fails.

import * as assert from 'node:assert/strict';
import { suite } from 'uvu';
import { withFakeTime } from '../support/timers';
import { counts, numbered, sleep, turn, until } from './numbered';

const test = suite('pool: min');

test('min is made at once, kept while idle, and made again', async () => {
  const { items, made, destroyed } = numbered({ min: 2, max: 4, idleMs: 5 });
  assert.deepEqual(counts(items), [2, 2, 0]);
  const all = await Promise.all([1, 2, 3, 4].map(() => items.acquire()));
  for (const item of all) items.release(item);
  await until(() => items.size === 2);
  await sleep(20);
  assert.deepEqual(counts(items), [2, 2, 0]);
  assert.equal(destroyed.length, 2);
  assert.deepEqual(
    destroyed.map((item) => item.id),
    all.slice(0, 2).map((item) => item.id),
    'the oldest go',
  );
  items.destroy(await items.acquire());
  assert.deepEqual(counts(items), [2, 2, 0]);
  assert.equal(made.length, 5);
  await items.close(); // its timer would go off in the time of the next test but one
});

test('min whose create fails tells onError', async () => {
  const failure = new Error('down');
  const { items, errors } = numbered({ min: 1, create: () => Promise.reject(failure) });
  await turn();
  assert.deepEqual(errors, [failure]);
  assert.deepEqual(counts(items), [0, 0, 0]);
  await items.close(); // or it would try again
});

test('min whose create fails is tried again, later each time, and filled up when it works', () =>
  withFakeTime(async ({ timers }) => {
    let down = true;
    let attempts = 0;
    const failure = new Error('down');
    const { items, errors } = numbered({
      min: 3,
      max: 5,
      create: () => {
        attempts++;
        return down ? Promise.reject(failure) : Promise.resolve({ id: attempts, good: true });
      },
    });
    await turn();
    assert.equal(attempts, 3);
    let most = 100;
    for (let round = 0; round < 12; round++) {
      assert.equal(timers.length, 1, 'one timer, however many failed');
      const [timer] = timers;
      assert.ok(timer!.ms >= most / 2 && timer!.ms <= most, `${timer!.ms} ms in round ${round}`);
      most = Math.min(30_000, most * 2);
      timer!.go();
      await turn();
      assert.equal(attempts, 4 + round, 'one at a time');
    }
    assert.equal(errors.length, attempts);
    await assert.rejects(items.acquire(), failure); // its own attempt, and no second timer
    assert.equal(timers.length, 1);
    down = false;
    const item = await items.acquire(); // this is how it is known
    await turn();
    assert.equal(timers.length, 0);
    assert.equal(items.size, 3);
    items.release(item);
    down = true;
    await items.clear();
    await turn();
    assert.ok(timers[0]!.ms <= 100, 'the first failure again');
    assert.equal(items.size, 0);
    down = false;
    timers[0]!.go();
    await turn();
    assert.deepEqual(counts(items), [3, 3, 0]);
    down = true;
    items.destroy(await items.acquire());
    await turn();
    assert.equal(timers.length, 1);
    await items.close();
    assert.equal(timers.length, 0, 'a closed pool tries nothing');
  }));

test('min whose create gives the same item again is a failure as any other, and tried again', () =>
  withFakeTime(async ({ timers }) => {
    const one = { id: 0, good: true };
    let calls = 0;
    let same = true;
    const create = () => {
      if (++calls > 1000) throw new Error('for ever');
      return same ? one : { id: calls, good: true };
    };
    const { items, errors } = numbered({ min: 3, max: 5, create });
    assert.equal(calls, 2, 'no third before some time has passed');
    assert.match(String(errors[0]), /"create"/);
    assert.deepEqual(counts(items), [1, 1, 0]);
    same = false;
    timers[0]!.go();
    await turn();
    assert.deepEqual(counts(items), [3, 3, 0]);
    assert.equal(errors.length, 1);
    await items.close();
  }));

test('a large min of items that are there at once', async () => {
  const { items, made } = numbered({ min: 20_000, max: 20_000 });
  assert.equal(made.length, 20_000);
  await items.clear();
  assert.equal(made.length, 40_000);
  await items.close();
});

test.run();
