// 200 worker threads that load the package, serve, parse and call, each terminated at a random moment: the process's
// RssAnon as it goes, and its slope from run 50 on, beside the same worker made of node:http alone, which shows what
// Node itself keeps: most of it comes with fetch, so each server also runs with a client of node:net. Each row is a
// process of its own. RUNS=200 SEED=1 node …/workers.bench.js
//
// That the core keeps nothing is held by counts in test/server/workers.test.ts.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';

const kRuns = Number(process.env.RUNS ?? 200);
const kFrom = 50;
const kAtOnce = 4;
const kKinds = [
  { server: 'tailrace', client: 'net' },
  { server: 'node:http', client: 'net' },
  { server: 'tailrace', client: 'fetch' },
  { server: 'node:http', client: 'fetch' },
];
const seed = Number(process.env.SEED ?? 1) >>> 0 || 1;
let state = seed;

/** xorshift32 (Marsaglia, 2003) */
function random(bound: number): number {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % bound;
}

function rssAnonKb(): number {
  return Number(/RssAnon:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))![1]);
}

async function one(kind: (typeof kKinds)[number]): Promise<void> {
  const worker = new Worker(join(__dirname, 'workers-load.js'), { workerData: kind });
  const ended = new Promise<void>((resolve, reject) => {
    worker.once('exit', () => resolve());
    worker.once('error', reject);
  });
  const moment = random(3);
  // While it loads, when it has begun to serve, or in the midst of it.
  if (moment > 0) await new Promise((resolve) => worker.once('message', resolve));
  await new Promise((resolve) => setTimeout(resolve, moment === 1 ? 0 : random(60)));
  await worker.terminate();
  await ended;
}

/** By least squares, in KB a worker, with half the width of its 95 % interval. */
function slope(points: Array<[number, number]>): [number, number] {
  const mean = (at: 0 | 1): number => points.reduce((sum, point) => sum + point[at], 0) / points.length;
  const [x, y] = [mean(0), mean(1)];
  const spread = points.reduce((sum, point) => sum + (point[0] - x) ** 2, 0);
  const rise = points.reduce((sum, point) => sum + (point[0] - x) * (point[1] - y), 0) / spread;
  const rest = points.reduce((sum, point) => sum + (point[1] - y - rise * (point[0] - x)) ** 2, 0);
  return [rise, 2 * Math.sqrt(rest / (points.length - 2) / spread)];
}

async function row(kind: (typeof kKinds)[number]): Promise<void> {
  const points: Array<[number, number]> = [];
  const shown: string[] = [];
  for (let done = 0; done < kRuns; ) {
    await Promise.all(Array.from({ length: kAtOnce }, () => one(kind)));
    done += kAtOnce;
    (globalThis as { gc?: () => void }).gc?.();
    const kb = rssAnonKb();
    if (done >= kFrom) points.push([done, kb]);
    if (done % 50 < kAtOnce) shown.push((kb / 1024).toFixed(1));
  }
  const grows = points.length > 2 ? slope(points).map((kb) => kb.toFixed(1)) : ['-', '-'];
  console.log(
    `${kind.server.padEnd(9)} ${kind.client.padEnd(6)} ${grows[0]!.padStart(6)} ± ${grows[1]!.padEnd(5)} KB a worker   ${shown.join('  ')}`,
  );
}

if (process.env.TAILRACE_BENCH_ROW !== undefined) {
  void row(kKinds[Number(process.env.TAILRACE_BENCH_ROW)]!);
} else {
  console.log(
    `backend ${process.env.TAILRACE_BACKEND ?? 'auto'}, seed ${seed}, ${kRuns} workers, ${kAtOnce} at once\n` +
      `server    client slope from worker ${kFrom} on, 95 % interval; RssAnon in MB every 50`,
  );
  for (let i = 0; i < kKinds.length; i++) {
    execFileSync(process.execPath, ['--expose-gc', __filename], {
      env: { ...process.env, TAILRACE_BENCH_ROW: String(i) },
      stdio: 'inherit',
    });
  }
}
