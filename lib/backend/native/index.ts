// The native backend: the contract's parts over the addon's, each loaded at first use.

import type { Backend } from '../contract';
import { lazyObject } from '../lazy';
import type { NativeAddon } from '../load';

export function createNativeBackend(addon: NativeAddon): Backend {
  return lazyObject<Backend>({
    name: () => 'native',
    isa: () => (addon.json as { isa?: string } | undefined)?.isa ?? 'fallback',
    supports: () => ({ handoff: true, nativeNet: true }),
    json: () => (require('./json') as typeof import('./json')).create(addon),
    memory: () => (require('./memory') as typeof import('./memory')).create(addon),
    net: () => (require('./net') as typeof import('./net')).create(addon),
    sched: () => (require('./sched') as typeof import('./sched')).create(addon),
    server: () => (require('./server') as typeof import('./server')).create(addon),
  });
}
