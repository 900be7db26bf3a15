// tailrace/memory: Buffers that cost the garbage collector nothing.
//
//   const memory = slab({ limit: 64 << 20 });
//   const buffer = memory.allocUnsafe(16384);
//   …
//   memory.free(buffer);
//
// A slab belongs to its thread. Its Buffers share ArrayBuffers that cannot be transferred; structuredClone and
// postMessage of one copy the whole ArrayBuffer it stands in, neighbours included: send a copy (Buffer.from) instead.

import type { CoreHeapStats } from '../backend/contract';
import { backend } from '../backend/select';
import { InvalidArgument, onlyKnown } from '../errors';
import { explainAll, type Outlived } from './guard';
import { Slab } from './slab';

export type { CoreHeapStats } from '../backend/contract';
export { SlabError } from './errors';
export type { Outlived } from './guard';
export type { SlabLease, SlabScope } from './scope';
export type { SizeStats } from './size-heap';
export type { Slab, SlabStats } from './slab';

export interface SlabOptions {
  /** Most bytes of ArrayBuffers it may hold; default: no limit. Reaching it throws LimitError. */
  limit?: number | undefined;
  /**
   * Finds double frees, writes after free and behind the end, what outlives its scope and what is never freed, with the
   * line that allocated. Slow. Default: false, true where the addon is a debug build or TAILRACE_DEBUG has `guard=1`.
   */
  guard?: boolean | undefined;
  /**
   * Memory that was free for this long (milliseconds, up to twice as much) goes back by itself: arenas of whose buffers none was
   * needed. Infinity: only purge() gives back. Default: 1000. Without effect with guard: true.
   */
  decayMs?: number | undefined;
}

/**
 * What outlived its request: buffers of all slabs of this thread with guard: true that were made inside a scope (in its
 * function, or in what that started) and are in use, or referred to, after its end; with the line that made each.
 */
export function explain(): Outlived[] {
  return explainAll();
}

/** Makes a slab. Throws InvalidArgument. */
export function slab(options: SlabOptions = {}): Slab {
  if (typeof options !== 'object' || options === null) {
    throw new InvalidArgument('options', 'an object', options);
  }
  onlyKnown(options, ['limit', 'guard', 'decayMs']);
  const { limit = Infinity, guard = backend().memory.guarded, decayMs = 1000 } = options;
  if (typeof limit !== 'number' || !(limit > 0) || (limit !== Infinity && !Number.isSafeInteger(limit))) {
    throw new InvalidArgument('limit', 'a positive integer of bytes', limit);
  }
  if (typeof guard !== 'boolean') throw new InvalidArgument('guard', 'true or false', guard);
  if (typeof decayMs !== 'number' || !(decayMs >= 0)) {
    throw new InvalidArgument('decayMs', 'a number of milliseconds from 0', decayMs);
  }
  return new Slab(backend().memory, limit, guard, decayMs);
}

/** The heap of the native core: connections, requests, documents. Not that of slabs. One for all threads of the process. */
export interface CoreHeap {
  /** Its figures now. Takes locks: not for a hot path. */
  stats(): CoreHeapStats;
  /**
   * The same figures, in the same order, read without a call: `Atomics.load(counters, i)`. The core writes them a few times a
   * second while it is at work. The limit reads as 2^64 - 1 when there is none.
   */
  readonly counters: BigUint64Array;
  /** Gives all free pages back to the system; returns bytes. */
  purge(): number;
  /**
   * Most bytes it may hold, Infinity for no limit (the default). What needs more fails: a parse or a document with
   * ERR_TAILRACE_OUT_OF_MEMORY, a request with a reply of its own; what is in use stays. Throws InvalidArgument.
   */
  limit(bytes: number): void;
}

/** The heap of the native core; undefined on the fallback, whose memory is V8's. */
export function coreHeap(): CoreHeap | undefined {
  const { memory } = backend();
  if (memory.coreStats() === undefined) return undefined;
  return {
    stats: () => memory.coreStats() as CoreHeapStats,
    get counters(): BigUint64Array {
      return memory.coreCounters as BigUint64Array;
    },
    purge: () => memory.purgeCore(),
    limit: (bytes) => {
      if (bytes !== Infinity && !(Number.isSafeInteger(bytes) && bytes >= 0)) {
        throw new InvalidArgument('bytes', 'an integer from 0, or Infinity', bytes);
      }
      memory.limitCore(bytes);
    },
  };
}
