// The pieces of a body, whatever brings them: a stream of Node or of the web, a Response, an iterable, or all at once.

import type { Readable } from 'node:stream';
import { types } from 'node:util';
import { InvalidArgument } from '../errors';
import { bytesOf, type JsonInput } from './input';

/**
 * A stream of the web, as far as it is used here: the ReadableStream of Node's types and that of TypeScript's `dom`, which has no
 * asynchronous iterator unless one more library is asked for, are one to us.
 */
export interface WebStreamLike {
  getReader(): {
    read(): Promise<SourceResult>;
    cancel(reason?: unknown): Promise<unknown>;
    releaseLock?(): void;
  };
}

/** What fetch gives, as far as it is used here. */
export interface ResponseLike {
  readonly body: WebStreamLike | null;
  arrayBuffer(): Promise<ArrayBuffer>;
}

export type JsonStream =
  | Readable
  | WebStreamLike
  | ResponseLike
  | AsyncIterable<JsonInput>
  | Iterable<JsonInput>;

export interface SourceResult {
  done?: boolean | undefined;
  value?: unknown;
}

export interface Source {
  next(): Promise<SourceResult>;
  /** The rest is not wanted; does not wait for anything. A promise of its clean-up, when it says; it does not reject. */
  stop(): unknown;
}

type Loose = {
  [Symbol.asyncIterator]?: unknown;
  [Symbol.iterator]?: unknown;
  getReader?: unknown;
  arrayBuffer?: unknown;
  destroy?: unknown;
  body?: unknown;
};

const isFunction = (value: unknown): value is (...args: never[]) => unknown => typeof value === 'function';

/** The clean-up of a source, whose failure is not what its reader is to hear of. */
function quiet(stop: () => unknown): unknown {
  try {
    const promise = stop();
    return promise instanceof Promise ? promise.catch(() => {}) : undefined;
  } catch {
    return undefined;
  }
}

function webSource(stream: WebStreamLike): Source {
  const reader = stream.getReader();
  // The lock goes back with the end, as the stream's own iterator gives it back.
  return {
    next: () =>
      reader.read().then((result) => {
        if (result.done === true) reader.releaseLock?.();
        return result;
      }),
    stop: () => {
      const stopped = quiet(() => reader.cancel());
      reader.releaseLock?.();
      return stopped;
    },
  };
}

function iteratorSource(body: Loose, iterator: AsyncIterator<unknown>): Source {
  return {
    // an iterator of somebody's own may answer with what is no promise
    next: () => Promise.resolve(iterator.next()),
    stop: () => {
      // The iterator of a Node stream does not hear return() while it waits for a chunk; its stream hears destroy().
      if (!isFunction(body.destroy)) return quiet(() => iterator.return?.());
      (body as Readable).destroy();
      return undefined;
    },
  };
}

export function sourceOf(body: unknown, name: string): Source {
  if ((typeof body === 'object' && body !== null) || isFunction(body)) {
    const loose = body as Loose;
    if (isFunction(loose.getReader)) return webSource(body as unknown as WebStreamLike);
    if (isFunction(loose.arrayBuffer) && 'body' in loose) {
      if (loose.body === null) return { next: async () => ({ done: true }), stop: () => {} };
      return sourceOf(loose.body, name);
    }
    if (isFunction(loose[Symbol.asyncIterator])) {
      return iteratorSource(loose, (body as AsyncIterable<unknown>)[Symbol.asyncIterator]());
    }
    if (isFunction(loose[Symbol.iterator])) {
      const iterator = (body as Iterable<unknown>)[Symbol.iterator]();
      return { next: async () => iterator.next(), stop: () => quiet(() => iterator.return?.()) };
    }
  }
  throw new InvalidArgument(name, 'a stream, a Response or an iterable of chunks', body);
}

/** Rejects with the signal's reason when it comes first. */
export function orAbort<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    const settle = () => signal.removeEventListener('abort', abort);
    promise.then(resolve, reject).finally(settle);
    if (signal.aborted) abort();
  });
}

/** Whether the input is one text and not a source of chunks. */
export function isWhole(input: unknown): input is JsonInput {
  return typeof input === 'string' || ArrayBuffer.isView(input) || types.isAnyArrayBuffer(input);
}

/** A chunk made plain: a string, or bytes nobody else writes. */
export function chunkOf(chunk: unknown): string | Uint8Array {
  return typeof chunk === 'string' ? chunk : bytesOf(chunk, 'chunk');
}

/** The chunks of a body, until it ends or the signal aborts. Leaving early stops the source. */
export async function* chunksOf(
  body: unknown,
  signal: AbortSignal | undefined,
  name: string,
): AsyncGenerator<string | Uint8Array> {
  const source = sourceOf(body, name);
  let ended = false;
  try {
    signal?.throwIfAborted();
    for (;;) {
      const { done, value } = await orAbort(source.next(), signal);
      if (done === true) {
        ended = true;
        return;
      }
      yield chunkOf(value);
    }
  } finally {
    if (!ended) source.stop();
  }
}

export function signalOf(value: unknown): AbortSignal | undefined {
  if (value === undefined) return undefined;
  if (!(value instanceof AbortSignal)) throw new InvalidArgument('signal', 'an AbortSignal', value);
  return value;
}

export function bytesLimit(value: unknown, name: string, byDefault: number): number {
  if (value === undefined) return byDefault;
  if (value === Infinity) return value;
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 1) {
    throw new InvalidArgument(name, 'a number of bytes from 1, or Infinity', value);
  }
  return value;
}

/** What makes a value of UTF-8 JSON text: a Decoder of decoder(schema), or anything with its method. */
export interface TextDecoderLike<T = unknown> {
  parse(input: Uint8Array): T;
}

export function decoderOption(value: unknown): TextDecoderLike | undefined {
  if (value === undefined) return undefined;
  const object = (typeof value === 'object' && value !== null) || typeof value === 'function';
  if (!object || typeof (value as Partial<TextDecoderLike>).parse !== 'function')
    throw new InvalidArgument(
      'decoder',
      'what decoder(schema) gives, or an object with a method parse(bytes)',
      value,
    );
  return value as TextDecoderLike;
}

/** Rules for parsing beside a decoder, which has its own, would be rules that nobody holds a text to. */
export function refuseRules(parsing: object | undefined, decoder: unknown): void {
  if (parsing !== undefined && decoder !== undefined)
    throw new InvalidArgument(
      'decoder',
      'left out beside options for parsing: give those to decoder(schema, options)',
      decoder,
    );
}
