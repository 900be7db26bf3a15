// The core's pages that a large text has left free go back to the system though nothing else happens: where nobody serves there is no
// sysmon that would see to it, and the core gives back on its own only while blocks move.

import { AsyncResource } from 'node:async_hooks';
import type { NativeAddon } from '../load';

interface AddonMemory {
  /**
   * Gives back what has been free for long enough, some megabytes at most. In so many milliseconds there will be more; -1: not
   * before something becomes free.
   */
  scavenge(): number;
}

/** Bytes of a text from which on what it has left is worth a timer. */
export const kWorthBytes = 1 << 20;
const kFirstMs = 200;

/** The timer is made as what loaded this module, not as the request that read a text. */
const loader = new AsyncResource('tailrace:scavenge');
let waiting = false;

function wait(memory: AddonMemory, ms: number): void {
  waiting = true;
  const step = () => {
    waiting = false;
    const next = memory.scavenge();
    if (next >= 0) wait(memory, next);
  };
  loader.runInAsyncScope(() => setTimeout(step, ms)).unref();
}

/** Call after work on a large text. Does not keep the process alive. */
export function scavengeSoon(addon: NativeAddon): void {
  if (!waiting) wait(addon.memory as AddonMemory, kFirstMs);
}
