// Memory that nobody needs goes back by itself, on whatever backend is chosen. Time is the test's own.

import * as assert from 'node:assert/strict';
import fc from 'fast-check';
import { suite } from 'uvu';
import { InvalidArgument } from '../../lib/errors';
import { slab } from '../../lib/memory';
import { type FakeTime, withFakeTime } from '../support/timers';

const decayMs = 100;
const decaying = () => slab({ decayMs, guard: false });

/** Lets half of decayMs pass: one look at everything, in as many steps as it takes. */
function pass(time: FakeTime): void {
  time.now += decayMs / 2;
  for (let steps = 0; steps < 1000; steps++) {
    time.timers[0]?.go();
    if (time.timers[0]?.ms !== 10) return;
  }
  assert.fail('it never ends');
}

export function decays(name: string) {
  const test = suite(`memory, decay, ${name}`);

  test('arenas that nobody needs go, the others stay', () =>
    withFakeTime((time) => {
      const memory = decaying();
      assert.equal(time.timers.length, 0);
      const all = [100, 1000, 65536].flatMap((size) =>
        Array.from({ length: 300 }, (_, i) => memory.allocUnsafe(size).fill(i)),
      );
      assert.equal(time.timers.length, 1, 'one timer a slab');
      const kept = all.filter((_, i) => i % 150 === 7);
      const { reserved } = memory.stats();
      for (const buffer of all) if (!kept.includes(buffer)) memory.free(buffer);
      pass(time); // seen
      pass(time);
      assert.equal(memory.stats().reserved, reserved, 'not yet');
      pass(time);
      const { reserved: after, givenBack, inUse } = memory.stats();
      assert.ok(after < reserved / 4, `${after} of ${reserved}`);
      assert.equal(givenBack, reserved - after);
      assert.ok(inUse >= kept.reduce((sum, buffer) => sum + buffer.length, 0));
      for (const [i, buffer] of kept.entries()) {
        assert.equal(
          buffer.findIndex((byte) => byte !== (((i % 2) * 150 + 7) & 255)),
          -1,
        );
        memory.free(buffer);
      }
      for (let i = 0; i < 3; i++) pass(time);
      assert.deepEqual([memory.stats().reserved, memory.stats().inUse], [0, 0]);
      assert.equal(memory.stats().givenBack, reserved);
      assert.equal(time.timers.length, 0, 'nothing is left to look after');
      memory.free(memory.alloc(5));
      assert.equal(time.timers.length, 1);
    }));

  test('what is needed now and then stays, and so do its views', () =>
    withFakeTime((time) => {
      const memory = decaying();
      const use = () => Array.from({ length: 500 }, () => memory.allocUnsafe(3000));
      const first = use();
      for (const buffer of first) memory.free(buffer);
      const { reserved } = memory.stats();
      const views = new Set(first);
      for (let round = 0; round < 10; round++) {
        pass(time);
        const again = use();
        assert.ok(
          again.every((buffer) => views.has(buffer)),
          'no new view',
        );
        for (const buffer of again) memory.free(buffer);
      }
      assert.deepEqual([memory.stats().reserved, memory.stats().givenBack], [reserved, 0]);
    }));

  test('allocations come from the fullest arenas, so that the others drain', () =>
    withFakeTime((time) => {
      const memory = decaying();
      const all = Array.from({ length: 400 }, () => memory.allocUnsafe(65536));
      // All arenas but for one are empty; fifty buffers come and go.
      const one = all[399]!.buffer;
      for (const buffer of all) if (buffer.buffer !== one) memory.free(buffer);
      const count = all.filter((buffer) => buffer.buffer === one).length;
      const few = all.filter((buffer) => buffer.buffer === one).slice(0, count / 2);
      for (const buffer of few) memory.free(buffer);
      for (let round = 0; round < 4; round++) {
        pass(time);
        const used = few.map(() => memory.allocUnsafe(65536));
        assert.ok(
          used.every((buffer) => buffer.buffer === one),
          `round ${round}`,
        );
        for (const buffer of used) memory.free(buffer);
      }
      assert.equal(memory.stats().reserved, one.byteLength);
    }));

  test('a step is small', () =>
    withFakeTime((time) => {
      const memory = decaying();
      const all = [64, 262_144].flatMap((size) =>
        Array.from({ length: size === 64 ? 50_000 : 200 }, () => memory.allocUnsafe(size)),
      );
      for (const buffer of all) memory.free(buffer);
      let steps = 1;
      for (time.timers[0]!.go(); time.timers[0]!.ms === 10; time.timers[0]!.go()) steps++;
      assert.ok(steps > 20, `50,200 views in ${steps} steps`);
      time.timers[0]!.go(); // whatever the last step has set aside is seen now
      time.now += decayMs;
      for (let before = memory.stats().reserved; before > 0; before = memory.stats().reserved) {
        time.timers[0]!.go();
        const gone = before - memory.stats().reserved;
        assert.ok(gone > 0 && gone <= 2 << 20, `${gone} bytes`);
      }
      assert.equal(time.timers.length, 0);
    }));

  test('never, when told so, and not in guard mode', () =>
    withFakeTime((time) => {
      for (const memory of [slab({ decayMs: Infinity, guard: false }), slab({ decayMs: 0, guard: true })]) {
        memory.free(memory.alloc(1000));
        assert.equal(time.timers.length, 0);
        assert.ok(memory.purge() > 0);
        assert.ok(memory.stats().givenBack > 0, 'by purge');
      }
      for (const bad of [-1, NaN, '5', null]) {
        assert.throws(
          () => slab({ decayMs: bad as number }),
          (error: unknown) => error instanceof InvalidArgument && /"decayMs"/.test(error.message),
        );
      }
    }));

  test('random operations, passing time and purges', async () => {
    const operation = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({
          kind: fc.constant('alloc' as const),
          n: fc.constantFrom(1, 64, 70, 5000, 65536),
        }),
      },
      { weight: 5, arbitrary: fc.record({ kind: fc.constant('free' as const), n: fc.nat(50) }) },
      { weight: 2, arbitrary: fc.constant({ kind: 'pass' as const, n: 0 }) },
      { weight: 1, arbitrary: fc.constant({ kind: 'purge' as const, n: 0 }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { maxLength: 120 }), (operations) =>
        withFakeTime((time) => {
          const memory = decaying();
          const live: { buffer: Buffer; mark: number }[] = [];
          const check = ({ buffer, mark }: { buffer: Buffer; mark: number }) => {
            assert.equal(
              buffer.findIndex((byte) => byte !== mark),
              -1,
            );
            memory.free(buffer);
            assert.throws(() => memory.free(buffer), { code: 'ERR_TAILRACE_DOUBLE_FREE' });
          };
          for (const [at, { kind, n }] of operations.entries()) {
            if (kind === 'alloc') {
              for (let i = 0; i < 5; i++) {
                const buffer = memory.alloc(n);
                assert.ok(buffer.every((byte) => byte === 0));
                assert.ok(!live.some((each) => each.buffer === buffer));
                live.push({ buffer: buffer.fill(at), mark: at });
              }
            } else if (kind === 'free') {
              for (const each of live.splice(n % (live.length + 1), 7)) check(each);
            } else if (kind === 'pass') pass(time);
            else memory.purge();
          }
          for (const each of live) check(each);
          assert.equal(memory.stats().inUse, 0);
          for (let i = 0; i < 4; i++) pass(time);
          assert.deepEqual(memory.stats().classes, []);
          assert.deepEqual([memory.stats().reserved, memory.stats().committed], [0, 0]);
          assert.equal(time.timers.length, 0);
        }),
      ),
    );
  });

  return test;
}
