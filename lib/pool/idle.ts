// The items nobody uses, and the one timer that ends those that were idle too long or are too old.

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
  /** Oldest first. */
  #entries: Entry<T>[] = [];
  #timer: NodeJS.Timeout | undefined;

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
    this.#schedule();
  }

  /** The newest: it is the warmest, and the others get the chance to expire. */
  pop(): Entry<T> | undefined {
    return this.#entries.pop();
  }

  /** All of them, and no timer any more until the next push. */
  takeAll(): Entry<T>[] {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    return this.#entries.splice(0);
  }

  #schedule(): void {
    const { idleMs, maxLifetimeMs } = this.#settings;
    if (this.#timer !== undefined || (idleMs === Infinity && maxLifetimeMs === Infinity)) return;
    let due = Infinity;
    for (const entry of this.#entries) {
      due = Math.min(due, entry.idleSince + idleMs, entry.born + maxLifetimeMs);
    }
    if (due === Infinity) return;
    const delay = Math.min(kMaxDelayMs, Math.max(1, Math.ceil(due - performance.now())));
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#sweep();
      this.#schedule();
    }, delay);
    this.#timer.unref();
  }

  #sweep(): void {
    const now = performance.now();
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
      if (unused) entry.idleSince = now; // kept for min: asked again in idleMs
      return true;
    });
    for (const entry of expired) this.#expired(entry);
  }
}
