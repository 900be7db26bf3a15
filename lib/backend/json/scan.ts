// A JSON scanner that says where a text goes wrong and, when asked, keeps a tape of its nodes. V8's parser gives
// values but neither offsets nor source text; this gives those and leaves values to V8. It reads bytes and
// UTF-16 units with the same code: JSON's structure is ASCII in both, and every unit from 0x80 on may stand in a
// string and nowhere else. Iterative, because JSON.parse takes a million open brackets and so must this.

import { errorTable, TailraceError } from '../../errors';
import { JsonType } from '../contract';
import type { Units } from './source';

/** The count of a node has 28 bits. */
const kMostCounted = 2 ** 28 - 1;

/**
 * The nodes of a valid text in document order, keys before their values. A node takes four words:
 * type | escaped << 3 | count << 4, start, end (units, absolute), and the node that follows its whole subtree.
 */
export class Tape {
  constructor(
    public words: Uint32Array = new Uint32Array(64),
    public nodes = 0,
  ) {}

  add(meta: number, start: number, end: number): number {
    const node = this.nodes++;
    const at = node * 4;
    if (at === this.words.length) this.grow();
    const words = this.words;
    words[at] = meta;
    words[at + 1] = start;
    words[at + 2] = end;
    words[at + 3] = node + 1;
    return node;
  }

  finish(node: number, end: number, count: number): void {
    if (count > kMostCounted)
      throw new TailraceError(
        errorTable.json_size.code,
        `${errorTable.json_size.text}: an array or object has more than ${kMostCounted} elements`,
      );
    const at = node * 4;
    this.words[at] = ((this.words[at] as number) | (count << 4)) >>> 0;
    this.words[at + 2] = end;
    this.words[at + 3] = this.nodes;
  }

  type(node: number): JsonType {
    return (this.words[node * 4] as number) & 7;
  }
  escaped(node: number): boolean {
    return ((this.words[node * 4] as number) & 8) !== 0;
  }
  // What follows is bounded, and next() goes on: the words of a shared tape may be written by whoever has its memory.

  /** Elements, or members with duplicates. */
  count(node: number): number {
    return Math.min((this.words[node * 4] as number) >>> 4, this.nodes);
  }
  start(node: number): number {
    return this.words[node * 4 + 1] as number;
  }
  end(node: number): number {
    return this.words[node * 4 + 2] as number;
  }
  next(node: number): number {
    const next = this.words[node * 4 + 3] as number;
    return next > node && next <= this.nodes ? next : this.nodes;
  }

  private grow(): void {
    let words: Uint32Array;
    try {
      words = new Uint32Array(this.words.length * 2);
    } catch {
      throw new TailraceError(errorTable.out_of_memory.code, errorTable.out_of_memory.text);
    }
    words.set(this.words);
    this.words = words;
  }
}

/** What scan() returns for a valid text. */
export const kValid = -1;

/** The absolute offset of a bracket that was one too many, out of a result below kValid. */
export function depthOffset(result: number): number {
  return -2 - result;
}

const kValue = 0;
const kFirstElement = 1;
const kFirstKey = 2;
const kKey = 3;
const kAfter = 4;

const kTrue = [0x74, 0x72, 0x75, 0x65];
const kFalse = [0x66, 0x61, 0x6c, 0x73, 0x65];
const kNull = [0x6e, 0x75, 0x6c, 0x6c];

function isDigit(c: number | undefined): boolean {
  return c !== undefined && c >= 0x30 && c <= 0x39;
}

function isHex(c: number): boolean {
  return (c >= 0x30 && c <= 0x39) || ((c | 0x20) >= 0x61 && (c | 0x20) <= 0x66);
}

/** Set by the token functions: the offset where the token went wrong, or kValid. Nothing here calls back, so one will do. */
let failedAt = kValid;

/** From the opening quote; returns the index after the closing one, negated when there was an escape. */
function scanString(u: Units, from: number, end: number): number {
  let i = from + 1;
  let escaped = false;
  for (;;) {
    if (i >= end) break;
    const c = u[i] as number;
    if (c === 0x22) {
      failedAt = kValid;
      return escaped ? -(i + 1) : i + 1;
    }
    if (c < 0x20) break;
    i++;
    if (c !== 0x5c) continue;
    escaped = true;
    if (i >= end) break;
    const e = u[i] as number;
    if (e === 0x75) {
      const stop = i + 5;
      i++;
      while (i < stop && i < end && isHex(u[i] as number)) i++;
      if (i < stop) break;
    } else if (
      // " / \ b f n r t
      e === 0x22 ||
      e === 0x2f ||
      e === 0x5c ||
      e === 0x62 ||
      e === 0x66 ||
      e === 0x6e ||
      e === 0x72 ||
      e === 0x74
    ) {
      i++;
    } else {
      break;
    }
  }
  failedAt = Math.min(i, end);
  return failedAt;
}

/** From the minus or first digit; returns the index after the number. */
function scanNumber(u: Units, from: number, end: number): number {
  let i = from;
  const digit = () => i < end && isDigit(u[i]);
  const digits = () => {
    const before = i;
    while (digit()) i++;
    return i > before;
  };
  failedAt = kValid;
  if (u[i] === 0x2d) i++;
  if (i < end && u[i] === 0x30) {
    i++;
  } else if (!digits()) {
    failedAt = i;
    return i;
  }
  if (i < end && u[i] === 0x2e) {
    i++;
    if (!digits()) {
      failedAt = i;
      return i;
    }
  }
  if (i < end && ((u[i] as number) | 0x20) === 0x65) {
    i++;
    if (i < end && (u[i] === 0x2b || u[i] === 0x2d)) i++;
    if (!digits()) failedAt = i;
  }
  return i;
}

function scanLiteral(u: Units, from: number, end: number, word: readonly number[]): number {
  let i = 0;
  while (i < word.length && from + i < end && u[from + i] === word[i]) i++;
  failedAt = i === word.length ? kValid : from + i;
  return from + i;
}

function twice(list: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  const longer = new Float64Array(list.length * 2);
  longer.set(list);
  return longer;
}

/**
 * Scans u[start, end) as one JSON text. Returns kValid; or the absolute offset of the first unit that cannot
 * stand where it stands (end when the text stops too early); or, when more than maxDepth brackets are open, a
 * number depthOffset() understands.
 */
export function scan(u: Units, start: number, end: number, maxDepth: number, tape?: Tape): number {
  // The open containers: node * 2 + (object ? 1 : 0), and beside it the count of what they hold so far.
  // Typed arrays: a push() would find a setter that somebody put on an index of Array.prototype.
  let open = new Float64Array(32);
  let counts = new Float64Array(32);
  let depth = 0;
  let state = kValue;
  let i = start;
  for (;;) {
    let c = 0;
    for (; i < end; i++) {
      c = u[i] as number;
      if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) break;
    }
    if (i >= end) return state === kAfter && depth === 0 ? kValid : end;

    if (state === kAfter) {
      const top = depth - 1;
      if (top < 0) return i;
      const inObject = ((open[top] as number) & 1) === 1;
      if (c === 0x2c) {
        state = inObject ? kKey : kValue;
        i++;
        continue;
      }
      if (c !== (inObject ? 0x7d : 0x5d)) return i;
      // the end of a container: below
    } else if (state === kKey || state === kFirstKey) {
      if (c === 0x22) {
        const after = scanString(u, i, end);
        if (failedAt !== kValid) return failedAt;
        const stop = Math.abs(after);
        tape?.add(after < 0 ? JsonType.string | 8 : JsonType.string, i, stop);
        for (i = stop; i < end; i++) {
          c = u[i] as number;
          if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) break;
        }
        if (i >= end) return end;
        if (c !== 0x3a) return i;
        i++;
        state = kValue;
        continue;
      }
      if (state === kKey || c !== 0x7d) return i;
    } else if (state === kFirstElement && c === 0x5d) {
      // an empty array ends: below
    } else {
      // a value begins
      const top = depth - 1;
      if (c === 0x7b || c === 0x5b) {
        if (depth >= maxDepth) return -2 - i;
        if (top >= 0) counts[top] = (counts[top] as number) + 1;
        const object = c === 0x7b ? 1 : 0;
        const node = tape === undefined ? 0 : tape.add(object ? JsonType.object : JsonType.array, i, i + 1);
        if (depth === open.length) {
          open = twice(open);
          counts = twice(counts);
        }
        open[depth] = node * 2 + object;
        counts[depth++] = 0;
        state = object ? kFirstKey : kFirstElement;
        i++;
        continue;
      }
      let stop: number;
      let meta: number;
      if (c === 0x22) {
        stop = scanString(u, i, end);
        meta = stop < 0 ? JsonType.string | 8 : JsonType.string;
        stop = Math.abs(stop);
      } else if (c === 0x2d || isDigit(c)) {
        stop = scanNumber(u, i, end);
        meta = JsonType.number;
      } else if (c === 0x74 || c === 0x66) {
        stop = scanLiteral(u, i, end, c === 0x74 ? kTrue : kFalse);
        meta = JsonType.boolean;
      } else if (c === 0x6e) {
        stop = scanLiteral(u, i, end, kNull);
        meta = JsonType.null;
      } else {
        return i;
      }
      if (failedAt !== kValid) return failedAt;
      if (top >= 0) counts[top] = (counts[top] as number) + 1;
      tape?.add(meta, i, stop);
      i = stop;
      state = kAfter;
      continue;
    }

    i++;
    const container = open[--depth] as number;
    const count = counts[depth] as number;
    tape?.finish(Math.floor(container / 2), i, count);
    state = kAfter;
  }
}
