// An arena of JavaScript's own: what both backends hand out. Made by JS and not by native code, because external
// ArrayBuffers are slow to make and refused by some hosts; never transferable, because whoever transferred one
// buffer would take all its neighbours along.

import { markAsUntransferable } from 'node:worker_threads';
import { LimitError } from '../../errors';

/** A zeroed, untransferable ArrayBuffer. */
export function makeArena(bytes: number): ArrayBuffer {
  let arena: ArrayBuffer;
  try {
    arena = new ArrayBuffer(bytes);
  } catch (error) {
    // RangeError: Array buffer allocation failed
    throw new LimitError(`no memory for ${bytes} bytes: ${(error as Error).message}`);
  }
  markAsUntransferable(arena);
  return arena;
}

/** Whether TAILRACE_DEBUG asks for guarded slabs: `guard=1` among its comma-separated settings. */
export function guardWanted(): boolean {
  return (process.env.TAILRACE_DEBUG ?? '').split(',').includes('guard=1');
}
