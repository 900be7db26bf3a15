// A histogram of waiting times with the interface of perf_hooks' Histogram (values in nanoseconds). Its buckets are
// those of native/sched/latency.h: powers of two with four steps each, so a value is off by an eighth at most.

import type { Histogram } from 'node:perf_hooks';
import { InvalidArgument } from '../errors';

export const kLatencyBuckets = 160;
const kSteps = 4;

/** The smallest value of a bucket. */
export function floorOf(bucket: number): number {
  if (bucket < kSteps) return bucket;
  const octave = Math.floor(bucket / kSteps) + 1;
  return (kSteps + (bucket % kSteps)) * 2 ** (octave - 2);
}

export function bucketOf(ns: number): number {
  if (!(ns >= kSteps)) return Math.max(0, Math.floor(ns));
  const octave = Math.floor(Math.log2(ns));
  const step = Math.floor(ns / 2 ** (octave - 2)) - kSteps;
  return Math.min((octave - 1) * kSteps + step, kLatencyBuckets - 1);
}

/** The value that stands for a bucket: its middle. */
function middleOf(bucket: number): number {
  return bucket < kSteps ? bucket : Math.round((floorOf(bucket) + floorOf(bucket + 1)) / 2);
}

const kExceedsNs = 3_600_000_000_000;

/** A picture taken at one moment: it has no reset(), call metrics() again. */
export class LatencyHistogram implements Omit<Histogram, 'maxBigInt' | 'reset'> {
  readonly #counts: Float64Array;
  readonly count: number;
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly stddev: number;
  readonly exceeds: number;

  /** @param counts how many samples each bucket has */
  constructor(counts: Float64Array) {
    this.#counts = counts;
    let count = 0;
    let sum = 0;
    let squares = 0;
    let exceeds = 0;
    let min = Number.NaN;
    let max = 0;
    for (let bucket = 0; bucket < counts.length; bucket++) {
      const n = counts[bucket] as number;
      if (n === 0) continue;
      const value = middleOf(bucket);
      if (count === 0) min = floorOf(bucket);
      max = value;
      count += n;
      sum += n * value;
      squares += n * value * value;
      if (value > kExceedsNs) exceeds += n;
    }
    this.count = count;
    this.exceeds = exceeds;
    // What perf_hooks shows when it is empty.
    this.min = count === 0 ? 9223372036854776000 : min;
    this.max = max;
    this.mean = count === 0 ? Number.NaN : sum / count;
    this.stddev = count === 0 ? Number.NaN : Math.sqrt(Math.max(0, squares / count - (sum / count) ** 2));
  }

  get countBigInt(): bigint {
    return BigInt(this.count);
  }
  get exceedsBigInt(): bigint {
    return BigInt(this.exceeds);
  }
  get minBigInt(): bigint {
    return this.count === 0 ? 9223372036854775807n : BigInt(this.min);
  }
  get maxBigInt(): bigint {
    return BigInt(this.max);
  }

  /** @param percentile above 0, up to 100 */
  percentile(percentile: number): number {
    if (typeof percentile !== 'number' || !(percentile > 0 && percentile <= 100)) {
      throw new InvalidArgument('percentile', 'a number above 0, up to 100', percentile);
    }
    const wanted = (percentile / 100) * this.count;
    let seen = 0;
    for (let bucket = 0; bucket < this.#counts.length; bucket++) {
      const n = this.#counts[bucket] as number;
      seen += n;
      if (n > 0 && seen >= wanted) return middleOf(bucket);
    }
    return 0;
  }

  percentileBigInt(percentile: number): bigint {
    return BigInt(this.percentile(percentile));
  }

  get percentiles(): Map<number, number> {
    const all = new Map<number, number>();
    if (this.count === 0) return all.set(100, 0);
    for (let left = 100; left > 0.1; left /= 2)
      all.set(100 - left, this.percentile(Math.max(100 - left, 1e-9)));
    return all.set(100, this.percentile(100));
  }

  get percentilesBigInt(): Map<bigint, bigint> {
    return new Map([...this.percentiles].map(([at, value]) => [BigInt(Math.round(at)), BigInt(value)]));
  }

  toJSON(): object {
    const { count, min, max, mean, exceeds, stddev } = this;
    return { count, min, max, mean, exceeds, stddev, percentiles: Object.fromEntries(this.percentiles) };
  }
}

/** Where this isolate's own tasks are counted (how long they waited for a worker). */
export const localCounts = new Float64Array(kLatencyBuckets);

export function recordLatency(ns: number): void {
  const bucket = bucketOf(ns);
  localCounts[bucket] = (localCounts[bucket] as number) + 1;
}
