// The CPU time, of all threads, of a process that reads large texts of all kinds one kind after the other, by json.parse(Buffer) and
// by JSON.parse(buf.toString('utf8')): a process each, so that nobody pays for the other's garbage. What a kind costs depends
// on those before it, of which V8 has learned how long values live (lib/json/README.md, V8's collector): so the kinds come in
// several orders.
//
//   npm run bench -- json/mixed
//   SIZE=100000 ORDERS=8 npm run bench -- json/mixed       texts of 100 KB; so many orders

import { spawnSync } from 'node:child_process';
import { runtimeInfo } from '../../lib';
import * as json from '../../lib/json';
import { kinds, textOf } from '../support/kinds';
import { median, seeded } from '../support/stats';

const size = Number(process.env.SIZE ?? 1e6);
const orders = Number(process.env.ORDERS ?? 4);
const kTexts = 3;
const kWarmBytes = 12e6;
const kBytes = 24e6;

type Costs = Record<string, number>;

function shuffled(random: () => number): string[] {
  const all = [...kinds];
  for (let i = all.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [all[i], all[j]] = [all[j] as string, all[i] as string];
  }
  return all;
}

/** Milliseconds of CPU for each kind's texts. */
function costs(order: number, parse: (bytes: Buffer) => unknown): Costs {
  const kept: unknown[] = [];
  const found: Costs = {};
  for (const kind of shuffled(seeded(order))) {
    const random = seeded(kinds.indexOf(kind) + 1);
    const texts = Array.from({ length: kTexts }, () => textOf(kind, size, random));
    const read = (bytes: number): void => {
      const times = Math.max(1, Math.round(bytes / size));
      for (let i = 0; i < times; i++) kept[0] = parse(texts[i % kTexts] as Buffer);
    };
    read(kWarmBytes);
    const before = process.cpuUsage();
    read(kBytes);
    const { user, system } = process.cpuUsage(before);
    found[kind] = (user + system) / 1000;
  }
  return found;
}

function costsElsewhere(order: number, whose: string): Costs {
  const { stdout } = spawnSync(process.execPath, [...process.execArgv, __filename, whose, String(order)], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 1e8,
  });
  return JSON.parse(stdout) as Costs;
}

const [, , whose, order] = process.argv;
if (whose === 'ours' || whose === 'theirs') {
  const parse =
    whose === 'ours'
      ? (bytes: Buffer): unknown => json.parse(bytes)
      : (bytes: Buffer): unknown => JSON.parse(bytes.toString('utf8'));
  console.log(JSON.stringify(costs(Number(order), parse)));
} else {
  const { backend, isa, node } = runtimeInfo();
  console.log(
    `CPU of a process that reads ${kinds.length} kinds of texts of ${size} B, Node ${node}, ${backend} backend (${isa})`,
  );
  console.log(`JSON.parse's time / ours, above 1: less; in ${orders} orders\n`);
  const runs = Array.from({ length: orders }, (_, i) => ({
    ours: costsElsewhere(i + 1, 'ours'),
    theirs: costsElsewhere(i + 1, 'theirs'),
  }));
  for (const kind of kinds) {
    const ratios = runs.map((run) => (run.theirs[kind] as number) / (run.ours[kind] as number));
    console.log(
      `${median(ratios) < 0.95 ? '!' : ' '} ${kind.padEnd(34)}${median(ratios).toFixed(2).padEnd(9)}${ratios.map((ratio) => ratio.toFixed(2)).join(' ')}`,
    );
  }
  const sum = (all: Costs): number => Object.values(all).reduce((a, b) => a + b, 0);
  const totals = runs.map((run) => (sum(run.theirs) / sum(run.ours)).toFixed(2));
  console.log(`\n  all of it: ${totals.join(' ')}`);
}
