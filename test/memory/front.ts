// The view that stands in front of a slab's stacks (lib/memory/slab.ts), on whatever backend is chosen: it is free as any
// other for everything that counts, gives back or looks for room, and gives way to sizes that are asked for more.

import * as assert from 'node:assert/strict';
import { suite } from 'uvu';
import { type Slab, slab } from '../../lib/memory';

const foreign = { name: 'SlabError', code: 'ERR_TAILRACE_FOREIGN_BUFFER' };
const twice = { name: 'SlabError', code: 'ERR_TAILRACE_DOUBLE_FREE' };

export function front(name: string) {
  const test = suite(`memory, in front, ${name}`);

  test('it is free: counted, given out once, not to be freed again', () => {
    const memory = slab({ guard: false });
    const buffer = memory.alloc(64);
    memory.free(buffer);
    assert.throws(() => memory.free(buffer), twice);
    const { inUse, allocations, frees } = memory.stats();
    assert.deepEqual([inUse, allocations, frees], [0, 1, 1]);
    memory.free(memory.alloc(64)); // in front again
    const all = Array.from({ length: 600 }, () => memory.alloc(64));
    assert.equal(new Set(all).size, 600);
    for (const [i, one] of all.entries()) one.writeUInt32LE(i);
    assert.ok(all.every((one, i) => one.readUInt32LE() === i));
    for (const one of all) memory.free(one);
    assert.ok(memory.purge() > 0);
    assert.equal(memory.stats().reserved, 0);
    assert.throws(() => memory.free(all[0] as Buffer), twice);
  });

  test('zeroed where another had written, and not where more was asked for than it has', () => {
    const memory = slab({ guard: false });
    for (let size = 1; size <= 200; size++) {
      memory.free(memory.allocUnsafe(size).fill(0xff));
      const same = memory.alloc(size);
      assert.ok(same.every((byte) => byte === 0));
      memory.free(same.fill(0xff));
      const longer = memory.alloc(size + 1);
      assert.equal(longer.length, size + 1);
      assert.ok(longer.every((byte) => byte === 0));
      memory.free(longer);
    }
  });

  test('no size is that of nothing in front', () => {
    const memory = slab({ guard: false });
    const buffer = memory.alloc(64); // nothing is in front now
    for (const bad of [-1, Number.NaN, '64', undefined]) {
      assert.throws(() => memory.allocUnsafe(bad as number), { code: 'ERR_TAILRACE_INVALID_ARG' });
      assert.throws(() => memory.alloc(bad as number), { code: 'ERR_TAILRACE_INVALID_ARG' });
    }
    memory.free(buffer);
    assert.throws(() => memory.allocUnsafe('64' as unknown as number), { code: 'ERR_TAILRACE_INVALID_ARG' });
    assert.equal(memory.alloc(64), buffer);
  });

  for (const call of ['alloc', 'allocUnsafe'] as const) {
    test(`a size that nobody asks for gives way to one that is, ${call}`, () => {
      const memory = slab({ guard: false });
      const spare = [memory[call](64), memory[call](64)];
      const other = memory[call](100);
      memory.free(other); // in front
      for (const each of spare) memory.free(each);
      for (let i = 0; i < 600; i++) memory.free(memory[call](64));
      // What is in front is the next one, whatever was freed after it.
      const [first, second] = [memory[call](64), memory[call](64)];
      memory.free(first);
      memory.free(second);
      assert.equal(memory[call](64), first);
      assert.equal(memory[call](100), other, 'and is free still');
    });
  }

  test('another slab of the thread, and its buffers, are strangers', () => {
    const [one, two]: Slab[] = [slab({ guard: false }), slab({ guard: false })];
    const mine = one.alloc(64);
    assert.throws(() => two.free(mine), foreign);
    one.free(mine);
    assert.throws(() => two.free(mine), foreign);
    assert.notEqual(two.alloc(64), mine);
    assert.equal(one.alloc(64), mine);
  });

  test('its arena may be detached meanwhile', () => {
    const memory = slab({ guard: false });
    const kept = memory.alloc(64);
    const buffer = memory.alloc(64);
    assert.equal(kept.buffer, buffer.buffer);
    memory.free(buffer); // in front
    try {
      (buffer.buffer as ArrayBuffer & { transfer?: () => ArrayBuffer }).transfer?.(); // see conformance.ts
    } catch (error) {
      assert.equal((error as Error).name, 'TypeError');
    }
    const detached = buffer.buffer.byteLength === 0;
    if (detached) assert.throws(() => memory.free(kept), foreign);
    const { inUse, allocations, frees } = memory.stats();
    // What was in use of the arena counts as neither freed nor in use; what was in front had been freed.
    assert.deepEqual([inUse, allocations, frees], detached ? [0, 2, 1] : [64, 2, 1]);
    const all = Array.from({ length: 600 }, () => memory.alloc(64));
    assert.ok(all.every((one) => one.length === 64));
    assert.equal(new Set(all).size, 600);
    for (const one of all) memory.free(one);
    assert.equal(memory.stats().inUse, detached ? 0 : 64);
  });

  return test;
}
