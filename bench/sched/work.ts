// What the isolates of the bench beside run.

import { isMainThread, parentPort } from 'node:worker_threads';

export function add(a: number, b: number): number {
  return a + b;
}

// As the entry of a plain worker: the same over its port.
if (!isMainThread && process.argv[2] === 'port') {
  parentPort!.on('message', ([a, b]: [number, number]) => parentPort!.postMessage(a + b));
}
