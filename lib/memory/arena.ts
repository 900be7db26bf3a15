// One ArrayBuffer cut into blocks of one size, and the mark by which a Buffer is known to be a block of it.
//
// The mark are private fields put onto the Buffer (a constructor may return an object that exists; fields are then
// added to that). They can be read in 1 or 2 ns, a WeakMap takes 6 and `buffer.buffer` 17; and nothing that looks at
// a Buffer sees them: keys, inspect, deepStrictEqual, structuredClone. Three fields, since V8 makes room for them by threes.

import type { SizeHeap } from './size-heap';

/** Most blocks of an arena, a power of two: a block's number is its place in the arena + kArenaBlocks × the arena's. */
export const kArenaBlocks = 4096;
export const kArenaShift = 12;

// The state of a view. Handed out by alloc() and allocUnsafe(): the number of the slab, from 1 on, so that one comparison
// tells that a view is this slab's, in use, and that nobody must hear of its end.
/** Its block is free, or another view's by now. */
export const kFree = 0;
/** Handed out, and somebody must hear of its end: a scope, a lease, guard mode. */
export const kWatched = -1;

export class Arena {
  readonly heap: SizeHeap;
  readonly buffer: ArrayBuffer;
  readonly blockBytes: number;
  readonly blocks: number;
  /** Number of its first block. */
  readonly base: number;
  /** Views of free blocks that nobody has needed since they were set aside (SizeHeap.setAside). */
  readonly aside: Buffer[] = [];
  /** How many of its free blocks have no view; how many of them rest (SizeHeap.purge). */
  bare = 0;
  resting = 0;
  /** When it was first seen with all blocks aside or bare (ms of performance.now()); 0: one was needed since. */
  idleSince = 0;

  constructor(heap: SizeHeap, buffer: ArrayBuffer, blockBytes: number, base: number) {
    this.heap = heap;
    this.buffer = buffer;
    this.blockBytes = blockBytes;
    this.blocks = Math.floor(buffer.byteLength / blockBytes);
    this.base = base;
  }

  /** Free blocks that no allocation pops as they are; all of them: it can go. */
  get idle(): number {
    return this.aside.length + this.bare + this.resting;
  }

  /** A new view of the block with that number, `lead` bytes behind its begin, marked as free. */
  view(number: number, bytes: number, lead = 0): Buffer {
    const view = Buffer.from(this.buffer, this.offsetOf(number) + lead, bytes);
    new Mark(view, this.heap, number);
    return view;
  }

  /** Where the block with that number begins. */
  offsetOf(number: number): number {
    return (number & (kArenaBlocks - 1)) * this.blockBytes;
  }
}

class Given {
  constructor(object: object) {
    // biome-ignore lint/correctness/noConstructorReturn: this is how a private field is put onto an object of another class
    return object;
  }
}

/** Stores into it do nothing. */
const kNoWords = new Float64Array(0);

/** The mark of a Buffer. Never an object of its own. All but heapOf and stateOf only for an object that heapOf knows. */
export class Mark extends Given {
  readonly #heap: SizeHeap;
  readonly #number: number;
  #state = kFree;
  /** The whole block as words, once it was zeroed. */
  #words: Float64Array | undefined;

  constructor(view: Buffer, heap: SizeHeap, number: number) {
    super(view);
    this.#heap = heap;
    this.#number = number;
  }

  /** The heap of a marked Buffer; undefined for anything else. */
  static heapOf(object: object): SizeHeap | undefined {
    return #heap in object ? object.#heap : undefined;
  }

  static numberOf(object: object): number {
    return (object as Mark).#number;
  }

  /** kFree, kWatched or the number of a slab; kFree for what has no mark. */
  static stateOf(object: object): number {
    return #state in object ? object.#state : kFree;
  }

  static setState(object: object, state: number): void {
    (object as Mark).#state = state;
  }

  /**
   * The whole block as words, for zeroing it without a call: made when it is first zeroed, since a view of its own takes half the time
   * of one over the arena (its length and place need not be computed).
   */
  static wordsOf(object: object): Float64Array {
    const words = (object as Mark).#words;
    return words === undefined ? Mark.#makeWords(object as Buffer) : words;
  }

  static #makeWords(view: Buffer): Float64Array {
    const mark = view as unknown as Mark;
    if (view.buffer.byteLength === 0) return kNoWords; // a program has detached the arena
    const words = new Float64Array(view.buffer, view.byteOffset, mark.#heap.blockBytes >> 3);
    mark.#words = words;
    return words;
  }
}
