// The text of a document as the fallback reads it: a string with its units, or bytes. Cuts pieces out as strings.

import { constants, isUtf8 } from 'node:buffer';

export type Units = Uint8Array | Uint16Array;

/** The units of a string; the caller keeps offsets as they are. */
export function unitsOf(text: string): Uint16Array {
  const units = new Uint16Array(text.length);
  Buffer.from(units.buffer).write(text, 'utf16le');
  return units;
}

export interface Source {
  readonly units: Units;
  readonly start: number;
  readonly end: number;
  /** The piece [start, end), decoded as Buffer's toString('utf8') does. */
  slice(start: number, end: number): string;
  /** The same as UTF-8; a copy. */
  raw(start: number, end: number): Buffer;
}

export function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

type Decode = (this: Uint8Array, start: number, end: number) => string;

/** Buffer's own decoders without the layers above them, where the runtime has them under these names (Node and Bun do). */
const { utf8Slice, latin1Slice } = Buffer.prototype as unknown as Partial<
  Record<`${'utf8' | 'latin1'}Slice`, Decode>
>;

/** Node 20 aborts the process when more bytes than an int counts are to be a string. */
const kMostDecoded = 0x7fff_ffff;

/** bytes[start, end) as buf.toString('utf8') decodes it. */
export function decode(bytes: Uint8Array, start: number, end: number): string {
  if (end - start > kMostDecoded)
    throw Object.assign(new Error('Cannot create a string of more than 2 GB'), {
      code: 'ERR_STRING_TOO_LONG',
    });
  return utf8Slice === undefined
    ? bufferOf(bytes).toString('utf8', start, end)
    : utf8Slice.call(bytes, start, end);
}

/** bytes[start, end), a character each. */
export function decodeLatin1(bytes: Uint8Array, start: number, end: number): string {
  return latin1Slice === undefined
    ? bufferOf(bytes).toString('latin1', start, end)
    : latin1Slice.call(bytes, start, end);
}

/** As decode(); undefined: it has more units than a string can have (V8: 2^29 - 24). */
export function decodeIfShort(bytes: Uint8Array, start: number, end: number): string | undefined {
  // a unit takes one byte at least
  if (end - start <= constants.MAX_STRING_LENGTH) return decode(bytes, start, end);
  try {
    return decode(bytes, start, end);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_STRING_TOO_LONG') return undefined;
    throw error;
  }
}

class TextSource implements Source {
  readonly units: Units;
  readonly start = 0;
  readonly end: number;
  constructor(private readonly text: string) {
    this.units = unitsOf(text);
    this.end = text.length;
  }
  slice(start: number, end: number): string {
    return this.text.slice(start, end);
  }
  raw(start: number, end: number): Buffer {
    return utf8Of(this.text.slice(start, end));
  }
}

class ByteSource implements Source {
  readonly units: Units;
  private readonly buffer: Buffer;
  constructor(
    bytes: Uint8Array,
    readonly start: number,
    readonly end: number,
  ) {
    this.buffer = bufferOf(bytes);
    this.units = bytes;
  }
  slice(start: number, end: number): string {
    return decode(this.buffer, start, end);
  }
  raw(start: number, end: number): Buffer {
    return Buffer.from(this.buffer.subarray(start, end));
  }
}

export function sourceOf(input: string | Uint8Array, start = 0, end = input.length): Source {
  return typeof input === 'string' ? new TextSource(input) : new ByteSource(input, start, end);
}

/** JSON text as UTF-8. A lone surrogate, which UTF-8 cannot hold, becomes its escape: the same value. */
export function utf8Of(text: string): Buffer {
  if (text.isWellFormed()) return Buffer.from(text, 'utf8');
  // Not a literal: one with Unicode properties is compiled when the file is loaded, which takes milliseconds.
  const escaped = text.replace(/\p{Surrogate}/gu, (unit) => `\\u${unit.charCodeAt(0).toString(16)}`);
  return Buffer.from(escaped, 'utf8');
}

/** Where the first sequence begins that is not UTF-8, or -1. */
export function firstBadUtf8(bytes: Uint8Array, start: number, end: number): number {
  if (isUtf8(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end))) return -1;
  let i = start;
  while (i < end) {
    const b = bytes[i] as number;
    if (b < 0x80) {
      i++;
      continue;
    }
    // RFC 3629, section 4: the second byte's range depends on the first.
    const length = b >= 0xc2 && b <= 0xdf ? 2 : (b & 0xf0) === 0xe0 ? 3 : b >= 0xf0 && b <= 0xf4 ? 4 : 0;
    if (length === 0 || i + length > end) return i;
    const low = b === 0xe0 ? 0xa0 : b === 0xf0 ? 0x90 : 0x80;
    const high = b === 0xed ? 0x9f : b === 0xf4 ? 0x8f : 0xbf;
    const second = bytes[i + 1] as number;
    if (second < low || second > high) return i;
    for (let k = 2; k < length; k++) if (((bytes[i + k] as number) & 0xc0) !== 0x80) return i;
    i += length;
  }
  return -1;
}
