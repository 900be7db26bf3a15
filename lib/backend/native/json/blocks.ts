// Memory for lazy documents: a block holds a text and its outline. Blocks of closed documents are used again, because memory
// that was written a moment ago is several times as fast as memory the system has just given; those of dropped documents are
// garbage like anything else. Sizes are powers of two up to 64 MB; of those above 4 MB one of a size is kept, and not for long.
// Larger blocks are made to measure.

import { laterInBackground } from '../../background';
import { largeBytes } from '../../large-memory';

/** Node's own decoders, without the option handling of toString(). */
export interface Bytes extends Buffer {
  utf8Slice(start: number, end: number): string;
  latin1Slice(start: number, end: number): string;
}

export interface Block {
  readonly bytes: Bytes;
  readonly words: Uint32Array;
  /** Documents that live in it. */
  users: number;
}

const kSmallestBits = 12;
const kLargestBits = 26;
/** Of each size; of larger ones a single one, until that time has passed. */
const kMostKept = 4;
const kLargeBits = 22;
const kLargeMs = 1000;

const kept: Block[][] = Array.from({ length: kLargestBits + 1 }, () => []);

function make(size: number): Block {
  // not from Buffer's pool: its memory is its own, and its words are aligned
  const bytes = largeBytes(size) as Bytes;
  return { bytes, words: new Uint32Array(bytes.buffer, bytes.byteOffset, size >>> 2), users: 1 };
}

export function takeBlock(size: number): Block {
  const bits = size <= 1 << kSmallestBits ? kSmallestBits : 32 - Math.clz32(size - 1);
  if (bits > kLargestBits || size > 1 << kLargestBits) return make(Math.ceil(size / 4096) * 4096);
  const block = (kept[bits] as Block[]).pop();
  if (block === undefined) return make(1 << bits);
  block.users = 1;
  return block;
}

let leaving = false;

function leaveSoon(): void {
  if (leaving) return;
  leaving = true;
  laterInBackground(() => {
    leaving = false;
    for (let bits = kLargeBits + 1; bits <= kLargestBits; bits++) (kept[bits] as Block[]).length = 0;
  }, kLargeMs);
}

/** One user less; the last gives it back. */
export function giveBlock(block: Block): void {
  if (--block.users > 0) return;
  const size = block.bytes.length;
  const bits = 31 - Math.clz32(size);
  if (size !== 1 << bits || bits > kLargestBits) return;
  const list = kept[bits] as Block[];
  if (list.length >= (bits > kLargeBits ? 1 : kMostKept)) return;
  list.push(block);
  if (bits > kLargeBits) leaveSoon();
}
