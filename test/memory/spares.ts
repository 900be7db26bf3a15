// Large buffers (above a mebibyte): the memory of those freed lately is used again.

import * as assert from 'node:assert/strict';
import { suite } from 'uvu';
import { slab } from '../../lib/memory';
import { withFakeTime } from '../support/timers';

const MiB = 1 << 20;
const quiet = (options = {}) => slab({ guard: false, ...options });

export function spares(name: string) {
  const test = suite(`memory, large buffers, ${name}`);

  test('the next of about its size has it, zeroed if that was asked for', () => {
    const memory = quiet();
    const first = memory.allocUnsafe(2 * MiB).fill(7);
    memory.free(first);
    const second = memory.allocUnsafe(2 * MiB - 100_000);
    assert.equal(second.buffer, first.buffer);
    assert.equal(second.length, 2 * MiB - 100_000);
    assert.equal(second[1_000_000], 7);
    assert.throws(() => memory.free(first), { code: 'ERR_TAILRACE_DOUBLE_FREE' });
    memory.free(second);
    const third = memory.alloc(2 * MiB);
    assert.equal(third.buffer, first.buffer);
    assert.ok(third.equals(Buffer.alloc(2 * MiB)));
    assert.equal(memory.stats().reserved, 2 * MiB);
    for (const size of [3 * MiB, 1.5 * MiB]) assert.notEqual(memory.allocUnsafe(size).buffer, first.buffer);
    const fresh = memory.alloc(2 * MiB);
    assert.notEqual(fresh.buffer, third.buffer);
    assert.ok(fresh.equals(third));
  });

  test('stats add up, and purge gives them back', () => {
    const memory = quiet();
    for (const buffer of [memory.alloc(2 * MiB), memory.alloc(3 * MiB)]) memory.free(buffer);
    const { reserved, inUse, classes, allocations, frees, fragmentation } = memory.stats();
    assert.deepEqual([reserved, inUse, classes.length, allocations, frees], [5 * MiB, 0, 2, 2, 2]);
    assert.equal(fragmentation, 1);
    assert.equal(memory.purge(), 5 * MiB);
    assert.deepEqual(
      [memory.stats().reserved, memory.stats().givenBack, memory.stats().classes.length],
      [0, 5 * MiB, 0],
    );
    assert.equal(memory.purge(), 0);
  });

  test('stats list them by size, in use or not', () => {
    const memory = quiet();
    const all = [4, 1.5, 3, 2].map((size) => memory.alloc(size * MiB));
    for (const buffer of all.slice(1)) memory.free(buffer);
    const listed = memory.stats().classes.map(({ size, inUse }) => `${size / MiB}: ${inUse}`);
    assert.deepEqual(listed, ['1.5: 0', '2: 0', '3: 0', '4: 1']);
  });

  test('they are few: what is too much or too large goes at once', () => {
    const memory = quiet();
    const some = (count: number, size: number) => {
      const all = Array.from({ length: count }, () => memory.allocUnsafe(size));
      for (const buffer of all) memory.free(buffer);
      return memory.stats().reserved;
    };
    assert.equal(some(3, 33 * MiB), 0);
    assert.equal(some(10, 16 * MiB), 64 * MiB);
    assert.equal(some(40, 1.5 * MiB), 24 * MiB);
    assert.equal(memory.stats().inUse, 0);
  });

  test('at the limit they give way', () => {
    const memory = quiet({ limit: 10 * MiB });
    for (const size of [6 * MiB, 8 * MiB, 2 * MiB, 10 * MiB]) {
      const buffer = memory.alloc(size);
      assert.ok(memory.stats().reserved <= 10 * MiB);
      memory.free(buffer);
    }
    const small = Array.from({ length: 9 }, () => memory.alloc(MiB));
    assert.throws(() => memory.alloc(2 * MiB), { code: 'ERR_TAILRACE_LIMIT' });
    for (const buffer of small) memory.free(buffer);
    memory.free(memory.alloc(10 * MiB));
  });

  test('they go by themselves', () =>
    withFakeTime((time) => {
      const memory = quiet({ decayMs: 100 });
      memory.free(memory.alloc(4 * MiB));
      for (let i = 0; i < 2; i++) {
        time.now += 50;
        time.timers[0]?.go();
      }
      assert.equal(memory.stats().reserved, 4 * MiB, 'not yet');
      const again = memory.alloc(4 * MiB);
      for (let i = 0; i < 10; i++) {
        time.now += 50;
        time.timers[0]?.go();
      }
      assert.equal(memory.stats().inUse, 4 * MiB, 'in use again');
      memory.free(again);
      assert.equal(time.timers.length, 1);
      for (let i = 0; i < 4; i++) {
        time.now += 50;
        time.timers[0]?.go();
      }
      assert.deepEqual([memory.stats().reserved, memory.stats().givenBack], [0, 4 * MiB]);
      assert.equal(time.timers.length, 0);
    }));

  return test;
}
