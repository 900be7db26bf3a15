// tailrace/pool: what a pool costs by itself, with items that cost nothing.
//
//   npm run bench -- memory/pool

import { runtimeInfo } from '../../lib';
import { type Pool, pool } from '../../lib/pool';
import { median, shownTime } from '../support/stats';

console.log(`pool, Node ${runtimeInfo().node}: medians of 21 blocks`);

const rounds = 2000;

async function show(label: string, run: (items: Pool<object>) => Promise<void> | void): Promise<void> {
  const items = pool({ create: () => ({}), max: 100 });
  const samples: number[] = [];
  for (let block = 0; block < 31; block++) {
    const start = process.hrtime.bigint();
    await run(items);
    // The first ten warm up.
    if (block >= 10) samples.push(Number(process.hrtime.bigint() - start) / rounds);
  }
  await items.close();
  console.log(`${label.padEnd(44)}${shownTime(median(samples))}`);
}

async function main(): Promise<void> {
  await show('acquire, release, idle item', async (items) => {
    for (let i = 0; i < rounds; i++) items.release(await items.acquire());
  });
  await show('tryAcquire, release', (items) => {
    for (let i = 0; i < rounds; i++) {
      const item = items.tryAcquire();
      if (item !== undefined) items.release(item);
    }
  });
  await show('use, 2,000 callers for 100 items', async (items) => {
    await Promise.all(Array.from({ length: rounds }, () => items.use(() => Promise.resolve())));
  });
}

void main();
