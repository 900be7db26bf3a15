// Structured concurrency: what is started in a scope ends before the scope does. The children run on this isolate;
// the first failure cancels the rest, by the scope's signal.

import { ClosedError } from '../errors';
import { fn, optionalObject, optionalSignal } from './options';

/** A child of a scope. Awaiting it gives its result or its failure. */
export interface Task<T> extends PromiseLike<T> {
  /** Settles with the child. */
  readonly result: Promise<T>;
  readonly signal: AbortSignal;
  /** Asks this child alone to stop. That it then fails by this very reason does not fail the scope. */
  cancel(reason?: unknown): void;
}

export class Scope {
  readonly #controller = new AbortController();
  readonly #running = new Set<Promise<unknown>>();
  #failed = false;
  #failure: unknown;
  #ended = false;

  /** Aborted when the scope is cancelled: by a failure, by cancel(), by the caller's signal. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Children that have not ended. */
  get pending(): number {
    return this.#running.size;
  }

  /**
   * Starts a child at once. It is handed a signal that is aborted with the scope or by task.cancel().
   * Throws ClosedError when the scope has ended.
   */
  go<T>(child: (signal: AbortSignal) => T | Promise<T>): Task<T> {
    fn('child', child);
    if (this.#ended) throw new ClosedError('the scope has ended');
    const own = new AbortController();
    const onAbort = (): void => own.abort(this.signal.reason);
    if (this.signal.aborted) onAbort();
    else this.signal.addEventListener('abort', onAbort, { once: true });
    let canceled = false;
    const result = (async () => child(own.signal))();
    const settled = result.then(
      () => {},
      (error: unknown) => {
        if (!(canceled && error === own.signal.reason)) this.fail(error);
      },
    );
    this.#running.add(settled);
    void settled.then(() => {
      this.#running.delete(settled);
      this.signal.removeEventListener('abort', onAbort);
    });
    return {
      result,
      signal: own.signal,
      cancel: (reason) => {
        canceled = true;
        own.abort(reason);
      },
      // biome-ignore lint/suspicious/noThenProperty: a Task is awaited
      then: (onValue, onError) => result.then(onValue, onError),
    };
  }

  /** Asks all children to stop. The scope then rejects with this reason. */
  cancel(reason: unknown = new DOMException('This operation was aborted', 'AbortError')): void {
    this.fail(reason);
  }

  /** @internal */
  fail(reason: unknown): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#failure = reason;
    this.#controller.abort(reason);
  }

  /** Waits for all children, those that children start included. @internal */
  async end(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
    this.#ended = true;
    if (this.#failed) throw this.#failure;
  }
}

/**
 * Runs `body`, waits for every child it started, and gives the body's result. Rejects with the first failure (of the
 * body or of a child), or with signal.reason, after all children have ended.
 */
export async function scope<T>(
  body: (s: Scope) => T | Promise<T>,
  options?: { signal?: AbortSignal | undefined },
): Promise<T> {
  fn('body', body);
  optionalObject('options', options);
  const signal = optionalSignal('signal', options?.signal);
  signal?.throwIfAborted();
  const s = new Scope();
  const onAbort = (): void => s.fail(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    let result: T | undefined;
    try {
      result = await body(s);
    } catch (error) {
      s.fail(error);
    }
    await s.end();
    return result as T;
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}
