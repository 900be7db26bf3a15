// tailrace/pool: one implementation, the same on both backends. Time is real but never judged: tests wait for states.

import * as assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { suite } from 'uvu';
import { InvalidArgument } from '../../lib/errors';
import { type PoolOptions, pool } from '../../lib/pool';
import { counts, type Item, numbered, sleep, turn, until } from './numbered';

const test = suite('pool');

test('an item is made when needed, used again, newest first', async () => {
  const { items, made } = numbered({ max: 3 });
  assert.deepEqual(counts(items), [0, 0, 0]);
  const a = await items.acquire();
  const b = await items.acquire();
  assert.deepEqual(counts(items), [2, 0, 0]);
  items.release(a);
  items.release(b);
  assert.deepEqual(counts(items), [2, 2, 0]);
  assert.equal(await items.acquire(), b);
  assert.equal(items.tryAcquire(), a);
  assert.equal(items.tryAcquire(), undefined);
  assert.equal(made.length, 2);
});

test('beyond max callers wait, in their order', async () => {
  const { items, made } = numbered({ max: 1 });
  const first = await items.acquire();
  const order: number[] = [];
  const waiting = [1, 2, 3].map(async (n) => {
    const item = await items.acquire();
    order.push(n);
    await turn();
    items.release(item);
  });
  assert.deepEqual(counts(items), [1, 0, 3]);
  assert.equal(items.tryAcquire(), undefined);
  items.release(first);
  assert.equal(items.tryAcquire(), undefined, 'not past those who wait');
  await Promise.all(waiting);
  assert.deepEqual(order, [1, 2, 3]);
  assert.equal(made.length, 1);
});

test('foreign items and second releases are named errors', async () => {
  const { items } = numbered();
  const item = await items.acquire();
  assert.throws(() => items.release({ id: 0, good: true }), { code: 'ERR_TAILRACE_FOREIGN_ITEM' });
  items.release(item);
  assert.throws(() => items.release(item), { code: 'ERR_TAILRACE_DOUBLE_RELEASE' });
  assert.throws(() => items.destroy(item), { code: 'ERR_TAILRACE_DOUBLE_RELEASE' });
  assert.deepEqual(counts(items), [1, 1, 0]);
  items.destroy(await items.acquire());
  assert.throws(() => items.release(item), { code: 'ERR_TAILRACE_FOREIGN_ITEM' });
  assert.deepEqual(counts(items), [0, 0, 0]);
});

test('maxWaiters', async () => {
  const { items } = numbered({ max: 1, maxWaiters: 2 });
  const item = await items.acquire();
  const waiting = [items.acquire(), items.acquire()];
  await assert.rejects(items.acquire(), { code: 'ERR_TAILRACE_QUEUE_FULL', name: 'QueueFullError' });
  items.release(item);
  items.release(await waiting[0]!);
  items.release(await waiting[1]!);
  const none = numbered({ max: 2, maxWaiters: 0, create: async () => ({ id: 0, good: true }) }).items;
  const [a, b] = [none.acquire(), none.acquire()]; // under construction is not waiting
  await assert.rejects(none.acquire(), { code: 'ERR_TAILRACE_QUEUE_FULL' });
  await Promise.all([a, b]);
});

test('timeouts: of the pool, of the call', async () => {
  const { items } = numbered({ max: 1, acquireTimeoutMs: 5 });
  const item = await items.acquire();
  await assert.rejects(items.acquire(), { code: 'ERR_TAILRACE_TIMEOUT', name: 'TimeoutError' });
  const patient = items.acquire({ timeoutMs: Infinity });
  await assert.rejects(items.acquire({ timeoutMs: 0 }), { code: 'ERR_TAILRACE_TIMEOUT' });
  await sleep(20);
  assert.equal(items.pending, 1);
  items.release(item);
  assert.equal(await patient, item);
});

test('a signal ends the waiting with its reason, and only the waiting', async () => {
  const { items } = numbered({ max: 1 });
  const controller = new AbortController();
  const item = await items.acquire({ signal: controller.signal });
  const reason = new Error('mine');
  const first = items.acquire({ signal: controller.signal });
  const second = items.acquire();
  controller.abort(reason);
  await assert.rejects(first, (error) => error === reason);
  await assert.rejects(items.acquire({ signal: AbortSignal.abort(reason) }), (error) => error === reason);
  assert.equal(items.pending, 1);
  items.release(item);
  assert.equal(await second, item);
});

test('one signal for very many calls: one listener, no warning, none left behind', async () => {
  const { items } = numbered({ max: 1 });
  const warnings: Error[] = [];
  const listen = (warning: Error) => warnings.push(warning);
  process.on('warning', listen);
  const controller = new AbortController();
  const { signal } = controller;
  const item = await items.acquire({ signal });
  const served = Array.from({ length: 100 }, () => items.acquire({ signal }));
  assert.equal(getEventListeners(signal, 'abort').length, 1);
  items.release(item);
  for (const each of served) items.release(await each);
  assert.equal(getEventListeners(signal, 'abort').length, 0, 'nobody waits with it');
  const held = await items.acquire();
  const aborted = Array.from({ length: 100 }, () => items.acquire({ signal }));
  const other = items.acquire();
  controller.abort(new Error('mine'));
  const results = await Promise.allSettled(aborted);
  assert.ok(results.every((result) => result.status === 'rejected' && result.reason === signal.reason));
  assert.equal(items.pending, 1);
  items.release(held);
  assert.equal(await other, held);
  await turn(); // warnings come by a tick of their own
  process.off('warning', listen);
  assert.deepEqual(warnings, []);
});

test('a create that fails rejects the first who waits; the others go on', async () => {
  let fail = 2;
  const failure = new Error('refused');
  const { items, errors } = numbered({
    max: 1,
    create: async () => {
      await turn();
      if (fail-- > 0) throw failure;
      return { id: 1, good: true };
    },
  });
  const results = await Promise.allSettled([items.acquire(), items.acquire(), items.acquire()]);
  assert.deepEqual(
    results.map((result) => result.status),
    ['rejected', 'rejected', 'fulfilled'],
  );
  assert.deepEqual(errors, []);
  assert.deepEqual(counts(items), [1, 0, 0]);
});

test('a create that throws at once, with very many waiting', async () => {
  let broken = false;
  const { items } = numbered({
    max: 1,
    create: () => {
      if (broken) throw new Error('refused');
      return { id: 0, good: true };
    },
  });
  const item = await items.acquire();
  broken = true;
  const all = Array.from({ length: 20_000 }, () => items.acquire());
  items.destroy(item);
  const results = await Promise.allSettled(all);
  assert.ok(results.every((result) => result.status === 'rejected'));
  assert.deepEqual(counts(items), [0, 0, 0]);
});

test('a create whose caller is gone fills the pool', async () => {
  let make: (item: Item) => void = () => {};
  const { items } = numbered({
    create: () =>
      new Promise<Item>((resolve) => {
        make = resolve;
      }),
  });
  const controller = new AbortController();
  const lost = items.acquire({ signal: controller.signal });
  controller.abort();
  await assert.rejects(lost, { name: 'AbortError' });
  assert.deepEqual(counts(items), [1, 0, 0]);
  make({ id: 5, good: true });
  await turn();
  assert.equal(items.tryAcquire()?.id, 5);
});

test('create must give a new item each time', async () => {
  const one = { id: 0, good: true };
  const { items } = numbered({ create: () => one });
  await items.acquire();
  await assert.rejects(items.acquire(), InvalidArgument);
});

for (const async of [false, true]) {
  const kind = async ? 'by a promise' : 'at once';
  test(`validate answers ${kind}: bad items are destroyed, the next is tried`, async () => {
    const { items, destroyed } = numbered({
      max: 3,
      validate: (item) => (async ? turn().then(() => item.good) : item.good),
    });
    const all = [await items.acquire(), await items.acquire(), await items.acquire()];
    for (const item of all) items.release(item);
    all[2]!.good = false;
    all[1]!.good = false;
    assert.equal(await items.acquire(), all[0]);
    assert.deepEqual(destroyed, [all[2], all[1]]);
    const fresh = await items.acquire();
    assert.equal(fresh.id, 3, 'a fresh one, when none passes');
  });

  test(`validate fails ${kind}`, async () => {
    const { items, destroyed } = numbered({
      max: 1,
      validate: async
        ? () => Promise.reject(new Error('x'))
        : () => {
            throw new Error('x');
          },
    });
    items.release(await items.acquire());
    const next = await items.acquire();
    assert.equal(next.id, 1);
    assert.equal(destroyed.length, 1);
  });

  test(`reset ${kind}, and when it fails`, async () => {
    const failure = new Error('dirty');
    let fail = false;
    const seen: number[] = [];
    const { items, destroyed, errors } = numbered({
      max: 1,
      reset: (item) => {
        seen.push(item.id);
        if (!async) {
          if (fail) throw failure;
          return undefined;
        }
        return turn().then(() => {
          if (fail) throw failure;
        });
      },
    });
    const item = await items.acquire();
    items.release(item);
    if (async) {
      assert.deepEqual(counts(items), [1, 0, 0], 'not before it is reset');
      assert.throws(() => items.release(item), { code: 'ERR_TAILRACE_DOUBLE_RELEASE' });
    }
    assert.equal(await items.acquire(), item);
    fail = true;
    const waiting = items.acquire();
    items.release(item);
    assert.equal((await waiting).id, 1);
    assert.deepEqual(destroyed, [item]);
    assert.deepEqual(errors, [failure]);
    assert.deepEqual(seen, [0, 0]);
  });
}

test('tryAcquire with a validate that answers later', async () => {
  const { items } = numbered({ validate: async (item) => item.good });
  const item = await items.acquire();
  items.release(item);
  assert.equal(items.tryAcquire(), undefined);
  await turn();
  assert.deepEqual(counts(items), [1, 1, 0]);
});

test('maxUses and maxLifetimeMs', async () => {
  const uses = numbered({ max: 1, maxUses: 2 });
  const ids: number[] = [];
  for (let i = 0; i < 5; i++) {
    const item = await uses.items.acquire();
    ids.push(item.id);
    uses.items.release(item);
  }
  assert.deepEqual(ids, [0, 0, 1, 1, 2]);
  const life = numbered({ max: 1, maxLifetimeMs: 10 });
  const item = await life.items.acquire();
  await sleep(15);
  life.items.release(item);
  assert.deepEqual(life.destroyed, [item]);
  life.items.release(await life.items.acquire());
  await until(() => life.items.size === 0); // idle ones go too
  assert.equal(life.destroyed.length, 2);
});

test('use brings the item back whatever happens', async () => {
  const { items, destroyed } = numbered({ max: 1 });
  assert.equal(await items.use((item) => item.id + 10), 10);
  await assert.rejects(
    items.use(async () => {
      throw new Error('mine');
    }),
    /mine/,
  );
  assert.deepEqual(counts(items), [1, 1, 0]);
  await items.use((item) => items.destroy(item));
  assert.equal(destroyed.length, 1);
  await items.use(async (item) => {
    items.release(item);
    assert.equal(await items.acquire(), item); // its second user keeps it
  });
  assert.deepEqual(counts(items), [1, 0, 0]);
});

test('clear ends what is idle now and what is in use later', async () => {
  const { items, destroyed } = numbered({ max: 3 });
  const a = await items.acquire();
  items.release(await items.acquire());
  await items.clear();
  assert.deepEqual(counts(items), [1, 0, 0]);
  const fresh = await items.acquire();
  items.release(a);
  items.release(fresh);
  assert.deepEqual(destroyed.map((item) => item.id).sort(), [0, 1]);
  assert.equal(await items.acquire(), fresh);
});

test('close rejects who waits, and resolves when all is back and ended', async () => {
  let ended = 0;
  const { items } = numbered({
    max: 1,
    destroy: async () => {
      await sleep(5);
      ended++;
    },
  });
  const item = await items.acquire();
  const waiting = items.acquire();
  const closing = items.close();
  assert.equal(items.close(), closing);
  await assert.rejects(waiting, { code: 'ERR_TAILRACE_CLOSED' });
  await assert.rejects(items.acquire(), { code: 'ERR_TAILRACE_CLOSED' });
  assert.throws(() => items.tryAcquire(), { code: 'ERR_TAILRACE_CLOSED' });
  items.release(item);
  await closing;
  assert.equal(ended, 1);
  assert.deepEqual(counts(items), [0, 0, 0]);
  await numbered({ min: 2 }).items.close();
});

test('await using closes, where the runtime knows it', async () => {
  const asyncDispose = (Symbol as { asyncDispose?: symbol }).asyncDispose;
  const { items, destroyed } = numbered({ min: 1 });
  if (asyncDispose !== undefined) {
    await (items as unknown as Record<symbol, () => Promise<void>>)[asyncDispose]!();
    assert.equal(destroyed.length, 1);
  }
  await items.close();
});

test('close while an item is under construction ends it when it comes', async () => {
  const { items, destroyed } = numbered({ create: () => turn().then(() => ({ id: 9, good: true })) });
  const waiting = items.acquire();
  const closing = items.close();
  await assert.rejects(waiting, { code: 'ERR_TAILRACE_CLOSED' });
  await closing;
  assert.deepEqual(
    destroyed.map((item) => item.id),
    [9],
  );
});

test('a destroy that fails is told and forgotten', async () => {
  const { items, errors } = numbered({ destroy: () => Promise.reject(new Error('stuck')) });
  items.destroy(await items.acquire());
  await items.clear();
  assert.equal(errors.length, 1);
  await items.close();
});

test('bad options are named', async () => {
  const create = () => 1;
  const bad: [object, RegExp][] = [
    [{}, /"create"/],
    [{ create: 5, max: 1 }, /"create"/],
    [{ create }, /"max"/],
    [{ create, max: 0 }, /"max"/],
    [{ create, max: 1.5 }, /"max"/],
    [{ create, max: 2, min: 3 }, /"min"/],
    [{ create, max: 2, min: -1 }, /"min"/],
    [{ create, max: Infinity, min: Infinity }, /"min"/],
    [{ create, max: 2, maxWaiters: -1 }, /"maxWaiters"/],
    [{ create, max: 2, maxUses: 0 }, /"maxUses"/],
    [{ create, max: 2, maxLifetimeMs: NaN }, /"maxLifetimeMs"/],
    [{ create, max: 2, idleMs: '5' }, /"idleMs"/],
    [{ create, max: 2, acquireTimeoutMs: -1 }, /"acquireTimeoutMs"/],
    [{ create, max: 2, destroy: 1 }, /"destroy"/],
    [{ create, max: 2, reset: 1 }, /"reset"/],
    [{ create, max: 2, validate: 1 }, /"validate"/],
    [{ create, max: 2, onError: 1 }, /"onError"/],
    [{ create, max: 2, maximum: 3 }, /"maximum"/],
  ];
  for (const [options, message] of bad) {
    assert.throws(() => pool(options as PoolOptions<number>), { name: 'InvalidArgument', message });
  }
  assert.throws(() => pool(null as unknown as PoolOptions<number>), InvalidArgument);
  const { items } = numbered();
  await assert.rejects(items.acquire({ timeoutMs: -1 }), /"timeoutMs"/);
  await assert.rejects(items.acquire({ signal: 5 as unknown as AbortSignal }), /"signal"/);
  await assert.rejects(items.acquire({ timeout: 5 } as never), /"timeout"/);
  await assert.rejects(items.use(5 as unknown as () => void), /"run"/);
});

test.run();
