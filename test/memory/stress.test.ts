// Long random sequences of everything a slab can do, against a model of what must be true: every live buffer keeps its
// bytes, no two overlap, each mistake has its name, the counts agree, all memory comes back. Seeded: a failure prints the
// seed, and TAILRACE_TEST_SEED repeats it. On both backends, guarded and not.
//
// @timeout 240
// @env TAILRACE_TEST_BACKEND=js|native

import * as assert from 'node:assert/strict';
import { suite } from 'uvu';
import { type Slab, type SlabLease, type SlabScope, slab } from '../../lib/memory';
import { onFallback, onNative } from '../support/backends';

const name = process.env.TAILRACE_TEST_BACKEND === 'native' ? 'native' : 'fallback';
name === 'native' ? onNative() : onFallback();

const test = suite(`memory, stress, ${name}`);
const seed = Number(process.env.TAILRACE_TEST_SEED ?? Date.now() % 2 ** 31);
const limit = 5 << 20;
const zeros = Buffer.alloc(2 << 20);

/** mulberry32 */
function randoms(from: number): (below: number) => number {
  let state = from | 0;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

interface Live {
  readonly buffer: Buffer;
  readonly mark: number;
  /** Who may free it. */
  readonly owner: 'slab' | 'lease' | Open;
  readonly lease?: SlabLease | ReturnType<SlabScope['lease']>;
}

/** A scope that ends when told. */
interface Open {
  readonly scope: SlabScope;
  readonly end: () => void;
  readonly ended: Promise<unknown>;
}

class World {
  readonly memory: Slab;
  readonly random: (below: number) => number;
  readonly live: Live[] = [];
  readonly freed: Buffer[] = [];
  readonly scopes: Open[] = [];
  /** Start of each live block by its ArrayBuffer: no two may overlap. */
  readonly places = new Map<ArrayBufferLike, Map<number, number>>();
  mark = 0;
  allocations = 0;
  refused = 0;

  constructor(guard: boolean, from: number) {
    this.memory = slab({ limit, guard });
    this.random = randoms(from);
  }

  size(): number {
    const { random } = this;
    switch (random(12)) {
      case 0:
        return random(300_000);
      case 1:
        return 1 << random(20);
      case 2:
        return (1 << 20) - 20 + random(200);
      case 3:
        return random(3);
      default:
        return random(2000);
    }
  }

  /** An allocation that the limit may refuse. */
  take(make: () => Omit<Live, 'mark'>): void {
    let made: Omit<Live, 'mark'>;
    try {
      made = make();
    } catch (error) {
      assert.equal((error as { code?: string }).code, 'ERR_TAILRACE_LIMIT');
      this.refused++;
      return;
    }
    this.allocations++;
    this.mark = (this.mark + 1) & 255;
    const { buffer } = made;
    this.occupy(buffer);
    this.live.push({ ...made, mark: this.mark });
    buffer.fill(this.mark);
  }

  occupy(buffer: Buffer): void {
    let starts = this.places.get(buffer.buffer);
    if (starts === undefined) this.places.set(buffer.buffer, (starts = new Map()));
    assert.ok(!starts.has(buffer.byteOffset), 'two buffers at one place');
    starts.set(buffer.byteOffset, buffer.length);
  }

  /** It is free now: by whom does not matter. */
  gone(one: Live): void {
    const starts = this.places.get(one.buffer.buffer);
    starts?.delete(one.buffer.byteOffset);
    if (starts?.size === 0) this.places.delete(one.buffer.buffer);
    this.freed.push(one.buffer);
    if (this.freed.length > 64) this.freed.shift();
  }

  intact(one: Live): void {
    const { buffer, mark } = one;
    assert.ok(
      buffer.equals(Buffer.alloc(buffer.length, mark)),
      `one of ${buffer.length} bytes was overwritten`,
    );
  }

  pick(): Live | undefined {
    if (this.live.length === 0) return undefined;
    const at = this.random(this.live.length);
    const one = this.live[at] as Live;
    this.live[at] = this.live.at(-1) as Live;
    this.live.pop();
    return one;
  }

  free(): void {
    const one = this.pick();
    if (one === undefined) return;
    this.intact(one);
    if (one.lease !== undefined && this.random(2) === 0) one.lease.release();
    else if (typeof one.owner === 'object' && this.random(2) === 0) one.owner.scope.free(one.buffer);
    else this.memory.free(one.buffer); // behind the owner's back, if it has one
    if (one.lease !== undefined) {
      one.lease.release(); // of no effect
      assert.throws(() => one.lease?.buffer, { code: 'ERR_TAILRACE_CLOSED' });
    }
    this.gone(one);
  }

  open(): void {
    let end = () => {};
    const ends = new Promise<void>((resolve) => {
      end = resolve;
    });
    let scope: SlabScope | undefined;
    const ended = this.memory.scope(async (s) => {
      scope = s;
      await ends;
    });
    this.scopes.push({ scope: scope as unknown as SlabScope, end, ended });
  }

  async close(at: number): Promise<void> {
    const open = this.scopes.splice(at, 1)[0];
    if (open === undefined) return;
    const mine = this.live.filter((one) => one.owner === open);
    for (const one of mine) this.intact(one);
    open.end();
    await open.ended;
    for (const one of mine) {
      this.live.splice(this.live.indexOf(one), 1);
      this.gone(one);
    }
    assert.throws(() => open.scope.alloc(1), { code: 'ERR_TAILRACE_CLOSED' });
  }

  mistake(): void {
    const { memory, random } = this;
    const one = this.live[random(Math.max(1, this.live.length))];
    const stale = this.freed[random(Math.max(1, this.freed.length))];
    const foreign = { code: 'ERR_TAILRACE_FOREIGN_BUFFER' };
    switch (random(5)) {
      case 0:
        // The view may be somebody's again (not so in guard mode).
        if (stale !== undefined && !this.live.some(({ buffer }) => buffer === stale))
          assert.throws(() => memory.free(stale), { code: 'ERR_TAILRACE_DOUBLE_FREE' });
        break;
      case 1:
        if (one !== undefined) assert.throws(() => memory.free(one.buffer.subarray(0)), foreign);
        break;
      case 2:
        assert.throws(() => memory.free(Buffer.allocUnsafe(64)), foreign);
        break;
      case 3:
        assert.throws(() => memory.allocUnsafe(-1 - random(5)), { code: 'ERR_TAILRACE_INVALID_ARG' });
        break;
      default:
        assert.throws(() => memory.alloc(limit + 1), { code: 'ERR_TAILRACE_LIMIT' });
        break;
    }
  }

  check(): void {
    const stats = this.memory.stats();
    const wanted = this.live.reduce((sum, one) => sum + one.buffer.length, 0);
    assert.ok(stats.inUse >= wanted, `${stats.inUse} in use, ${wanted} handed out`);
    assert.ok(stats.committed <= stats.reserved && stats.reserved <= limit);
    assert.equal(stats.allocations, this.allocations);
    assert.equal(stats.frees, this.allocations - this.live.length);
    for (const starts of this.places.values()) {
      let end = -1;
      for (const [start, length] of [...starts].sort(([a], [b]) => a - b)) {
        assert.ok(start >= end, 'two buffers overlap');
        end = start + Math.max(1, length);
      }
    }
  }

  async step(i: number): Promise<void> {
    const { random, memory } = this;
    // Waves: now more comes, now more goes, so that arenas fill and become empty.
    const more = Math.floor(i / 400) % 2 === 0 ? 52 : 34;
    const what = random(100);
    if (what < more) {
      const size = this.size();
      const open = this.scopes[random(4)];
      const from = random(2) === 0 ? (open ?? memory) : memory;
      const owner = from === memory ? 'slab' : (open as Open);
      if (owner === 'slab' || random(3) > 0) {
        const source = owner === 'slab' ? memory : owner.scope;
        if (random(2) === 0) {
          this.take(() => {
            const buffer = source.alloc(size);
            assert.ok(buffer.equals(zeros.subarray(0, size)), 'alloc() must be zero');
            return { buffer, owner };
          });
        } else {
          this.take(() => ({ buffer: source.allocUnsafe(size), owner }));
        }
      } else {
        this.take(() => {
          const lease = owner.scope.lease(size);
          return { buffer: lease.buffer, owner, lease };
        });
      }
    } else if (what < 86) {
      this.free();
    } else if (what < 93) {
      this.mistake();
    } else if (what < 95) {
      this.take(() => {
        const lease = memory.lease(this.size());
        return { buffer: lease.buffer, owner: 'lease', lease };
      });
    } else if (what < 97) {
      if (this.scopes.length < 4) this.open();
      else await this.close(random(this.scopes.length));
    } else if (what < 98) {
      const { reserved } = memory.stats();
      const bytes = memory.purge();
      assert.ok(bytes >= 0 && memory.stats().reserved <= reserved);
      assert.equal(memory.purge(), 0, 'nothing is left to be given back');
    } else {
      this.check();
    }
  }

  async end(): Promise<void> {
    while (this.scopes.length > 0) await this.close(0);
    while (this.live.length > 0) this.free();
    this.check();
    const { inUse, reserved } = this.memory.stats();
    assert.equal(inUse, 0);
    assert.equal(this.memory.purge() >= 0 && this.memory.stats().reserved, 0, `${reserved}`);
    assert.ok(this.refused > 0, 'the limit was never reached');
  }
}

for (const guard of [false, true]) {
  test(`everything, at random${guard ? ', guarded' : ''}`, async () => {
    const steps = guard ? 6000 : 12_000;
    for (let round = 0; round < 2; round++) {
      const world = new World(guard, seed + round);
      try {
        for (let i = 0; i < steps; i++) await world.step(i);
        await world.end();
      } catch (error) {
        console.error(`TAILRACE_TEST_SEED=${seed} repeats it (round ${round})`);
        throw error;
      }
    }
  });
}

test.run();
