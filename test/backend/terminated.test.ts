// @timeout 120
// A worker that is terminated while it loads the addon ends alone: what cannot be thrown there any more does not end the process.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { hasNative } from '../support/backends';
import { root } from '../support/paths';

const test = suite('terminated');
const addon = process.env.TAILRACE_ADDON ?? join(root, 'build', 'Release', 'tailrace.node');

// Terminated at another moment each time: up to two milliseconds after it began to load.
const code = `
const { Worker } = require('node:worker_threads');
const addon = process.argv[1];
require(addon);
const inside = 'const { workerData: begun } = require("node:worker_threads"); Atomics.store(begun, 0, 1); Atomics.notify(begun, 0);';
(async () => {
  for (let i = 0; i < 100; i++) {
    const workerData = new Int32Array(new SharedArrayBuffer(4));
    const worker = new Worker(inside + 'require(' + JSON.stringify(addon) + ')', { eval: true, workerData });
    const gone = new Promise((done) => worker.once('exit', done));
    Atomics.wait(workerData, 0, 0, 5000);
    const until = process.hrtime.bigint() + BigInt(i) * 20_000n;
    while (process.hrtime.bigint() < until);
    worker.terminate();
    await gone;
  }
  console.log('alive');
})();
`;

test('a worker is terminated while it loads the addon', () => {
  if (!hasNative()) return;
  const run = spawnSync(process.execPath, ['-e', code, addon], { encoding: 'utf8', timeout: 100_000 });
  assert.is(run.stdout, 'alive\n', run.stderr);
});

test.run();
