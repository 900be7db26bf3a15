// Those who wait for an item, in the order they came. A doubly linked list: a timeout or an abort takes any one out
// in constant time, however many wait.

import { TimeoutError } from '../errors';

/** setTimeout's longest delay; longer ones would fire at once. */
const kMaxDelayMs = 2 ** 31 - 1;

export class Waiter<T> {
  previous: Waiter<T> | undefined;
  next: Waiter<T> | undefined;
  waiting = true;
  readonly #list: Waiters<T>;
  readonly #resolve: (item: T) => void;
  readonly #reject: (reason: unknown) => void;
  readonly #signal: AbortSignal | undefined;
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #onAbort: (() => void) | undefined;

  constructor(
    list: Waiters<T>,
    resolve: (item: T) => void,
    reject: (reason: unknown) => void,
    signal: AbortSignal | undefined,
    timeoutMs: number,
  ) {
    this.#list = list;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#signal = signal;
    if (signal !== undefined) {
      this.#onAbort = () => this.fail(signal.reason);
      signal.addEventListener('abort', this.#onAbort, { once: true });
    }
    if (timeoutMs <= kMaxDelayMs) {
      this.#timer = setTimeout(
        () => this.fail(new TimeoutError(`no item became free within ${timeoutMs} ms`)),
        timeoutMs,
      );
    }
  }

  give(item: T): void {
    if (this.#leave()) this.#resolve(item);
  }

  fail(reason: unknown): void {
    if (this.#leave()) this.#reject(reason);
  }

  #leave(): boolean {
    if (!this.waiting) return false;
    this.waiting = false;
    this.#list.remove(this);
    clearTimeout(this.#timer);
    if (this.#onAbort !== undefined) this.#signal?.removeEventListener('abort', this.#onAbort);
    return true;
  }
}

export class Waiters<T> {
  first: Waiter<T> | undefined;
  #last: Waiter<T> | undefined;
  size = 0;

  add(waiter: Waiter<T>): void {
    waiter.previous = this.#last;
    if (this.#last === undefined) this.first = waiter;
    else this.#last.next = waiter;
    this.#last = waiter;
    this.size++;
  }

  remove(waiter: Waiter<T>): void {
    if (waiter.previous === undefined) this.first = waiter.next;
    else waiter.previous.next = waiter.next;
    if (waiter.next === undefined) this.#last = waiter.previous;
    else waiter.next.previous = waiter.previous;
    waiter.previous = undefined;
    waiter.next = undefined;
    this.size--;
  }
}
