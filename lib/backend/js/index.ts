// The fallback: the contract's parts on what Node has, each loaded at first use.

import type { Backend, JsonBackend, MemoryBackend, NetBackend, SchedBackend, ServerBackend } from '../contract';
import { lazyObject } from '../lazy';

/** The shape of lib/backend/js/<part>. */
interface Part<T> {
  create(): T;
}

export function createJsBackend(): Backend {
  return lazyObject<Backend>({
    name: () => 'js',
    isa: () => 'js',
    supports: () => ({ handoff: false, nativeNet: false }),
    json: () => (require('./json') as Part<JsonBackend>).create(),
    memory: () => (require('./memory') as Part<MemoryBackend>).create(),
    net: () => (require('./net') as Part<NetBackend>).create(),
    sched: () => (require('./sched') as Part<SchedBackend>).create(),
    server: () => (require('./server') as Part<ServerBackend>).create(),
  });
}
