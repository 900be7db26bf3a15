// The scheduler on the fallback: there are no native Ps, so `procs` is only the number that isolates() takes as its
// default, and what native threads would count stays 0.

import { availableParallelism } from 'node:os';
import type { SchedBackend } from '../contract';

const kMaxProcs = 128;

export function create(): SchedBackend {
  let procs = Math.min(availableParallelism(), kMaxProcs);
  return {
    procs: () => procs,
    setProcs: (count) => {
      const before = procs;
      procs = count;
      return before;
    },
    figures: () => ({
      procs,
      threads: 0,
      idle: 0,
      spinning: 0,
      serving: 0,
      goroutines: 0,
      runQueues: 0,
      globalQueue: 0,
      created: 0,
      runs: 0,
      parks: 0,
      steals: 0,
      stolen: 0,
      handoffs: 0,
      turns: 0,
      messages: 0,
      waiters: 0,
    }),
    latency: () => {},
  };
}
