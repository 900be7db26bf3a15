// NDJSON: one JSON text a line. Here are the options, and who asks for the next chunk: a loop, an asynchronous iterator, or
// a stream that is written to. The cutting is splitter.ts.

import type { Transform } from 'node:stream';
import type { JsonParseOptions } from '../backend/contract';
import { InvalidArgument, JsonSchemaError, JsonSyntaxError, LimitError } from '../errors';
import {
  bytesLimit,
  chunkOf,
  decoderOption,
  isWhole,
  type JsonStream,
  refuseRules,
  signalOf,
  type TextDecoderLike,
} from './chunks';
import { documentOf, type JsonDocument, open } from './document';
import { impl, type JsonInput } from './input';
import { LinesIterator } from './lines-iterator';
import { type Many, manyOf } from './many';
import { type ParseOptions, parseOptions } from './options';
import { type LineReader, NullLine, Splitter } from './splitter';

/** What can be wrong with a line: no JSON, refused by the decoder, too long. */
export type LineError = (JsonSyntaxError | JsonSchemaError | LimitError | TypeError) & { line?: number };

export interface LinesOptions extends ParseOptions {
  /**
   * What a bad line does. 'throw' (default) ends the iteration with its error; 'skip' leaves it out; a function hears of it
   * and the line is left out, unless it throws. The error's `line` counts from the start of the input, from 1.
   */
  onError?: 'throw' | 'skip' | ((error: LineError) => void);
  /**
   * Makes the values: what decoder(schema) gives. A value it refuses (JsonSchemaError) is an error of its line. Rules for
   * parsing are its own.
   */
  decoder?: TextDecoderLike;
  /** 'value' (default), or 'document' for lazy ones. */
  as?: 'value' | 'document';
  /** A longer line is an error, and no more of it is kept. Bytes, or UTF-16 units of a string. Default 16 MiB. */
  maxLineBytes?: number;
  /**
   * Give arrays of values, never empty: those of a chunk, or of a piece of it when it is large. Cheaper than a promise for
   * each value.
   */
  batch?: boolean;
  /** Ends the iteration with its reason. Not for linesSync. */
  signal?: AbortSignal;
}

const kDefaultMaxLine = 16 * 1024 * 1024;
const kNewline = 10;
const kNames = ['onError', 'decoder', 'as', 'maxLineBytes', 'batch', 'signal'];

interface Checked extends LineReader {
  batch: boolean;
  signal: AbortSignal | undefined;
}

/** How many lines are read at once: by the decoder, or as documents, or as plain values. Rare options are read one by one. */
function manyFor(
  decoder: TextDecoderLike | undefined,
  parsing: JsonParseOptions | undefined,
  as: 'value' | 'document',
): Many | undefined {
  if (decoder !== undefined) return manyOf.get(decoder.parse);
  if (parsing !== undefined) return undefined;
  const json = impl();
  if (as === 'value')
    return (bytes, start, end, maxLine, values) => json.lines(bytes, start, end, maxLine, values);
  return (bytes, start, end, maxLine, values) => {
    const opened = json.openLines(bytes, start, end, maxLine);
    for (const document of opened?.documents ?? []) values.push(documentOf(document));
    return opened;
  };
}

function check(given: LinesOptions | undefined | null): Checked {
  const options = given ?? {};
  const parsing = parseOptions(options, kNames);
  const { onError = 'throw', as = 'value', batch = false } = options;
  if (onError !== 'throw' && onError !== 'skip' && typeof onError !== 'function') {
    throw new InvalidArgument('onError', "'throw', 'skip' or a function", onError);
  }
  if (as !== 'value' && as !== 'document') throw new InvalidArgument('as', "'value' or 'document'", as);
  const decoder = decoderOption(options.decoder);
  if (decoder !== undefined && as === 'document')
    throw new InvalidArgument('decoder', "left out with as: 'document'", decoder);
  refuseRules(parsing, decoder);
  if (typeof batch !== 'boolean') throw new InvalidArgument('batch', 'a boolean', batch);
  const json = impl();
  const { integers, duplicateKeys, maxDepth, protoAction, constructorAction, utf8, strings } = options;
  const opening = { integers, duplicateKeys, maxDepth, protoAction, constructorAction, utf8, strings };
  // one of ours takes strings too, and tells offsets in their units
  const takesText = decoder !== undefined && manyOf.has(decoder.parse);
  return {
    many: manyFor(decoder, parsing, as),
    fail(error) {
      const ours =
        error instanceof JsonSyntaxError ||
        error instanceof JsonSchemaError ||
        error instanceof LimitError ||
        error instanceof NullLine;
      if (!ours || onError === 'throw') throw error;
      if (onError !== 'skip') onError(error);
    },
    value(input, start, end) {
      if (decoder !== undefined) {
        if (typeof input !== 'string') return decoder.parse(input.subarray(start, end));
        const text = input.slice(start, end);
        return decoder.parse(takesText ? (text as never) : Buffer.from(text));
      }
      if (as === 'document') {
        return open(
          typeof input === 'string' ? input.slice(start, end) : input.subarray(start, end),
          opening,
        );
      }
      return typeof input === 'string'
        ? json.parse(input.slice(start, end), parsing)
        : json.parseRange(input, start, end, parsing);
    },
    ended: () => json.linesEnded(),
    maxLine: bytesLimit(options.maxLineBytes, 'maxLineBytes', kDefaultMaxLine),
    batch,
    signal: signalOf(options.signal),
  };
}

type Batch = LinesOptions & { batch: true };
type Decoding<T> = LinesOptions & { decoder: TextDecoderLike<T> };
type Lazy = LinesOptions & { as: 'document' };

/** What a splitter finds in its chunk or, with `last`, behind all chunks; an empty batch is not given. */
function* found(splitter: Splitter, batch: boolean, last: boolean): Generator<unknown> {
  for (let more = true; more; ) {
    const values: unknown[] = [];
    let failed: { error: unknown } | undefined;
    try {
      if (last) splitter.finish(values);
      more = !last && splitter.step(values);
    } catch (error) {
      // What stands before the bad line is still given.
      failed = { error };
    }
    if (!batch) for (const value of values) yield value;
    else if (values.length > 0) yield values;
    if (failed !== undefined) throw failed.error;
  }
}

function* syncValues(input: unknown, checked: Checked): Generator<unknown> {
  const splitter = new Splitter(checked);
  for (const chunk of isWhole(input) ? [input] : (input as Iterable<unknown>)) {
    splitter.begin(chunkOf(chunk));
    yield* found(splitter, checked.batch, false);
  }
  yield* found(splitter, checked.batch, true);
}

/**
 * The values of NDJSON at hand: a string, bytes, or an iterable of chunks cut anywhere. Blank lines are passed over.
 *
 * @throws JsonSyntaxError, LimitError by the policy of `onError`
 */
export function linesSync(
  input: JsonInput | Iterable<JsonInput>,
  options: Batch & Lazy,
): IterableIterator<JsonDocument[]>;
export function linesSync(
  input: JsonInput | Iterable<JsonInput>,
  options: Lazy,
): IterableIterator<JsonDocument>;
export function linesSync<T>(
  input: JsonInput | Iterable<JsonInput>,
  options: Batch & Decoding<T>,
): IterableIterator<T[]>;
export function linesSync<T>(
  input: JsonInput | Iterable<JsonInput>,
  options: Decoding<T>,
): IterableIterator<T>;
export function linesSync<T = unknown>(
  input: JsonInput | Iterable<JsonInput>,
  options: Batch,
): IterableIterator<T[]>;
export function linesSync<T = unknown>(
  input: JsonInput | Iterable<JsonInput>,
  options?: LinesOptions,
): IterableIterator<T>;
export function linesSync(input: unknown, options?: LinesOptions): IterableIterator<unknown> {
  const checked = check(options);
  if (checked.signal !== undefined)
    throw new InvalidArgument('signal', 'left out: linesSync cannot wait', checked.signal);
  if (!isWhole(input) && typeof (input as Partial<Iterable<unknown>>)?.[Symbol.iterator] !== 'function') {
    throw new InvalidArgument('input', 'a string, bytes or an iterable of them', input);
  }
  return syncValues(input, checked);
}

/**
 * The values of NDJSON as they come. The next chunk is asked for when the values of the last have been taken; leaving the
 * loop, or return() while a value is awaited, stops the source.
 */
function linesOf(input: JsonInput | JsonStream, options: Batch & Lazy): AsyncIterableIterator<JsonDocument[]>;
function linesOf(input: JsonInput | JsonStream, options: Lazy): AsyncIterableIterator<JsonDocument>;
function linesOf<T>(input: JsonInput | JsonStream, options: Batch & Decoding<T>): AsyncIterableIterator<T[]>;
function linesOf<T>(input: JsonInput | JsonStream, options: Decoding<T>): AsyncIterableIterator<T>;
function linesOf<T = unknown>(input: JsonInput | JsonStream, options: Batch): AsyncIterableIterator<T[]>;
function linesOf<T = unknown>(
  input: JsonInput | JsonStream,
  options?: LinesOptions,
): AsyncIterableIterator<T>;
function linesOf(input: unknown, options?: LinesOptions): AsyncIterableIterator<unknown> {
  const checked = check(options);
  return new LinesIterator(input, new Splitter(checked), checked.batch, checked.signal);
}

/** Written chunks as bytes; half of a surrogate pair at the end of a string waits for the other one. */
class Written {
  #half = '';

  bytesOf(chunk: unknown, encoding: BufferEncoding): Uint8Array {
    const before = this.#half;
    this.#half = '';
    if (typeof chunk !== 'string') {
      const bytes = chunkOf(chunk) as Uint8Array;
      return before === '' ? bytes : Buffer.concat([Buffer.from(before), bytes]);
    }
    // latin1, hex: bytes written as text
    if (!/^utf-?8$/i.test(encoding))
      return Buffer.concat([Buffer.from(before), Buffer.from(chunk, encoding)]);
    const text = before + chunk;
    const cut = (text.charCodeAt(text.length - 1) & 0xfc00) === 0xd800 ? text.length - 1 : text.length;
    this.#half = text.slice(cut);
    return Buffer.from(text.slice(0, cut));
  }

  rest(): Uint8Array {
    return Buffer.from(this.#half);
  }
}

/** NDJSON in, values out: for pipeline(). A line `null` is an error by the policy, unless `batch` is set. */
function transform(options?: LinesOptions): Transform {
  const checked = check(options);
  const { value, many } = checked;
  if (!checked.batch) {
    checked.value = (input, start, end) => {
      const made = value(input, start, end);
      if (made === null)
        throw new NullLine('A stream of objects cannot carry null: use batch, or as: "document"');
      return made;
    };
    // no decoder and no document gives null for many
    if (many !== undefined && options?.decoder === undefined && options?.as !== 'document') {
      checked.many = (bytes, start, end, maxLine, values, alone) => {
        const some: unknown[] = [];
        const passed = many(bytes, start, end, maxLine, some, alone);
        if (passed !== undefined && some.includes(null)) {
          for (let line = 0, at = start; at < passed.end; line++) {
            const stop = bytes.indexOf(kNewline, at);
            alone(at, stop, line);
            at = stop + 1;
          }
        } else {
          for (const item of some) values.push(item);
        }
        return passed;
      };
    }
  }
  const splitter = new Splitter(checked);
  const written = new Written();
  const run = (stream: Transform, chunk: Uint8Array, last: boolean, done: (error?: Error | null) => void) => {
    try {
      splitter.begin(chunk);
      for (const item of found(splitter, checked.batch, false)) stream.push(item);
      if (last) for (const item of found(splitter, checked.batch, true)) stream.push(item);
    } catch (error) {
      done(error as Error);
      return;
    }
    done();
  };
  // Loaded here, because few need it and everybody would pay.
  const { Transform: Stream } = require('node:stream') as typeof import('node:stream');
  const stream = new Stream({
    readableObjectMode: true,
    decodeStrings: false,
    transform(chunk: unknown, encoding, done) {
      run(this, written.bytesOf(chunk, encoding), false, done);
    },
    flush(done) {
      run(this, written.rest(), true, done);
    },
  });
  const { signal } = checked;
  if (signal !== undefined) {
    // A stream's own option would end it with another error than the reason. One that is false would be no error to it.
    const abort = () =>
      stream.destroy(signal.reason || new DOMException('This operation was aborted', 'AbortError'));
    signal.addEventListener('abort', abort, { once: true });
    stream.once('close', () => signal.removeEventListener('abort', abort));
    if (signal.aborted) abort();
  }
  return stream;
}

export const lines = Object.assign(linesOf, { transform });
