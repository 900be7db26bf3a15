// Mutex and semaphore for asynchronous code: first come, first served; a waiting one can be aborted.

import { InvalidArgument } from '../errors';
import { fn, integer, optionalSignal } from './options';
import { Queue, Waiter } from './waiting';

export interface WaitOptions {
  /** Rejects with signal.reason if it is aborted before the turn comes. */
  signal?: AbortSignal | undefined;
}

export class Semaphore {
  readonly capacity: number;
  #available: number;
  readonly #waiters = new Queue<Waiter<void>>();

  constructor(count: number) {
    this.capacity = integer('count', count, 1, Number.MAX_SAFE_INTEGER);
    this.#available = count;
  }

  get available(): number {
    return this.#available;
  }

  /** How many wait. */
  get pending(): number {
    return this.#waiters.size;
  }

  async acquire(options?: WaitOptions): Promise<void> {
    const signal = optionalSignal('signal', options?.signal);
    signal?.throwIfAborted();
    if (this.tryAcquire()) return;
    const waiter = new Waiter<void>(signal);
    this.#waiters.add(waiter);
    waiter.onLeave(() => this.#waiters.delete(waiter));
    await waiter.promise;
  }

  tryAcquire(): boolean {
    // Nobody overtakes: while others wait, release() hands its place on and #available stays 0.
    if (this.#available === 0) return false;
    this.#available--;
    return true;
  }

  /** Gives one place back. Throws RangeError if none was taken. */
  release(): void {
    if (this.#available === this.capacity) {
      throw Object.assign(new RangeError('release() without acquire()'), {
        code: 'ERR_TAILRACE_DOUBLE_RELEASE',
      });
    }
    const next = this.#waiters.take();
    if (next !== undefined) next.resolve();
    else this.#available++;
  }

  /** Runs `work` with a place, and gives it back however the work ends. */
  async run<T>(work: () => T | Promise<T>, options?: WaitOptions): Promise<T> {
    fn('work', work);
    await this.acquire(options);
    try {
      return await work();
    } finally {
      this.release();
    }
  }
}

export class Mutex {
  readonly #one = new Semaphore(1);

  get locked(): boolean {
    return this.#one.available === 0;
  }

  /** How many wait. */
  get pending(): number {
    return this.#one.pending;
  }

  /** Resolves to what unlocks it; a second call of that does nothing. */
  async lock(options?: WaitOptions): Promise<() => void> {
    await this.#one.acquire(options);
    return this.#unlocker();
  }

  /** undefined: it is locked. */
  tryLock(): (() => void) | undefined {
    return this.#one.tryAcquire() ? this.#unlocker() : undefined;
  }

  run<T>(work: () => T | Promise<T>, options?: WaitOptions): Promise<T> {
    return this.#one.run(work, options);
  }

  #unlocker(): () => void {
    let done = false;
    return () => {
      if (done) return;
      done = true;
      this.#one.release();
    };
  }
}

export function mutex(): Mutex {
  return new Mutex();
}

/** @param count how many may be in at once */
export function semaphore(count: number): Semaphore {
  if (count === undefined) throw new InvalidArgument('count', 'an integer of 1 or more', count);
  return new Semaphore(count);
}
