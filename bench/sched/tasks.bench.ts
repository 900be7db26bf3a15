// What tasks, channels, locks and scopes cost, and a call to another isolate beside a message to a worker and back.
//
//   npm run bench -- sched/tasks

import { once } from 'node:events';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { channel, isolates, mutex, scope } from '../../lib/sched';
import { micro } from '../support/micro';

const work = join(__dirname, 'work.js');

void micro('tasks', async ({ bench, group }) => {
  const pool = await isolates<typeof import('./work')>(pathToFileURL(work), { min: 1, max: 1 });
  const worker = new Worker(work, { argv: ['port'] });
  await once(worker, 'online');
  const calls = Array.from({ length: 100 }, (_, i) => i);
  const items = channel<number>(16);
  const lock = mutex();

  group('another isolate', () => {
    bench('isolates().call', () => pool.call.add(1, 2));
    bench('isolates().call, 100 under way', () => Promise.all(calls.map((i) => pool.call.add(i, 1))));
    bench('a message to a worker and back', async () => {
      worker.postMessage([1, 2]);
      await once(worker, 'message');
    });
  });
  group('this isolate', () => {
    bench('scope of one task', () => scope(async (s) => void s.go(async () => {})));
    bench('mutex', () => lock.run(() => {}));
    bench('channel, a buffered item', async () => {
      await items.send(1);
      await items.receive();
    });
    bench('a promise', async () => {});
  });
  return () => Promise.all([pool.close(), worker.terminate()]);
});
