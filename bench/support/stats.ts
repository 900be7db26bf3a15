// Comparing two ways of doing the same work on a noisy machine: short blocks of each in turn, the ratio of each pair of
// blocks, the median of the ratios and its 95 % interval by bootstrap. A third, identical to the first, runs along: its ratio
// (the A/A row) shows what the machine's noise alone does. A bar is missed when the whole interval lies below it.

/** A seeded generator (xorshift32): the same inputs and intervals on every run. Numbers in [0, 1). */
export function seeded(seed: number): () => number {
  let state = seed | 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 4294967296;
  };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

/** 95 % interval of the median, by 2,000 resamplings. */
export function interval(values: readonly number[], random: () => number = seeded(1)): [number, number] {
  const medians: number[] = [];
  for (let round = 0; round < 2000; round++) {
    medians.push(median(values.map(() => values[Math.floor(random() * values.length)] as number)));
  }
  medians.sort((a, b) => a - b);
  return [medians[50] as number, medians[1949] as number];
}

export interface Ratio {
  median: number;
  low: number;
  high: number;
}

export interface Comparison {
  /** Time of the peer over ours: above 1 we are faster. */
  ratio: Ratio;
  /** The peer against itself. */
  noise: Ratio;
  oursNs: number;
  peerNs: number;
}

export interface CompareOptions {
  /** Blocks of each; 21 unless told. */
  blocks?: number;
  /** Aim for the length of one block; 4 unless told. */
  blockMs?: number;
}

/** What a run computed goes here, so that no compiler may leave it out. */
let sink: unknown;

/** TAILRACE_BENCH_CLOCK=cpu: on a machine that is busy with other things. Time of all threads, those of the collector too. */
const onCpu = process.env.TAILRACE_BENCH_CLOCK === 'cpu';

/** Nanoseconds, of the clock that was chosen. */
export function nowNs(): number {
  if (!onCpu) return Number(process.hrtime.bigint());
  const { user, system } = process.cpuUsage();
  return (user + system) * 1000;
}

function blockNs(run: () => unknown, times: number): number {
  const start = nowNs();
  for (let i = 0; i < times; i++) sink = run();
  return (nowNs() - start) / times;
}

/** Runs until it has taken `ms`, at least three times; returns how often fits into a block of `blockMs`. */
function warmUp(run: () => unknown, ms: number, blockMs: number): number {
  const start = performance.now();
  let times = 0;
  while (times < 3 || performance.now() - start < ms) {
    sink = run();
    times++;
  }
  const last = blockNs(run, Math.max(1, Math.round((times * blockMs) / ms / 4)));
  return Math.max(1, Math.round((blockMs * 1e6) / last));
}

function ratioOf(values: readonly number[]): Ratio {
  const [low, high] = interval(values);
  return { median: median(values), low, high };
}

/** Interleaved blocks of ours, the peer, and the peer again; the order turns from round to round. */
export function compare(ours: () => unknown, peer: () => unknown, options: CompareOptions = {}): Comparison {
  const { blocks = 21, blockMs = 4 } = options;
  const runs = [ours, peer, peer];
  const oursTimes = warmUp(ours, 150, blockMs);
  const peerTimes = warmUp(peer, 150, blockMs);
  const times = [oursTimes, peerTimes, peerTimes];
  const samples: number[][] = [[], [], []];
  for (let block = 0; block < blocks; block++) {
    for (let turn = 0; turn < 3; turn++) {
      const which = (block + turn) % 3;
      (samples[which] as number[]).push(blockNs(runs[which] as () => unknown, times[which] as number));
    }
  }
  const [a, b, again] = samples as [number[], number[], number[]];
  if (sink === samples) throw new Error('unreachable');
  return {
    ratio: ratioOf(a.map((ns, i) => (b[i] as number) / ns)),
    noise: ratioOf(again.map((ns, i) => (b[i] as number) / ns)),
    oursNs: median(a),
    peerNs: median(b),
  };
}

export const shownRatio = ({ median: middle, low, high }: Ratio): string =>
  `${middle.toFixed(2)}x [${low.toFixed(2)}, ${high.toFixed(2)}]`;

export function shownTime(ns: number): string {
  if (ns < 1e3) return `${ns.toFixed(0)} ns`;
  if (ns < 1e6) return `${(ns / 1e3).toFixed(1)} µs`;
  return `${(ns / 1e6).toFixed(2)} ms`;
}

const cells = (...texts: string[]): void =>
  console.log(texts.map((text, i) => `${text.padEnd(i === 0 ? 29 : 21)} `).join(''));

/** The head of a table of showComparison()'s rows. */
export const showHead = (): void => cells('', 'ratio', 'A/A', 'ours', 'peer');

/** Compares, and prints a row of it. */
export function showComparison(label: string, ours: () => unknown, peer: () => unknown): void {
  const { ratio, noise, oursNs, peerNs } = compare(ours, peer);
  cells(label, shownRatio(ratio), shownRatio(noise), shownTime(oursNs), shownTime(peerNs));
}
