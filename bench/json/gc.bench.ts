// What the garbage collector takes of json.parse(Buffer), against the same number of JSON.parse(buf.toString('utf8')): the sum of
// its pauses as V8 itself counts them (v8.GCProfiler), in blocks that take turns. Each block begins behind a full collection, so
// that none pays for another's garbage; what runs on threads of V8 meanwhile is not counted. The last two columns are
// milliseconds of collection for a GB of text. The bar: not above JSON.parse's, a ratio of 1.
//
//   npm run bench -- json/gc

import { GCProfiler } from 'node:v8';
import { runtimeInfo } from '../../lib';
import * as json from '../../lib/json';
import { datasets, shownName } from '../support/datasets';
import { interval, median, type Ratio, shownRatio } from '../support/stats';

const kBlocks = 11;
/** Bytes of text in a block: enough for dozens of collections. */
const kBlockBytes = 24e6;
/** Of texts of 100 KB and more, whose values V8 makes among the old ones at once, which are collected seldom. */
const kLargeBlockBytes = 120e6;
const kLarge = 100e3;
/** Small texts leave little behind; still not more of them than this. */
const kMost = 60_000;

/** The last value, as a program would have it. */
const kept: unknown[] = [];

/** Microseconds of collection while `run` runs so many times. */
function collectedUs(run: () => unknown, times: number): number {
  globalThis.gc?.();
  const profiler = new GCProfiler();
  profiler.start();
  for (let i = 0; i < times; i++) kept[0] = run();
  const { statistics } = profiler.stop();
  return statistics.reduce((sum, { cost }) => sum + cost, 0);
}

function ratioOf(peer: number[], own: number[]): Ratio {
  // a microsecond on both sides: a block may have had no collection at all
  const ratios = own.map((us, i) => ((peer[i] as number) + 1) / (us + 1));
  const [low, high] = interval(ratios);
  return { median: median(ratios), low, high };
}

const row = (...cells: string[]): void =>
  console.log(cells.map((cell, i) => `${cell.padEnd(i === 0 ? 27 : 23)} `).join(''));

const { backend, isa, node } = runtimeInfo();
console.log(`time in the collector, json.parse(Buffer), Node ${node}, ${backend} backend (${isa})`);
console.log(`ratio above 1: less; medians of ${kBlocks} interleaved blocks with 95 % intervals\n`);
row('', 'ratio', 'A/A', 'ours, ms/GB', 'JSON.parse, ms/GB');

for (const set of datasets()) {
  const { bytes } = set;
  const times = Math.min(
    kMost,
    Math.ceil((bytes.length < kLarge ? kBlockBytes : kLargeBlockBytes) / bytes.length),
  );
  const peer = () => JSON.parse(bytes.toString('utf8'));
  const runs = [() => json.parse(bytes), peer, peer];
  for (const run of runs) collectedUs(run, times);
  const samples: number[][] = [[], [], []];
  for (let block = 0; block < kBlocks; block++) {
    for (let turn = 0; turn < 3; turn++) {
      const which = (block + turn) % 3;
      samples[which]?.push(collectedUs(runs[which] as () => unknown, times));
    }
  }
  const [ours, theirs, again] = samples as [number[], number[], number[]];
  const perGb = (us: number[]) => ((median(us) * 1e6) / (times * bytes.length)).toFixed(0);
  row(
    shownName(set),
    shownRatio(ratioOf(theirs, ours)),
    shownRatio(ratioOf(theirs, again)),
    perGb(ours),
    perGb(theirs),
  );
}
