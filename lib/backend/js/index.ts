// The fallback: the contract's parts on what Node has, each loaded at first use.

import type { Backend } from '../contract';
import { lazyObject } from '../lazy';

export function createJsBackend(): Backend {
  return lazyObject<Backend>({
    name: () => 'js',
    isa: () => 'js',
    supports: () => ({ handoff: false, nativeNet: false }),
    json: () => (require('./json') as typeof import('./json')).create(),
    memory: () => (require('./memory') as typeof import('./memory')).create(),
    net: () => (require('./net') as typeof import('./net')).create(),
    sched: () => (require('./sched') as typeof import('./sched')).create(),
    server: () => (require('./server') as typeof import('./server')).create(),
  });
}
