// Timers for the library's own work. They do not keep the process alive, and are made as what loaded this module: else each would
// hold what AsyncLocalStorage has where it was first needed.

import { AsyncResource } from 'node:async_hooks';

const loader = new AsyncResource('tailrace:background');

export function laterInBackground(run: () => void, ms: number): NodeJS.Timeout {
  const timer = loader.runInAsyncScope(() => setTimeout(run, ms));
  timer.unref();
  return timer;
}

export function everyInBackground(run: () => void, ms: number): void {
  loader.runInAsyncScope(() => setInterval(run, ms)).unref();
}
