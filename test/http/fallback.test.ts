// The fallback's reading of requests against the native parser, without sockets: the same bytes, made up and mutated, cut
// at different places. Statuses, and what was read of each request, must be the same.
//
//   TAILRACE_FUZZ_RUNS=200000 TAILRACE_FUZZ_SEED=1 node dist/test/http/fallback.test.js

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { splitHeaders } from '../../lib/backend/header-lines';
import { BodyReader } from '../../lib/backend/js/http-body';
import { kUnseen, parseHead } from '../../lib/backend/js/http-head';
import { loadAddon } from '../../lib/backend/load';
import { makeRequests, mutate, type Random } from '../server/raw-generator';
import { rawRequests } from '../server/raw-requests';
import { onNative } from '../support/backends';

onNative();

interface Outcome {
  requests: Array<{
    method: string;
    target: string;
    path: string;
    minor: number;
    keepAlive: boolean;
    chunked: boolean;
    expectContinue: boolean;
    headers: string[];
    /** undefined: not complete */
    body: string | undefined;
  }>;
  /** 0: all bytes taken; -1: a request is not complete; else it was refused */
  status: number;
}

const load = loadAddon();
if (load.state !== 'loaded') throw new Error(load.reason);
const { parseRequests } = load.addon.net as { parseRequests(bytes: Uint8Array, step: number): Outcome };

const seed = Number(process.env.TAILRACE_FUZZ_SEED ?? Date.now() % 0x7fffffff);
const runs = Number(process.env.TAILRACE_FUZZ_RUNS ?? 10_000);
/** As native/http/request_parser.h has them. */
const limits = { headerBytes: 16 * 1024, headers: 100, bodyBytes: 1024 * 1024 };

function fallbackParses(bytes: Buffer, step: number): Outcome {
  const requests: Outcome['requests'] = [];
  let input = Buffer.alloc(0);
  let arrived = 0;
  let seen = kUnseen;
  let body: BodyReader | undefined;
  for (;;) {
    const last = requests.at(-1);
    if (body !== undefined) {
      input = input.subarray(body.take(input, 0));
      if (body.status !== 0) return { requests, status: body.status };
      if (body.done) {
        last!.body = body.bytes().toString('latin1');
        body = undefined;
        if (!last!.keepAlive) return { requests, status: 0 };
        continue;
      }
    } else if (input.length > 0) {
      const { head, status, bytes: taken, seen: next } = parseHead(input, 0, seen, limits);
      if (status !== 0) return { requests, status };
      seen = next;
      if (head !== undefined) {
        const { method, target, path, minor, keepAlive, chunked, expects: expectContinue } = head;
        const headers = splitHeaders(head.text);
        const facts = { method, target, path, minor, keepAlive, chunked, expectContinue };
        requests.push({ ...facts, headers, body: undefined });
        body = new BodyReader(head, limits);
        input = input.subarray(taken);
        continue;
      }
    }
    if (arrived === bytes.length) return { requests, status: body || input.length > 0 ? -1 : 0 };
    // A copy, as a socket gives: a reader that looked behind the end would be found out.
    input = Buffer.concat([input, bytes.subarray(arrived, arrived + step)]);
    arrived += step;
    if (arrived > bytes.length) arrived = bytes.length;
  }
}

/** What both tell; names in lower case. */
function lowered({ requests, status }: Outcome): Outcome {
  const lower = (text: string, i: number) => (i % 2 === 0 ? text.toLowerCase() : text);
  return {
    requests: requests.map(
      ({ method, target, path, minor, keepAlive, chunked, expectContinue, headers, body }) => {
        const facts = { method, target, path, minor, keepAlive, chunked, expectContinue };
        return { ...facts, headers: headers.map(lower), body };
      },
    ),
    status,
  };
}

function compare(text: string, step: number, again: string): void {
  const bytes = Buffer.from(text, 'latin1');
  const native = lowered(parseRequests(bytes, step));
  assert.equal(fallbackParses(bytes, step), native, `${JSON.stringify(text)} by ${step}; ${again}`);
}

const test = suite('http of the fallback against the native');

test('every row of raw-requests.ts, by 1, 2, 3 … bytes', () => {
  for (const { name, send } of rawRequests) {
    const steps = send.length > 1000 ? [97, 4096, send.length] : [1, 2, 3, 5, 8, 13, send.length + 1];
    for (const step of steps) compare(send, step, name);
  }
});

test(`requests made up and mutated (seed ${seed}, ${runs} runs)`, () => {
  const only = process.env.TAILRACE_FUZZ_ONLY;
  const first = Number(only ?? 0);
  for (let run = first; run < (only === undefined ? runs : first + 1); run++) {
    let state = (Math.imul(seed ^ run, 0x9e3779b1) ^ run) >>> 0 || 1;
    const random: Random = (bound) => {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      return (state >>> 0) % bound;
    };
    for (let i = 0; i < 4; i++) random(2);
    let text = mutate(makeRequests(random), random);
    if (random(50) === 0) {
      // Up to the limits of a head and of chunk extensions, and beyond.
      const at = random(text.length + 1);
      text = text.slice(0, at) + 'x'.repeat([4090, 16_300][random(2)]! + random(200)) + text.slice(at);
    }
    const again = `repeat with: TAILRACE_FUZZ_ONLY=${run} TAILRACE_FUZZ_SEED=${seed} node dist/test/http/fallback.test.js`;
    compare(text, 1 + random(random(2) === 0 ? 10 : 500) + (text.length > 4000 ? 100 : 0), again);
  }
});

test.run();
