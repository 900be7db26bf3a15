// The worker thread of open-async.ts: one text, one reply.

import { parentPort, workerData } from 'node:worker_threads';
import { locateFailure, scanned } from './exact';
import type { ScanJob, ScanReply } from './open-async';

const { input, options } = workerData as ScanJob;

function reply(): ScanReply {
  const failure = locateFailure(input, 0, input.length, options);
  if (failure !== undefined) return { ...failure, input };
  const { tape } = scanned(input, 0, input.length, options);
  return { words: tape.words as Uint32Array<ArrayBuffer>, nodes: tape.nodes, input };
}

const message = reply();
const moved: ArrayBuffer[] = 'words' in message ? [message.words.buffer] : [];
if (typeof message.input !== 'string') moved.push(message.input.buffer as ArrayBuffer);
parentPort?.postMessage(message, moved);
