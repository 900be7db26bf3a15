// Cuts chunks of NDJSON into lines and makes their values, a bounded piece at a time. The splitting is the same for a text at
// hand, an iterable and a stream; what differs is only who asks for the next chunk (lines.ts).

import { InvalidArgument, JsonSchemaError, JsonSyntaxError, LimitError } from '../errors';
import type { Many } from './many';

/** What the options of lines() come to. */
export interface LineReader {
  /** Hears of a line that is left out; throws when that ends the iteration. */
  fail(error: unknown): void;
  value(input: string | Uint8Array, start: number, end: number): unknown;
  /** Lines were read many at once, and there are no more. */
  ended(): void;
  many: Many | undefined;
  maxLine: number;
}

const kNewline = 10;
/** Bytes that are read as many lines at once. */
const kManyLeast = 1024;
const kManyMost = 128 * 1024;
/** Values after which a step ends when lines are read one by one. */
const kStepValues = 256;
/** Pieces of a line are joined when there are so many: chunks of a byte each must not become as many objects. */
const kMostPieces = 1024;

/** What stands before the next newline, as it comes. */
class Pending {
  size = 0;
  #joined: (string | Uint8Array)[] = [];
  #pieces: (string | Uint8Array)[] = [];
  #text = false;

  add(piece: string | Uint8Array): void {
    this.#text = typeof piece === 'string';
    this.size += piece.length;
    this.#pieces.push(piece);
    if (this.#pieces.length < kMostPieces) return;
    this.#joined.push(this.#join(this.#pieces));
    this.#pieces = [];
  }

  isOther(text: boolean): boolean {
    return this.size > 0 && this.#text !== text;
  }

  clear(): void {
    this.size = 0;
    this.#joined = [];
    this.#pieces = [];
  }

  /** All of it and `last`. */
  take(last: string | Uint8Array): string | Uint8Array {
    const all = [...this.#joined, ...this.#pieces, last];
    this.clear();
    return this.#join(all);
  }

  #join(pieces: (string | Uint8Array)[]): string | Uint8Array {
    return this.#text ? pieces.join('') : Buffer.concat(pieces as Uint8Array[]);
  }
}

function isBlank(input: string | Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) {
    const c = typeof input === 'string' ? input.charCodeAt(i) : (input[i] as number);
    if (c !== 0x20 && c !== 0x09 && c !== 0x0d) return false;
  }
  return true;
}

/** The error of a line, told from the start of the input. */
function inLine(error: unknown, line: number, offset: number): unknown {
  if (error instanceof JsonSyntaxError) {
    const at = { code: error.code, offset: offset + error.offset, line, column: error.offset + 1 };
    const what = error.message.replace(/ at offset \d+ \(line \d+ column \d+\)$/, '');
    return new JsonSyntaxError(`${what} at offset ${at.offset} (line ${line} column ${at.column})`, at);
  }
  if (error instanceof JsonSchemaError || error instanceof LimitError || error instanceof NullLine)
    return Object.assign(error, { line });
  return error;
}

/** A line `null` on its way into a stream of objects, where null means the end. */
export class NullLine extends TypeError {
  readonly code = 'ERR_TAILRACE_INVALID_ARG';
}

/** Keeps no more than one line that has begun, and a chunk. */
export class Splitter {
  readonly #reader: LineReader;
  #many: Many | undefined;
  #chunk: string | Uint8Array | undefined;
  #at = 0;
  readonly #pending = new Pending();
  #passed = false;
  /** Units of a line that is thrown away as it comes. */
  #dropped = 0;
  #line = 1;
  /** Units of the input before the current line. */
  #offset = 0;
  #values: unknown[] = [];

  constructor(reader: LineReader) {
    this.#reader = reader;
    this.#many = reader.many;
  }

  /** The next chunk; the last one is used up. */
  begin(chunk: string | Uint8Array): void {
    if (this.#pending.isOther(typeof chunk === 'string'))
      throw new InvalidArgument('chunk', 'of one kind: strings or bytes', chunk);
    this.#chunk = chunk;
    this.#at = 0;
  }

  /**
   * Reads on in the chunk and appends the values of lines that end there; some hundred kilobytes at most. false: it is used up,
   * and nobody else's memory is held any more.
   *
   * @throws InvalidArgument when the chunk has been detached since the last step
   */
  step(values: unknown[]): boolean {
    const chunk = this.#chunk;
    if (chunk === undefined) return false;
    if (chunk.length < this.#at)
      throw new InvalidArgument('chunk', 'left whole until its lines have been read', chunk);
    this.#values = values;
    const begun = this.#at;
    do {
      if (typeof chunk !== 'string' && this.#pending.size === 0 && this.#dropped === 0 && this.#pass(chunk))
        return true;
      const end =
        typeof chunk === 'string' ? chunk.indexOf('\n', this.#at) : chunk.indexOf(kNewline, this.#at);
      if (end < 0) {
        this.#keep(chunk, this.#at);
        this.#chunk = undefined;
        return false;
      }
      const start = this.#at;
      this.#at = end + 1;
      this.#end(chunk, start, end);
    } while (values.length < kStepValues && this.#at - begun < kManyMost);
    return true;
  }

  /** The last line, when no newline ended it. */
  finish(values: unknown[]): void {
    this.#values = values;
    if (this.#passed) this.#reader.ended();
    this.#passed = false;
    if (this.#pending.size > 0) this.#end(this.#pending.isOther(true) ? Buffer.alloc(0) : '', 0, 0);
  }

  /** Lines of the chunk by many at once. false: the next is to be read by itself. */
  #pass(chunk: Uint8Array): boolean {
    const many = this.#many;
    const start = this.#at;
    if (many === undefined || chunk.length - start <= kManyLeast) return false;
    const last = chunk.lastIndexOf(kNewline, Math.min(chunk.length, start + kManyMost) - 1);
    if (last < start) return false;
    const passed = many(chunk, start, last + 1, this.#reader.maxLine, this.#values, this.#alone);
    if (passed === undefined) this.#many = undefined;
    if (passed === undefined || passed.end === start) return false;
    this.#passed = true;
    this.#line += passed.lines;
    this.#offset += passed.end - start;
    this.#at = passed.end;
    return true;
  }

  readonly #alone = (start: number, end: number, line: number): void => {
    const offset = this.#offset + start - this.#at;
    this.#value(this.#chunk as Uint8Array, start, end, this.#line + line, offset);
  };

  #keep(chunk: string | Uint8Array, start: number): void {
    const rest = chunk.length - start;
    if (rest === 0) return;
    if (this.#dropped > 0) {
      this.#dropped += rest;
      return;
    }
    const size = this.#pending.size + rest;
    if (size > this.#reader.maxLine) {
      this.#dropped = size;
      this.#pending.clear();
      this.#refuse(this.#line);
      return;
    }
    // A copy: the caller may fill the same memory with the next chunk.
    this.#pending.add(typeof chunk === 'string' ? chunk.slice(start) : Buffer.from(chunk.subarray(start)));
  }

  #refuse(line: number): void {
    const error = new LimitError(`Line ${line} is longer than ${this.#reader.maxLine} bytes`);
    this.#reader.fail(inLine(error, line, 0));
  }

  #end(chunk: string | Uint8Array, start: number, end: number): void {
    const pending = this.#pending;
    const size = pending.size + this.#dropped + end - start;
    const line = this.#line++;
    const offset = this.#offset;
    this.#offset += size + 1;
    if (this.#dropped > 0) {
      this.#dropped = 0;
      return;
    }
    if (size > this.#reader.maxLine) {
      pending.clear();
      this.#refuse(line);
      return;
    }
    if (pending.size === 0) {
      this.#value(chunk, start, end, line, offset);
    } else {
      const last = typeof chunk === 'string' ? chunk.slice(start, end) : chunk.subarray(start, end);
      this.#value(pending.take(last), 0, size, line, offset);
    }
  }

  #value(input: string | Uint8Array, start: number, end: number, line: number, offset: number): void {
    if (isBlank(input, start, end)) return;
    try {
      this.#values.push(this.#reader.value(input, start, end));
    } catch (error) {
      this.#reader.fail(inLine(error, line, offset));
    }
  }
}
