// json.lines of a stream of NDJSON, records of about 1 KB in chunks of 64 KB, three fields of each wanted: ours by a decoder, as values
// and as documents, against readline with JSON.parse and against cutting the text by hand (what split2 does). Each way reads
// the same stream made anew. Whole runs take turns; a second run of readline shows the noise (A/A).
//
//   npm run bench -- json/lines

import { strictEqual } from 'node:assert';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { runtimeInfo } from '../../lib';
import * as json from '../../lib/json';
import * as sched from '../../lib/sched';
import { interval, median, seeded, shownRatio, shownTime } from '../support/stats';

const kLines = 4000;
const kChunk = 64 * 1024;
const kLargeChunk = 1024 * 1024;
const kBlocks = 21;

interface Wanted {
  id: number;
  level: string;
  status: number;
}

const random = seeded(7);
const words = 'alpha bravo charlie delta echo foxtrot golf hotel india juliet kilo lima mike'.split(' ');
const some = (n: number) =>
  Array.from({ length: n }, () => words[Math.floor(random() * words.length)]).join(' ');
const record = (id: number) => ({
  id,
  at: new Date(1.6e12 + id * 1000).toISOString(),
  level: words[id % 3],
  user: {
    id: Math.floor(random() * 1e9),
    name: some(2),
    email: `${some(1)}@example.com`,
    roles: [some(1), some(1)],
  },
  message: some(40 + Math.floor(random() * 20)),
  tags: Array.from({ length: 6 }, () => some(1)),
  metrics: { a: random(), b: Math.floor(random() * 1000), d: [random(), random(), random()] },
  path: `/api/v1/${some(1)}/${id}`,
  status: 200,
  headers: { host: 'example.com', agent: some(12), accept: '*/*' },
  ok: true,
  none: null,
  trace: some(20),
});
const bytes = Buffer.from(
  Array.from({ length: kLines }, (_, i) => `${JSON.stringify(record(i))}\n`).join(''),
);
const stream = (chunk = kChunk) => {
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += chunk) chunks.push(bytes.subarray(at, at + chunk));
  return Readable.from(chunks, { objectMode: false });
};

const decoder = json.decoder({
  type: 'object',
  properties: { id: { type: 'integer' }, level: { type: 'string' }, status: { type: 'integer' } },
  required: ['id', 'level', 'status'],
} as const);

const taken = ({ id, level, status }: Wanted) => id + level.length + status;

async function readline(): Promise<number> {
  let sum = 0;
  for await (const line of createInterface({ input: stream(), crlfDelay: Number.POSITIVE_INFINITY }))
    sum += taken(JSON.parse(line));
  return sum;
}

async function inBatches(chunk: number, procs: number): Promise<number> {
  const before = sched.procs(procs);
  let sum = 0;
  for await (const batch of json.lines<Wanted>(stream(chunk), { decoder, batch: true }))
    for (const item of batch) sum += taken(item);
  sched.procs(before);
  return sum;
}

const ways: Record<string, () => Promise<number>> = {
  'decoder, batches': () => inBatches(kChunk, sched.procs()),
  'the same, chunks of 1 MB, one P': () => inBatches(kLargeChunk, 1),
  'the same, chunks of 1 MB, all Ps': () => inBatches(kLargeChunk, sched.procs()),
  decoder: async () => {
    let sum = 0;
    for await (const item of json.lines<Wanted>(stream(), { decoder })) sum += taken(item);
    return sum;
  },
  values: async () => {
    let sum = 0;
    for await (const item of json.lines<Wanted>(stream())) sum += taken(item);
    return sum;
  },
  documents: async () => {
    let sum = 0;
    for await (const item of json.lines(stream(), { as: 'document' }))
      sum += taken({ id: item.get('/id'), level: item.get('/level'), status: item.get('/status') } as Wanted);
    return sum;
  },
  "peer: readline, on('line')": () =>
    new Promise((resolve) => {
      let sum = 0;
      createInterface({ input: stream(), crlfDelay: Number.POSITIVE_INFINITY })
        .on('line', (line) => {
          sum += taken(JSON.parse(line));
        })
        .on('close', () => resolve(sum));
    }),
  'peer: cut by hand': async () => {
    let sum = 0;
    let rest = '';
    for await (const chunk of stream().setEncoding('utf8')) {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() as string;
      for (const line of lines) sum += taken(JSON.parse(line));
    }
    return sum;
  },
  'peer: readline again (A/A)': readline,
};

async function timed(run: () => Promise<number>, want: number): Promise<number> {
  const start = process.hrtime.bigint();
  strictEqual(await run(), want);
  return Number(process.hrtime.bigint() - start) / kLines;
}

async function main(): Promise<void> {
  const { backend, isa, node } = runtimeInfo();
  const want = await readline();
  const runs = [readline, ...Object.values(ways)];
  for (let round = 0; round < 3; round++) for (const run of runs) await timed(run, want);
  const samples: number[][] = runs.map(() => []);
  for (let block = 0; block < kBlocks; block++) {
    for (let turn = 0; turn < runs.length; turn++) {
      const which = (block + turn) % runs.length;
      samples[which]?.push(await timed(runs[which] as () => Promise<number>, want));
    }
  }
  const peer = samples[0] as number[];
  console.log(
    `json.lines, ${kLines} lines of ${Math.round(bytes.length / kLines)} bytes, Node ${node}, ${backend} backend (${isa})`,
  );
  console.log(
    `against readline (for await) and JSON.parse, ${shownTime(median(peer))} a line; above 1: faster; medians of ${kBlocks} interleaved runs with 95 % intervals\n`,
  );
  Object.keys(ways).forEach((name, i) => {
    const own = samples[i + 1] as number[];
    const ratios = own.map((ns, k) => (peer[k] as number) / ns);
    const [low, high] = interval(ratios);
    console.log(
      `${name.padEnd(34)}${shownRatio({ median: median(ratios), low, high }).padEnd(24)}${shownTime(median(own))} a line`,
    );
  });
}
void main();
