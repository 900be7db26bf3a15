// A search for texts on which json.parse loses to JSON.parse(buf.toString('utf8')): shapes of all kinds, made from a seed, from 20
// bytes to 20 MB, warm and in the first 30 parses of a process. No text comes twice in a row: each row goes round several of its
// kind. TAILRACE_BENCH_CLOCK=cpu: CPU time, on a busy machine. The bar: no row whose whole 95 % interval lies below 0.95. Rows that miss it are listed again at the end.
//
//   npm run bench -- json/sweep
//   SEED=7 SWEEP='map|cold' npm run bench -- json/sweep       another seed; only rows that match

import { spawnSync } from 'node:child_process';
import { runtimeInfo } from '../../lib';
import * as json from '../../lib/json';
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

type Random = () => number;
const int = (random: Random, below: number): number => Math.floor(random() * below);
const word = (random: Random, length: number): string =>
  Array.from({ length }, () => String.fromCharCode(97 + int(random, 26))).join('');
const from = (random: Random, low: number, high: number, length: number): string =>
  Array.from({ length }, () => String.fromCharCode(low + int(random, high - low))).join('');
const names = Array.from({ length: 40 }, (_, i) => `field_${i.toString(36)}${'x'.repeat(i % 7)}`);

const scalar = (random: Random): unknown =>
  [int(random, 1e6), random() * 1e3, word(random, 4 + int(random, 30)), random() < 0.5, null][int(random, 5)];
const flat = (random: Random, keys: string[]): Record<string, unknown> =>
  Object.fromEntries(keys.map((key) => [key, scalar(random)]));
const record = (random: Random, i: number) => ({
  id: i,
  name: word(random, 12),
  at: '2024-05-01T12:00:00Z',
  score: random() * 100,
  ok: random() < 0.5,
  tags: [word(random, 5), word(random, 6)],
});
/** Some of the names, in an order of its own. */
const drifting = (random: Random) => {
  const start = int(random, 30);
  const keys = names.slice(start, start + 3 + int(random, 8));
  return flat(random, random() < 0.3 ? keys.reverse() : keys);
};
const point = (random: Random) => [random() * 360 - 180, random() * 180 - 90];

/** An element of a list of its kind. */
const lists: Record<string, (random: Random, i: number) => unknown> = {
  records: record,
  'records, shapes drift': drifting,
  'records, new keys': (random) => flat(random, [word(random, 8), word(random, 9), word(random, 7)]),
  'records of 60 keys': (random) =>
    flat(
      random,
      Array.from({ length: 60 }, (_, i) => `${names[i % 40]}${i}`),
    ),
  'records, years': (random, i) => ({
    id: i,
    '2023': int(random, 1e4),
    '2024': int(random, 1e4),
    '7': random() < 0.5,
  }),
  'points, GeoJSON': (random, i) => ({
    type: 'Feature',
    id: i,
    properties: { name: word(random, 8), kind: null },
    geometry: { type: 'Point', coordinates: point(random) },
  }),
  'polygons, GeoJSON': (random, i) => ({
    type: 'Feature',
    properties: { id: i },
    geometry: {
      type: 'Polygon',
      coordinates: [Array.from({ length: 5 + int(random, 40) }, () => point(random))],
    },
  }),
  Japanese: (random, i) => ({
    id: i,
    text: from(random, 0x3041, 0x3096, 20),
    more: from(random, 0x4e00, 0x9000, 30),
  }),
  'Latin-1': (random, i) => ({ id: i, text: from(random, 0xc0, 0xff, 12) + word(random, 20) }),
  emoji: (random, i) => ({ id: i, text: `${word(random, 10)}😀${word(random, 5)}🎉` }),
  escapes: (random, i) => ({ id: i, text: `"${word(random, 5)}"\n\t\\${word(random, 4)}\u0001` }),
  'long strings': (random) => word(random, 3000),
  'short strings': (random) => word(random, 3 + int(random, 6)),
  'small integers': (random) => int(random, 1000),
  'large integers': (random) => int(random, 2 ** 53),
  doubles: (random) => random() * 1000,
  exponents: (random) => (random() - 0.5) * 10 ** int(random, 300),
  decimals: (random) => int(random, 1e5) / 100,
  literals: (random) => [true, false, null][int(random, 3)],
  'all kinds': (random, i) => [scalar(random), [], {}, [i, 'x'], { a: scalar(random) }][int(random, 5)],
  'empty objects': () => ({}),
  'lists of lists': (random) => [[int(random, 9)], [word(random, 3), [null]]],
};
/** A member of an object whose keys are data. */
const maps: Record<string, (random: Random, i: number) => [string, unknown]> = {
  'map of numbers': (random) => [word(random, 10), int(random, 1e6)],
  'map of strings': (random) => [word(random, 10), word(random, 15)],
  'map of records': (random, i) => [`${word(random, 6)}${i}`, record(random, i)],
  'map by ids': (random, i) => [String(1e6 + i * 7), drifting(random)],
};
const kinds = [
  ...Object.keys(lists),
  ...Object.keys(maps),
  'deep',
  'records, pretty',
  'records, shapes drift, pretty',
];

/** A text of the kind, of about `size` bytes. */
function textOf(kind: string, size: number, random: Random): Buffer {
  const pretty = kind.endsWith(', pretty');
  const base = pretty ? kind.slice(0, -', pretty'.length) : kind;
  if (kind === 'deep') {
    const one = `{"a":[1,${'{"b":['.repeat(20)}${']}'.repeat(20)}]}`;
    const count = Math.max(1, Math.round(size / (one.length + 1)));
    return Buffer.from(`[${Array.from({ length: count }, () => one).join(',')}]`);
  }
  const map = maps[base];
  const list = lists[base];
  let text = '';
  for (let i = 0; text.length < size || i === 0; i++) {
    const value = map === undefined ? list?.(random, i) : map(random, i);
    const [key, item] = map === undefined ? ['', value] : (value as [string, unknown]);
    const shown = pretty ? JSON.stringify(item, null, 2) : JSON.stringify(item);
    text += `${i > 0 ? (pretty ? ',\n  ' : ',') : ''}${map === undefined ? '' : `${JSON.stringify(key)}:`}${shown}`;
  }
  return Buffer.from(map === undefined ? `[${text}]` : `{${text}}`);
}

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
