// The native backend: the contract's parts over the addon's, each loaded at first use.

import type { Backend, JsonBackend, MemoryBackend, NetBackend, SchedBackend, ServerBackend } from '../contract';
import { lazyObject } from '../lazy';
import type { NativeAddon } from '../load';

/** The shape of lib/backend/native/<part>. */
interface Part<T> {
  create(addon: NativeAddon): T;
}

export function createNativeBackend(addon: NativeAddon): Backend {
  return lazyObject<Backend>({
    name: () => 'native',
    isa: () => (addon.json as { isa?: string } | undefined)?.isa ?? 'fallback',
    supports: () => ({ handoff: true, nativeNet: false }),
    json: () => (require('./json') as Part<JsonBackend>).create(addon),
    memory: () => (require('./memory') as Part<MemoryBackend>).create(addon),
    net: () => (require('./net') as Part<NetBackend>).create(addon),
    sched: () => (require('./sched') as Part<SchedBackend>).create(addon),
    server: () => (require('./server') as Part<ServerBackend>).create(addon),
  });
}
