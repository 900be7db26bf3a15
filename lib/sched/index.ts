// tailrace/sched: the scheduler's settings and figures, structured concurrency, channels, locks, contexts, and the
// functions of a module in worker isolates.

import type { SchedFigures } from '../backend/contract';
import { backend } from '../backend/select';
import { kLatencyBuckets, LatencyHistogram, localCounts } from './latency';
import { integer } from './options';

export {
  type Case,
  Channel,
  channel,
  type Received,
  type Selected,
  type SelectOptions,
  select,
} from './channel';
export { type Cancelable, type Parent, withCancel, withDeadline, withTimeout } from './context';
export type { Priority } from './isolate-pool';
export {
  Isolates,
  type IsolatesOptions,
  type IsolatesStats,
  isolates,
  type MapOptions,
  type RunOptions,
} from './isolates';
export { LatencyHistogram } from './latency';
export { Mutex, mutex, Semaphore, semaphore, type WaitOptions } from './locks';
export { Scope, scope, type Task } from './scope';

/** More native Ps than this are of no use to anybody yet. */
const kMaxProcs = 128;

/**
 * GOMAXPROCS: how many native Ps may run compute work at once. The CPUs of this process by default (its affinity mask,
 * cut down by the cgroup's quota). With an argument it is set, for the whole process and at once.
 *
 * @param count 1 to 128
 * @returns what it was before the call
 */
export function procs(count?: number): number {
  const { sched } = backend();
  return count === undefined ? sched.procs() : sched.setProcs(integer('count', count, 1, kMaxProcs));
}

export interface SchedMetrics extends SchedFigures {
  /** From runnable to running, in ns: Gs (every 64th is timed) and this isolate's tasks of isolates(). */
  schedLatency: LatencyHistogram;
}

/** What the scheduler tells of itself: all figures of the process, the histogram with this isolate's own tasks. */
export function metrics(): SchedMetrics {
  const { sched } = backend();
  const counts = Float64Array.from({ length: kLatencyBuckets }, (_, bucket) => localCounts[bucket] as number);
  sched.latency(counts);
  return { ...sched.figures(), schedLatency: new LatencyHistogram(counts) };
}
