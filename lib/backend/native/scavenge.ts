// The core's pages that a large text has left free go back to the system though nothing else happens: where nobody serves there is no
// sysmon that would see to it, and the core gives back on its own only while blocks move.

import { laterInBackground } from '../background';
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

let waiting = false;

function wait(memory: AddonMemory, ms: number): void {
  waiting = true;
  laterInBackground(() => {
    waiting = false;
    const next = memory.scavenge();
    if (next >= 0) wait(memory, next);
  }, ms);
}

/** Call after work on a large text. Does not keep the process alive. */
export function scavengeSoon(addon: NativeAddon): void {
  if (!waiting) wait(addon.memory as AddonMemory, kFirstMs);
}
