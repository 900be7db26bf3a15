// A worker isolate by itself, spoken to in messages as the fallback does.

import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Claims, newClaims } from '../../lib/rpc/claims';
import type { FromIsolate, IsolateReady, IsolateStart, ToIsolate } from '../../lib/rpc/isolate-messages';
import { within } from '../support/http-client';

const test = suite('rpc worker');

test('an answer does not wait for a slow call that came in a message of its own', async () => {
  const shared = newClaims();
  const claims = new Claims<ToIsolate>(shared);
  const start: IsolateStart = {
    url: pathToFileURL(join(__dirname, 'fixtures', 'methods.js')).href,
    exposeErrors: false,
    queue: 10,
    group: undefined,
    claims: shared,
  };
  const worker = new Worker(require.resolve('../../lib/rpc/worker'), { workerData: start });
  const gate = join(tmpdir(), `tailrace-worker-${process.pid}`);
  try {
    const [{ ready }] = (await within(once(worker, 'message'), 'the isolate')) as [
      Extract<IsolateReady, { ready: unknown }>,
    ];
    const send = (seq: number, name: string, params: unknown): void => {
      const message: ToIsolate = {
        kind: 'call',
        seq,
        slot: 0,
        method: ready.findIndex((method) => method.name === name),
        params: JSON.stringify(params),
        id: seq,
        headers: [],
        remoteAddress: '127.0.0.1',
        deadline: Date.now() + 30_000,
      };
      message.slot = claims.send(seq, message);
      worker.postMessage([message]);
    };
    const said: FromIsolate[] = [];
    worker.on('message', (messages: FromIsolate[]) => said.push(...messages));
    const untilSaid = async (seq: number): Promise<void> => {
      while (!said.some((message) => message.kind === 'result' && message.seq === seq)) {
        await within(once(worker, 'message'), `the answer to ${seq}`);
      }
    };
    // While the first holds the isolate, the others arrive: it finds both messages in one turn.
    send(1, 'hold', [gate]);
    await new Promise((resolve) => setTimeout(resolve, 20));
    send(2, 'soon', [1]);
    const second = `${gate}-2`;
    send(3, 'hold', [second]);
    writeFileSync(gate, '');
    await untilSaid(1);
    await untilSaid(2);
    assert.not(said.some((message) => 'seq' in message && message.seq === 3));
    writeFileSync(second, '');
    await untilSaid(3);
    rmSync(second);
  } finally {
    rmSync(gate, { force: true });
    await worker.terminate();
  }
});

test('a call is not held up by one that has something to say in every turn of the loop', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tailrace-worker-'));
  writeFileSync(
    join(folder, 'methods.mjs'),
    `let answered = false;
     export default {
       talks: async (_, { log }) => {
         for (let i = 0; i < 100_000 && !answered; i++) {
           log.info(i);
           await new Promise((resolve) => setImmediate(resolve));
         }
         return answered;
       },
       answers: () => { answered = true; },
     };`,
  );
  const shared = newClaims();
  const claims = new Claims<number>(shared);
  const start: IsolateStart = {
    url: pathToFileURL(join(folder, 'methods.mjs')).href,
    exposeErrors: false,
    queue: 10,
    group: undefined,
    claims: shared,
  };
  const worker = new Worker(require.resolve('../../lib/rpc/worker'), { workerData: start });
  try {
    await within(once(worker, 'message'), 'the isolate');
    const call = (seq: number, method: number): ToIsolate => ({
      kind: 'call',
      seq,
      slot: claims.send(seq, seq),
      method,
      params: undefined,
      id: seq,
      headers: [],
      remoteAddress: '127.0.0.1',
      deadline: Date.now() + 30_000,
    });
    worker.postMessage([call(1, 0)]);
    await within(once(worker, 'message'), 'the first word');
    worker.postMessage([call(2, 1)]);
    for (;;) {
      const [messages] = (await within(once(worker, 'message'), 'both answers')) as [FromIsolate[]];
      const talked = messages.find((message) => message.kind === 'result' && message.seq === 1);
      if (talked === undefined) continue;
      assert.is((talked as { text: string }).text, 'true', 'the other call ran before it was through');
      break;
    }
  } finally {
    await worker.terminate();
    rmSync(folder, { recursive: true });
  }
});

test.run();
