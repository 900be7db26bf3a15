// The asynchronous iterator of lines(). An async generator would do the same, at three promises a value: here a value that has been
// read is a promise that is settled already, and one that waits for the source costs its own promise and the source's. As with a
// generator, calls are answered in their order; unlike one, return() does not wait behind a next() that waits for the source.

import { chunkOf, isWhole, orAbort, type Source, type SourceResult, sourceOf } from './chunks';
import type { Splitter } from './splitter';

type Result = IteratorResult<unknown, undefined>;

const kDone: Result = { done: true, value: undefined };

/** What all async generators inherit: [Symbol.asyncDispose], where there is one. */
const AsyncIteratorPrototype = Object.getPrototypeOf(
  Object.getPrototypeOf(Object.getPrototypeOf((async function* () {})())),
);

export class LinesIterator implements AsyncIterableIterator<unknown> {
  readonly #splitter: Splitter;
  readonly #batch: boolean;
  readonly #signal: AbortSignal | undefined;
  readonly #input: unknown;
  #source: Source | undefined;
  #begun = false;
  /** The source has no more. */
  #ended = false;
  /** Nothing is given any more. */
  #closed = false;
  #values: unknown[] = [];
  #at = 0;
  /** Lines are read, and somebody's code may run meanwhile: an onError, a decoder. */
  #reading = false;
  #failed: { error: unknown } | undefined;
  /** Calls that have not been answered, and the last of them. */
  #calls = 0;
  #last: Promise<unknown> | undefined;
  /** Answers a call that waits for the source. */
  #wake: ((result: Result) => void) | undefined;

  constructor(input: unknown, splitter: Splitter, batch: boolean, signal: AbortSignal | undefined) {
    this.#input = input;
    this.#splitter = splitter;
    this.#batch = batch;
    this.#signal = signal;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Result> {
    // by an onError or a decoder, in the midst of a call that has no promise yet: behind it
    if (this.#reading) return Promise.resolve().then(() => this.next());
    if (this.#calls === 0) {
      try {
        const result = this.#ready();
        if (result !== undefined) return Promise.resolve(result);
      } catch (error) {
        return Promise.reject(error);
      }
    }
    return this.#behind(() => this.#wait());
  }

  return(value?: unknown): Promise<{ done: true; value: unknown }> {
    const idle = this.#calls === 0;
    const stopped = this.#close();
    const result = { done: true as const, value };
    this.#wake?.(kDone);
    const settled = async () => {
      // a source that nobody waits for has its clean-up waited for
      if (idle) await stopped;
      else this.#answered();
      return result;
    };
    return idle ? settled() : this.#behind(settled);
  }

  throw(error?: unknown): Promise<Result> {
    return this.return().then(() => {
      throw error;
    });
  }

  /** One call behind the other; each says when it has been answered. */
  #behind<T>(run: () => Promise<T>): Promise<T> {
    const last = this.#last;
    const mine = this.#calls++ === 0 || last === undefined ? run() : last.then(run, run);
    if (this.#calls > 0) this.#last = mine;
    return mine;
  }

  #answered(): void {
    if (--this.#calls === 0) this.#last = undefined;
  }

  /** Stops the source when it has not ended. */
  #close(): unknown {
    if (this.#closed) return undefined;
    this.#closed = true;
    this.#values = [];
    this.#at = 0;
    if (this.#ended) return undefined;
    this.#ended = true;
    return this.#source?.stop();
  }

  #fail(error: unknown): never {
    this.#close();
    throw error;
  }

  /** What can be answered at once; undefined: the source must be asked. Throws what next() rejects with. */
  #ready(): Result | undefined {
    for (;;) {
      if (this.#closed) return kDone;
      if (this.#signal?.aborted === true) {
        this.#open();
        this.#fail(this.#signal.reason);
      }
      if (this.#at < this.#values.length) return { done: false, value: this.#values[this.#at++] };
      if (this.#failed !== undefined) this.#fail(this.#failed.error);
      const values: unknown[] = [];
      let more = false;
      this.#reading = true;
      try {
        more = this.#splitter.step(values);
        if (!more && this.#ended) {
          this.#splitter.finish(values);
          if (values.length === 0) this.#closed = true;
        }
      } catch (error) {
        // What stands before the bad line is still given.
        this.#failed = { error };
      } finally {
        this.#reading = false;
      }
      if (this.#closed) return kDone; // by a return() in the midst of it
      this.#values = this.#batch && values.length > 0 ? [values] : values;
      this.#at = 0;
      if (!more && !this.#ended && values.length === 0 && this.#failed === undefined) return undefined;
    }
  }

  #open(): void {
    if (this.#begun) return;
    this.#begun = true;
    if (!isWhole(this.#input)) this.#source = sourceOf(this.#input, 'input');
  }

  /** The next chunk; undefined: it is there already, or there is none. */
  #chunk(): Promise<SourceResult> | undefined {
    if (!this.#begun && isWhole(this.#input)) {
      this.#begun = true;
      this.#splitter.begin(chunkOf(this.#input));
      return undefined;
    }
    if (this.#source === undefined && this.#begun) {
      this.#ended = true;
      return undefined;
    }
    this.#open();
    return orAbort((this.#source as Source).next(), this.#signal);
  }

  #wait(): Promise<Result> {
    return new Promise((resolve, reject) => {
      let open = true;
      const answer = (result: Result) => {
        if (open) this.#answered();
        open = false;
        resolve(result);
      };
      const fail = (error: unknown) => {
        this.#close();
        if (open) this.#answered();
        open = false;
        reject(error);
      };
      const goOn = () => {
        try {
          for (;;) {
            const result = this.#ready();
            if (result !== undefined) return answer(result);
            const chunk = this.#chunk();
            if (chunk !== undefined) return void chunk.then(take, fail);
          }
        } catch (error) {
          fail(error);
        }
      };
      const take = (chunk: SourceResult) => {
        try {
          const { done, value } = chunk;
          if (!this.#closed) {
            if (done === true) this.#ended = true;
            else this.#splitter.begin(chunkOf(value));
          }
        } catch (error) {
          return fail(error);
        }
        goOn();
      };
      this.#wake = answer;
      goOn();
    });
  }
}

Object.setPrototypeOf(LinesIterator.prototype, AsyncIteratorPrototype);
