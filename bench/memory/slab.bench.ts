// tailrace/memory against Buffer: one buffer made and dropped (or freed), at three sizes; then what many live small ones
// hold. One column is the noise: the peer against itself.
//
//   npm run bench -- memory/slab

import { runtimeInfo } from '../../lib';
import { slab } from '../../lib/memory';
import { compare, shownRatio, shownTime } from '../support/stats';

const { backend, node } = runtimeInfo();
console.log(`slab against Buffer, Node ${node}, ${backend} backend`);
console.log('ratio above 1: faster; medians of 21 interleaved blocks with 95 % intervals\n');
const row = (...cells: string[]) =>
  console.log(cells.map((cell, i) => (i === 0 ? cell.padEnd(34) : cell.padEnd(22))).join(''));
row('', 'ratio', 'A/A', 'ours', 'peer');

const memory = slab();
let sink: unknown;

function show(label: string, ours: () => unknown, peer: () => unknown): void {
  // A hundred at a time, so that the call of the run itself does not count.
  const hundred = (run: () => unknown) => () => {
    for (let i = 0; i < 100; i++) sink = run();
    return sink;
  };
  const result = compare(hundred(ours), hundred(peer));
  row(
    label,
    shownRatio(result.ratio),
    shownRatio(result.noise),
    shownTime(result.oursNs / 100),
    shownTime(result.peerNs / 100),
  );
}

for (const size of [64, 1024, 16384]) {
  show(
    `allocUnsafe + free, ${size} B`,
    () => {
      const buffer = memory.allocUnsafe(size);
      memory.free(buffer);
      return buffer;
    },
    () => Buffer.allocUnsafe(size),
  );
  show(
    `alloc + free, ${size} B`,
    () => {
      const buffer = memory.alloc(size);
      memory.free(buffer);
      return buffer;
    },
    () => Buffer.alloc(size),
  );
}

console.log(`\n3,125 live buffers of 64 B hold ${held()}`);

function held(): string {
  const small = slab();
  const live = Array.from({ length: 3125 }, () => small.allocUnsafe(64));
  const { reserved } = small.stats();
  return `${reserved} B of arenas, ${(reserved / (live.length * 64)).toFixed(2)} times their size`;
}
