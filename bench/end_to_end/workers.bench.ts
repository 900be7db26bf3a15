// 200 worker threads that load the package, serve and parse, each terminated at a random moment: prints the process's
// RssAnon as it goes; it must be flat from run 50 on. RUNS=200 SEED=1 node …/workers.bench.js

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';

const kRuns = Number(process.env.RUNS ?? 200);
const kAtOnce = 4;
let state = Number(process.env.SEED ?? 1) >>> 0 || 1;

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

async function one(): Promise<void> {
  const worker = new Worker(join(__dirname, '..', '..', 'test', 'server', 'fixtures', 'worker.js'));
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

async function main(): Promise<void> {
  console.log(`backend ${process.env.TAILRACE_BACKEND ?? 'auto'}, seed ${state}`);
  for (let done = 0; done < kRuns; ) {
    await Promise.all(Array.from({ length: kAtOnce }, one));
    done += kAtOnce;
    if (done % 50 < kAtOnce) {
      (globalThis as { gc?: () => void }).gc?.();
      console.log(`after ${String(done).padStart(3)} workers: RssAnon ${(rssAnonKb() / 1024).toFixed(1)} MB`);
    }
  }
}

void main();
