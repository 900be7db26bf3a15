// What tailrace/memory does, on whatever backend is chosen.

import * as assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { MessageChannel } from 'node:worker_threads';
import fc from 'fast-check';
import { suite } from 'uvu';
import { backend } from '../../lib/backend/select';
import { InvalidArgument, LimitError } from '../../lib/errors';
import { type Slab, SlabError, type SlabScope, slab } from '../../lib/memory';
import { kMaxPooledBytes, kSizeClasses, sizeClassOf, sizeOfClass } from '../../lib/memory/size-classes';

const foreign = { name: 'SlabError', code: 'ERR_TAILRACE_FOREIGN_BUFFER' };
const twice = { name: 'SlabError', code: 'ERR_TAILRACE_DOUBLE_FREE' };
const closed = { code: 'ERR_TAILRACE_CLOSED' };

/** Sizes around every edge there is. */
const sizes = fc.oneof(
  fc.integer({ min: 0, max: 300 }),
  fc.integer({ min: 0, max: 20_000 }),
  fc.constantFrom(0, 1, 16, 17, 128, 129, 512, 513, 65536, 65537, kMaxPooledBytes, kMaxPooledBytes + 1),
);

export function conformance(name: string) {
  const test = suite(`memory, ${name}`);

  test('every size gets the smallest class that fits, at most an eighth too large', () => {
    assert.equal(sizeClassOf(0), 0);
    for (let bytes = 1; bytes <= 70_000; bytes++) {
      const sizeClass = sizeClassOf(bytes);
      const size = sizeOfClass(sizeClass);
      assert.ok(size >= bytes, `${bytes}`);
      if (sizeClass > 0) assert.ok(sizeOfClass(sizeClass - 1) < bytes, `${bytes}`);
      assert.ok(size - bytes < 16 || (size - bytes) / size <= 0.125, `${bytes}`);
    }
    assert.equal(sizeOfClass(kSizeClasses - 1), kMaxPooledBytes);
    assert.equal(sizeClassOf(kMaxPooledBytes), kSizeClasses - 1);
  });

  test('alloc is zeroed, also where others wrote before', () => {
    const memory = slab();
    // Up to 128 bytes by stores, each size of block on its own way out; above by a call.
    const small = Array.from({ length: 146 }, (_, size) => size);
    for (const size of [...small, 511, 512, 513, 16384, 1 << 20, (1 << 20) + 1]) {
      for (let round = 0; round < 3; round++) {
        const dirty = memory.allocUnsafe(size);
        dirty.fill(0xff);
        memory.free(dirty);
        const buffer = memory.alloc(size);
        assert.equal(buffer.length, size);
        assert.ok(Buffer.isBuffer(buffer));
        assert.ok(buffer.equals(Buffer.alloc(size)), `${size}`);
        memory.free(buffer);
      }
    }
  });

  test('zeroing one buffer leaves its neighbours alone', () => {
    const memory = slab();
    for (const size of [3, 16, 30, 48, 64, 77, 96, 100, 112, 128, 144, 500, 700]) {
      const all = Array.from({ length: 50 }, () => memory.allocUnsafe(size).fill(0xab));
      for (let i = 0; i < all.length; i += 2) {
        memory.free(all[i]!);
        all[i] = memory.alloc(size);
      }
      all.forEach((buffer, i) => {
        assert.ok(
          buffer.every((byte) => byte === (i % 2 ? 0xab : 0)),
          `${size}`,
        );
      });
    }
  });

  test('a buffer looks like any other', () => {
    const memory = slab();
    const buffer = memory.alloc(4);
    assert.deepStrictEqual(buffer, Buffer.alloc(4));
    assert.deepEqual(Reflect.ownKeys(buffer), Reflect.ownKeys(Buffer.alloc(4)));
    assert.equal(inspect(buffer, { showHidden: false }), '<Buffer 00 00 00 00>');
    assert.equal(JSON.stringify(buffer), JSON.stringify(Buffer.alloc(4)));
    assert.equal(buffer.constructor, Buffer);
    assert.equal(buffer.byteOffset % 8, 0);
  });

  test('what is freed is used again, the view too when the length is the same', () => {
    const memory = slab();
    const first = memory.allocUnsafe(1000);
    memory.free(first);
    assert.equal(memory.allocUnsafe(1000), first);
    memory.free(first);
    const shorter = memory.allocUnsafe(999);
    assert.equal(shorter.length, 999);
    assert.equal(shorter.buffer, first.buffer);
    assert.equal(shorter.byteOffset, first.byteOffset);
    assert.throws(() => memory.free(first), twice); // its block is another's now
    memory.free(shorter);
  });

  test('foreign buffers are refused and nothing changes', () => {
    const memory = slab();
    const other = slab();
    const mine = memory.alloc(100);
    const bad: unknown[] = [
      Buffer.alloc(100),
      new Uint8Array(8),
      other.alloc(100),
      other.alloc(2 << 20),
      mine.subarray(0),
      mine.subarray(1, 5),
      Buffer.from(mine.buffer, mine.byteOffset, mine.length),
      mine.buffer,
      undefined,
      null,
      'text',
      5,
      {},
      Object.create(mine),
      new Proxy(mine, {}),
    ];
    for (const value of bad) assert.throws(() => memory.free(value as Buffer), foreign);
    assert.equal(memory.stats().frees, 0);
    memory.free(mine);
    assert.ok(new SlabError('x', 'y') instanceof Error);
  });

  test('a second free before reissue errs, whatever the size', () => {
    const memory = slab();
    for (const size of [0, 64, 16384, 1 << 20, 3 << 20]) {
      const buffer = memory.alloc(size);
      memory.free(buffer);
      assert.throws(() => memory.free(buffer), twice);
      assert.throws(() => memory.free(buffer), twice);
      memory.purge();
      assert.throws(() => memory.free(buffer), twice);
    }
    assert.equal(memory.stats().frees, 5);
    assert.equal(memory.stats().inUse, 0);
  });

  test('bad sizes and options are named', () => {
    const memory = slab();
    for (const size of [-1, NaN, Infinity, -Infinity, 1.5, 2 ** 53, 1e300, '5', null, undefined, {}, 5n]) {
      for (const call of ['alloc', 'allocUnsafe', 'lease'] as const) {
        assert.throws(() => memory[call](size as number), {
          name: 'InvalidArgument',
          code: 'ERR_TAILRACE_INVALID_ARG',
          message: /"size"/,
        });
      }
    }
    assert.throws(() => slab({ limit: 0 }), InvalidArgument);
    assert.throws(() => slab({ limit: NaN }), /"limit"/);
    assert.throws(() => slab({ limit: '5' as unknown as number }), TypeError);
    assert.throws(() => slab({ guard: 1 as unknown as boolean }), /"guard"/);
    assert.throws(() => slab({ limits: 5 } as object), /"limits"/);
    assert.throws(() => slab(null as unknown as object), /"options"/);
    assert.throws(() => memory.scope(5 as unknown as () => void), /"run"/);
    assert.equal(memory.stats().allocations, 0);
  });

  test('the limit holds; free memory of another size makes room', () => {
    const memory = slab({ limit: 4 << 20 });
    const held: Buffer[] = [];
    assert.throws(
      () => {
        for (;;) held.push(memory.allocUnsafe(10_000));
      },
      (error: unknown) => error instanceof LimitError && error.code === 'ERR_TAILRACE_LIMIT',
    );
    assert.ok(held.length > 300, `${held.length}`);
    assert.ok(memory.stats().reserved <= 4 << 20);
    assert.throws(() => memory.alloc(3 << 20), LimitError);
    for (const buffer of held) memory.free(buffer);
    const large = memory.alloc(3 << 20);
    assert.ok(memory.stats().reserved <= 4 << 20);
    memory.free(large);
    memory.free(memory.alloc(100));
  });

  test('all that fits below the limit can be had, an arena as large as usual or not', () => {
    for (const [limit, size] of [
      [16, 16],
      [1000, 16],
      [4096, 64],
      [65_536, 65_536],
      [100_000, 16_384],
      [1_000_000, 98_304],
    ] as const) {
      const memory = slab({ limit, guard: false });
      const most = Math.floor(limit / size);
      for (let round = 0; round < 3; round++) {
        const all = Array.from({ length: most }, () => memory.alloc(size));
        assert.throws(() => memory.alloc(size), LimitError);
        assert.ok(memory.stats().reserved <= limit);
        for (const buffer of all) memory.free(buffer);
        assert.equal(memory.stats().inUse, 0);
      }
    }
  });

  test('what the system cannot give is a LimitError', () => {
    assert.throws(
      () => backend().memory.arena(2 ** 53 - 1),
      (error: unknown) => error instanceof LimitError,
    );
  });

  test('stats add up, purge gives all back', () => {
    const memory = slab();
    const buffers = [10, 100, 1000, 10_000, 100_000, 1_000_000, 2_000_000].map((size) => memory.alloc(size));
    const stats = memory.stats();
    assert.equal(stats.allocations, 7);
    assert.equal(stats.frees, 0);
    assert.equal(stats.classes.length, 7);
    assert.equal(
      stats.inUse,
      stats.classes.reduce((sum, c) => sum + c.inUse * c.size, 0),
    );
    assert.ok(stats.inUse >= 3_111_110 && stats.inUse < 3_111_110 * 1.13, `${stats.inUse}`);
    assert.ok(stats.reserved >= stats.committed && stats.committed >= stats.inUse);
    assert.ok(stats.fragmentation >= 0 && stats.fragmentation < 1);
    for (const buffer of buffers) memory.free(buffer);
    const freed = memory.stats();
    assert.equal(freed.inUse, 0);
    assert.equal(freed.frees, 7);
    assert.equal(memory.purge(), freed.reserved);
    assert.deepEqual(memory.stats(), {
      reserved: 0,
      committed: 0,
      inUse: 0,
      givenBack: freed.reserved,
      allocations: 7,
      frees: 7,
      classes: [],
      fragmentation: 0,
    });
    assert.equal(memory.purge(), 0);
  });

  test('purge keeps what is in use', () => {
    const memory = slab();
    const all = Array.from({ length: 400 }, (_, i) => memory.allocUnsafe(16_384).fill(i));
    for (let i = 0; i < 400; i++) if (i % 10 !== 0) memory.free(all[i]!);
    const before = memory.stats();
    const bytes = memory.purge();
    const after = memory.stats();
    assert.equal(after.inUse, before.inUse);
    assert.equal(before.committed - after.committed, bytes);
    assert.equal(memory.purge(), 0);
    for (let i = 0; i < 400; i += 10) assert.ok(all[i]!.every((byte) => byte === (i & 255)));
    const again = Array.from({ length: 360 }, () => memory.alloc(16_384));
    assert.ok(again.every((buffer) => buffer.every((byte) => byte === 0)));
    for (let i = 0; i < 400; i += 10) assert.ok(all[i]!.every((byte) => byte === (i & 255)));
    assert.equal(memory.stats().committed, memory.stats().reserved);
  });

  test('few small buffers hold little memory', () => {
    const memory = slab();
    for (let i = 0; i < 3125; i++) memory.allocUnsafe(64);
    const { reserved, inUse } = memory.stats();
    assert.ok(reserved <= 1.25 * inUse, `${reserved} for ${inUse}`);
  });

  test('a buffer cannot be transferred away, nor its neighbours with it', () => {
    const memory = slab();
    const buffer = memory.alloc(64).fill(7);
    const arena = buffer.buffer as ArrayBuffer;
    const { port1, port2 } = new MessageChannel();
    // Node 20 ignores the entry of the transfer list and copies; later ones throw. Neither detaches.
    for (const transfer of [
      () => port1.postMessage(buffer, [arena]),
      () => structuredClone(buffer, { transfer: [arena] }),
    ]) {
      try {
        transfer();
      } catch (error) {
        assert.match((error as Error).name, /^(DataCloneError|TypeError)$/);
      }
      assert.equal(buffer.length, 64);
      assert.ok(buffer.every((byte) => byte === 7));
    }
    port1.close();
    port2.close();
    memory.free(buffer);
  });

  test('an arena that a program detaches all the same is given up, and the slab goes on', () => {
    const memory = slab();
    const kept = memory.alloc(64);
    const buffer = memory.alloc(64);
    const arena = buffer.buffer as ArrayBuffer & { transfer?: () => ArrayBuffer };
    try {
      arena.transfer?.(); // Node 22 detaches; 20 has no such function, 24 throws
    } catch (error) {
      assert.equal((error as Error).name, 'TypeError');
    }
    const detached = arena.byteLength === 0;
    const empty = slab();
    const none = empty.allocUnsafe(0);
    empty.free(none);
    try {
      (none.buffer as typeof arena).transfer?.();
    } catch (error) {
      assert.equal((error as Error).name, 'TypeError');
    }
    assert.equal(empty.alloc(0).length, 0);
    const fresh = Array.from({ length: 300 }, () => memory.alloc(64));
    assert.ok(fresh.every((one) => one.length === 64 && one.every((byte) => byte === 0)));
    if (detached) assert.throws(() => memory.free(kept), { name: 'SlabError' });
    else memory.free(kept);
    for (const one of fresh) memory.free(one);
    if (!detached) memory.free(buffer);
    assert.equal(memory.stats().inUse, 0);
  });

  test('a lease', () => {
    const memory = slab();
    const lease = memory.lease(100);
    assert.equal(lease.buffer.length, 100);
    lease.release();
    assert.equal(memory.stats().inUse, 0);
    assert.throws(() => lease.buffer, closed);
    lease.release();
    assert.equal(memory.stats().frees, 1);
    const other = memory.lease(100);
    memory.free(other.buffer); // behind its back
    assert.throws(() => other.buffer, closed);
    const taken = memory.allocUnsafe(100);
    other.release(); // must not free what is another's now
    assert.equal(memory.stats().frees, 2);
    memory.free(taken);
    const dispose = (Symbol as { dispose?: symbol }).dispose;
    if (dispose !== undefined) {
      const third = memory.lease(5) as unknown as Record<symbol, () => void>;
      third[dispose]!();
      assert.equal(memory.stats().inUse, 0);
    }
  });

  test('a scope frees what it allocated, and only that', async () => {
    const memory = slab();
    const outer = memory.alloc(10);
    const kept = memory.scope((s) => {
      const a = s.alloc(100);
      s.allocUnsafe(1000);
      const lease = s.lease(50);
      lease.release();
      lease.release();
      s.lease(60);
      s.free(a);
      assert.throws(() => s.free(a), foreign);
      assert.throws(() => s.free(outer), foreign);
      const behind = s.alloc(70);
      memory.free(behind);
      assert.notEqual(memory.allocUnsafe(70), undefined); // takes the block that the scope must not free
      return 5;
    });
    assert.equal(kept, 5);
    assert.equal(memory.stats().inUse, 16 + 80); // outer, and the one of 70

    let leaked: SlabScope | undefined;
    const result = memory.scope(async (s) => {
      leaked = s;
      s.alloc(5000);
      await new Promise((resolve) => setImmediate(resolve));
      assert.equal(memory.stats().classes.at(-1)?.inUse, 1);
      return 'done';
    });
    assert.equal(await result, 'done');
    assert.equal(memory.stats().inUse, 16 + 80);
    assert.throws(() => leaked!.alloc(1), closed);
    assert.throws(() => leaked!.allocUnsafe(1), closed);
    assert.throws(() => leaked!.lease(1), closed);
    assert.throws(() => leaked!.free(outer), closed);
  });

  test('a scope whose function fails frees too, and passes the failure on', async () => {
    const memory = slab();
    const failure = new Error('mine');
    assert.throws(
      () =>
        memory.scope((s) => {
          s.alloc(100);
          throw failure;
        }),
      failure,
    );
    await assert.rejects(
      memory.scope(async (s) => {
        s.alloc(100);
        await null;
        throw failure;
      }),
      failure,
    );
    const look = {
      // biome-ignore lint/suspicious/noThenProperty: that is what fails
      get then(): never {
        throw failure;
      },
    };
    assert.throws(
      () =>
        memory.scope((s) => {
          s.alloc(100);
          return look;
        }),
      failure,
    );
    assert.equal(memory.stats().inUse, 0);
    assert.equal(memory.stats().frees, 3);
  });

  for (const guard of [false, true]) {
    test(`random operations against a model${guard ? ', guarded' : ''}`, () => {
      const operation = fc.oneof(
        {
          weight: 6,
          arbitrary: fc.record({ kind: fc.constant('alloc' as const), size: sizes, zero: fc.boolean() }),
        },
        { weight: 5, arbitrary: fc.record({ kind: fc.constant('free' as const), which: fc.nat() }) },
        { weight: 1, arbitrary: fc.record({ kind: fc.constant('again' as const), which: fc.nat() }) },
        { weight: 1, arbitrary: fc.constant({ kind: 'purge' as const }) },
      );
      fc.assert(
        fc.property(fc.array(operation, { maxLength: 120 }), (operations) => {
          runModel(slab({ guard }), operations);
        }),
        { numRuns: guard ? 25 : 60 },
      );
    });
  }

  return test;
}

type Operation =
  | { kind: 'alloc'; size: number; zero: boolean }
  | { kind: 'free' | 'again'; which: number }
  | { kind: 'purge' };

/** Every live buffer keeps its bytes; none overlap; counts agree. */
function runModel(memory: Slab, operations: Operation[]): void {
  const live = new Map<Buffer, number>();
  const freed = new Set<Buffer>();
  let mark = 0;
  let allocations = 0;
  for (const operation of operations) {
    if (operation.kind === 'alloc') {
      const buffer = operation.zero ? memory.alloc(operation.size) : memory.allocUnsafe(operation.size);
      assert.equal(buffer.length, operation.size);
      assert.ok(!live.has(buffer));
      if (operation.zero)
        assert.equal(
          buffer.findIndex((byte) => byte !== 0),
          -1,
        );
      freed.delete(buffer);
      mark = (mark + 1) & 255;
      live.set(buffer.fill(mark), mark);
      allocations++;
    } else if (operation.kind === 'purge') {
      assert.ok(memory.purge() >= 0);
    } else {
      const from = operation.kind === 'free' ? [...live.keys()] : [...freed];
      const buffer = from[operation.which % Math.max(1, from.length)];
      if (buffer === undefined) continue;
      if (operation.kind === 'again') {
        assert.throws(() => memory.free(buffer), twice);
        continue;
      }
      const expected = live.get(buffer)!;
      assert.equal(
        buffer.findIndex((byte) => byte !== expected),
        -1,
      );
      live.delete(buffer);
      memory.free(buffer);
      freed.add(buffer);
    }
  }
  for (const [buffer, expected] of live) {
    assert.equal(
      buffer.findIndex((byte) => byte !== expected),
      -1,
    );
    memory.free(buffer);
  }
  const stats = memory.stats();
  assert.equal(stats.inUse, 0);
  assert.equal(stats.allocations, allocations);
  assert.equal(stats.frees, allocations);
  memory.purge();
  assert.equal(memory.stats().reserved, 0);
}
