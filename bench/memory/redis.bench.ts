// tailrace/pool in front of redis-server (Debian's): 1,000 callers that ask for one GET after the other, by
//   a connection for each request, a pool of 100, generic-pool of 100, one connection with ioredis' auto-pipelining.
// The last is not what a pool is for (no transactions, no blocking commands), and wins where it can be used.
//
//   npm run bench -- memory/redis

import { setTimeout as sleep } from 'node:timers/promises';
import { createPool } from 'generic-pool';
import { Redis as Client } from 'ioredis';
import { runtimeInfo } from '../../lib';
import { pool } from '../../lib/pool';
import { findRedis, Redis } from '../../test/support/redis';
import { median } from '../support/stats';

const callers = 1000;
const max = 100;

interface Contestant {
  readonly name: string;
  /** Requests of each caller a round. */
  readonly each: number;
  get(): Promise<string | null>;
  close(): Promise<unknown> | unknown;
}

function client(port: number, more: object = {}): Client {
  const made = new Client({ port, lazyConnect: true, ...more });
  made.on('error', () => {});
  return made;
}

async function connect(port: number): Promise<Client> {
  const made = client(port);
  await made.connect();
  return made;
}

function contestants(port: number): Contestant[] {
  const ours = pool<Client>({ create: () => connect(port), destroy: (c) => c.disconnect(), max });
  const peer = createPool<Client>(
    {
      create: () => connect(port),
      destroy: async (c) => {
        c.disconnect();
      },
    },
    { max },
  );
  const one = client(port, { enableAutoPipelining: true });
  return [
    {
      name: 'connect per request',
      each: 1,
      get: async () => {
        const made = await connect(port);
        try {
          return await made.get('key');
        } finally {
          made.disconnect();
        }
      },
      close: () => {},
    },
    { name: 'tailrace/pool', each: 20, get: () => ours.use((c) => c.get('key')), close: () => ours.close() },
    {
      name: 'generic-pool',
      each: 20,
      get: () => peer.use((c) => c.get('key')),
      close: () => peer.drain().then(() => peer.clear()),
    },
    {
      name: 'one connection, auto-pipelined',
      each: 20,
      get: () => one.get('key'),
      close: () => one.disconnect(),
    },
  ];
}

interface Result {
  rate: number;
  p50: number;
  p99: number;
  connects: number;
}

async function round(who: Contestant, connects: () => Promise<number>): Promise<Result> {
  const before = await connects();
  const latencies: number[] = [];
  const start = performance.now();
  await Promise.all(
    Array.from({ length: callers }, async () => {
      for (let i = 0; i < who.each; i++) {
        const begin = performance.now();
        if ((await who.get()) !== 'value') throw new Error(`${who.name}: not the value`);
        latencies.push(performance.now() - begin);
      }
    }),
  );
  const seconds = (performance.now() - start) / 1e3;
  latencies.sort((a, b) => a - b);
  const at = (share: number) => latencies[Math.floor(latencies.length * share)] as number;
  return {
    rate: latencies.length / seconds,
    p50: at(0.5),
    p99: at(0.99),
    connects: (await connects()) - before,
  };
}

async function main(): Promise<void> {
  const program = findRedis();
  if (program === undefined) {
    console.log('redis-server is not installed');
    return;
  }
  const redis = await Redis.start(program);
  const admin = client(redis.port);
  await admin.set('key', 'value');
  const connects = async () =>
    Number(/total_connections_received:(\d+)/.exec(await admin.info('stats'))?.[1]);
  const all = contestants(redis.port);
  const results = new Map<string, Result[]>(all.map(({ name }) => [name, []]));
  // The first round makes the connections and warms up; its connects count, its times do not.
  const made = new Map<string, number>();
  for (let i = 0; i < 6; i++) {
    for (const who of all) {
      const result = await round(who, connects);
      made.set(who.name, (made.get(who.name) ?? 0) + result.connects);
      if (i > 0) results.get(who.name)?.push(result);
      await sleep(50);
    }
  }
  console.log(
    `Redis GET, ${callers} callers, Node ${runtimeInfo().node}: medians of 5 rounds, turn and turn about\n`,
  );
  const base = results.get('connect per request') as Result[];
  for (const { name } of all) {
    const mine = results.get(name) as Result[];
    const of = (what: keyof Result, from = mine) => median(from.map((result) => result[what]));
    const ratios = mine.map((result, i) => result.rate / (base[i] as Result).rate).sort((a, b) => a - b);
    console.log(
      `${name.padEnd(32)}${of('rate').toFixed(0).padStart(8)} GET/s (${median(ratios).toFixed(1)}x [${ratios[0]?.toFixed(1)}, ${ratios.at(-1)?.toFixed(1)}]), ` +
        `p50 ${of('p50').toFixed(1)} ms, p99 ${of('p99').toFixed(1)} ms (1/${(of('p99', base) / of('p99')).toFixed(1)}), ${made.get(name)} connects`,
    );
  }
  for (const who of all) await who.close();
  admin.disconnect();
  await redis.kill();
}

void main();
