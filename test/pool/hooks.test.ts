// Hooks at their worst: they never end, give thenables that are none, or throw where failures are told. No item is lost and the
// pool goes on.

import * as assert from 'node:assert/strict';
import { mock } from 'node:test';
import { suite } from 'uvu';
import { type PoolOptions, pool } from '../../lib/pool';
import { counts, type Item, numbered, sleep, turn } from './numbered';

const test = suite('pool: hooks');
const timeout = { code: 'ERR_TAILRACE_TIMEOUT' };
const never = new Promise<never>(() => {});
/** Thenables whose `then` throws: when it is called, or when it is looked at. */
const bad = [
  {
    // biome-ignore lint/suspicious/noThenProperty: a thenable is what this is about
    then(): never {
      throw new Error('called');
    },
  },
  {
    // biome-ignore lint/suspicious/noThenProperty: a thenable is what this is about
    get then(): never {
      throw new Error('looked at');
    },
  },
] as unknown as Promise<never>[];

/** What becomes of the process' uncaught exceptions while `run` goes on. */
async function uncaught(run: () => Promise<void>): Promise<unknown[]> {
  const found: unknown[] = [];
  const listen = (error: unknown) => found.push(error);
  process.on('uncaughtException', listen);
  try {
    await run();
    await turn();
  } finally {
    process.off('uncaughtException', listen);
  }
  return found;
}

test('a construction that never ends: who comes after the first gave up gets another', async () => {
  let calls = 0;
  const create = () => (++calls === 1 ? never : { id: calls, good: true });
  const { items } = numbered({ create, max: 3, acquireTimeoutMs: 20 });
  await assert.rejects(items.acquire(), timeout);
  const item = await items.acquire();
  assert.equal(item.id, 2);
  assert.deepEqual(counts(items), [2, 0, 0]); // the first counts against max still
  items.release(item);
  assert.equal(await items.acquire(), item);
});

test('the same by a signal, and by one that comes at once', async () => {
  let calls = 0;
  const create = () => {
    calls++;
    return never;
  };
  const { items } = numbered({ create, max: 3 });
  for (const [ms, expected] of [
    [0, 1],
    [0, 1],
    [110, 1],
    [0, 2],
  ] as const) {
    const controller = new AbortController();
    const waiting = items.acquire({ signal: controller.signal });
    await sleep(ms);
    controller.abort();
    await assert.rejects(waiting, { name: 'AbortError' });
    assert.equal(calls, expected);
  }
});

test('what a caller began who went away at once is not counted on for ever', async () => {
  let calls = 0;
  const create = () => (++calls === 1 ? never : { id: calls, good: true });
  const { items } = numbered({ create, max: 2 });
  const controller = new AbortController();
  const gone = items.acquire({ signal: controller.signal });
  controller.abort();
  await assert.rejects(gone, { name: 'AbortError' });
  await sleep(110);
  const item = await Promise.race([items.acquire(), sleep(1000)]);
  assert.equal(item?.id, 2);
  assert.deepEqual(counts(items), [2, 0, 0]);
});

test('a check that never ends: another idle item is handed out', async () => {
  let hangs = false;
  const validate = (): boolean | Promise<boolean> => (hangs ? never : true);
  const { items } = numbered({ validate, acquireTimeoutMs: 20 });
  const all = [await items.acquire(), await items.acquire()];
  for (const item of all) items.release(item);
  hangs = true;
  await assert.rejects(items.acquire(), timeout);
  hangs = false;
  assert.equal(await items.acquire(), all[0]);
});

test('close does not wait for a check, and destroys its item once', async () => {
  const fails = async () => {
    await sleep(30);
    throw new Error('x');
  };
  for (const validate of [() => never, () => sleep(30).then(() => true), fails]) {
    const { items, destroyed, errors } = numbered({ validate });
    const item = await items.acquire();
    const used = await items.acquire();
    items.release(item);
    const waiting = items.acquire();
    const closing = items.close();
    await assert.rejects(waiting, { code: 'ERR_TAILRACE_CLOSED' });
    assert.deepEqual(destroyed, [item]);
    assert.equal(items.size, 1);
    items.release(used);
    await closing;
    await sleep(40);
    assert.deepEqual(destroyed, [item, used]);
    assert.deepEqual([counts(items), errors], [[0, 0, 0], []]);
  }
});

test('who gives up takes nothing from those who wait on', async () => {
  const made: ((item: Item) => void)[] = [];
  const create = () => new Promise<Item>((resolve) => made.push(resolve));
  const { items } = numbered({ create, max: 9 });
  const first = items.acquire();
  const second = items.acquire({ timeoutMs: 10 });
  const third = items.acquire();
  await assert.rejects(second, timeout);
  const fourth = items.acquire();
  assert.equal(made.length, 4);
  for (const [id, resolve] of made.reverse().entries()) resolve({ id, good: true });
  assert.deepEqual(
    (await Promise.all([first, third, fourth])).map(({ id }) => id),
    [0, 1, 2],
  );
  await turn();
  assert.deepEqual(counts(items), [4, 1, 0]);
});

test('thenables that throw', async () => {
  for (const thenable of bad) {
    let wrong = true;
    const once = <V>(otherwise: V) => {
      const is = wrong;
      wrong = false;
      return is ? thenable : otherwise;
    };
    const create = numbered({ create: () => once({ id: 0, good: true }) });
    await assert.rejects(create.items.acquire(), /called|looked at/);
    assert.deepEqual(counts(create.items), [0, 0, 0]);
    await create.items.acquire();

    for (const hook of ['validate', 'reset', 'destroy'] as const) {
      const options: Partial<PoolOptions<Item>> = { max: 1, [hook]: () => once(true) };
      const { items, errors } = numbered(options);
      wrong = true;
      const item = await items.acquire();
      if (hook === 'destroy') items.destroy(item);
      else items.release(item);
      assert.notEqual(await items.acquire(), item);
      await turn();
      assert.equal(errors.length, hook === 'validate' ? 0 : 1, hook);
      assert.equal(items.size, 1);
    }
  }
});

test("a promise of the language's with a then of its own", async () => {
  for (const { then } of [
    {
      // biome-ignore lint/suspicious/noThenProperty: as above
      then(): never {
        throw new Error('called');
      },
    },
    {
      // biome-ignore lint/suspicious/noThenProperty: as above
      then(_: unknown, failed: (error: Error) => void): void {
        failed(new Error('called'));
        failed(new Error('again'));
      },
    },
  ]) {
    let wrong = true;
    const create = () => (wrong ? Object.assign(Promise.resolve(), { then }) : { id: 1, good: true });
    const { items } = numbered({ create: create as () => Item, max: 1 });
    await assert.rejects(items.acquire(), /called/);
    assert.deepEqual(counts(items), [0, 0, 0]);
    wrong = false;
    assert.equal((await items.acquire()).id, 1);
  }
});

test('a thenable that settles twice makes one item', async () => {
  let id = 0;
  const create = () =>
    ({
      // biome-ignore lint/suspicious/noThenProperty: a thenable is what this is about
      then: (resolve: (item: Item) => void) => {
        resolve({ id: id++, good: true });
        resolve({ id: id++, good: true });
      },
    }) as Promise<Item>;
  const { items } = numbered({ create });
  items.release(await items.acquire());
  assert.deepEqual(counts(items), [1, 1, 0]);
});

test('an onError that throws: the item is destroyed all the same, the error is not lost', async () => {
  const fail = (): never => {
    throw new Error('hook');
  };
  const later = async () => fail();
  const onError = (): never => {
    throw new Error('onError');
  };
  for (const hook of [fail, later]) {
    const found = await uncaught(async () => {
      const { items, destroyed } = numbered({ reset: hook, max: 1, onError });
      const item = await items.acquire();
      items.release(item);
      assert.notEqual(await items.acquire({ timeoutMs: 500 }), item);
      assert.deepEqual(destroyed, [item]);
    });
    assert.deepEqual(found.map(String), ['Error: onError']);
    const again = await uncaught(async () => {
      const items = pool({ create: () => ({}), destroy: hook, max: 1, onError });
      items.destroy(await items.acquire());
      items.release(await items.acquire({ timeoutMs: 500 }));
      await items.clear();
      await items.close();
    });
    assert.deepEqual(again.map(String), ['Error: onError', 'Error: onError']);
  }
});

test("idleMs and maxLifetimeMs by a test's timers that move no clock", async () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  try {
    for (const options of [{ idleMs: 10_000 }, { maxLifetimeMs: 10_000 }]) {
      const { items, destroyed } = numbered(options);
      const all = [await items.acquire(), await items.acquire()];
      for (const item of all) items.release(item);
      mock.timers.tick(9000);
      assert.deepEqual(counts(items), [2, 2, 0]);
      // the two came back at times of their own, and a timer made in a tick counts from the tick's end
      for (let i = 0; i < 20; i++) mock.timers.tick(100);
      assert.deepEqual(counts(items), [0, 0, 0]);
      assert.equal(destroyed.length, 2);
    }
  } finally {
    mock.timers.reset();
  }
});

test.run();
