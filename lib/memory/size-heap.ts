// All blocks of one size: their arenas and the list of free ones, an Int32Array used as a stack, so that a free and
// the next allocation of that size meet in the same, still cached block, and so that a million free blocks are
// nothing the garbage collector has to look at.
//
// Arenas grow with what the size has in use (an eighth of it), so that few buffers hold little memory and many
// buffers need few arenas. A block's number is base of its arena + place in it; bases are multiples of kArenaBlocks.

import type { MemoryBackend } from '../backend/contract';
import { Arena, kFree } from './arena';

/** Most blocks of an arena, a power of two. */
export const kArenaBlocks = 4096;
export const kArenaShift = 12;
const kMaxArenaBytes = 1 << 20;

/** Free blocks next to each other whose pages the system has back. */
interface RestingRun {
  readonly arena: Arena;
  readonly first: number;
  readonly count: number;
  readonly bytes: number;
}

/** What stats() says of one size. */
export interface SizeStats {
  /** Bytes of a block. */
  size: number;
  arenas: number;
  blocks: number;
  /** Blocks handed out. */
  inUse: number;
}

export class SizeHeap {
  readonly blockBytes: number;
  /** Numbers of free blocks; the first `count` count. */
  free: Int32Array = new Int32Array(0);
  count = 0;
  /** By base / kArenaBlocks; holes are left by purge(). */
  readonly arenas: (Arena | undefined)[] = [];
  #blocks = 0;
  #resting: RestingRun[] = [];
  #restingBlocks = 0;

  /** The slab it belongs to, for comparing. */
  readonly owner: object;

  constructor(owner: object, blockBytes: number) {
    this.owner = owner;
    this.blockBytes = blockBytes;
  }

  /** Bytes that the next arena would take; 0 when resting blocks do. */
  nextArenaBytes(): number {
    if (this.#resting.length > 0) return 0;
    return this.#nextBlocks() * this.blockBytes;
  }

  #nextBlocks(): number {
    const size = this.blockBytes;
    const least = Math.max(size > 65536 ? 1 : 4, Math.floor(16384 / size));
    const most = Math.min(kArenaBlocks, Math.max(1, Math.floor(kMaxArenaBytes / size)));
    return Math.min(most, Math.max(least, this.#blocks >> 3));
  }

  /** Makes at least one block free: one that rests, or those of a new arena. Returns the bytes newly reserved. */
  refill(backend: MemoryBackend): number {
    const run = this.#resting.pop();
    if (run !== undefined) {
      this.#restingBlocks -= run.count;
      for (let i = run.count - 1; i >= 0; i--) this.free[this.count++] = run.arena.base + run.first + i;
      return 0;
    }
    const blocks = this.#nextBlocks();
    const buffer = backend.arena(blocks * this.blockBytes);
    let slot = this.arenas.indexOf(undefined);
    if (slot < 0) slot = this.arenas.length;
    const arena = new Arena(this, buffer, this.blockBytes, slot * kArenaBlocks);
    this.arenas[slot] = arena;
    this.#blocks += blocks;
    if (this.free.length < this.#blocks) {
      // Room for every block there is: pushing needs no check.
      const larger = new Int32Array(Math.max(this.#blocks, this.free.length * 2));
      larger.set(this.free);
      this.free = larger;
    }
    for (let block = blocks - 1; block >= 0; block--) this.free[this.count++] = arena.base + block;
    return buffer.byteLength;
  }

  /** Forgets an arena whose memory is gone, with all its blocks. Returns the bytes reserved no more. */
  drop(arena: Arena): number {
    const slot = arena.base >> kArenaShift;
    this.arenas[slot] = undefined;
    const left = this.free.subarray(0, this.count).filter((number) => number >> kArenaShift !== slot);
    this.free.set(left);
    this.count = left.length;
    this.#blocks -= arena.blocks;
    this.#resting = this.#resting.filter((run) => run.arena !== arena);
    this.#restingBlocks = this.#resting.reduce((sum, run) => sum + run.count, 0);
    // Whoever still has one of its buffers is told so by free().
    arena.state.fill(kFree);
    arena.views.fill(undefined);
    return arena.blocks * this.blockBytes;
  }

  /**
   * Forgets arenas without a block in use, and gives back the pages of free blocks in the others.
   * `keepContent`: blocks must keep their bytes (guard mode). Returns bytes [reserved no more, given back].
   */
  purge(backend: MemoryBackend, keepContent: boolean): [number, number] {
    let dropped = 0;
    let givenBack = 0;
    let blocks = 0;
    const resting: RestingRun[] = [];
    this.count = 0;
    for (let slot = 0; slot < this.arenas.length; slot++) {
      const arena = this.arenas[slot];
      if (arena === undefined) continue;
      if (!arena.state.some((state) => state !== kFree)) {
        this.arenas[slot] = undefined;
        dropped += arena.buffer.byteLength;
        // It may be long until the garbage collector looks: let the pages go now.
        backend.giveBack(arena.buffer, 0, arena.buffer.byteLength);
        continue;
      }
      blocks += arena.blocks;
      givenBack += this.#restIn(arena, backend, keepContent, resting);
    }
    this.#blocks = blocks;
    this.#resting = resting;
    this.#restingBlocks = resting.reduce((sum, run) => sum + run.count, 0);
    return [dropped, givenBack];
  }

  #restIn(arena: Arena, backend: MemoryBackend, keepContent: boolean, resting: RestingRun[]): number {
    const before = new Map(this.#resting.filter((run) => run.arena === arena).map((run) => [run.first, run]));
    let givenBack = 0;
    for (let first = 0; first < arena.blocks; first++) {
      if (arena.state[first] !== kFree) continue;
      let end = first + 1;
      while (end < arena.blocks && arena.state[end] === kFree) end++;
      const offset = first * this.blockBytes;
      const bytes = keepContent ? 0 : backend.giveBack(arena.buffer, offset, (end - first) * this.blockBytes);
      if (bytes > 0) {
        for (let block = first; block < end; block++) arena.views[block] = undefined;
        resting.push({ arena, first, count: end - first, bytes });
        // Runs that rested already were asked to rest again: count only what is new.
        let known = 0;
        for (let block = first; block < end; block++) known += before.get(block)?.bytes ?? 0;
        givenBack += Math.max(0, bytes - known);
      } else {
        for (let block = end - 1; block >= first; block--) this.free[this.count++] = arena.base + block;
      }
      first = end;
    }
    return givenBack;
  }

  /** Bytes of arenas whose pages the system has. */
  restingBytes(): number {
    return this.#resting.reduce((sum, run) => sum + run.bytes, 0);
  }

  stats(): SizeStats {
    return {
      size: this.blockBytes,
      arenas: this.arenas.reduce((sum, arena) => sum + (arena === undefined ? 0 : 1), 0),
      blocks: this.#blocks,
      inUse: this.#blocks - this.count - this.#restingBlocks,
    };
  }
}
