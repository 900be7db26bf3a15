// Those who wait for an item, in the order they came. A doubly linked list: a timeout or an abort takes any one out
// in constant time, however many wait.
//
// A signal that many calls share has one listener: Node warns of a leak at the eleventh.

import { TimeoutError } from '../errors';

/** setTimeout's longest delay; longer ones would fire at once. */
const kMaxDelayMs = 2 ** 31 - 1;
/** A signal may be a deadline, or a caller who went away at once: what was begun for him just now is for the next. */
const kPatienceMs = 100;

export class Waiter<T> {
  previous: Waiter<T> | undefined;
  next: Waiter<T> | undefined;
  waiting = true;
  readonly signal: AbortSignal | undefined;
  readonly #list: Waiters<T>;
  readonly #resolve: (item: T) => void;
  readonly #reject: (reason: unknown) => void;
  readonly #timer: NodeJS.Timeout | undefined;

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
    this.signal = signal;
    if (timeoutMs <= kMaxDelayMs) {
      this.#timer = setTimeout(
        () => this.giveUp(new TimeoutError(`no item became free within ${timeoutMs} ms`), 0),
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

  /** Fails without having got anything. `patienceMs`: what is under way for less than this was not too slow. */
  giveUp(reason: unknown, patienceMs: number): void {
    if (!this.waiting) return;
    this.fail(reason);
    this.#list.gaveUp(patienceMs);
  }

  #leave(): boolean {
    if (!this.waiting) return false;
    this.waiting = false;
    this.#list.remove(this);
    clearTimeout(this.#timer);
    return true;
  }
}

/** Those who wait with one signal. */
interface Listening<T> {
  readonly waiters: Set<Waiter<T>>;
  readonly onAbort: () => void;
}

export class Waiters<T> {
  first: Waiter<T> | undefined;
  #last: Waiter<T> | undefined;
  readonly #signals = new Map<AbortSignal, Listening<T>>();
  size = 0;
  /** Hears that one has given up. */
  readonly gaveUp: (patienceMs: number) => void;

  constructor(gaveUp: (patienceMs: number) => void) {
    this.gaveUp = gaveUp;
  }

  add(waiter: Waiter<T>): void {
    waiter.previous = this.#last;
    if (this.#last === undefined) this.first = waiter;
    else this.#last.next = waiter;
    this.#last = waiter;
    this.size++;
    if (waiter.signal !== undefined) this.#listen(waiter, waiter.signal);
  }

  remove(waiter: Waiter<T>): void {
    if (waiter.previous === undefined) this.first = waiter.next;
    else waiter.previous.next = waiter.next;
    if (waiter.next === undefined) this.#last = waiter.previous;
    else waiter.next.previous = waiter.previous;
    waiter.previous = undefined;
    waiter.next = undefined;
    this.size--;
    if (waiter.signal !== undefined) this.#forget(waiter, waiter.signal);
  }

  #listen(waiter: Waiter<T>, signal: AbortSignal): void {
    let listening = this.#signals.get(signal);
    if (listening === undefined) {
      const waiters = new Set<Waiter<T>>();
      listening = {
        waiters,
        onAbort: () => {
          for (const each of [...waiters]) each.giveUp(signal.reason, kPatienceMs);
        },
      };
      this.#signals.set(signal, listening);
      signal.addEventListener('abort', listening.onAbort, { once: true });
    }
    listening.waiters.add(waiter);
  }

  #forget(waiter: Waiter<T>, signal: AbortSignal): void {
    const listening = this.#signals.get(signal);
    if (listening === undefined) return;
    listening.waiters.delete(waiter);
    if (listening.waiters.size > 0) return;
    this.#signals.delete(signal);
    signal.removeEventListener('abort', listening.onAbort);
  }
}
