// Memory on the fallback: arenas are ordinary ArrayBuffers, and an arena that nobody holds is collected. Pages inside
// one that is still held cannot be given back without native help.

import type { MemoryBackend } from '../contract';
import { guardWanted, makeArena } from './arena';

export function create(): MemoryBackend {
  return {
    guarded: guardWanted(),
    arena: makeArena,
    giveBack: () => 0,
    coreStats: () => undefined,
    coreCounters: undefined,
    purgeCore: () => 0,
    limitCore: () => {},
  };
}
