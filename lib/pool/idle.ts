// The items nobody uses, and the one timer that ends those that were idle too long or are too old. It is there only while
// one of them can expire: a pool that rests at min wakes nobody up. It is enough to look when an item comes back: what is
// made beyond min comes here itself some time, or is gone.

import { AsyncResource } from 'node:async_hooks';
import type { PoolSettings } from './options';

const kMaxDelayMs = 2 ** 31 - 1;

export type State = 'idle' | 'checking' | 'used' | 'resetting' | 'gone';

/** One item of the pool. Times by performance.now(). */
export interface Entry<T> {
  readonly item: T;
  readonly born: number;
  readonly generation: number;
  state: State;
  uses: number;
  idleSince: number;
}

export class IdleList<T> {
  readonly #settings: PoolSettings<T>;
  /** How many of the idle items may go without the pool falling below min. */
  readonly #spare: () => number;
  readonly #expired: (entry: Entry<T>) => void;
  /** Items end as what made the pool, not as the request that brought one back: its context would be held as long as timers follow. */
  readonly #maker = new AsyncResource('tailrace:pool');
  /** Oldest first: that which is idle for longest. */
  #entries: Entry<T>[] = [];
  #timer: NodeJS.Timeout | undefined;
  /** When it goes off. */
  #due = Infinity;

  constructor(settings: PoolSettings<T>, spare: () => number, expired: (entry: Entry<T>) => void) {
    this.#settings = settings;
    this.#spare = spare;
    this.#expired = expired;
  }

  get size(): number {
    return this.#entries.length;
  }

  push(entry: Entry<T>): void {
    entry.state = 'idle';
    entry.idleSince = performance.now();
    this.#entries.push(entry);
    const { idleMs, maxLifetimeMs } = this.#settings;
    const oldest = this.#entries[0] as Entry<T>;
    // Most of the time the timer is early enough, and nobody need ask what is to spare.
    let due = entry.born + maxLifetimeMs;
    if (oldest.idleSince + idleMs < this.#due) due = Math.min(due, this.#idleDue());
    if (due >= this.#due) return;
    clearTimeout(this.#timer);
    this.#wait(due, entry.idleSince);
  }

  /** The newest: it is the warmest, and the others get the chance to expire. */
  pop(): Entry<T> | undefined {
    return this.#entries.pop();
  }

  /** All of them, and no timer any more until the next push. */
  takeAll(): Entry<T>[] {
    clearTimeout(this.#timer);
    this.#due = Infinity;
    return this.#entries.splice(0);
  }

  /** When the first of them will have been idle for too long; never, when min keeps it. */
  #idleDue(): number {
    const oldest = this.#entries[0];
    return oldest === undefined || this.#spare() <= 0 ? Infinity : oldest.idleSince + this.#settings.idleMs;
  }

  #wait(due: number, now: number): void {
    this.#due = due;
    const delay = Math.min(kMaxDelayMs, Math.max(1, Math.round(due - now)));
    const end = Math.min(due, now + delay);
    const look = () => {
      this.#due = Infinity;
      // It may go off a little early, or (timers that a test moves) without any time passing: that time has come all the same,
      // and what is due in less than a timer can wait goes along.
      this.#sweep(Math.max(performance.now(), end) + 0.5);
    };
    this.#timer = this.#maker.runInAsyncScope(() => setTimeout(look, delay));
    this.#timer.unref();
  }

  #sweep(now: number): void {
    const { idleMs, maxLifetimeMs } = this.#settings;
    let spare = this.#spare();
    const expired: Entry<T>[] = [];
    this.#entries = this.#entries.filter((entry) => {
      const old = now - entry.born >= maxLifetimeMs;
      const unused = now - entry.idleSince >= idleMs;
      if (old || (unused && spare > 0)) {
        spare--;
        expired.push(entry);
        return false;
      }
      return true;
    });
    for (const entry of expired) this.#expired(entry);
    // Ending them may have had others made.
    let due = this.#idleDue();
    for (const entry of this.#entries) due = Math.min(due, entry.born + maxLifetimeMs);
    if (due < this.#due) {
      clearTimeout(this.#timer);
      this.#wait(due, now);
    }
  }
}
