// What programs do wrong to a slab, thousands of times each (a million when asked for): always the named error (or a clean reclaim), and memory is back
// where it was. And what guard mode tells about it: leaks, what outlived its scope, with the lines.

import * as assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { suite } from 'uvu';
import { explain, type Slab, type SlabScope, slab } from '../../lib/memory';

const part = resolve(__dirname, '..', '..', 'lib', 'memory');
/** How often: TAILRACE_TEST_TIMES=1000000 takes half a minute, mostly for making the errors. */
const many = Number(process.env.TAILRACE_TEST_TIMES ?? 50_000);

/** The code of what `run` throws; undefined when it throws nothing. */
function codeOf(run: () => unknown): string | undefined {
  try {
    run();
  } catch (error) {
    return (error as { code?: string }).code;
  }
  return undefined;
}

/** Does a wrong thing very often: the code must be this one each time, and nothing may have changed. */
function always(memory: Slab, code: string, run: (i: number) => unknown, times = many): void {
  const books = () => {
    const { reserved, inUse, allocations, frees } = memory.stats();
    return { reserved, inUse, allocations, frees };
  };
  const before = books();
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0; // traces are what costs here
  let right = 0;
  for (let i = 0; i < times; i++) if (codeOf(() => run(i)) === code) right++;
  Error.stackTraceLimit = limit;
  assert.equal(right, times);
  assert.deepEqual(books(), before);
}

/** Runs code in a worker until it posts something; gives that and the worker, still running. */
async function worker(code: string): Promise<[Worker, unknown]> {
  const made = new Worker(code, { eval: true });
  const message = await new Promise((done, fail) => {
    made.once('message', done);
    made.once('error', fail);
  });
  return [made, message];
}

export function misuse(name: string) {
  const test = suite(`memory, misuse, ${name}`);

  test('very many of each mistake', () => {
    const memory = slab({ limit: 1 << 20 });
    const other = slab();
    const theirs = other.alloc(64);
    const ordinary = Buffer.alloc(64);
    const mine = memory.alloc(64);
    const freed = memory.alloc(64);
    memory.free(freed);
    const shorter = memory.alloc(60); // has its block
    always(memory, 'ERR_TAILRACE_DOUBLE_FREE', () => memory.free(freed));
    always(memory, 'ERR_TAILRACE_FOREIGN_BUFFER', () => memory.free(theirs));
    always(memory, 'ERR_TAILRACE_FOREIGN_BUFFER', () => memory.free(ordinary));
    always(memory, 'ERR_TAILRACE_FOREIGN_BUFFER', () => memory.free(mine.subarray(1)), many / 10);
    const sizes = [-1, Number.NaN, 2 ** 53, Infinity, -Infinity, 0.5];
    always(memory, 'ERR_TAILRACE_INVALID_ARG', (i) => memory.alloc(sizes[i % 6] as number), many / 5);
    always(memory, 'ERR_TAILRACE_LIMIT', () => memory.alloc(2 << 20));
    let ended: { alloc(size: number): Buffer } | undefined;
    memory.scope((s) => {
      ended = s;
    });
    always(memory, 'ERR_TAILRACE_CLOSED', () => ended?.alloc(1));
    const lease = memory.lease(10);
    lease.release();
    always(memory, 'ERR_TAILRACE_CLOSED', () => lease.buffer);
    memory.free(mine);
    memory.free(shorter);
    assert.equal(memory.stats().inUse, 0);
  });

  test('a limit that is reached again and again: everything is back each time', () => {
    const memory = slab({ limit: 256 << 10 });
    let refused = 0;
    let made = 0;
    while (made < many * 5) {
      const held: Buffer[] = [];
      while (codeOf(() => held.push(memory.allocUnsafe(64 + (refused % 7) * 16))) === undefined) made++;
      refused++;
      assert.ok(held.length > 1000);
      for (const buffer of held) memory.free(buffer);
      assert.equal(memory.stats().inUse, 0);
      assert.ok(memory.stats().reserved <= 256 << 10);
    }
    assert.ok(refused > 50);
  });

  test('a limit that many run into: a refusal looks at little and gives nothing back that is no room', () => {
    const memory = slab({ limit: 16 << 20, guard: false });
    const held: Buffer[] = [];
    while (codeOf(() => held.push(memory.allocUnsafe(64))) === undefined);
    for (let i = 0; i < held.length; i += 2) memory.free(held[i] as Buffer);
    const begin = performance.now();
    always(memory, 'ERR_TAILRACE_LIMIT', () => memory.allocUnsafe(1000), 2000);
    // Milliseconds in all; looking at each block each time takes more than a minute.
    assert.ok(performance.now() - begin < 10_000);
    const { givenBack, committed, reserved } = memory.stats();
    assert.deepEqual([givenBack, committed], [0, reserved]);
    for (let i = 0; i < held.length; i += 2) held[i] = memory.allocUnsafe(64);
    assert.equal(
      codeOf(() => memory.allocUnsafe(64)),
      'ERR_TAILRACE_LIMIT',
    );
    assert.equal(new Set(held).size, held.length);
    for (const buffer of held) memory.free(buffer);
    memory.free(memory.allocUnsafe(15 << 20));
    assert.equal(memory.stats().inUse, 0);
  });

  test('very many scopes and leases: memory is back at the start', () => {
    const memory = slab();
    for (let i = 0; i < many; i++) {
      memory.scope((s) => {
        s.allocUnsafe(i % 5000);
        if (i % 3 === 0) s.lease(10);
      });
      if (i % 2 === 0) memory.lease(i % 300).release();
    }
    assert.equal(memory.stats().inUse, 0);
    memory.purge();
    assert.equal(memory.stats().reserved, 0);
  });

  test('structuredClone and postMessage give a copy, which is nobody’s to free', async () => {
    const memory = slab();
    const buffer = memory.alloc(64).fill(5);
    const copy = Buffer.from(structuredClone(buffer));
    buffer.fill(6);
    assert.ok(copy.every((byte) => byte === 5));
    assert.throws(() => memory.free(structuredClone(buffer)), { code: 'ERR_TAILRACE_FOREIGN_BUFFER' });
    const [made, code] = await worker(`
      const { parentPort } = require('node:worker_threads');
      const { slab } = require(${JSON.stringify(part)});
      const memory = slab();
      parentPort.once('message', (view) => {
        let code = 'none';
        try { memory.free(Buffer.from(view.buffer, view.byteOffset, view.length)); } catch (error) { code = error.code; }
        try { memory.free(view); } catch (error) { code += ' ' + error.code; }
        parentPort.postMessage(code);
      });
      parentPort.postMessage('ready');`).then(async ([made]) => {
      const reply = new Promise((done) => made.once('message', done));
      made.postMessage(buffer);
      return [made, await reply] as const;
    });
    assert.equal(code, 'ERR_TAILRACE_FOREIGN_BUFFER ERR_TAILRACE_FOREIGN_BUFFER');
    await made.terminate();
    assert.ok(buffer.every((byte) => byte === 6));
    memory.free(buffer);
  });

  test('workers terminated while they own leases: their memory goes with them', async () => {
    const rss: number[] = [];
    for (let round = 0; round < 8; round++) {
      const [made, bytes] = await worker(`
        const { parentPort } = require('node:worker_threads');
        const { slab } = require(${JSON.stringify(part)});
        const memory = slab();
        const leases = Array.from({ length: 2000 }, () => memory.lease(16384));
        for (const { buffer } of leases) buffer.fill(1);
        memory.scope(async (s) => { s.alloc(1 << 20).fill(1); await new Promise(() => {}); });
        parentPort.postMessage(memory.stats().inUse);
        setInterval(() => {}, 1000);`);
      assert.ok((bytes as number) >= 33e6);
      await made.terminate();
      rss.push(process.memoryUsage().arrayBuffers + process.memoryUsage().external);
    }
    // Each held 33 MB: eight of them would be 260.
    assert.ok((rss.at(-1) as number) - (rss[0] as number) < 33e6, `${rss}`);
  });

  test('guard: what is made by a scope is of that scope, wherever the code runs', async () => {
    const memory = slab({ guard: true });
    let late: SlabScope | undefined;
    let end = () => {};
    const other = memory.scope((s) => {
      late = s;
      return new Promise<void>((done) => {
        end = done;
      });
    });
    const kept: Buffer[] = [];
    memory.scope((outer) => {
      memory.scope(() => kept.push(outer.alloc(100), (late as SlabScope).alloc(200)));
      assert.deepEqual(memory.explain(), [], 'in use, and their scopes have not ended');
    });
    kept.push((late as SlabScope).alloc(300)); // in no scope's function
    assert.deepEqual(
      memory.explain().map(({ bytes }) => bytes),
      [100],
    );
    end();
    await other;
    const scopes = new Map(memory.explain().map(({ bytes, scope }) => [bytes, scope]));
    assert.deepEqual([...scopes.keys()], [100, 200, 300]);
    assert.match(scopes.get(300) as string, /misuse/);
    assert.equal(scopes.get(300), scopes.get(200));
    assert.notEqual(scopes.get(100), scopes.get(200));
    assert.equal(kept.length, 3);
  });

  test('guard: explain() tells what outlived its scope, and the lines', async () => {
    const memory = slab({ guard: true });
    const kept: Buffer[] = [];
    await memory.scope(async (s) => {
      await sleep(1);
      memory.free(memory.alloc(5)); // freed in time
      kept.push(memory.alloc(300)); // not the scope's own: in use after its end
      kept.push(s.alloc(200)); // freed by the scope, and still referred to
      s.alloc(100);
    });
    const outside = memory.alloc(7); // of no scope
    const found = memory.explain();
    const inUse = found.filter(({ kind }) => kind === 'in use');
    assert.deepEqual(
      inUse.map(({ bytes }) => bytes),
      [300],
    );
    assert.ok(found.some(({ kind, bytes }) => kind === 'referenced' && bytes === 200));
    for (const { site, scope } of found) {
      assert.match(site, /misuse/);
      assert.match(scope, /misuse/);
    }
    assert.ok(explain().some(({ bytes }) => bytes === 300));
    memory.free(kept[0] as Buffer);
    memory.free(outside);
    assert.ok(!memory.explain().some(({ bytes }) => bytes === 300));
    assert.deepEqual(slab({ guard: false }).explain(), []);
  });

  const run = (code: string, env: Record<string, string> = {}, flags: string[] = []) =>
    spawnSync(process.execPath, [...flags, '-e', code], {
      encoding: 'utf8',
      env: { ...process.env, TAILRACE_BACKEND: name === 'native' ? 'native' : 'js', ...env },
    });

  /** A byte stream does so before Node 24. */
  const detach = (bytes: Buffer) => {
    const start = (controller: ReadableByteStreamController) => {
      try {
        controller.enqueue(bytes as Uint8Array<ArrayBuffer>);
      } catch {
        // refused: Node 24 and later
      }
    };
    new ReadableStream({ type: 'bytes', start });
  };

  test('purge drops what a program has detached, in use or free', () => {
    for (const guard of [false, true]) {
      const memory = slab({ guard, limit: 64 << 20 });
      const all = Array.from({ length: 200 }, () => memory.alloc(8192));
      const other = memory.alloc(2000);
      memory.free(other);
      for (let i = 0; i < all.length; i += 2) memory.free(all[i] as Buffer);
      detach(all[1] as Buffer);
      detach(other);
      memory.purge();
      assert.equal(memory.stats().classes.length, 1, 'nothing is in use of the other size');
      for (const buffer of all.filter((_, i) => i % 2 === 1))
        if (buffer.length > 0) memory.free(buffer);
        else assert.throws(() => memory.free(buffer), { code: 'ERR_TAILRACE_FOREIGN_BUFFER' });
      memory.purge();
      const { reserved, committed, inUse } = memory.stats();
      assert.deepEqual([reserved, committed, inUse], [0, 0, 0]);
    }
  });

  test('large buffers whose memory a program detaches leave nothing behind', () => {
    // Node 22 lets ArrayBuffer.prototype.transfer() do so. Elsewhere they are freed as any, and few will do.
    const code = `
      const memory = require(${JSON.stringify(part)}).slab({ guard: false, limit: 64 << 20 });
      Error.stackTraceLimit = 0;
      const some = (times) => {
        for (let i = 0; i < times; i++) {
          const buffer = memory.allocUnsafe(2 << 20);
          try { buffer.buffer.transfer?.(); } catch {}
          if (buffer.length > 0) times = Math.min(times, 20);
          try { memory.free(buffer); } catch {}
        }
        gc();
        return process.memoryUsage().heapUsed;
      };
      const before = some(1000);
      const more = some(10_000) - before;
      memory.purge();
      console.log(more < 2e6, memory.stats().reserved);`;
    assert.equal(run(code, {}, ['--expose-gc']).stdout, 'true 0\n');
  });

  test('guard: what the collector takes is referred to no more', () => {
    const code = `
      const memory = require(${JSON.stringify(part)}).slab({ guard: true });
      let kept;
      memory.scope((s) => { kept = s.alloc(200); s.alloc(100); });
      setTimeout(() => {
        gc();
        setTimeout(() => console.log(memory.explain().map(({ bytes, kind }) => bytes + ' ' + kind).join()), 10);
      }, 10);
      setTimeout(() => kept.length, 50);`;
    assert.equal(run(code, {}, ['--expose-gc']).stdout, '200 referenced\n');
  });

  test('guard: what was never freed is reported at the end, with the lines', () => {
    const code = `
      const memory = require(${JSON.stringify(part)}).slab({ guard: true });
      function leaky() { return memory.alloc(1000); }
      for (let i = 0; i < 3; i++) leaky();
      memory.alloc(10);
      memory.free(memory.alloc(77));`;
    const { status, stderr } = run(code);
    assert.equal(status, 0);
    assert.match(stderr, /tailrace: 4 buffers of guarded slabs \(3010 bytes\) were never freed/);
    assert.match(stderr, /3 of 3000 bytes, allocated at leaky \(.*:3:/);
    assert.match(stderr, /1 of 10 bytes, allocated at/);
    assert.ok(!stderr.includes('77'));
  });

  test('guard: where a program has frozen Error, lines are told all the same', () => {
    const code = `
      Object.freeze(Error);
      require(${JSON.stringify(part)}).slab({ guard: true }).alloc(5);`;
    assert.match(run(code).stderr, /1 of 5 bytes, allocated at .*:3:/);
  });

  test('guard: a slab that was dropped and collected with buffers in use is in the report', () => {
    const code = `
      const { slab } = require(${JSON.stringify(part)});
      (() => slab({ guard: true }).alloc(123))();
      setTimeout(() => {
        gc();
        setTimeout(gc, 10);
      }, 10);`;
    assert.match(run(code, {}, ['--expose-gc']).stderr, /1 buffer of guarded slabs \(123 bytes\)/);
  });

  test('guard: TAILRACE_DEBUG=guard=1 guards every slab that was not told otherwise', () => {
    const code = `
      const { slab } = require(${JSON.stringify(part)});
      slab().alloc(5);
      slab({ guard: false }).alloc(6);`;
    assert.match(run(code, { TAILRACE_DEBUG: 'schedtrace=0,guard=1' }).stderr, /1 of 5 bytes/);
    assert.equal(run(code, { TAILRACE_DEBUG: '' }).stderr, '');
  });

  return test;
}
