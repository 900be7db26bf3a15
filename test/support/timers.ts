// Time in the hands of a test: timers go off when told to, and performance.now() says what it is told.

import * as assert from 'node:assert/strict';

export interface FakeTimer {
  readonly ms: number;
  /** Runs it now. Throws if it is one that keeps the process alive. */
  go(): void;
}

export interface FakeTime {
  /** Those that wait, oldest first. */
  readonly timers: FakeTimer[];
  /** What performance.now() gives. */
  now: number;
}

/** Runs with setTimeout, clearTimeout and performance.now replaced. */
export async function withFakeTime(run: (time: FakeTime) => Promise<void> | void): Promise<void> {
  const { setTimeout: set, clearTimeout: clear } = globalThis;
  const timers: FakeTimer[] = [];
  const time: FakeTime = { timers, now: Math.ceil(performance.now()) }; // whole, so that sums are exact
  const remove = (timer: FakeTimer) => {
    if (timers.includes(timer)) timers.splice(timers.indexOf(timer), 1);
  };
  globalThis.setTimeout = ((run: () => void, ms: number) => {
    let referenced = true;
    const timer = {
      ms,
      go: () => {
        assert.ok(!referenced, 'a timer would keep the process alive');
        remove(timer);
        run();
      },
      unref: () => {
        referenced = false;
      },
    };
    timers.push(timer);
    return timer;
  }) as unknown as typeof setTimeout;
  globalThis.clearTimeout = remove as unknown as typeof clearTimeout;
  Object.defineProperty(performance, 'now', { value: () => time.now, configurable: true });
  try {
    await run(time);
  } finally {
    globalThis.setTimeout = set;
    globalThis.clearTimeout = clear;
    delete (performance as { now?: unknown }).now; // the prototype's again
  }
}
