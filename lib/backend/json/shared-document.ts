// Documents in memory that threads share: a head of ten words, the text, padding to whole words, the words of the reader. Both
// backends lay them out so; `format` says whose words they are. Written once, before anybody else knows of the memory; only
// the state changes afterwards, to say that no further thread may open it.

import { errorTable, TailraceError } from '../../errors';
import { preferHugePages } from '../large-memory';

export const kOutlined = 1;
export const kScanned = 2;

/** "trJD", and the version of this layout. */
const kMagic = 0x44_4a_72_74;
const kVersion = 2;
const kHeadWords = 10;
/** Where in the head the sum of all that follows stands: a walk over words that are not what was written may never end. */
const kSum = 8;
const kOpen = 1;
const kRevoked = 2;

export interface SharedHead {
  format: number;
  textBytes: number;
  /** Words of each of the two lists that a format may have, in its own units. */
  first: number;
  second: number;
  flags: number;
}

export interface SharedParts extends SharedHead {
  buffer: SharedArrayBuffer;
  text: Buffer;
  /** From the text on: word i stands at byte 4 * i of the text. */
  all: Uint32Array;
}

function partsOf(buffer: SharedArrayBuffer, head: SharedHead): SharedParts {
  const from = kHeadWords * 4;
  const text = Buffer.from(buffer as unknown as ArrayBuffer, from, buffer.byteLength - from);
  return { ...head, buffer, text, all: new Uint32Array(buffer, from) };
}

/** A nanosecond for four bytes: far less than reading the text again. */
function sumOf({ format, textBytes, first, second, flags }: SharedHead, all: Uint32Array): number {
  let sum = 0;
  for (const word of [format, textBytes, first, second, flags]) sum = Math.imul(sum ^ word, 0x9e3779b1) + 1;
  for (let i = 0; i < all.length; i++) sum = Math.imul(sum ^ (all[i] as number), 0x9e3779b1) + 1;
  return sum >>> 0;
}

/** Copies a document into shared memory. */
export function publish(head: SharedHead, text: Uint8Array, words: Uint32Array): SharedParts {
  const at = (head.textBytes + 3) >>> 2;
  const buffer = new SharedArrayBuffer((kHeadWords + at + words.length) * 4);
  const parts = partsOf(buffer, head);
  preferHugePages(parts.text);
  parts.text.set(text.subarray(0, head.textBytes));
  parts.all.set(words, at);
  const { format, textBytes, first, second, flags } = head;
  const sum = sumOf(parts, parts.all);
  new Uint32Array(buffer, 0, kHeadWords).set([
    kMagic,
    kVersion,
    kOpen,
    format,
    textBytes,
    first,
    second,
    flags,
    sum,
  ]);
  return parts;
}

/** From here on openShared() refuses it; who has it open keeps it. */
export function revoke(buffer: SharedArrayBuffer): void {
  Atomics.store(new Uint32Array(buffer, 0, kHeadWords), 2, kRevoked);
}

function stale(why: string): TailraceError {
  return new TailraceError(errorTable.stale_handle.code, `Not a handle of an open JSON document: ${why}`);
}

const kWordsOf: Readonly<Record<number, (head: SharedHead) => number>> = {
  [kOutlined]: ({ first, second }) => first + 3 * second,
  [kScanned]: ({ first }) => 4 * first,
};

/** @throws TailraceError ERR_TAILRACE_STALE_HANDLE for memory that is no document, or one that its owner has closed */
export function adopt(buffer: unknown): SharedParts {
  if (!(buffer instanceof SharedArrayBuffer) || buffer.byteLength < kHeadWords * 4)
    throw stale('it has no memory of a document');
  const words = new Uint32Array(buffer, 0, kHeadWords);
  if (words[0] !== kMagic || words[1] !== kVersion) throw stale('it is of another copy of tailrace');
  if (Atomics.load(words, 2) !== kOpen) throw stale('the document was closed');
  const [, , , format = 0, textBytes = 0, first = 0, second = 0, flags = 0] = words;
  const head = { format, textBytes, first, second, flags };
  const size = kWordsOf[format]?.(head);
  if (size === undefined || buffer.byteLength !== (kHeadWords + ((textBytes + 3) >>> 2) + size) * 4)
    throw stale('its memory has another size');
  const parts = partsOf(buffer, head);
  if (sumOf(head, parts.all) !== words[kSum]) throw stale('its memory was written');
  return parts;
}
