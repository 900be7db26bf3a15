// Waiters in order of arrival: what a channel, a mutex, a semaphore and select() have in common.
//
// A waiter may stand in several queues at once (select): whoever settles it first wins, and it leaves all of
// them at once, so that nothing grows with cancelled waits.

/** One promise that waits in one or more queues. */
export class Waiter<R> {
  readonly promise: Promise<R>;
  settled = false;
  #resolve!: (value: R) => void;
  #reject!: (reason: unknown) => void;
  #leave: (() => void)[] = [];

  constructor(signal: AbortSignal | undefined) {
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    if (signal !== undefined) {
      const onAbort = (): void => this.reject(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      this.onLeave(() => signal.removeEventListener('abort', onAbort));
    }
  }

  onLeave(leave: () => void): void {
    this.#leave.push(leave);
  }

  resolve(value: R): void {
    if (this.#settle()) this.#resolve(value);
  }

  reject(reason: unknown): void {
    if (this.#settle()) this.#reject(reason);
  }

  #settle(): boolean {
    if (this.settled) return false;
    this.settled = true;
    for (const leave of this.#leave) leave();
    this.#leave = [];
    return true;
  }
}

/** First in, first out; an entry can be taken out anywhere in O(1). */
export class Queue<T extends object> {
  readonly #entries = new Set<T>();

  get size(): number {
    return this.#entries.size;
  }

  add(entry: T): void {
    this.#entries.add(entry);
  }

  delete(entry: T): void {
    this.#entries.delete(entry);
  }

  take(): T | undefined {
    for (const entry of this.#entries) {
      this.#entries.delete(entry);
      return entry;
    }
    return undefined;
  }
}
