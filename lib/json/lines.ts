// NDJSON: one JSON text a line. The splitting is the same for a text at hand, an iterable and a stream; what differs is
// only who asks for the next chunk.

import type { Transform } from 'node:stream';
import { InvalidArgument, JsonSchemaError, JsonSyntaxError, LimitError } from '../errors';
import {
  bytesLimit,
  chunkOf,
  chunksOf,
  decoderOption,
  isWhole,
  type JsonStream,
  signalOf,
  type TextDecoderLike,
} from './chunks';
import { documentOf, type JsonDocument, open } from './document';
import { impl, type JsonInput } from './input';
import { type ParseOptions, parseOptions } from './options';

export interface LinesOptions extends ParseOptions {
  /**
   * What a bad line does. 'throw' (default) ends the iteration with its error; 'skip' leaves it out; a function hears of it
   * and the line is left out, unless it throws. The error's `line` counts from the start of the input.
   */
  onError?: 'throw' | 'skip' | ((error: JsonSyntaxError | LimitError | TypeError) => void);
  /** Makes the values: what decoder(schema) gives. A value it refuses (JsonSchemaError) is an error of its line. */
  decoder?: TextDecoderLike;
  /** 'value' (default), or 'document' for lazy ones. */
  as?: 'value' | 'document';
  /** A longer line is an error, and no more of it is kept. Bytes, or UTF-16 units of a string. Default 16 MiB. */
  maxLineBytes?: number;
  /** Give an array of values for each chunk that completes a line: far cheaper than a promise for each value. */
  batch?: boolean;
  /** Ends the iteration with its reason. Not for linesSync. */
  signal?: AbortSignal;
}

const kDefaultMaxLine = 16 * 1024 * 1024;
const kNames = ['onError', 'decoder', 'as', 'maxLineBytes', 'batch', 'signal'];
const kNewline = 10;
/** Bytes that are read as many lines at once. */
const kManyLeast = 1024;
const kManyMost = 128 * 1024;

interface Checked {
  fail(error: unknown): void;
  value(input: string | Uint8Array, start: number, end: number): unknown;
  /** Many lines of bytes at once; undefined: one by one. */
  many(bytes: Uint8Array, start: number, end: number): { values: unknown[]; lines: number } | undefined;
  maxLine: number;
  batch: boolean;
  signal: AbortSignal | undefined;
}

function check(options: LinesOptions): Checked {
  const parsing = parseOptions(options, kNames);
  const { onError = 'throw', as = 'value', batch = false } = options;
  if (onError !== 'throw' && onError !== 'skip' && typeof onError !== 'function') {
    throw new InvalidArgument('onError', "'throw', 'skip' or a function", onError);
  }
  if (as !== 'value' && as !== 'document') throw new InvalidArgument('as', "'value' or 'document'", as);
  const decoder = decoderOption(options.decoder);
  if (decoder !== undefined && as === 'document')
    throw new InvalidArgument('decoder', "left out with as: 'document'", decoder);
  if (typeof batch !== 'boolean') throw new InvalidArgument('batch', 'a boolean', batch);
  const json = impl();
  const { integers, duplicateKeys, maxDepth, protoAction, constructorAction, utf8, strings } = options;
  const opening = { integers, duplicateKeys, maxDepth, protoAction, constructorAction, utf8, strings };
  const maxLine = bytesLimit(options.maxLineBytes, 'maxLineBytes', kDefaultMaxLine);
  const many: Checked['many'] = (bytes, start, end) => {
    if (decoder !== undefined || parsing !== undefined) return undefined;
    if (as === 'value') return json.lines(bytes, start, end, maxLine);
    const opened = json.openLines(bytes, start, end, maxLine);
    if (opened === undefined) return undefined;
    return { values: opened.documents.map((document) => documentOf(document)), lines: opened.lines };
  };
  return {
    many,
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
        return decoder.parse(
          typeof input === 'string' ? Buffer.from(input.slice(start, end)) : input.subarray(start, end),
        );
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
    maxLine,
    batch,
    signal: signalOf(options.signal),
  };
}

/** A line `null` on its way into a stream of objects, where null means the end. */
class NullLine extends TypeError {
  readonly code = 'ERR_TAILRACE_INVALID_ARG';
}

function isBlank(input: string | Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) {
    const c = typeof input === 'string' ? input.charCodeAt(i) : (input[i] as number);
    if (c !== 0x20 && c !== 0x09 && c !== 0x0d) return false;
  }
  return true;
}

/** Cuts chunks into lines and makes their values. Keeps no more than one line that has begun. */
class Splitter {
  #pieces: (string | Uint8Array)[] = [];
  #pending = 0;
  #tooLong = false;
  #line = 1;
  /** Units of the input before the current line. */
  #offset = 0;
  #failedIn: Uint8Array | undefined;

  constructor(private readonly checked: Checked) {}

  /** Appends the values of all lines that this chunk ends. */
  push(chunk: string | Uint8Array, values: unknown[]): void {
    const text = typeof chunk === 'string';
    if (this.#pieces.length > 0 && (typeof this.#pieces[0] === 'string') !== text) {
      throw new InvalidArgument('chunk', 'of one kind: strings or bytes', chunk);
    }
    let start = 0;
    for (;;) {
      if (!text && this.#pending === 0) start = this.#many(chunk, start, values);
      const end = text ? chunk.indexOf('\n', start) : chunk.indexOf(kNewline, start);
      if (end < 0) break;
      this.#end(chunk, start, end, values);
      start = end + 1;
    }
    this.#keep(chunk, start);
  }

  /** All lines that end in the chunk, in pieces small enough for one parse; returns where the first begins that is not done. */
  #many(chunk: Uint8Array, from: number, values: unknown[]): number {
    if (this.#failedIn === chunk) return from;
    let start = from;
    while (chunk.length - start > kManyLeast) {
      const last = chunk.lastIndexOf(kNewline, Math.min(chunk.length, start + kManyMost) - 1);
      if (last < start) break;
      const done = this.checked.many(chunk, start, last + 1);
      if (done === undefined) {
        // a line of these is at fault: all of the chunk is read one by one, so that one bad line costs one such try
        this.#failedIn = chunk;
        break;
      }
      for (const value of done.values) values.push(value);
      this.#line += done.lines;
      this.#offset += last + 1 - start;
      start = last + 1;
    }
    return start;
  }

  /** The last line, when no newline ended it. */
  finish(values: unknown[]): void {
    if (this.#pending > 0)
      this.#end(typeof this.#pieces[0] === 'string' ? '' : Buffer.alloc(0), 0, 0, values);
  }

  #keep(chunk: string | Uint8Array, start: number): void {
    const rest = chunk.length - start;
    if (rest === 0) return;
    this.#pending += rest;
    if (this.#tooLong) return;
    if (this.#pending > this.checked.maxLine) {
      this.#tooLong = true;
      this.#pieces = [];
      this.#refuse();
      return;
    }
    // A copy: the caller may fill the same memory with the next chunk.
    this.#pieces.push(typeof chunk === 'string' ? chunk.slice(start) : Buffer.from(chunk.subarray(start)));
  }

  #refuse(): void {
    this.checked.fail(new LimitError(`Line ${this.#line} is longer than ${this.checked.maxLine} bytes`));
  }

  #end(chunk: string | Uint8Array, start: number, end: number, values: unknown[]): void {
    const size = this.#pending + end - start;
    const line = this.#line++;
    const offset = this.#offset;
    const pieces = this.#pieces;
    const wasTooLong = this.#tooLong;
    this.#offset += size + 1;
    this.#pieces = [];
    this.#pending = 0;
    this.#tooLong = false;
    if (wasTooLong) return;
    if (size > this.checked.maxLine) {
      this.checked.fail(new LimitError(`Line ${line} is longer than ${this.checked.maxLine} bytes`));
      return;
    }
    let input = chunk;
    if (pieces.length > 0) {
      const last = typeof chunk === 'string' ? chunk.slice(start, end) : chunk.subarray(start, end);
      pieces.push(last);
      input = typeof last === 'string' ? pieces.join('') : Buffer.concat(pieces as Uint8Array[], size);
      start = 0;
      end = size;
    }
    if (isBlank(input, start, end)) return;
    try {
      values.push(this.checked.value(input, start, end));
    } catch (error) {
      this.checked.fail(error instanceof JsonSyntaxError ? inLine(error, line, offset) : error);
    }
  }
}

/** The error of a line, told from the start of the input. */
function inLine(error: JsonSyntaxError, line: number, offset: number): JsonSyntaxError {
  const at = { code: error.code, offset: offset + error.offset, line, column: error.offset + 1 };
  const what = error.message.replace(/ at offset \d+ \(line \d+ column \d+\)$/, '');
  return new JsonSyntaxError(`${what} at offset ${at.offset} (line ${line} column ${at.column})`, at);
}

/** Values of chunks one after the other; an empty batch is not given. */
function* pieces(
  splitter: Splitter,
  batch: boolean,
  chunk: string | Uint8Array | undefined,
): Generator<unknown> {
  const values: unknown[] = [];
  let failed: { error: unknown } | undefined;
  try {
    if (chunk === undefined) splitter.finish(values);
    else splitter.push(chunk, values);
  } catch (error) {
    // What stands before the bad line is still given.
    failed = { error };
  }
  if (!batch) yield* values;
  else if (values.length > 0) yield values;
  if (failed !== undefined) throw failed.error;
}

type Batch = LinesOptions & { batch: true };
type Lazy = LinesOptions & { as: 'document' };

function* syncValues(input: unknown, checked: Checked): Generator<unknown> {
  const splitter = new Splitter(checked);
  for (const chunk of isWhole(input) ? [input] : (input as Iterable<unknown>)) {
    yield* pieces(splitter, checked.batch, chunkOf(chunk));
  }
  yield* pieces(splitter, checked.batch, undefined);
}

async function* asyncValues(input: unknown, checked: Checked): AsyncGenerator<unknown> {
  const splitter = new Splitter(checked);
  const chunks = isWhole(input) ? [chunkOf(input)] : chunksOf(input, checked.signal, 'input');
  for await (const chunk of chunks) {
    for (const value of pieces(splitter, checked.batch, chunk)) {
      checked.signal?.throwIfAborted();
      yield value;
    }
  }
  for (const value of pieces(splitter, checked.batch, undefined)) {
    checked.signal?.throwIfAborted();
    yield value;
  }
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
export function linesSync<T = unknown>(
  input: JsonInput | Iterable<JsonInput>,
  options: Batch,
): IterableIterator<T[]>;
export function linesSync<T = unknown>(
  input: JsonInput | Iterable<JsonInput>,
  options?: LinesOptions,
): IterableIterator<T>;
export function linesSync(input: unknown, options?: LinesOptions): IterableIterator<unknown> {
  const checked = check(options ?? {});
  if (checked.signal !== undefined)
    throw new InvalidArgument('signal', 'left out: linesSync cannot wait', checked.signal);
  if (!isWhole(input) && typeof (input as Partial<Iterable<unknown>>)?.[Symbol.iterator] !== 'function') {
    throw new InvalidArgument('input', 'a string, bytes or an iterable of them', input);
  }
  return syncValues(input, checked);
}

/**
 * The values of NDJSON as they come. The next chunk is asked for when the values of the last have been taken; leaving the
 * loop stops the source.
 */
function linesOf(input: JsonInput | JsonStream, options: Batch & Lazy): AsyncIterableIterator<JsonDocument[]>;
function linesOf(input: JsonInput | JsonStream, options: Lazy): AsyncIterableIterator<JsonDocument>;
function linesOf<T = unknown>(input: JsonInput | JsonStream, options: Batch): AsyncIterableIterator<T[]>;
function linesOf<T = unknown>(
  input: JsonInput | JsonStream,
  options?: LinesOptions,
): AsyncIterableIterator<T>;
function linesOf(input: unknown, options?: LinesOptions): AsyncIterableIterator<unknown> {
  const checked = check(options ?? {});
  return asyncValues(input, checked);
}

/** NDJSON in, values out: for pipeline(). A line `null` is an error by the policy, unless `batch` is set. */
function transform(options: LinesOptions = {}): Transform {
  const checked = check(options);
  const { value } = checked;
  if (!checked.batch) {
    // a null among many would end the stream
    checked.many = () => undefined;
    checked.value = (input, start, end) => {
      const made = value(input, start, end);
      if (made === null)
        throw new NullLine('A stream of objects cannot carry null: use batch, or as: "document"');
      return made;
    };
  }
  const splitter = new Splitter(checked);
  const run = (
    stream: Transform,
    chunk: string | Uint8Array | undefined,
    done: (error?: Error | null) => void,
  ) => {
    try {
      for (const item of pieces(splitter, checked.batch, chunk)) stream.push(item);
    } catch (error) {
      done(error as Error);
      return;
    }
    done();
  };
  // Loaded here, because few need it and everybody would pay.
  const { Transform: Stream } = require('node:stream') as typeof import('node:stream');
  return new Stream({
    readableObjectMode: true,
    decodeStrings: true,
    ...(checked.signal === undefined ? {} : { signal: checked.signal }),
    transform(chunk: unknown, _encoding, done) {
      run(this, chunkOf(chunk), done);
    },
    flush(done) {
      run(this, undefined, done);
    },
  });
}

export const lines = Object.assign(linesOf, { transform });
