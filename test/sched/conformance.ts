// What tailrace/sched does, on whatever backend is chosen.

import * as assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { suite } from 'uvu';
import { channel, isolates, metrics, mutex, procs, scope, select, semaphore } from '../../lib/sched';
import { bucketOf, floorOf, kLatencyBuckets, LatencyHistogram } from '../../lib/sched/latency';
import { code, invalid } from '../support/errors';

type Tasks = typeof import('./fixtures/tasks');

const tasks = pathToFileURL(join(__dirname, 'fixtures', 'tasks.js'));
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export function conformance(name: string) {
  const test = suite(`sched on ${name}`);

  test('procs: read, set, bounded', () => {
    const before = procs();
    assert.ok(Number.isInteger(before) && before >= 1);
    assert.equal(procs(before + 1), before);
    assert.equal(procs(), before + 1);
    assert.equal(metrics().procs, before + 1);
    procs(before);
    for (const wrong of [0, 129, 1.5, Number.NaN, '2']) {
      assert.throws(() => procs(wrong as number), invalid('count'));
    }
  });

  test('metrics: every figure is a number', () => {
    const { schedLatency, ...figures } = metrics();
    for (const [key, value] of Object.entries(figures)) assert.ok(Number.isFinite(value) && value >= 0, key);
    for (const key of [
      'procs',
      'threads',
      'spinning',
      'goroutines',
      'runQueues',
      'steals',
      'handoffs',
      'parks',
    ]) {
      assert.ok(key in figures, key);
    }
    assert.ok(schedLatency.count >= 0);
  });

  test('latency buckets agree with their floors, and the histogram with its samples', () => {
    for (let bucket = 0; bucket < kLatencyBuckets; bucket++) {
      assert.equal(bucketOf(floorOf(bucket)), bucket);
      if (bucket > 0) assert.equal(bucketOf(floorOf(bucket) - 1), bucket - 1);
    }
    const counts = new Float64Array(kLatencyBuckets);
    for (let ns = 1; ns <= 1000; ns++) counts[bucketOf(ns)] = (counts[bucketOf(ns)] as number) + 1;
    const histogram = new LatencyHistogram(counts);
    assert.equal(histogram.count, 1000);
    for (const [percent, exact] of [
      [50, 500],
      [90, 900],
      [99, 990],
    ] as const) {
      assert.ok(Math.abs(histogram.percentile(percent) - exact) <= exact / 4, String(percent));
    }
    assert.ok(Math.abs(histogram.mean - 500.5) < 60);
    assert.equal(histogram.percentiles.get(100), histogram.max);
    assert.throws(() => histogram.percentile(0), invalid('percentile'));
    assert.equal(new LatencyHistogram(new Float64Array(kLatencyBuckets)).count, 0);
  });

  test('scope: children end before it, and its value comes out', async () => {
    const order: string[] = [];
    const value = await scope(async (s) => {
      const task = s.go(async () => {
        await turn();
        order.push('child');
        s.go(async () => {
          await turn();
          order.push('grandchild');
        });
        return 7;
      });
      assert.equal(s.pending, 1);
      order.push('body');
      return (await task) + 1;
    });
    order.push('after');
    assert.equal(value, 8);
    assert.deepEqual(order, ['body', 'child', 'grandchild', 'after']);
  });

  test('scope: the first failure cancels the rest and comes out when all have ended', async () => {
    let cleaned = false;
    const first = new Error('first');
    await assert.rejects(
      scope(async (s) => {
        s.go(async (signal) => {
          await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
          await turn();
          cleaned = true;
          throw new Error('second');
        });
        s.go(() => {
          throw first;
        });
      }),
      first,
    );
    assert.ok(cleaned);
  });

  test('scope: aborted from outside, by itself, and one task alone', async () => {
    const controller = new AbortController();
    const reason = new Error('stop');
    const running = scope(
      async (s) => {
        await new Promise((_resolve, reject) =>
          s.signal.addEventListener('abort', () => reject(s.signal.reason)),
        );
      },
      { signal: controller.signal },
    );
    controller.abort(reason);
    await assert.rejects(running, reason);
    await assert.rejects(
      scope(() => 1, { signal: AbortSignal.abort(reason) }),
      reason,
    );
    await assert.rejects(
      scope((s) => s.cancel(reason)),
      reason,
    );
    const value = await scope(async (s) => {
      const task = s.go(
        (signal) =>
          new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
      );
      task.cancel(reason);
      await assert.rejects(task.result, reason);
      return 'fine';
    });
    assert.equal(value, 'fine');
    let kept: { go(child: () => void): unknown } | undefined;
    await scope((s) => {
      kept = s;
    });
    assert.throws(() => kept?.go(() => {}), code('ERR_TAILRACE_CLOSED'));
    await assert.rejects(scope(7 as never), invalid('body'));
  });

  test('channel: unbuffered, a send waits for its receiver', async () => {
    const ch = channel<number>();
    assert.equal(ch.trySend(1), false);
    assert.equal(ch.tryReceive(), undefined);
    let sent = false;
    const send = ch.send(1).then(() => {
      sent = true;
    });
    await turn();
    assert.equal(sent, false);
    assert.deepEqual(await ch.receive(), { value: 1, done: false });
    await send;
    assert.equal(sent, true);
  });

  test('channel: order through buffer and waiting senders, close drains', async () => {
    const ch = channel<number>(2);
    const sends = [1, 2, 3, 4].map((n) => ch.send(n));
    assert.equal(ch.length, 2);
    const got: number[] = [];
    for (let i = 0; i < 4; i++) got.push((await ch.receive()).value as number);
    await Promise.all(sends);
    assert.deepEqual(got, [1, 2, 3, 4]);
    await ch.send(5);
    ch.close();
    ch.close();
    assert.ok(ch.closed);
    assert.deepEqual(await ch.receive(), { value: 5, done: false });
    assert.deepEqual(await ch.receive(), { value: undefined, done: true });
    await assert.rejects(ch.send(6), code('ERR_TAILRACE_CLOSED'));
    assert.throws(() => ch.trySend(6), code('ERR_TAILRACE_CLOSED'));
    assert.throws(() => channel(-1), invalid('capacity'));
  });

  test('channel: close settles those that wait; aborted ones leave the line', async () => {
    const ch = channel<number>();
    const receive = ch.receive();
    ch.close();
    assert.deepEqual(await receive, { value: undefined, done: true });
    const other = channel<number>();
    const send = other.send(1);
    other.close();
    await assert.rejects(send, code('ERR_TAILRACE_CLOSED'));

    const third = channel<number>();
    const controller = new AbortController();
    const reason = new Error('enough');
    const waiting = third.receive({ signal: controller.signal });
    controller.abort(reason);
    await assert.rejects(waiting, reason);
    assert.equal(third.trySend(1), false); // nobody waits any more
    await assert.rejects(third.receive({ signal: controller.signal }), reason);
    await assert.rejects(third.receive({ signal: 1 as never }), invalid('signal'));
  });

  test('channel: for await takes all', async () => {
    const ch = channel<number>(1);
    const got: number[] = [];
    await scope((s) => {
      s.go(async () => {
        for (let i = 0; i < 100; i++) await ch.send(i);
        ch.close();
      });
      s.go(async () => {
        for await (const value of ch) got.push(value);
      });
    });
    assert.deepEqual(
      got,
      Array.from({ length: 100 }, (_, i) => i),
    );
  });

  test('select: exactly one branch, fair among the ready, default, abort', async () => {
    const a = channel<number>(1);
    const b = channel<string>(1);
    assert.deepEqual(await select({ a: a.receiving() }, { default: 'none' }), {
      key: 'default',
      value: 'none',
      done: false,
    });
    const waiting = select({ a: a.receiving(), b: b.receiving() });
    await turn();
    b.trySend('x');
    assert.deepEqual(await waiting, { key: 'b', value: 'x', done: false });
    assert.equal(a.trySend(1), true); // the losing branch left its line: the value goes to the buffer
    assert.equal(a.length, 1);
    const sending = await select({ a: a.sending(2), b: b.sending('y') });
    assert.equal(sending.key, 'b');
    const seen = new Set<string>();
    for (let i = 0; i < 200; i++) {
      const { key } = await select({ a: a.receiving(), b: b.receiving() });
      seen.add(key);
      if (key === 'a') a.trySend(1);
      else b.trySend('z');
    }
    assert.deepEqual([...seen].sort(), ['a', 'b']);
    const controller = new AbortController();
    const empty = channel<number>();
    const aborted = select({ e: empty.receiving() }, { signal: controller.signal });
    controller.abort(new Error('gone'));
    await assert.rejects(aborted, /gone/);
    assert.equal(empty.trySend(1), false);
    empty.close();
    assert.deepEqual(await select({ e: empty.receiving() }), { key: 'e', value: undefined, done: true });
    await assert.rejects(select({ x: {} as never }), invalid('cases.x'));
  });

  test('two selects meet on an unbuffered channel', async () => {
    const ch = channel<number>();
    const never = channel<number>();
    const [received, sent] = await Promise.all([
      select({ got: ch.receiving(), no: never.receiving() }),
      select({ put: ch.sending(5), no: channel<number>().sending(1) }),
    ]);
    assert.deepEqual(received, { key: 'got', value: 5, done: false });
    assert.deepEqual(sent, { key: 'put', value: undefined, done: false });
  });

  test('mutex and semaphore: in order, bounded, abortable', async () => {
    const lock = mutex();
    const order: number[] = [];
    await Promise.all(
      [1, 2, 3].map((n) =>
        lock.run(async () => {
          order.push(n);
          await turn();
          order.push(n);
        }),
      ),
    );
    assert.deepEqual(order, [1, 1, 2, 2, 3, 3]);
    const unlock = await lock.lock();
    assert.equal(lock.tryLock(), undefined);
    const controller = new AbortController();
    const waiting = lock.lock({ signal: controller.signal });
    assert.equal(lock.pending, 1);
    controller.abort(new Error('no'));
    await assert.rejects(waiting, /no/);
    assert.equal(lock.pending, 0);
    unlock();
    unlock();
    assert.equal(lock.locked, false);
    await assert.rejects(
      lock.run(() => {
        throw new Error('inside');
      }),
      /inside/,
    );
    assert.equal(lock.locked, false);

    const two = semaphore(2);
    let inside = 0;
    let most = 0;
    await Promise.all(
      Array.from({ length: 10 }, () =>
        two.run(async () => {
          most = Math.max(most, ++inside);
          await turn();
          inside--;
        }),
      ),
    );
    assert.equal(most, 2);
    assert.equal(two.available, 2);
    assert.throws(() => two.release(), code('ERR_TAILRACE_DOUBLE_RELEASE'));
    assert.throws(() => semaphore(0), invalid('count'));
  });

  test('isolates: call, run, errors, data', async () => {
    const pool = await isolates<Tasks>(tasks, { max: 2, workerData: { a: 1 } });
    assert.equal(await pool.call.add(1, 2), 3);
    assert.equal(await pool.run('add', [3, 4]), 7);
    assert.deepEqual(await pool.call.data(), { a: 1 });
    await assert.rejects(pool.call.fail('bad'), (error: Error & { code?: string }) => {
      assert.ok(error instanceof RangeError);
      assert.equal(error.message, 'bad');
      assert.equal(error.code, 'ERR_OWN');
      return true;
    });
    await assert.rejects(pool.run('missing' as never, [] as never), invalid('name'));
    await assert.rejects(pool.call.unsendable(), /could not be cloned/);
    await assert.rejects(pool.run('add', [() => {}, 1] as never), /could not be cloned/);
    const buffer = new ArrayBuffer(64);
    assert.equal(await pool.run('size', [buffer], { transfer: [buffer] }), 64);
    assert.equal(buffer.byteLength, 0);
    const storage = new AsyncLocalStorage<number>();
    const seen = await storage.run(
      5,
      () =>
        new Promise((resolve) => {
          pool.callback('add', [2, 2], (error, value) => resolve([error, value, storage.getStore()]));
        }),
    );
    assert.deepEqual(seen, [undefined, 4, 5]);
    await pool.close();
    await assert.rejects(pool.call.add(1, 1), code('ERR_TAILRACE_CLOSED'));
    assert.equal(pool.stats().isolates, 0);
  });

  test('isolates: map is ordered and takes no more than it gives', async () => {
    const pool = await isolates<Tasks>(tasks, { max: 2 });
    let taken = 0;
    function* items(): Generator<number> {
      for (let i = 0; i < 20; i++) {
        taken++;
        yield i % 3;
      }
    }
    const got: unknown[] = [];
    for await (const value of pool.map('slow', items(), { concurrency: 4 })) {
      got.push(value);
      assert.ok(taken <= got.length + 4);
    }
    assert.equal(got.length, 20);
    assert.ok(metrics().schedLatency.count >= 20);
    const short = await isolates<Tasks>(tasks, { max: 2, maxQueue: 1 });
    const doubled: unknown[] = [];
    for await (const value of short.map('slow', items(), { concurrency: 8 })) doubled.push(value);
    assert.equal(doubled.length, 20, 'a short queue is filled, not overfilled');
    await short.close();
    const bad = pool.map('fail', ['x', 'y']);
    await assert.rejects(async () => {
      for await (const _ of bad);
    }, /x/);
    await pool.close();
  });

  test('isolates: a queue with a bound, priorities, drain', async () => {
    const pool = await isolates<Tasks>(tasks, { max: 1, maxQueue: 3 });
    const order: string[] = [];
    const busy = pool.call.slow(50, 'busy');
    const run = (label: string, priority: 'high' | 'normal' | 'low') =>
      pool.run('slow', [0, label], { priority }).then(() => order.push(label));
    const queued = [run('low', 'low'), run('normal', 'normal'), run('high', 'high')];
    assert.ok(pool.needsDrain);
    await assert.rejects(pool.call.add(1, 1), code('ERR_TAILRACE_QUEUE_FULL'));
    let drained = 0;
    pool.on('drain', () => drained++);
    await Promise.all([busy, ...queued]);
    assert.deepEqual(order, ['high', 'normal', 'low']);
    assert.equal(drained, 1);
    assert.equal(pool.needsDrain, false);
    await pool.close();
  });

  test('isolates: abort in the queue, abort while running, deadline, death', async () => {
    const pool = await isolates<Tasks>(tasks, { max: 1 });
    const spinning = new AbortController();
    const running = pool.run('spin', [], { signal: spinning.signal });
    const controller = new AbortController();
    const waiting = pool.run('add', [1, 1], { signal: controller.signal });
    controller.abort(new Error('not needed'));
    await assert.rejects(waiting, /not needed/);
    assert.equal(pool.stats().queued, 0);
    const next = pool.call.add(2, 3);
    spinning.abort(new Error('enough'));
    await assert.rejects(running, /enough/);
    assert.equal(await next, 5); // another isolate took the place
    await assert.rejects(pool.run('spin', [], { deadlineMs: 30 }), code('ERR_TAILRACE_TIMEOUT'));
    await assert.rejects(pool.call.die(), code('ERR_TAILRACE_ISOLATE_EXIT'));
    assert.equal(await pool.call.add(1, 1), 2);
    assert.equal(pool.stats().restarts, 3);
    await assert.rejects(pool.run('add', [1, 1], { signal: AbortSignal.abort(new Error('late')) }), /late/);
    await pool.close();
  });

  test('isolates: affinity keeps to one isolate; close waits for what was accepted', async () => {
    const pool = await isolates<Tasks>(tasks, { min: 2, max: 2 });
    const ids = await Promise.all(Array.from({ length: 8 }, () => pool.run('where', [], { affinity: 'k' })));
    assert.equal(new Set(ids).size, 1);
    const last = Promise.all(Array.from({ length: 6 }, (_, i) => pool.call.slow(2, i)));
    await pool.close();
    assert.deepEqual(await last, [0, 1, 2, 3, 4, 5]);
  });

  test('isolates: bad modules and bad options are named', async () => {
    await assert.rejects(isolates(join(__dirname, 'fixtures', 'absent.js')), code('ERR_MODULE_NOT_FOUND'));
    await assert.rejects(isolates('relative.js'), invalid('url'));
    await assert.rejects(isolates(tasks, { max: 0 }), invalid('max'));
    await assert.rejects(isolates(tasks, { min: 3, max: 2 }), invalid('min'));
    await assert.rejects(isolates(tasks, { maxQueue: -1 }), invalid('maxQueue'));
    await assert.rejects(isolates(tasks, { min: 2n as never }), invalid('min'));
    await assert.rejects(isolates(tasks, { idleMs: null as never }), invalid('idleMs'));
    await assert.rejects(isolates(tasks, { env: 'A=1' as never }), invalid('env'));
    await assert.rejects(isolates(tasks, { execArgv: '--expose-gc' as never }), invalid('execArgv'));
    await assert.rejects(isolates(tasks, { name: '' }), invalid('name'));
    await assert.rejects(isolates(tasks, { maximum: 2 } as never), invalid('maximum'));
    const pool = await isolates<Tasks>(tasks, { max: 1 });
    await assert.rejects(
      async () => pool.run('add', [1, 1], { priority: 'urgent' as never }),
      invalid('priority'),
    );
    await pool.close();
  });

  return test;
}
