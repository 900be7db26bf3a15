// Memory for lazy documents: a block holds a text and its outline. Blocks of closed documents are used again, because memory
// that was written a moment ago is several times as fast as memory the system has just given; those of dropped documents are
// garbage like anything else. Sizes are powers of two up to 4 MB; larger blocks are made to measure, and a few that were given
// back lately are kept for a while.

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
const kLargestBits = 22;
/** Of each size. */
const kMostKept = 4;
/** Of larger ones, of up to so many bytes, and at most for so long. */
const kMostLarge = 2;
const kMostLargeBytes = 64 << 20;
const kLargeMs = 1000;

const kept: Block[][] = Array.from({ length: kLargestBits + 1 }, () => []);

function make(size: number): Block {
  // not from Buffer's pool: its memory is its own, and its words are aligned
  const bytes = largeBytes(size) as Bytes;
  return { bytes, words: new Uint32Array(bytes.buffer, bytes.byteOffset, size >>> 2), users: 1 };
}

let large: Block[] = [];
let leaving = false;

/** One that is not much larger than needed, or a new one. */
function takeLarge(size: number): Block {
  const at = large.findIndex(({ bytes }) => bytes.length >= size && bytes.length <= size * 1.5);
  const [block] = at < 0 ? [] : large.splice(at, 1);
  return block ?? make(Math.ceil(size / 4096) * 4096);
}

function giveLarge(block: Block): void {
  if (block.bytes.length > kMostLargeBytes) return;
  if (large.length === kMostLarge) large.shift();
  large.push(block);
  if (leaving) return;
  leaving = true;
  laterInBackground(() => {
    leaving = false;
    large = [];
  }, kLargeMs);
}

export function takeBlock(size: number): Block {
  if (size > 1 << kLargestBits) {
    const block = takeLarge(size);
    block.users = 1;
    return block;
  }
  const bits = size <= 1 << kSmallestBits ? kSmallestBits : 32 - Math.clz32(size - 1);
  const block = (kept[bits] as Block[]).pop();
  if (block === undefined) return make(1 << bits);
  block.users = 1;
  return block;
}

/** One user less; the last gives it back. */
export function giveBlock(block: Block): void {
  if (--block.users > 0) return;
  const size = block.bytes.length;
  if (size > 1 << kLargestBits) {
    giveLarge(block);
    return;
  }
  const list = kept[31 - Math.clz32(size)] as Block[];
  if (list.length < kMostKept) list.push(block);
}
