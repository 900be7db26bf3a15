// One ArrayBuffer cut into blocks of one size, and the mark by which a Buffer is known to be a block of it.
//
// The mark is a private field put onto the Buffer (a constructor may return an object that exists; fields are then
// added to that). It can be read in 2 ns, a WeakMap takes 6 and `buffer.buffer` 17; and nothing that looks at
// a Buffer sees it: keys, inspect, deepStrictEqual, structuredClone.

import type { SizeHeap } from './size-heap';

/** A block that nobody uses. */
export const kFree = 0;
/** Handed out by alloc() and allocUnsafe(). */
export const kLive = 1;
/** Handed out, and somebody must hear of its end: a scope, a lease, guard mode. */
export const kWatched = 2;

export class Arena {
  readonly heap: SizeHeap;
  readonly buffer: ArrayBuffer;
  readonly blockBytes: number;
  readonly blocks: number;
  /** Number of the first block among those of its SizeHeap. */
  readonly base: number;
  /** kFree, kLive or kWatched, by block. */
  readonly state: Uint8Array;
  /** The view last handed out for each block: given again to the next request of the same length. */
  readonly views: (Buffer | undefined)[];
  /** For zeroing without a call. */
  readonly words: Float64Array;

  constructor(heap: SizeHeap, buffer: ArrayBuffer, blockBytes: number, base: number) {
    this.heap = heap;
    this.buffer = buffer;
    this.blockBytes = blockBytes;
    this.blocks = Math.floor(buffer.byteLength / blockBytes);
    this.base = base;
    this.state = new Uint8Array(this.blocks);
    this.views = new Array<Buffer | undefined>(this.blocks).fill(undefined);
    this.words = new Float64Array(buffer, 0, Math.floor(buffer.byteLength / 8));
  }

  /** A new view of a block, marked, and remembered as the block's. */
  view(block: number, bytes: number): Buffer {
    const view = Buffer.from(this.buffer, block * this.blockBytes, bytes);
    new Mark(view, this, block);
    this.views[block] = view;
    return view;
  }
}

class Given {
  constructor(object: object) {
    // biome-ignore lint/correctness/noConstructorReturn: this is how a private field is put onto an object of another class
    return object;
  }
}

/** The mark of a Buffer. Never an object of its own. */
export class Mark extends Given {
  readonly #arena: Arena;
  readonly #block: number;

  constructor(view: Buffer, arena: Arena, block: number) {
    super(view);
    this.#arena = arena;
    this.#block = block;
  }

  /** The arena of a marked Buffer; undefined for anything else. */
  static arenaOf(object: object): Arena | undefined {
    return #arena in object ? object.#arena : undefined;
  }

  /** Only for an object that arenaOf knows. */
  static blockOf(object: object): number {
    return (object as Mark).#block;
  }
}
