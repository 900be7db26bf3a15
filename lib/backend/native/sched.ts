// The scheduler on the native backend: the core's own figures.

import type { SchedBackend, SchedFigures } from '../contract';
import type { NativeAddon } from '../load';

/** What native/binding/sched.cc exports. */
interface AddonSched {
  procs(): number;
  setProcs(count: number): number;
  /** Fills the elements in the order of `names`. */
  figures(out: Float64Array): void;
  /** Adds to 160 buckets. */
  latency(out: Float64Array): void;
}

const names = [
  'procs',
  'threads',
  'idle',
  'spinning',
  'serving',
  'goroutines',
  'runQueues',
  'globalQueue',
  'created',
  'runs',
  'parks',
  'steals',
  'stolen',
  'handoffs',
  'turns',
  'messages',
  'waiters',
] as const satisfies readonly (keyof SchedFigures)[];

export function create(addon: NativeAddon): SchedBackend {
  const sched = addon.sched as AddonSched;
  const values = new Float64Array(names.length);
  return {
    procs: () => sched.procs(),
    setProcs: (count) => sched.setProcs(count),
    figures: () => {
      sched.figures(values);
      return Object.fromEntries(names.map((name, i) => [name, values[i]])) as unknown as SchedFigures;
    },
    latency: (counts) => sched.latency(counts),
  };
}
