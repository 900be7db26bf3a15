// tailrace/memory against Buffer: one buffer made and dropped (or freed), at three sizes; then what many live small ones
// hold. One column is the noise: the peer against itself.
//
//   npm run bench -- memory/slab

import { PerformanceObserver } from 'node:perf_hooks';
import { runtimeInfo } from '../../lib';
import { slab } from '../../lib/memory';
import { compare, median, shownRatio, shownTime } from '../support/stats';

const { backend, node } = runtimeInfo();
console.log(`slab against Buffer, Node ${node}, ${backend} backend`);
console.log('ratio above 1: faster; medians of 21 interleaved blocks with 95 % intervals\n');
const row = (...cells: string[]) =>
  console.log(cells.map((cell, i) => (i === 0 ? cell.padEnd(34) : cell.padEnd(22))).join(''));
row('', 'ratio', 'A/A', 'ours', 'peer');

const memory = slab();
/** The last of each run goes here, so that no compiler may leave it out. */
const out: { sink: unknown } = { sink: undefined };

/**
 * A hundred times, by a loop of its own: code that rows share (a closure made several times too) is compiled for all of
 * them, and takes longer than an allocation.
 */
function loop(body: string, size: number): () => void {
  const text = `for (let i = 0; i < 100; i++) { ${body} }`;
  return new Function('memory', 'Buffer', 'out', `return () => { /* ${size} */ ${text} }`)(
    memory,
    Buffer,
    out,
  );
}

function show(label: string, ours: string, peer: string, size: number): void {
  const result = compare(loop(ours, size), loop(peer, size));
  row(
    label,
    shownRatio(result.ratio),
    shownRatio(result.noise),
    shownTime(result.oursNs / 100),
    shownTime(result.peerNs / 100),
  );
}

for (const size of [64, 1024, 16384]) {
  for (const call of ['allocUnsafe', 'alloc']) {
    show(
      `${call} + free, ${size} B`,
      `const buffer = memory.${call}(${size}); memory.free(buffer); out.sink = buffer;`,
      `out.sink = Buffer.${call}(${size});`,
      size,
    );
  }
}

/** A million buffers of 16 KB, 256 of them alive at a time: what they take, and what the garbage collector does meanwhile. */
async function million(label: string, take: () => Buffer, give: (buffer: Buffer) => void): Promise<number> {
  const live: (Buffer | undefined)[] = new Array(256).fill(undefined);
  const pauses: number[] = [];
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) pauses.push(entry.duration);
  });
  global.gc?.();
  await new Promise((resolve) => setTimeout(resolve, 20)); // that one is not ours
  observer.observe({ entryTypes: ['gc'] });
  let longest = 0;
  let total = 0;
  for (let turn = 0; turn < 1000; turn++) {
    const start = performance.now();
    for (let i = 0; i < 1000; i++) {
      const at = (turn * 1000 + i) & 255;
      const old = live[at];
      if (old !== undefined) give(old);
      live[at] = take();
    }
    const ms = performance.now() - start;
    total += ms;
    longest = Math.max(longest, ms);
    if (turn % 50 === 49) await new Promise((resolve) => setImmediate(resolve));
  }
  await new Promise((resolve) => setTimeout(resolve, 20));
  observer.disconnect();
  for (const buffer of live) if (buffer !== undefined) give(buffer);
  const paused = pauses.reduce((sum, ms) => sum + ms, 0);
  console.log(
    `${label.padEnd(34)}${total.toFixed(0).padStart(6)} ms, ${pauses.length} pauses of ${paused.toFixed(1)} ms, longest turn of 1,000: ${longest.toFixed(2)} ms`,
  );
  return total;
}

/** What 3,125 live buffers of 64 B keep, made among others that are dropped. */
function held(label: string, take: () => Buffer, bytesKept: (live: Buffer[]) => number): void {
  global.gc?.();
  const before = process.memoryUsage().heapUsed;
  const live = Array.from({ length: 3125 }, take);
  global.gc?.();
  const heap = process.memoryUsage().heapUsed - before;
  const bytes = bytesKept(live);
  const wanted = live.length * 64;
  console.log(
    `${label.padEnd(34)}${bytes} B of ArrayBuffers, ${(bytes / wanted).toFixed(2)} times their size; V8 heap ${(heap / live.length).toFixed(0)} B each`,
  );
}

const arraysOf = (live: Buffer[]) => {
  const arrays = new Set(live.map((buffer) => buffer.buffer));
  return [...arrays].reduce((sum, array) => sum + array.byteLength, 0);
};

async function rest(): Promise<void> {
  console.log('\na million buffers of 16 KB, 256 live');
  const peer: number[] = [];
  const ours: number[] = [];
  for (let round = 0; round < 3; round++) {
    peer.push(
      await million(
        'Buffer.allocUnsafe',
        () => Buffer.allocUnsafe(16384),
        () => {},
      ),
    );
    ours.push(
      await million(
        'slab',
        () => memory.allocUnsafe(16384),
        (buffer) => memory.free(buffer),
      ),
    );
  }
  console.log(`${'ratio of the medians'.padEnd(34)}${(median(peer) / median(ours)).toFixed(1)}x`);

  console.log('\n3,125 live buffers of 64 B');
  const small = slab();
  held('slab', () => small.allocUnsafe(64), arraysOf);
  // One of 64 that a program makes is kept, as when a message is cut out of what was read.
  const one = () => {
    for (let i = 0; i < 63; i++) out.sink = Buffer.allocUnsafe(64);
    return Buffer.allocUnsafe(64);
  };
  held("Buffer's pool, one of 64 kept", one, arraysOf);
  const kept = slab();
  const other = () => {
    const dropped: Buffer[] = [];
    for (let i = 0; i < 63; i++) dropped.push(kept.allocUnsafe(64));
    const buffer = kept.allocUnsafe(64);
    for (const each of dropped) kept.free(each);
    return buffer;
  };
  held('slab, one of 64 kept', other, () => kept.stats().reserved);
}

if (out.sink === memory) throw new Error('unreachable');
void rest();
