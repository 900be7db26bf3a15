// Memory on the native backend: the same arenas, whose free pages the addon can give back, and the core's heap.

import { everyInBackground } from '../background';
import type { CoreHeapStats, MemoryBackend } from '../contract';
import { guardWanted, makeArena } from '../js/arena';
import type { NativeAddon } from '../load';

/** What native/binding/memory.cc exports. */
interface AddonMemory {
  /** See MemoryBackend.giveBack; throws on a range outside the arena. */
  giveBack(arena: ArrayBuffer, offset: number, bytes: number): number;
  /** Fills the first ten elements, in the order of CoreHeapStats. */
  stats(out: Float64Array): void;
  /** From now on the core writes its figures there; the first ten elements, over a SharedArrayBuffer. */
  publish(out: BigUint64Array): void;
  purge(): number;
  /** Infinity lifts it. */
  limit(bytes: number): void;
  /** Whether the core is a debug build. */
  readonly debug: boolean;
}

/** The core itself writes the figures while blocks move; this is for the last of what has moved. */
const kPublishMs = 200;

export function create(addon: NativeAddon): MemoryBackend {
  const memory = addon.memory as AddonMemory;
  const figures = new Float64Array(10);
  let counters: BigUint64Array | undefined;
  return {
    guarded: memory.debug || guardWanted(),
    arena: makeArena,
    giveBack: (arena, offset, bytes) => memory.giveBack(arena, offset, bytes),
    coreStats: (): CoreHeapStats => {
      memory.stats(figures);
      const [reserved, committed, inUse, cached, limit, refills, releases, givenBack, refused, caches] =
        figures as unknown as number[];
      return {
        reserved: reserved as number,
        committed: committed as number,
        inUse: inUse as number,
        cached: cached as number,
        limit: limit as number,
        refills: refills as number,
        releases: releases as number,
        givenBack: givenBack as number,
        refused: refused as number,
        caches: caches as number,
      };
    },
    get coreCounters(): BigUint64Array {
      // Made when first looked at: few programs do.
      if (counters === undefined) {
        const words = new BigUint64Array(new SharedArrayBuffer(80));
        memory.publish(words);
        everyInBackground(() => memory.publish(words), kPublishMs);
        counters = words;
      }
      return counters;
    },
    purgeCore: () => memory.purge(),
    limitCore: (bytes) => memory.limit(bytes),
  };
}
