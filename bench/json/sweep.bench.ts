// A search for texts on which json.parse loses to JSON.parse(buf.toString('utf8')): shapes of all kinds, made from a seed, from 20
// bytes to 20 MB, warm and in the first 30 parses of a process. No text comes twice in a row: each row goes round several of its
// kind. TAILRACE_BENCH_CLOCK=cpu: CPU time, on a busy machine. The bar: no row whose whole 95 % interval lies below 0.95. Rows that miss it are listed again at the end.
//
//   npm run bench -- json/sweep
//   SEED=7 SWEEP='map|cold' npm run bench -- json/sweep       another seed; only rows that match

import { spawnSync } from 'node:child_process';
import { runtimeInfo } from '../../lib';
import * as json from '../../lib/json';
import { kinds, textOf } from '../support/kinds';
import {
  compare,
  interval,
  median,
  nowNs,
  type Ratio,
  seeded,
  showHead,
  shownRatio,
  shownTime,
} from '../support/stats';

const seed = Number(process.env.SEED ?? 1);
const only = new RegExp(process.env.SWEEP ?? '');
const kBar = 0.95;
const kSizes = [20, 100, 400, 1500, 12e3, 120e3, 1.2e6, 6e6, 20e6];
const kColdSizes = [400, 12e3, 120e3, 1.2e6, 6e6];
const kColdParses = 30;
const kColdRuns = 9;
/** Texts of a row are as many as fit, for a row not to run out of memory. */
const kRowBytes = 8e6;
const kMostTexts = 16;

function textsOf(kind: string, size: number): Buffer[] {
  const random = seeded(seed * 7919 + kinds.indexOf(kind) * 131 + Math.round(size));
  const count = Math.max(1, Math.min(kMostTexts, Math.floor(kRowBytes / size)));
  return Array.from({ length: count }, () => textOf(kind, size, random));
}

const shownSize = (size: number): string =>
  size < 1000 ? `${size} B` : size < 1e6 ? `${size / 1000} KB` : `${size / 1e6} MB`;

const missed: string[] = [];
function tell(label: string, ratio: Ratio, noise: string, ours: number, peer: number): void {
  const line = `${label.padEnd(44)}${`${shownRatio(ratio)} `.padEnd(22)}${noise.padEnd(22)}${shownTime(ours).padEnd(12)}${shownTime(peer)}`;
  console.log(line);
  if (ratio.high < kBar) missed.push(line);
}

/** One after the other, round and round. */
function rounds(texts: Buffer[], parse: (bytes: Buffer) => unknown): () => unknown {
  let at = 0;
  return () => parse(texts[at++ % texts.length] as Buffer);
}
const theirs = (bytes: Buffer): unknown => JSON.parse(bytes.toString('utf8'));
const ours = (bytes: Buffer): unknown => json.parse(bytes);

function warm(): void {
  for (const size of kSizes) {
    for (const kind of kinds) {
      const label = `${kind}, ${shownSize(size)}`;
      if (!only.test(label)) continue;
      const texts = textsOf(kind, size);
      const options = size > 1e6 ? { blocks: 9, blockMs: 1 } : {};
      const { ratio, noise, oursNs, peerNs } = compare(rounds(texts, ours), rounds(texts, theirs), options);
      tell(label, ratio, shownRatio(noise), oursNs, peerNs);
    }
  }
  for (const size of [20, 1500, 120e3]) {
    const label = `records as a string, ${shownSize(size)}`;
    if (!only.test(label)) continue;
    const text = textOf('records', size, seeded(seed)).toString();
    const { ratio, noise, oursNs, peerNs } = compare(
      () => json.parse(text),
      () => JSON.parse(text),
    );
    tell(label, ratio, shownRatio(noise), oursNs, peerNs);
  }
}

/** Nanoseconds of the first parses of a process. */
function coldNs(kind: string, size: number, whose: string): number {
  const { stdout } = spawnSync(process.execPath, [__filename, 'cold', kind, String(size), whose], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return Number(stdout);
}

function cold(): void {
  for (const size of kColdSizes) {
    for (const kind of [
      'records',
      'records, shapes drift',
      'records, new keys',
      'map of records',
      'polygons, GeoJSON',
      'Japanese',
      'long strings',
      'all kinds',
    ]) {
      const label = `cold: ${kind}, ${shownSize(size)}`;
      if (!only.test(label)) continue;
      const samples: number[][] = [[], [], []];
      for (let run = 0; run < kColdRuns; run++)
        for (let turn = 0; turn < 3; turn++) {
          const which = (run + turn) % 3;
          samples[which]?.push(coldNs(kind, size, which === 0 ? 'ours' : 'theirs'));
        }
      const [a, b, again] = samples as [number[], number[], number[]];
      const ratioOf = (own: number[]): Ratio => {
        const all = own.map((ns, i) => (b[i] as number) / ns);
        const [low, high] = interval(all);
        return { median: median(all), low, high };
      };
      tell(label, ratioOf(a), shownRatio(ratioOf(again)), median(a), median(b));
    }
  }
}

const [, , mode, kind, size, whose] = process.argv;
if (mode === 'cold') {
  const texts = textsOf(kind as string, Number(size));
  const parse = whose === 'ours' ? ours : theirs;
  const kept: unknown[] = [];
  const start = nowNs();
  for (let i = 0; i < kColdParses; i++) kept[0] = parse(texts[i % texts.length] as Buffer);
  console.log(nowNs() - start);
} else {
  const { backend, isa, node } = runtimeInfo();
  console.log(
    `json.parse(Buffer) against JSON.parse(buf.toString('utf8')), seed ${seed}, Node ${node}, ${backend} backend (${isa})`,
  );
  console.log('ratio above 1: faster; medians of interleaved blocks with 95 % intervals\n');
  showHead();
  warm();
  cold();
  console.log(missed.length === 0 ? `\nno row is below ${kBar}` : `\nbelow ${kBar}: ${missed.length}`);
  for (const line of missed) console.log(`! ${line.replaceAll('x [', ' [')}`);
}
