// When to try again to make what `min` asks for: later after each failure in a row, up to half a minute, and a random part
// of it sooner, so that the pools of many processes do not knock at a server that comes up all at once.

import { AsyncResource } from 'node:async_hooks';

const kFirstMs = 100;
const kMostMs = 30_000;

/** One timer at a time (unref'd), only while there is something to try again. */
export class Retry {
  readonly #again: () => void;
  /** Attempts run as what made the pool, not as the request whose item failed. */
  readonly #maker = new AsyncResource('tailrace:pool');
  #failures = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(again: () => void) {
    this.#again = again;
  }

  /** Whether an attempt is to come: until then none should be made. */
  get waiting(): boolean {
    return this.#timer !== undefined;
  }

  /** An attempt failed: the next one comes by itself. */
  failed(): void {
    if (this.#timer !== undefined) return; // of several at once the first counts
    const delay = Math.min(kMostMs, kFirstMs * 2 ** Math.min(this.#failures++, 20));
    const again = () => {
      this.#timer = undefined;
      this.#again();
    };
    this.#timer = this.#maker.runInAsyncScope(
      setTimeout,
      undefined,
      again,
      delay * (0.5 + Math.random() / 2),
    );
    this.#timer.unref();
  }

  /** Something worked, or nothing is wanted any more: the next failure is the first again. Whether one had been. */
  reset(): boolean {
    if (this.#failures === 0) return false;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#failures = 0;
    return true;
  }
}
