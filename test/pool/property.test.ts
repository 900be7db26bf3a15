// The pool under random orders of events: every create, validate, reset and destroy is answered when and how fast-check
// likes. A failure prints the seed and the path to repeat it.

import * as assert from 'node:assert/strict';
import fc from 'fast-check';
import { suite } from 'uvu';
import { type Pool, pool } from '../../lib/pool';

const test = suite('pool, random orders');

interface Item {
  id: number;
  users: number;
  destroyed: number;
}

interface Question {
  yes(): void;
  no(): void;
}

/** Everything the pool asks of its owner, answered later. */
class World {
  readonly items: Item[] = [];
  readonly questions: Question[] = [];
  readonly held: Item[] = [];
  readonly pool: Pool<Item>;
  /** Order of those still waiting, by number. */
  readonly waiting: number[] = [];
  readonly controllers = new Map<number, AbortController>();
  next = 0;

  constructor(options: { max: number; min: number; maxUses: number; validate: boolean; reset: boolean }) {
    const { max, min, maxUses } = options;
    this.pool = pool<Item>({
      create: () =>
        this.ask(
          () => {
            const item = { id: this.items.length, users: 0, destroyed: 0 };
            this.items.push(item);
            return item;
          },
          () => Promise.reject(new Error('refused')),
        ),
      destroy: (item) => {
        item.destroyed++;
        assert.equal(item.users, 0, 'destroyed in use');
        assert.equal(item.destroyed, 1, 'destroyed twice');
      },
      validate: options.validate
        ? () =>
            this.ask(
              () => true,
              () => false,
            )
        : undefined,
      reset: options.reset
        ? () =>
            this.ask(
              () => undefined,
              () => Promise.reject(new Error('dirty')),
            )
        : undefined,
      max,
      min,
      maxUses,
      onError: () => {},
    });
  }

  ask<A, B>(yes: () => A, no: () => B): Promise<Awaited<A> | Awaited<B>> {
    return new Promise((resolve) => {
      this.questions.push({
        yes: () => resolve(yes() as Awaited<A>),
        no: () => resolve(no() as Awaited<B>),
      });
    });
  }

  hold(item: Item): void {
    assert.equal(item.users, 0, 'two users of one item');
    assert.equal(item.destroyed, 0, 'a destroyed item was handed out');
    item.users++;
    this.held.push(item);
  }

  acquire(): void {
    const number = this.next++;
    const controller = new AbortController();
    this.controllers.set(number, controller);
    this.waiting.push(number);
    this.pool.acquire({ signal: controller.signal }).then(
      (item) => {
        assert.equal(this.waiting[0], number, 'served out of order');
        this.waiting.shift();
        this.hold(item);
      },
      () => {
        const at = this.waiting.indexOf(number);
        if (at >= 0) this.waiting.splice(at, 1);
      },
    );
  }

  check(max: number): void {
    const { size, available, pending } = this.pool;
    assert.ok(size >= 0 && size <= max, `size ${size}`);
    assert.ok(available <= size && available >= 0);
    assert.ok(pending >= 0);
    assert.ok(this.held.length + available <= size);
    const alive = this.items.filter((item) => item.destroyed === 0).length;
    assert.ok(alive <= max, `${alive} alive`);
  }
}

const event = fc.oneof(
  { weight: 4, arbitrary: fc.constant({ kind: 'acquire' as const, n: 0 }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('release' as const), n: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('destroy' as const), n: fc.nat(20) }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('yes' as const), n: fc.nat(20) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('no' as const), n: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('abort' as const), n: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'try' as const, n: 0 }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'clear' as const, n: 0 }) },
);

const settings = fc
  .record({
    max: fc.integer({ min: 1, max: 4 }),
    min: fc.nat(2),
    maxUses: fc.constantFrom(1, 2, Infinity),
    validate: fc.boolean(),
    reset: fc.boolean(),
  })
  .map((record) => ({ ...record, min: Math.min(record.min, record.max) }));

test('no item has two users, none is lost, none destroyed twice, order is kept', async () => {
  await fc.assert(
    fc.asyncProperty(settings, fc.array(event, { maxLength: 80 }), async (options, events) => {
      const failures: unknown[] = [];
      const listen = (error: unknown) => failures.push(error);
      process.on('unhandledRejection', listen);
      try {
        const world = new World(options);
        for (const { kind, n } of events) {
          step(world, kind, n);
          world.check(options.max);
          // Let promises settle now and then, not always: several events fall into one turn.
          if (n % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
        }
        await end(world);
        await new Promise((resolve) => setImmediate(resolve));
        assert.deepEqual(failures, []);
      } finally {
        process.off('unhandledRejection', listen);
      }
    }),
    { numRuns: 250 },
  );
});

function step(world: World, kind: string, n: number): void {
  const pick = <T>(from: T[]): T | undefined =>
    from.length === 0 ? undefined : from.splice(n % from.length, 1)[0];
  switch (kind) {
    case 'acquire':
      world.acquire();
      break;
    case 'release':
    case 'destroy': {
      const item = pick(world.held);
      if (item === undefined) break;
      item.users--;
      if (kind === 'release') world.pool.release(item);
      else world.pool.destroy(item);
      // When somebody waited the item is theirs by now, and a second release could not be told from their own.
      if (world.waiting.length === 0) {
        assert.throws(() => world.pool.release(item), /not in use|not of this pool/);
      }
      break;
    }
    case 'yes':
      pick(world.questions)?.yes();
      break;
    case 'no':
      pick(world.questions)?.no();
      break;
    case 'abort': {
      const number = world.waiting[n % Math.max(1, world.waiting.length)];
      if (number !== undefined) world.controllers.get(number)?.abort();
      break;
    }
    case 'try': {
      const item = world.pool.tryAcquire();
      if (item !== undefined) world.hold(item);
      break;
    }
    default:
      void world.pool.clear();
  }
}

/** Closes: everybody is answered, everything comes back, nothing stays alive. */
async function end(world: World): Promise<void> {
  let closed = false;
  const closing = world.pool.close().then(() => {
    closed = true;
  });
  for (let i = 0; i < 200 && !closed; i++) {
    for (const item of world.held.splice(0)) {
      item.users--;
      world.pool.release(item);
    }
    for (const question of world.questions.splice(0)) question.yes();
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.ok(closed, 'close never ended');
  await closing;
  assert.deepEqual(world.waiting, []);
  assert.deepEqual([world.pool.size, world.pool.available, world.pool.pending], [0, 0, 0]);
  for (const item of world.items) assert.equal(item.destroyed, 1, `item ${item.id} was left`);
}

test.run();
