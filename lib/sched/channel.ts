// Channels as Go has them, within one isolate: unbuffered (a send waits for its receiver) or with a capacity.

import { ClosedError, InvalidArgument } from '../errors';
import { optionalSignal } from './options';
import { Queue, Waiter } from './waiting';

export interface Received<T> {
  /** undefined once done. */
  value: T | undefined;
  /** The channel is closed and empty. */
  done: boolean;
}

/** One branch of select(): made by channel.receiving() and channel.sending(value). */
export interface Case<R> {
  /** Does it now, or returns undefined. @internal */
  attempt(): Received<R> | undefined;
  /** Stands in line; `done` takes the outcome if the waiter has not been settled by another branch. @internal */
  enqueue(waiter: Waiter<unknown>, done: (outcome: Received<R>) => void): void;
}

interface Receiver<T> {
  waiter: Waiter<unknown>;
  done(outcome: Received<T>): void;
}

interface Sender<T> extends Receiver<undefined> {
  value: T;
}

export class Channel<T> implements AsyncIterable<T> {
  readonly capacity: number;
  readonly #buffer: T[] = [];
  #head = 0;
  readonly #receivers = new Queue<Receiver<T>>();
  readonly #senders = new Queue<Sender<T>>();
  #closed = false;

  constructor(capacity = 0) {
    if (typeof capacity !== 'number' || !Number.isInteger(capacity) || capacity < 0) {
      throw new InvalidArgument('capacity', 'an integer of 0 or more', capacity);
    }
    this.capacity = capacity;
  }

  /** Values in the buffer. */
  get length(): number {
    return this.#buffer.length - this.#head;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Resolves when the value is in the buffer, or a receiver has it. Rejects with ClosedError on a closed channel. */
  async send(value: T, options?: { signal?: AbortSignal | undefined }): Promise<void> {
    const signal = optionalSignal('signal', options?.signal);
    signal?.throwIfAborted();
    if (this.trySend(value)) return;
    const waiter = new Waiter<unknown>(signal);
    this.sending(value).enqueue(waiter, () => waiter.resolve(undefined));
    await waiter.promise;
  }

  /** The next value; `done` when the channel is closed and all its values have been received. */
  async receive(options?: { signal?: AbortSignal | undefined }): Promise<Received<T>> {
    const signal = optionalSignal('signal', options?.signal);
    signal?.throwIfAborted();
    const now = this.tryReceive();
    if (now !== undefined) return now;
    const waiter = new Waiter<Received<T>>(signal);
    this.receiving().enqueue(waiter as Waiter<unknown>, (outcome) => waiter.resolve(outcome));
    return waiter.promise;
  }

  /** False: it would have to wait. Throws ClosedError on a closed channel. */
  trySend(value: T): boolean {
    if (this.#closed) throw new ClosedError('send on a closed channel');
    const receiver = this.#receivers.take();
    if (receiver !== undefined) {
      receiver.done({ value, done: false });
      return true;
    }
    if (this.length >= this.capacity) return false;
    this.#buffer.push(value);
    return true;
  }

  /** undefined: it would have to wait. */
  tryReceive(): Received<T> | undefined {
    if (this.length > 0) {
      const value = this.#buffer[this.#head] as T;
      this.#buffer[this.#head++] = undefined as T;
      if (this.#head * 2 > this.#buffer.length) {
        this.#buffer.splice(0, this.#head);
        this.#head = 0;
      }
      const sender = this.#senders.take();
      if (sender !== undefined) {
        this.#buffer.push(sender.value);
        sender.done({ value: undefined, done: false });
      }
      return { value, done: false };
    }
    const sender = this.#senders.take();
    if (sender !== undefined) {
      sender.done({ value: undefined, done: false });
      return { value: sender.value, done: false };
    }
    return this.#closed ? { value: undefined, done: true } : undefined;
  }

  /** No more sends: waiting ones reject with ClosedError, receivers get what is buffered and then `done`. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (let sender = this.#senders.take(); sender; sender = this.#senders.take()) {
      sender.waiter.reject(new ClosedError('the channel was closed while a send was waiting'));
    }
    for (let receiver = this.#receivers.take(); receiver; receiver = this.#receivers.take()) {
      receiver.done({ value: undefined, done: true });
    }
  }

  /** For select(). */
  receiving(): Case<T> {
    return {
      attempt: () => this.tryReceive(),
      enqueue: (waiter, done) => {
        const receiver: Receiver<T> = { waiter, done };
        this.#receivers.add(receiver);
        waiter.onLeave(() => this.#receivers.delete(receiver));
      },
    };
  }

  /** For select(). Its outcome's value is undefined. On a closed channel select() rejects with ClosedError. */
  sending(value: T): Case<undefined> {
    return {
      attempt: () => (this.trySend(value) ? { value: undefined, done: false } : undefined),
      enqueue: (waiter, done) => {
        const sender: Sender<T> = { waiter, value, done };
        this.#senders.add(sender);
        waiter.onLeave(() => this.#senders.delete(sender));
      },
    };
  }

  /** Until it is closed and empty. Leaving the loop early closes nothing: others may receive from it. */
  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    while (true) {
      const { value, done } = await this.receive();
      if (done) return;
      yield value as T;
    }
  }
}

/** @param capacity values it holds while nobody receives; default 0 */
export function channel<T>(capacity?: number): Channel<T> {
  return new Channel<T>(capacity);
}

type Value<C> = C extends Case<infer R> ? R : never;

/** Which branch it was. */
export type Selected<Cases> =
  | {
      [K in keyof Cases & string]: { key: K; value: Value<Cases[K]> | undefined; done: boolean };
    }[keyof Cases & string]
  | { key: 'default'; value: unknown; done: false };

export interface SelectOptions {
  signal?: AbortSignal | undefined;
  /** Given when no branch can go on at once: { key: 'default', value: default, done: false }. */
  default?: unknown;
}

/**
 * Waits for the first of several channel operations and does exactly one of them. Among those that can go on at once
 * one is chosen at random, so that none starves.
 */
export async function select<const Cases extends Record<string, Case<unknown>>>(
  cases: Cases,
  options?: SelectOptions,
): Promise<Selected<Cases>> {
  if (typeof cases !== 'object' || cases === null) {
    throw new InvalidArgument('cases', 'an object of receiving() and sending()', cases);
  }
  const signal = optionalSignal('signal', options?.signal);
  signal?.throwIfAborted();
  const entries = Object.entries(cases);
  for (const [key, branch] of entries) {
    if (typeof branch?.attempt !== 'function' || typeof branch.enqueue !== 'function') {
      throw new InvalidArgument(`cases.${key}`, 'made by receiving() or sending()', branch);
    }
  }
  const first = entries.length === 0 ? 0 : Math.floor(Math.random() * entries.length);
  for (let i = 0; i < entries.length; i++) {
    const [key, branch] = entries[(first + i) % entries.length] as [string, Case<unknown>];
    const outcome = branch.attempt();
    if (outcome !== undefined) return { key, ...outcome } as Selected<Cases>;
  }
  if (options !== undefined && 'default' in options) {
    return { key: 'default', value: options.default, done: false };
  }
  const waiter = new Waiter<unknown>(signal);
  for (const [key, branch] of entries) {
    branch.enqueue(waiter, (outcome) => waiter.resolve({ key, ...outcome }));
  }
  return (await waiter.promise) as Selected<Cases>;
}
