// @timeout 240
// The native server against the fallback: the same bytes over a socket to both, in one piece and cut, well formed and
// mutated. Both must answer the same bytes (but for Date) and end the connection alike; nothing is listed as a
// difference. The client ends its side behind the bytes, so that each answer has an end.
//
//   TAILRACE_FUZZ_RUNS=10000 TAILRACE_FUZZ_SEED=1 node dist/test/server/differential.test.js

import * as net from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { jsBackend, nativeBackend } from '../../lib/backend/select';
import { type Server, serveOn } from '../../lib/server/start';
import { onNative } from '../support/backends';
import { quiet } from './conformance';
import { makeRequests, mutate, type Random } from './raw-generator';
import { rawLimits, rawRequests } from './raw-requests';

onNative();

const runs = Number(process.env.TAILRACE_FUZZ_RUNS ?? 500);
const seed = Number(process.env.TAILRACE_FUZZ_SEED ?? Date.now() % 0x7fffffff);
const kAtOnce = 8;

/** A generator of its own for each run, so that one run can be repeated alone. */
function randomOf(run: number): Random {
  let state = (Math.imul(seed ^ run, 0x9e3779b1) ^ run) >>> 0 || 1;
  const random = (bound: number): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % bound;
  };
  for (let i = 0; i < 4; i++) random(2);
  return random;
}

/** All that a server says to the bytes, until it ends the connection; Date left out, fields of a reply sorted. */
async function saidTo(port: number, bytes: Buffer, pieces: readonly number[]): Promise<string> {
  const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  // A server that has refused a request listens for two seconds more, then what we still send is an error: only what it
  // said is compared.
  socket.on('error', () => {});
  const closed = new Promise((resolve) => socket.once('close', resolve));
  let at = 0;
  for (const piece of pieces) {
    if (socket.destroyed) break;
    socket.write(bytes.subarray(at, at + piece));
    at += piece;
    await new Promise((resolve) => setImmediate(resolve));
  }
  socket.end(bytes.subarray(at));
  await closed;
  return normal(Buffer.concat(chunks).toString('latin1'));
}

function normal(text: string): string {
  return (
    text
      .replace(/^Date: [^\r]*\r\n/gim, '')
      // Sent or not, as the client's end is seen before its turn or behind it.
      .replace(/HTTP\/1\.1 100 Continue\r\n\r\n/g, '')
      .replace(/(HTTP\/1\.1 \d{3} [^\r]*\r\n)((?:[^\r\n]+\r\n)*)/g, (_, first: string, lines: string) => {
        const fields = lines.split('\r\n').filter((line) => line !== '');
        return `${first}${fields.sort().join('\r\n')}\r\n`;
      })
  );
}

const routes = {
  '* /': (request: { method: string; body: Buffer; headers: Record<string, string> }) => ({
    headers: { 'X-Seen': JSON.stringify(request.headers) },
    body: `${request.method} ${request.body.toString('latin1')}\n`,
  }),
  'GET /get': async () => 'get\n',
  'POST /a/:b': (request: {
    path: string;
    query: URLSearchParams;
    params: Readonly<Record<string, string>>;
  }) => ({
    path: request.path,
    query: [...request.query],
    b: request.params.b,
  }),
};

const test = suite('native server against the fallback');
/** One request at a time and little room for replies; or as it comes. */
const limits = [rawLimits, { ...rawLimits, pipeline: 1, writeBytes: 1024 }];
const pairs: Server[][] = [];

test.before(async () => {
  for (const each of limits) {
    const options = { port: 0, log: quiet, routes, limits: each };
    pairs.push([await serveOn(nativeBackend(), options), await serveOn(jsBackend(), options)]);
  }
});

test.after(async () => {
  for (const server of pairs.flat()) await server.close({ drainMs: 0 });
});

async function compare(
  pair: readonly Server[],
  bytes: Buffer,
  pieces: readonly number[],
  again: string,
): Promise<void> {
  const [native, fallback] = await Promise.all(
    pair.map((server) => saidTo(server.address().port, bytes, pieces)),
  );
  const shown = `${JSON.stringify(bytes.toString('latin1'))} in pieces ${JSON.stringify(pieces)}; ${again}`;
  assert.is(fallback, native, shown);
}

test('every row of raw-requests.ts', async () => {
  for (const { name, send } of rawRequests) {
    for (const pair of pairs) await compare(pair, Buffer.from(send, 'latin1'), [], name);
  }
});

test(`requests made up and mutated (seed ${seed}, ${runs} runs)`, async () => {
  let next = Number(process.env.TAILRACE_FUZZ_ONLY ?? 0);
  const end = process.env.TAILRACE_FUZZ_ONLY === undefined ? runs : next + 1;
  const one = async (): Promise<void> => {
    while (next < end) {
      const run = next++;
      const random = randomOf(run);
      const text = mutate(makeRequests(random), random);
      const bytes = Buffer.from(text, 'latin1');
      const pieces: number[] = [];
      // Whether a body that is held back has come with its head decides what is answered: those are not cut.
      if (!/expect/i.test(text) && random(2) === 0) {
        for (let left = bytes.length; left > 1 && pieces.length < 64; ) {
          const piece = 1 + random(Math.min(left, random(3) === 0 ? 200 : 12));
          pieces.push(piece);
          left -= piece;
        }
      }
      const again = `repeat with: TAILRACE_FUZZ_ONLY=${run} TAILRACE_FUZZ_SEED=${seed} node dist/test/server/differential.test.js`;
      await compare(pairs[random(pairs.length)]!, bytes, pieces, again);
    }
  };
  await Promise.all(Array.from({ length: kAtOnce }, one));
});

test.run();
