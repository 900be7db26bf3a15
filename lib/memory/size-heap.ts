// All blocks of one size: their arenas and what is free of them.
//
// What is free and was handed out before is a stack of views: an allocation pops the very Buffer that a free has
// pushed, without a look at anything else. (A stack of block numbers beside a table of views took twice as long: each
// step waits for the one before.) The slab keeps one view more, in front of the stacks of all sizes. What has no view that
// could be used again stands behind the stack as numbers: blocks of a new arena, and those whose pages the system has.
//
// An arena can go when none of its blocks was needed for a while. The fast paths count nothing, so it is found out by
// setting free views aside, to their arenas: what an allocation needs of them it brings back, of the fullest arena first,
// and an arena whose blocks have all been aside for long enough is one that nobody needs.
//
// Arenas grow with what the size has in use (an eighth of it), so that few buffers hold little memory and many
// buffers need few arenas.

import type { MemoryBackend } from '../backend/contract';
import { Arena, kArenaBlocks, kArenaShift, Mark } from './arena';

const kMaxArenaBytes = 1 << 20;
/** Views that come back at once from those set aside. */
const kBack = 64;

/** Free blocks next to each other whose pages the system has back. */
interface RestingRun {
  readonly arena: Arena;
  /** Number of the first block. */
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
  /** Views of free blocks; the first `count` count (what is behind them was handed out). */
  readonly free: Buffer[] = [];
  count = 0;
  /** By number of the block / kArenaBlocks; holes are left by purge(). */
  readonly arenas: (Arena | undefined)[] = [];
  /** Numbers of free blocks without a view, the next one last; those before #oldest are taken. */
  #bare: number[] = [];
  #oldest = 0;
  #aside = 0;
  #blocks = 0;
  #resting: RestingRun[] = [];
  #restingBlocks = 0;

  /** The slab it belongs to, for comparing. */
  readonly owner: object;

  constructor(owner: object, blockBytes: number) {
    this.owner = owner;
    this.blockBytes = blockBytes;
  }

  arenaOf(number: number): Arena {
    return this.arenas[number >> kArenaShift] as Arena;
  }

  /** Whether a block is free, with a view or without. */
  get hasFree(): boolean {
    return this.count + this.#aside > 0 || this.#bare.length > this.#oldest;
  }

  /** Takes a free block: its number. Only when hasFree. The view it had is none any more. */
  takeNumber(): number {
    if (this.count === 0 && !this.bringBack()) return this.#taken(this.#bare.pop() as number);
    return Mark.numberOf(this.free[--this.count] as Buffer);
  }

  /**
   * The same for guard mode, which uses no view twice: that block which has been free for longest, so that
   * whoever writes after free meets the pattern for as long as can be.
   */
  takeOldest(): number {
    const number = this.#bare[this.#oldest++] as number;
    if (this.#oldest >= 1024 && this.#oldest * 2 > this.#bare.length) this.#forgetTaken();
    return this.#taken(number);
  }

  #taken(number: number): number {
    const arena = this.arenaOf(number);
    arena.bare--;
    arena.idleSince = 0;
    return number;
  }

  #forgetTaken(): void {
    this.#bare.splice(0, this.#oldest);
    this.#oldest = 0;
  }

  /** Gives a free block back that will not be used by the view it had. */
  giveNumber(number: number): void {
    this.#bare.push(number);
    this.arenaOf(number).bare++;
  }

  /** Sets up to `most` free views aside. Returns how many. */
  setAside(most: number): number {
    const least = Math.max(0, this.count - most);
    const views = this.free.splice(least, this.count - least);
    this.free.length = least;
    this.count = least;
    for (const view of views) this.arenaOf(Mark.numberOf(view)).aside.push(view);
    this.#aside += views.length;
    return views.length;
  }

  /** Makes some of what is aside free again, of the arena that has most in use. False when nothing is. */
  bringBack(): boolean {
    if (this.#aside === 0) return false;
    let fullest: Arena | undefined;
    for (const arena of this.arenas) {
      if (arena === undefined || arena.aside.length === 0) continue;
      if (fullest === undefined || arena.blocks - arena.idle > fullest.blocks - fullest.idle) fullest = arena;
    }
    const { aside } = fullest as Arena;
    (fullest as Arena).idleSince = 0;
    for (let i = 0; i < kBack && aside.length > 0; i++) {
      this.free[this.count++] = aside.pop() as Buffer;
      this.#aside--;
    }
    return true;
  }

  /** An arena of whose blocks none was needed for `ms`, as far as calls of this have seen until now. */
  idleArena(now: number, ms: number): Arena | undefined {
    for (const arena of this.arenas) {
      if (arena === undefined || arena.idle < arena.blocks) continue;
      if (arena.idleSince === 0) arena.idleSince = now;
      else if (now - arena.idleSince >= ms) return arena;
    }
    return undefined;
  }

  /** Bytes that the next arena would take if there is room; 0 when resting blocks do. */
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

  /**
   * Makes at least one block free: one that rests, or those of a new arena of up to `room` bytes. Returns the bytes newly reserved.
   */
  refill(backend: MemoryBackend, room: number): number {
    const run = this.#resting.pop();
    if (run !== undefined) {
      this.#restingBlocks -= run.count;
      run.arena.resting -= run.count;
      for (let i = run.count - 1; i >= 0; i--) this.giveNumber(run.first + i);
      return 0;
    }
    const blocks = Math.min(this.#nextBlocks(), Math.floor(room / this.blockBytes));
    const buffer = backend.arena(blocks * this.blockBytes);
    let slot = this.arenas.indexOf(undefined);
    if (slot < 0) slot = this.arenas.length;
    const arena = new Arena(this, buffer, this.blockBytes, slot * kArenaBlocks);
    this.arenas[slot] = arena;
    this.#blocks += blocks;
    for (let block = blocks - 1; block >= 0; block--) this.giveNumber(arena.base + block);
    return buffer.byteLength;
  }

  /**
   * Forgets an arena whose memory is gone, or that nobody needs, with all its blocks. Returns how many of them were in use. Their views become
   * strangers: arenaOf() gives undefined for them until the slot is used again, and `buffer.buffer` tells then.
   */
  drop(arena: Arena): number {
    const slot = arena.base >> kArenaShift;
    const before = this.stats().inUse;
    this.#forgetTaken();
    const stays = (number: number) => number >> kArenaShift !== slot;
    this.arenas[slot] = undefined;
    this.#aside -= arena.aside.length;
    if (arena.bare > 0) this.#bare = this.#bare.filter(stays);
    // All of them are listed in an arena that is idle; else some may be free.
    if (arena.idle < arena.blocks) this.#filterFree(stays);
    this.#blocks -= arena.blocks;
    this.#resting = this.#resting.filter((run) => run.arena !== arena);
    this.#restingBlocks = this.#resting.reduce((sum, run) => sum + run.count, 0);
    return before - this.stats().inUse;
  }

  #filterFree(stays: (number: number) => boolean): void {
    let count = 0;
    for (let i = 0; i < this.count; i++) {
      const view = this.free[i] as Buffer;
      if (stays(Mark.numberOf(view))) this.free[count++] = view;
    }
    this.free.length = count;
    this.count = count;
  }

  /**
   * Forgets arenas without a block in use, and gives back the pages of free blocks in the others.
   * `keepContent`: blocks must keep their bytes (guard mode). Returns bytes [reserved no more, given back].
   */
  purge(backend: MemoryBackend, keepContent: boolean): [number, number] {
    const free = this.#takeFree();
    let dropped = 0;
    let givenBack = 0;
    let blocks = 0;
    const known = new Map<Arena, RestingRun[]>();
    for (const run of this.#resting) {
      const runs = known.get(run.arena);
      if (runs === undefined) known.set(run.arena, [run]);
      else runs.push(run);
    }
    this.#resting = [];
    for (let slot = 0; slot < this.arenas.length; slot++) {
      const arena = this.arenas[slot];
      if (arena === undefined) continue;
      const views = free[slot] as (Buffer | true | undefined)[];
      if (!views.includes(undefined)) {
        this.arenas[slot] = undefined;
        dropped += arena.buffer.byteLength;
        // It may be long until the garbage collector looks: let the pages go now.
        backend.giveBack(arena.buffer, 0, arena.buffer.byteLength);
        continue;
      }
      blocks += arena.blocks;
      givenBack += this.#restIn(arena, views, keepContent ? undefined : backend, known.get(arena) ?? []);
    }
    this.#blocks = blocks;
    this.#restingBlocks = this.#resting.reduce((sum, run) => sum + run.count, 0);
    return [dropped, givenBack];
  }

  /** Takes all free blocks out of the lists. By arena and block: its view, true when it has none, undefined: in use. */
  #takeFree(): (Buffer | true | undefined)[][] {
    const free = this.arenas.map((arena) =>
      new Array<Buffer | true | undefined>(arena?.blocks ?? 0).fill(undefined),
    );
    const put = (number: number, what: Buffer | true) => {
      (free[number >> kArenaShift] as (Buffer | true)[])[number & (kArenaBlocks - 1)] = what;
    };
    for (const run of this.#resting) {
      for (let i = 0; i < run.count; i++) put(run.first + i, true);
    }
    this.#forgetTaken();
    for (const number of this.#bare) put(number, true);
    for (let i = 0; i < this.count; i++) {
      const view = this.free[i] as Buffer;
      put(Mark.numberOf(view), view);
    }
    for (const arena of this.arenas) {
      if (arena === undefined) continue;
      for (const view of arena.aside) put(Mark.numberOf(view), view);
      arena.aside.length = 0;
      arena.bare = arena.resting = 0;
      arena.idleSince = 0;
    }
    this.#aside = 0;
    this.#bare = [];
    this.free.length = 0;
    this.count = 0;
    return free;
  }

  /** Rests the runs of free blocks of an arena, or makes them free again where no page of theirs can go. */
  #restIn(
    arena: Arena,
    free: (Buffer | true | undefined)[],
    backend: MemoryBackend | undefined,
    known: RestingRun[],
  ): number {
    let givenBack = 0;
    for (let first = 0; first < arena.blocks; first++) {
      if (free[first] === undefined) continue;
      let end = first + 1;
      while (end < arena.blocks && free[end] !== undefined) end++;
      const number = arena.base + first;
      const bytes =
        backend?.giveBack(arena.buffer, first * this.blockBytes, (end - first) * this.blockBytes) ?? 0;
      if (bytes > 0) {
        this.#resting.push({ arena, first: number, count: end - first, bytes });
        arena.resting += end - first;
        // Runs that rested already were asked to rest again: count only what is new.
        const inside = known.filter((run) => run.first >= number && run.first < arena.base + end);
        givenBack += Math.max(0, bytes - inside.reduce((sum, run) => sum + run.bytes, 0));
      } else {
        for (let block = end - 1; block >= first; block--) {
          const view = free[block];
          if (view === true) this.giveNumber(arena.base + block);
          else this.free[this.count++] = view as Buffer;
        }
      }
      first = end;
    }
    return givenBack;
  }

  /** Bytes of arenas, or of that one, whose pages the system has. */
  restingBytes(of?: Arena): number {
    return this.#resting.reduce((sum, { arena, bytes }) => sum + ((of ?? arena) === arena ? bytes : 0), 0);
  }

  stats(): SizeStats {
    return {
      size: this.blockBytes,
      arenas: this.arenas.reduce((sum, arena) => sum + (arena === undefined ? 0 : 1), 0),
      blocks: this.#blocks,
      inUse:
        this.#blocks - this.count - this.#aside - (this.#bare.length - this.#oldest) - this.#restingBlocks,
    };
  }
}
