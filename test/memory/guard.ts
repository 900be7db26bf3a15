// What guard mode finds, on whatever backend is chosen: stale holders, writes after free, writes behind the end; and that
// everything else works as without it.

import * as assert from 'node:assert/strict';
import { suite } from 'uvu';
import { type Slab, SlabError, slab } from '../../lib/memory';
import { Guard } from '../../lib/memory/guard';
import { sizeClassOf, sizeOfClass } from '../../lib/memory/size-classes';

const twice = { name: 'SlabError', code: 'ERR_TAILRACE_DOUBLE_FREE' };
/** With the place of allocation: this file. */
const useAfterFree = { code: 'ERR_TAILRACE_USE_AFTER_FREE', message: /test.memory.guard/ };

export function guarded(name: string) {
  const test = suite(`memory, guard, ${name}`);

  test('guard: a stale holder is caught after reissue', () => {
    const memory = slab({ guard: true });
    const stale = memory.alloc(100);
    memory.free(stale);
    const next = memory.alloc(100);
    assert.notEqual(next, stale);
    assert.throws(
      () => memory.free(stale),
      (error: unknown) => {
        assert.ok(error instanceof SlabError);
        assert.equal(error.code, twice.code);
        assert.match(error.message, /test.memory.guard/); // the place of allocation
        return true;
      },
    );
    memory.free(next);
  });

  test('guard: writes after free and behind the end', () => {
    const memory = slab({ guard: true });
    for (const size of [1, 100, 128, 5000]) {
      const buffer = memory.alloc(size);
      memory.free(buffer);
      buffer[0] = 1;
      assert.throws(() => memory.alloc(size), {
        code: 'ERR_TAILRACE_USE_AFTER_FREE',
        message: /test.memory.guard/,
      });
      memory.free(memory.alloc(size));
      const long = memory.alloc(size);
      new Uint8Array(long.buffer, long.byteOffset, size + 1)[size] = 7;
      assert.throws(() => memory.free(long), { code: 'ERR_TAILRACE_BUFFER_OVERFLOW' });
      memory.free(long);
    }
    assert.equal(memory.stats().inUse, 0);
    assert.ok(memory.purge() > 0);
  });

  test("guard: writes before the start, by an index that is the arena's and not the buffer's", () => {
    const memory = slab({ guard: true });
    for (const size of [0, 1, 16, 100, 5000, 70_000, 1 << 20, 3 << 20]) {
      for (const at of [-1, -16]) {
        const buffer = memory.alloc(size);
        new Uint8Array(buffer.buffer, buffer.byteOffset + at, 1)[0] ^= 1;
        assert.throws(() => memory.free(buffer), {
          code: 'ERR_TAILRACE_BUFFER_OVERFLOW',
          message: /before.*\n.*test.memory.guard/,
        });
        memory.free(buffer); // told once
      }
    }
    const [one, ...others] = Array.from({ length: 60 }, () => memory.alloc(300));
    new DataView((one as Buffer).buffer).setUint32(0, 1); // without byteOffset: at the start of the arena, where another stands
    const found = [one as Buffer, ...others].filter((buffer) => {
      try {
        memory.free(buffer);
        return false;
      } catch {
        return true;
      }
    });
    assert.equal(found.length, 1);
    memory.free(found[0] as Buffer);
    assert.equal(memory.stats().inUse, 0);
  });

  test('guard: a write after free into a large buffer, and at the end of one', () => {
    const memory = slab({ guard: true });
    for (const size of [5000, 1 << 20, (1 << 20) + 1, 5 << 20]) {
      for (const at of [0, size - 1]) {
        const buffer = memory.alloc(size);
        memory.free(buffer);
        assert.equal(memory.stats().inUse, 0);
        buffer[at] = 1;
        assert.throws(() => memory.alloc(10), useAfterFree, `${size} at ${at}`);
        memory.free(memory.alloc(10));
        memory.purge();
      }
    }
  });

  test('guard: a scope whose buffers were written behind frees all of them', () => {
    const memory = slab({ guard: true });
    assert.throws(
      () =>
        memory.scope((s) => {
          for (const size of [10, 20, 3 << 20]) {
            const buffer = s.alloc(size);
            new Uint8Array(buffer.buffer, buffer.byteOffset + size, 1)[0] ^= 1;
          }
          s.alloc(30);
        }),
      { code: 'ERR_TAILRACE_BUFFER_OVERFLOW', message: /test.memory.guard/ },
    );
    assert.equal(memory.stats().inUse, 0);
    assert.deepEqual(
      memory.explain().filter(({ kind }) => kind === 'in use'),
      [],
    );
  });

  test('guard: whatever a program makes of stack traces', () => {
    const memory = slab({ guard: true });
    const before = Error.prepareStackTrace;
    const buffers: Buffer[] = [];
    const fails = () => {
      throw new Error('prepare');
    };
    for (const prepare of [(_: unknown, sites: unknown[]) => sites, () => undefined, () => 7, fails]) {
      Error.prepareStackTrace = prepare;
      try {
        buffers.push(memory.alloc(10));
      } finally {
        Error.prepareStackTrace = before;
      }
    }
    for (const buffer of buffers) memory.free(buffer);
    assert.throws(() => memory.free(buffers[0] as Buffer), { ...twice, message: /allocated at .*guard/ });
    assert.throws(() => memory.free(buffers[1] as Buffer), { ...twice, message: /allocated at/ });
  });

  test('guard: scopes in a loop that never yields hold no memory', () => {
    const memory = slab({ guard: true });
    for (let i = 0; i < 300; i++) memory.scope((s) => s.alloc(2 << 20));
    assert.ok(process.memoryUsage().arrayBuffers < 300e6, `${process.memoryUsage().arrayBuffers}`);
  });

  test('guard: scopes, leases and large buffers work the same', () => {
    const memory = slab({ guard: true });
    const lease = memory.lease(10);
    memory.scope((s) => s.alloc(3 << 20).fill(1));
    lease.release();
    const buffer = memory.alloc(2 << 20);
    assert.ok(buffer.every((byte) => byte === 0));
    memory.free(buffer);
    assert.throws(() => memory.free(buffer), twice);
    assert.equal(memory.stats().inUse, 0);
  });

  test('guard: a late write is found by the next allocation, whatever its size', () => {
    const memory = slab({ guard: true });
    const stale = memory.alloc(500);
    const spare = memory.alloc(500);
    memory.free(stale);
    memory.free(spare);
    memory.free(memory.alloc(60));
    stale[499] = 1;
    const { allocations } = memory.stats();
    assert.throws(() => memory.alloc(9000), useAfterFree);
    assert.equal(memory.stats().allocations, allocations, 'nothing has changed');
    memory.free(memory.alloc(9000)); // told once
  });

  test('guard: a late write is told before its memory goes, by purge() or for want of room', () => {
    const late = (memory: Slab) => {
      const stale = memory.alloc(500);
      memory.free(stale);
      for (let i = 0; i < 20; i++) memory.free(memory.alloc(60)); // no longer among the last freed
      stale[250] = 1;
    };
    const memory = slab({ guard: true });
    late(memory);
    const { reserved } = memory.stats();
    assert.throws(() => memory.purge(), useAfterFree);
    assert.equal(memory.stats().reserved, reserved, 'nothing has changed');
    assert.equal(memory.purge(), reserved); // told once
    const large = memory.alloc(3 << 20);
    memory.free(large);
    large[7] = 1;
    assert.throws(() => memory.purge(), useAfterFree);
    memory.purge();
    const middle = memory.alloc(3 << 20);
    memory.free(middle);
    middle[1 << 20] = 1; // what is no end of it is looked at last
    assert.throws(() => memory.purge(), useAfterFree);
    memory.purge();
    const bounded = slab({ guard: true, limit: 1 << 20 });
    late(bounded);
    assert.throws(() => bounded.alloc(1_000_000), useAfterFree);
    bounded.free(bounded.alloc(1_000_000));
    assert.equal(bounded.stats().inUse, 0);
  });

  test('guard: room at the limit is made of all arenas at once', () => {
    // Blocks of guard mode have no views, and lists of all of them are gone through for each arena that goes by itself.
    const memory = slab({ guard: true, limit: 4 << 20 });
    const held = Array.from({ length: 5000 }, () => memory.alloc(300));
    for (const buffer of held) memory.free(buffer);
    const large = memory.alloc(2_500_000);
    assert.equal(memory.stats().classes.length, 1);
    assert.throws(() => memory.alloc(2_500_000), { code: 'ERR_TAILRACE_LIMIT' });
    memory.free(large);
    memory.free(memory.alloc(300));
  });

  test('guard: a stale holder that writes after others allocated does not hit their bytes', () => {
    const memory = slab({ guard: true });
    for (let i = 0; i < 64; i++) memory.free(memory.alloc(100)); // so that there are free blocks
    const stale = memory.alloc(100);
    memory.free(stale);
    const others = Array.from({ length: 20 }, () => memory.alloc(100).fill(7));
    stale.fill(9);
    assert.ok(others.every((each) => each.every((byte) => byte === 7)));
    assert.throws(() => {
      for (let i = 0; i < 1000; i++) others.push(memory.alloc(100));
    }, useAfterFree);
    for (const each of others) memory.free(each);
  });

  test('guard: what is given back is no write after free', () => {
    const memory = slab({ guard: true });
    for (let round = 0; round < 3; round++) {
      const all = [10, 100, 5000, 70_000, 2 << 20].map((size) => memory.alloc(size));
      for (const buffer of all) memory.free(buffer);
      if (round > 0) memory.purge();
    }
    memory.free(memory.alloc(1));
    assert.equal(memory.stats().inUse, 0);
  });

  test('guard: thousands of blocks of one size are used again and again', () => {
    const memory = slab({ guard: true });
    for (let round = 0; round < 4; round++) {
      const all = Array.from({ length: 3000 }, (_, i) => memory.alloc(40).fill(i));
      assert.equal(memory.stats().inUse, 3000 * sizeOfClass(sizeClassOf(40 + Guard.extraBytes)));
      assert.ok(all.every((buffer, i) => buffer.every((byte) => byte === (i & 255))));
      for (const buffer of all) memory.free(buffer);
      assert.equal(memory.stats().inUse, 0);
    }
    const { reserved } = memory.stats();
    assert.ok(reserved < 3000 * sizeOfClass(sizeClassOf(40 + Guard.extraBytes)) * 1.5, `${reserved}`);
    assert.equal(memory.purge(), reserved);
  });

  return test;
}
