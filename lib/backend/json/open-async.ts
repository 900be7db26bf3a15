// openAsync without native code. A short text is scanned in a turn of the loop of its own; a long one by a worker thread,
// which costs some tens of milliseconds to start and none of the loop's time.

import { join } from 'node:path';
import type { JsonBackendDocument, JsonParseOptions } from '../contract';
import { type JsonFailureKind, jsonFailure } from '../json-failure';
import { documentOf, openDocument } from './document';
import { Tape } from './scan';

/** A scan of so much takes a millisecond or two. */
const kShort = 128 * 1024;

export interface ScanJob {
  input: string | Uint8Array;
  options: JsonParseOptions | undefined;
}
export type ScanReply =
  | { words: Uint32Array<ArrayBuffer>; nodes: number; input: string | Uint8Array }
  | { kind: JsonFailureKind; offset: number; input: string | Uint8Array };

/** undefined: this process may not make threads (node --permission). */
function scanElsewhere(job: ScanJob): Promise<ScanReply> | undefined {
  const { Worker } = require('node:worker_threads') as typeof import('node:worker_threads');
  const transferList = typeof job.input === 'string' ? [] : [job.input.buffer as ArrayBuffer];
  let worker: import('node:worker_threads').Worker;
  try {
    worker = new Worker(join(__dirname, 'open-worker.js'), { workerData: job, transferList });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_ACCESS_DENIED') return undefined;
    throw error;
  }
  return new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', (code) => reject(new Error(`The worker that scans JSON ended with code ${code}`)));
  });
}

export async function openAsync(
  given: string | Uint8Array,
  options: JsonParseOptions | undefined,
): Promise<JsonBackendDocument> {
  const input = typeof given === 'string' ? given : Uint8Array.from(given);
  const reply = input.length <= kShort ? undefined : await scanElsewhere({ input, options });
  if (reply === undefined) {
    await new Promise((resolve) => setImmediate(resolve));
    return openDocument(input, options);
  }
  if ('kind' in reply) throw jsonFailure(reply.kind, reply.input, reply.offset);
  return documentOf(reply.input, new Tape(reply.words, reply.nodes), options);
}
