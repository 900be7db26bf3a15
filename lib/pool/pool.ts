// The pool. An item is always in exactly one place: under construction, idle, being checked, in use, being reset, or
// being destroyed. All but the last count against `max`, and whatever fails on the way is destroyed, so that no
// socket is left open by a pool that has forgotten it.
//
// Waiters are served in their order; idle items the newest first. Whenever something changes, #serve() joins what is idle
// with who waits, and starts as many constructions as there are waiters without one.

import { ClosedError, InvalidArgument, onlyKnown, QueueFullError, TailraceError } from '../errors';
import { call, Failure } from './hooks';
import { type Entry, IdleList } from './idle';
import { type Job, Jobs } from './jobs';
import { milliseconds, type PoolSettings } from './options';
import { Retry } from './retry';
import { Waiter, Waiters } from './waiters';

export const poolCodes = {
  /** release() or destroy() of something that is not an item of the pool. */
  foreign: 'ERR_TAILRACE_FOREIGN_ITEM',
  /** release() or destroy() of an item that is not in use. */
  doubleRelease: 'ERR_TAILRACE_DOUBLE_RELEASE',
} as const;

export interface AcquireOptions {
  /** Gives up waiting: acquire rejects with signal.reason. */
  signal?: AbortSignal | undefined;
  /** Instead of the pool's acquireTimeoutMs. */
  timeoutMs?: number | undefined;
}

const kAcquireNames = ['signal', 'timeoutMs'];

export class Pool<T> {
  readonly #settings: PoolSettings<T>;
  readonly #entries = new Map<T, Entry<T>>();
  readonly #idle: IdleList<T>;
  readonly #waiters = new Waiters<T>((patienceMs) => this.#gaveUp(patienceMs));
  /** Of constructions for min: one first, the others when it has worked. */
  readonly #retry = new Retry(() => {
    if (this.size < this.#settings.min) this.#create(false);
  });
  /** Items under construction. */
  readonly #creating = new Jobs();
  /** Items being checked before somebody gets them: they will serve a waiter, most likely. */
  readonly #checking = new Jobs();
  /** Moved by clear(): older items are not used again. */
  #generation = 0;
  #destroying = new Set<Promise<void>>();
  #closed: Promise<void> | undefined;
  #allGone: (() => void) | undefined;
  #serving = false;
  #serveAgain = false;

  /** @internal Use pool(): it validates. */
  constructor(settings: PoolSettings<T>) {
    this.#settings = settings;
    this.#idle = new IdleList(
      settings,
      () => this.size - settings.min,
      (entry) => this.#discard(entry),
    );
    this.#fillUp();
  }

  /** Items there are, under construction and in use included; never above max. */
  get size(): number {
    return this.#entries.size + this.#creating.count;
  }

  /** Items that acquire() would hand out at once. */
  get available(): number {
    return this.#idle.size;
  }

  /** Calls of acquire() that wait. */
  get pending(): number {
    return this.#waiters.size;
  }

  /**
   * An item, when there is one: in the order of the calls. Rejects with signal.reason, TimeoutError, QueueFullError
   * (maxWaiters), ClosedError, or the failure of the create that was started for it.
   */
  acquire(options: AcquireOptions = {}): Promise<T> {
    // Not async: an item that is idle costs one promise.
    return new Promise<T>((resolve, reject) => {
      const { signal, timeoutMs } = this.#acquireOptions(options);
      if (this.#closed !== undefined) throw new ClosedError('the pool is closed');
      if (signal?.aborted) throw signal.reason;
      if (this.#waiters.size === 0 && this.#settings.validate === undefined) {
        const entry = this.#takeIdle();
        if (entry !== undefined) {
          resolve(this.#hand(entry));
          return;
        }
      }
      // Those whom an idle item or a new one will serve at once do not count as waiting.
      const servable = this.#idle.size + this.#creating.count + this.#checking.count + this.#room();
      if (this.#waiters.size >= this.#settings.maxWaiters + servable) {
        throw new QueueFullError(`${this.#waiters.size} are waiting for an item already`);
      }
      this.#waiters.add(new Waiter(this.#waiters, resolve, reject, signal, timeoutMs));
      this.#serve();
    });
  }

  /**
   * An idle item, or undefined when none is idle or others wait for it. Makes nothing. An item whose `validate`
   * answers by a promise is checked in the background and not given here.
   */
  tryAcquire(): T | undefined {
    if (this.#closed !== undefined) throw new ClosedError('the pool is closed');
    if (this.#waiters.size > 0) return undefined;
    const { validate } = this.#settings;
    for (;;) {
      const entry = this.#takeIdle();
      if (entry === undefined) return undefined;
      if (validate === undefined) return this.#hand(entry);
      const verdict = this.#judge(entry, validate);
      if (verdict instanceof Promise) this.#await(entry, verdict);
      else if (verdict) return this.#hand(entry);
      else this.#discard(entry);
    }
  }

  /** Brings an item back. Throws when it is not of this pool or not in use. */
  release(item: T): void {
    const entry = this.#used(item);
    const { reset } = this.#settings;
    if (this.#spent(entry)) {
      this.#discard(entry);
      return;
    }
    if (reset === undefined) {
      this.#rest(entry);
      return;
    }
    entry.state = 'resetting';
    const failed = (error: unknown) => {
      this.#settings.onError(error);
      this.#discard(entry);
    };
    const done = call(reset, item);
    if (done instanceof Failure) failed(done.error);
    else if (!(done instanceof Promise)) this.#rest(entry);
    else done.then(() => (this.#spent(entry) ? this.#discard(entry) : this.#rest(entry)), failed);
  }

  /** Takes an item that broke out of the pool instead of releasing it, and ends it. */
  destroy(item: T): void {
    this.#discard(this.#used(item));
  }

  /** Runs `run` with an item and brings it back whatever happens. A broken item may be destroyed inside. */
  async use<R>(run: (item: T) => R | PromiseLike<R>, options?: AcquireOptions): Promise<R> {
    if (typeof run !== 'function') throw new InvalidArgument('run', 'a function', run);
    const item = await this.acquire(options);
    const entry = this.#entries.get(item);
    const uses = entry?.uses;
    try {
      return await run(item);
    } finally {
      // Unless run() did it itself, and perhaps somebody else has it by now.
      if (entry?.state === 'used' && entry.uses === uses) this.release(item);
    }
  }

  /** Destroys what is idle now, and what is in use when it comes back. Resolves when the idle ones are gone. */
  async clear(): Promise<void> {
    this.#generation++;
    for (const entry of this.#idle.takeAll()) this.#discard(entry);
    await Promise.all(this.#destroying);
    if (this.#closed !== undefined) return;
    this.#retry.reset();
    this.#fillUp();
  }

  /**
   * Rejects those who wait with ClosedError, destroys idle items, waits for those in use to come back and for every
   * destroy to end.
   */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await null; // so that #closed is set before anything below looks at it
    this.#retry.reset();
    while (this.#waiters.first !== undefined)
      this.#waiters.first.fail(new ClosedError('the pool was closed'));
    for (const entry of this.#idle.takeAll()) this.#discard(entry);
    // Whatever a check will say, nobody gets the item any more; and it may never say anything.
    for (const entry of this.#entries.values()) if (entry.state === 'checking') this.#discard(entry);
    if (this.size > 0) {
      await new Promise<void>((resolve) => {
        this.#allGone = resolve;
      });
    }
    await Promise.all(this.#destroying);
  }

  #acquireOptions(options: AcquireOptions): { signal: AbortSignal | undefined; timeoutMs: number } {
    if (typeof options !== 'object' || options === null) {
      throw new InvalidArgument('options', 'an object', options);
    }
    onlyKnown(options, kAcquireNames);
    const { signal } = options;
    if (signal !== undefined && !(signal instanceof AbortSignal)) {
      throw new InvalidArgument('signal', 'an AbortSignal', signal);
    }
    return {
      signal,
      timeoutMs: milliseconds('timeoutMs', options.timeoutMs, this.#settings.acquireTimeoutMs),
    };
  }

  /** Items that may still be made. */
  #room(): number {
    return this.#settings.max - this.size;
  }

  #used(item: T): Entry<T> {
    const entry = this.#entries.get(item);
    if (entry === undefined) {
      throw new TailraceError(poolCodes.foreign, 'The item is not of this pool (or was destroyed)');
    }
    if (entry.state !== 'used') {
      throw new TailraceError(poolCodes.doubleRelease, 'The item is not in use: it was released already');
    }
    return entry;
  }

  /** Whether an item must not be used again. */
  #spent(entry: Entry<T>): boolean {
    const { maxUses, maxLifetimeMs } = this.#settings;
    return (
      this.#closed !== undefined ||
      entry.generation !== this.#generation ||
      entry.uses >= maxUses ||
      (maxLifetimeMs !== Infinity && performance.now() - entry.born >= maxLifetimeMs)
    );
  }

  /** The newest idle item that may be used; those that may not are destroyed on the way. */
  #takeIdle(): Entry<T> | undefined {
    for (;;) {
      const entry = this.#idle.pop();
      if (entry === undefined) return undefined;
      if (!this.#spent(entry)) return entry;
      this.#discard(entry);
    }
  }

  #hand(entry: Entry<T>): T {
    entry.state = 'used';
    entry.uses++;
    return entry.item;
  }

  #rest(entry: Entry<T>): void {
    this.#idle.push(entry);
    this.#serve();
  }

  #judge(entry: Entry<T>, validate: (item: T) => boolean | PromiseLike<boolean>): boolean | Promise<boolean> {
    const verdict = call(validate, entry.item);
    return verdict instanceof Failure ? false : verdict;
  }

  /** An item whose check is under way; it serves whoever waits then. */
  #await(entry: Entry<T>, verdict: Promise<boolean>): void {
    entry.state = 'checking';
    const job = this.#checking.start();
    const end = (good: boolean): void => {
      this.#checking.end(job);
      if (entry.state === 'gone') return; // close() did not wait
      const waiter = this.#waiters.first;
      if (!good || this.#spent(entry)) this.#discard(entry);
      else if (waiter !== undefined) waiter.give(this.#hand(entry));
      else this.#rest(entry);
    };
    verdict.then(end, () => end(false));
  }

  /** Somebody gave up. If more is under way than those who are left need, the oldest of it is not to be counted on. */
  #gaveUp(patienceMs: number): void {
    if (this.#checking.awaited + this.#creating.awaited <= this.#waiters.size) return;
    if (this.#checking.forgo(patienceMs) || this.#creating.forgo(patienceMs)) return;
    if (!this.#checking.forgoLater(patienceMs)) this.#creating.forgoLater(patienceMs);
  }

  /** Joins idle items and waiters, and makes items for the waiters that are left. */
  #serve(): void {
    // A hook called below may come back here, as may an item discarded on the way: by a loop, not by recursion.
    if (this.#serving) {
      this.#serveAgain = true;
      return;
    }
    this.#serving = true;
    try {
      do {
        this.#serveAgain = false;
        this.#serveOnce();
      } while (this.#serveAgain);
    } finally {
      this.#serving = false;
    }
  }

  #serveOnce(): void {
    const { validate } = this.#settings;
    this.#checking.review();
    this.#creating.review();
    while (this.#waiters.size > this.#checking.awaited) {
      const entry = this.#takeIdle();
      if (entry === undefined) break;
      if (validate !== undefined) {
        const verdict = this.#judge(entry, validate);
        if (verdict instanceof Promise) {
          this.#await(entry, verdict);
          continue;
        }
        if (!verdict) {
          this.#discard(entry);
          continue;
        }
      }
      const waiter = this.#waiters.first;
      if (waiter === undefined) {
        // validate() itself ended the last of them
        this.#rest(entry);
        break;
      }
      waiter.give(this.#hand(entry));
    }
    while (this.#waiters.size > this.#checking.awaited + this.#creating.awaited && this.#room() > 0)
      this.#create(true);
  }

  #fillUp(): void {
    // Asked each time: a create() that gives an item the pool has already fails at once, and would for ever.
    while (this.size < this.#settings.min && this.#closed === undefined && !this.#retry.waiting)
      this.#create(false);
  }

  /** Starts one construction; `wanted`: somebody waits for it and hears of its failure. */
  #create(wanted: boolean): void {
    const job = this.#creating.start();
    const generation = this.#generation;
    let made = call(this.#settings.create);
    if (made instanceof Failure) made = Promise.reject(made.error); // always later, so that it cannot recurse
    if (made instanceof Promise) {
      made.then(
        (item) => this.#created(job, item, generation),
        (error: unknown) => this.#notCreated(job, error, wanted),
      );
    } else {
      this.#created(job, made, generation);
    }
  }

  #created(job: Job, item: T, generation: number): void {
    if (this.#entries.has(item)) {
      this.#notCreated(
        job,
        new InvalidArgument('create', 'a function that gives a new item each time', item),
        true,
      );
      return;
    }
    this.#creating.end(job);
    const now = performance.now();
    const entry: Entry<T> = { item, born: now, generation, state: 'idle', uses: 0, idleSince: now };
    this.#entries.set(item, entry);
    // A fresh item is not validated: create() has just answered for it.
    const waiter = this.#waiters.first;
    if (this.#closed !== undefined || generation !== this.#generation) this.#discard(entry);
    else if (waiter !== undefined) waiter.give(this.#hand(entry));
    else this.#rest(entry);
    // Only after a failure: fillUp() is a loop already, and would be called again by each item it makes.
    if (this.#retry.reset()) this.#fillUp();
  }

  #notCreated(job: Job, error: unknown, wanted: boolean): void {
    this.#creating.end(job);
    const waiter = wanted ? this.#waiters.first : undefined;
    if (waiter !== undefined) waiter.fail(error);
    else if (this.#closed === undefined) this.#settings.onError(error);
    this.#checkGone();
    if (this.size < this.#settings.min && this.#closed === undefined) this.#retry.failed();
    // The others still wait: the next construction may work. Each failure takes one waiter with it, so this ends.
    this.#serve();
  }

  #discard(entry: Entry<T>): void {
    entry.state = 'gone';
    this.#entries.delete(entry.item);
    const { destroy, onError } = this.#settings;
    if (destroy !== undefined) {
      const done = call(destroy, entry.item);
      if (done instanceof Failure) onError(done.error);
      if (done instanceof Promise) {
        const ended: Promise<void> = done
          .then(() => {}, onError)
          .finally(() => this.#destroying.delete(ended));
        this.#destroying.add(ended);
      }
    }
    this.#checkGone();
    if (this.#closed !== undefined) return;
    // Somebody may be waiting for the room that this made.
    this.#serve();
    this.#fillUp();
  }

  #checkGone(): void {
    if (this.size === 0) this.#allGone?.();
  }
}

// With a runtime that knows it, a pool works with `await using`: declarations must not need esnext.disposable.
const asyncDispose = (Symbol as { asyncDispose?: symbol }).asyncDispose;
if (asyncDispose !== undefined) {
  Object.defineProperty(Pool.prototype, asyncDispose, {
    value: Pool.prototype.close,
    configurable: true,
    writable: true,
  });
}
