// The queue and the claims behind isolates that are sent calls as messages: what two threads do to them, a call runs in
// one place only.

import { Worker } from 'node:worker_threads';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Claims, kWindow, newClaims } from '../../lib/rpc/claims';
import { Fifo } from '../../lib/rpc/fifo';

const test = suite('rpc claims');

test('a queue gives what was put back first, in its order', () => {
  const fifo = new Fifo<number>();
  for (let i = 0; i < 3000; i++) fifo.push(i);
  for (let i = 0; i < 2000; i++) assert.is(fifo.take(), i);
  fifo.putBack([1998, 1999]);
  fifo.putBack([]);
  assert.is(fifo.size, 1002);
  for (let i = 1998; i < 3000; i++) assert.is(fifo.take(), i);
  assert.is(fifo.take(), undefined);
  assert.is(fifo.size, 0);
});

test('a slot is free again when its call was reported on or taken back', () => {
  const claims = new Claims<string>(newClaims());
  for (let seq = 1; seq <= kWindow; seq++) claims.send(seq, `call ${seq}`);
  assert.is(claims.unbegun, kWindow);
  claims.reported(2);
  claims.reported(2);
  assert.is(claims.sent, kWindow - 1);
  assert.equal(claims.takeBack(), ['call 1', 'call 3', 'call 4']);
  assert.is(claims.sent, 0);
  claims.send(9, 'call 9');
  assert.equal(claims.takeBack(), ['call 9']);
});

test('of two threads that want a call one gets it', async () => {
  const shared = newClaims();
  const claims = new Claims<number>(shared);
  const calls = 20_000;
  // The other side begins whatever it sees, and says so by a count of its own for each slot.
  const begun = new Int32Array(new SharedArrayBuffer(4 * (calls + 1)));
  const worker = new Worker(
    `const { workerData: { shared, begun, path } } = require('node:worker_threads');
     const { begin } = require(path);
     while (Atomics.load(begun, 0) === 0) {
       for (let slot = 0; slot < shared.length; slot++) {
         const seq = Atomics.load(shared, slot);
         if (seq > 0 && begin(shared, slot, seq)) Atomics.add(begun, seq, 1);
       }
     }`,
    { eval: true, workerData: { shared, begun, path: require.resolve('../../lib/rpc/claims') } },
  );
  await new Promise((resolve) => worker.once('online', resolve));
  const taken = new Set<number>();
  for (let seq = 1; seq <= calls; seq++) {
    claims.send(seq, seq);
    if (claims.sent < kWindow) continue;
    const back = claims.takeBack();
    for (const call of back) taken.add(call);
    for (let each = seq - kWindow + 1; each <= seq; each++) if (!taken.has(each)) claims.reported(each);
  }
  for (const call of claims.takeBack()) taken.add(call);
  Atomics.store(begun, 0, 1);
  await new Promise((resolve) => worker.once('exit', resolve));
  for (let seq = 1; seq <= calls; seq++) {
    assert.is(Atomics.load(begun, seq) + (taken.has(seq) ? 1 : 0), 1, `call ${seq}`);
  }
});

test.run();
