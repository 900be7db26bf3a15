// The slab: Buffers whose memory is used again, without the garbage collector.
//
// An allocation pops the view that was freed last, when its length is the same; a free pushes it. Nothing is made in
// between and no native code is called. The price is that a view may be used by a stale holder after somebody else got
// it: guard: true finds that (guard.ts).

import { constants } from 'node:buffer';
import type { MemoryBackend } from '../backend/contract';
import { InvalidArgument, LimitError } from '../errors';
import { type Arena, kArenaShift, kFree, kWatched, Mark } from './arena';
import { Decay } from './decay';
import { SlabError, slabCodes } from './errors';
import { Guard, type Outlived } from './guard';
import { runScope, SlabLease, type SlabScope } from './scope';
import { kMaxPooledBytes, kSizeClasses, sizeClassOf, sizeOfClass } from './size-classes';
import { SizeHeap, type SizeStats } from './size-heap';
import { Spares } from './spares';
import { kMaxZeroedWords, zeroWords } from './zero';

// Bound once: a look-up in another module's exports at each step would be a third of an allocation.
const { heapOf, stateOf, setState, wordsOf } = Mark;
const classOf = sizeClassOf;
const zero = zeroWords;
const kUnused = kFree;
/** Of Slab.#readyBytes: nothing stands in front. */
const kNone = -1;
const kNothing = Buffer.alloc(0);
/** What stands in front gives way at an allocation that it does not serve, when these bits of the count are 0. */
const kGiveWay = 255;
let slabs = 0;
const kMaxWordBytes = kMaxZeroedWords * 8;
/** Buffer.prototype.fill looks at its arguments for 10 to 25 ns first. */
const { fill } = Uint8Array.prototype;

export interface SlabStats {
  /** Bytes of ArrayBuffers held. */
  reserved: number;
  /** The same without the pages that purge() gave back and that are not in use again. */
  committed: number;
  /** Bytes handed out, counted by the size of their blocks. */
  inUse: number;
  /** Bytes given back to the system or to V8, ever: by purge() and by decay. */
  givenBack: number;
  /** Buffers ever handed out, and handed back. */
  allocations: number;
  frees: number;
  /** The sizes in use, ascending; buffers above a mebibyte are listed one by one. */
  classes: SizeStats[];
  /** The share of `committed` that is not in use: 0 to 1. */
  fragmentation: number;
}

/** Hears that a buffer it watches is freed. */
export interface Watcher {
  freed(buffer: Buffer): void;
}

/** All Buffers of one slab belong to the thread that made it. */
export class Slab {
  readonly #backend: MemoryBackend;
  readonly #limit: number;
  readonly #guard: Guard | undefined;
  readonly #heaps: SizeHeap[] = [];
  /** Heaps of one block each, for what is too large to share. */
  readonly #large = new Set<SizeHeap>();
  /** Those of it whose block was freed lately. */
  readonly #spares = new Spares();
  readonly #watchers = new Map<Buffer, Watcher>();
  /** Largest size of the fast path: none in guard mode. */
  readonly #pooledBytes: number;
  /** Largest size that is zeroed by whole words: there is room for them in a block, but not before a guard's canary. */
  readonly #wordBytes: number;
  /** None in guard mode, whose blocks must keep their pattern. */
  readonly #decay: Decay | undefined;
  /** The state of its buffers in use (arena.ts). */
  readonly #live = ++slabs;
  /**
   * One free view in front of all stacks, whatever its size, and its length; kNone: it was handed out. Most buffers are freed
   * before the next of their size is allocated, and for those two comparisons do what a stack does by twenty loads and checks.
   */
  #ready: Buffer = kNothing;
  #readyBytes = kNone;
  #reserved = 0;
  #givenBack = 0;
  #allocations = 0;
  /** Buffers in use whose arena a program has detached. */
  #lost = 0;

  /** @internal Use slab(): it validates. */
  constructor(backend: MemoryBackend, limit: number, guard: boolean, decayMs: number) {
    this.#backend = backend;
    this.#limit = limit;
    this.#guard = guard ? new Guard() : undefined;
    this.#pooledBytes = guard ? -1 : kMaxPooledBytes;
    this.#wordBytes = guard ? -1 : kMaxWordBytes;
    for (let i = 0; i < kSizeClasses; i++) this.#heaps.push(new SizeHeap(this, sizeOfClass(i)));
    if (!guard) this.#decay = new Decay(this, decayMs);
  }

  /**
   * A Buffer of `size` bytes, all zero. Free it with free(); one that is dropped is lost to the slab until the slab
   * itself is dropped. Throws InvalidArgument, and LimitError when the limit or the system has no more.
   */
  alloc(size: number): Buffer {
    // As allocUnsafe(), and not by a call of it: with the stores that would be more than V8 always inlines, and half as slow again.
    let view = this.#ready;
    if (
      typeof size !== 'number' ||
      size !== this.#readyBytes ||
      view.length !== size ||
      size > kMaxWordBytes
    ) {
      if (typeof size !== 'number' || size >>> 0 !== size || size > this.#wordBytes) {
        return this.#allocFilled(size);
      }
      const heap = this.#heaps[classOf(size)] as SizeHeap;
      const top = heap.count - 1;
      if (top < 0) return this.#freshZeroed(heap, size);
      view = heap.free[top] as Buffer;
      if (view.length !== size) return this.#freshZeroed(heap, size);
      heap.count = top;
      if ((this.#allocations & kGiveWay) === 0) this.#settle();
    } else {
      this.#readyBytes = kNone;
    }
    setState(view, this.#live);
    this.#allocations++;
    zero(wordsOf(view), size);
    return view;
  }

  #freshZeroed(heap: SizeHeap, size: number): Buffer {
    const view = this.#fresh(heap, size);
    zero(wordsOf(view), size);
    return view;
  }

  #allocFilled(size: number): Buffer {
    const spares = this.#spares.heaps.length;
    const buffer = this.allocUnsafe(size);
    // A larger one has an ArrayBuffer of its own, just made but for a spare one.
    if (size <= kMaxPooledBytes || this.#spares.heaps.length < spares) fill.call(buffer, 0);
    return buffer;
  }

  /** The same with whatever bytes the last user left: of this slab only. */
  allocUnsafe(size: number): Buffer {
    let view = this.#ready;
    // The length: its arena may have been detached meanwhile.
    if (typeof size !== 'number' || size !== this.#readyBytes || view.length !== size) {
      if (typeof size !== 'number' || size >>> 0 !== size || size > this.#pooledBytes) {
        return this.#allocSlow(size);
      }
      const heap = this.#heaps[classOf(size)] as SizeHeap;
      const top = heap.count - 1;
      if (top < 0) return this.#fresh(heap, size);
      view = heap.free[top] as Buffer;
      if (view.length !== size) return this.#fresh(heap, size);
      heap.count = top;
      // What stands in front may be of a size that nobody asks for.
      if ((this.#allocations & kGiveWay) === 0) this.#settle();
    } else {
      this.#readyBytes = kNone;
    }
    setState(view, this.#live);
    this.#allocations++;
    return view;
  }

  /** A view that was set aside, or a new one: of a block that has none, or had one of another length. */
  #fresh(heap: SizeHeap, size: number): Buffer {
    this.#settle();
    if (heap.count === 0 && heap.bringBack()) return this.allocUnsafe(size);
    const number = this.#takeBlock(heap);
    const view = heap.arenaOf(number).view(number, size);
    setState(view, this.#live);
    this.#allocations++;
    return view;
  }

  /**
   * A block's number. Here it is noticed when a program has detached an arena (Node 22 lets
   * ArrayBuffer.prototype.transfer() do so, untransferable or not): then the slab goes on without it.
   */
  #takeBlock(heap: SizeHeap): number {
    for (;;) {
      if (!heap.hasFree) this.#refill(heap);
      const number = this.#guard === undefined ? heap.takeNumber() : heap.takeOldest();
      const arena = heap.arenaOf(number);
      if (arena.buffer.byteLength > 0) return number;
      heap.giveNumber(number);
      this.#drop(heap, arena);
    }
  }

  /** Puts what stands in front onto the stack of its heap. */
  #settle(): void {
    const view = this.#ready;
    const free = this.#readyBytes !== kNone;
    this.#ready = kNothing; // nor is an arena held by a view that was handed out
    this.#readyBytes = kNone;
    if (!free) return;
    const heap = heapOf(view) as SizeHeap;
    heap.free[heap.count++] = view;
  }

  #drop(heap: SizeHeap, arena: Arena): void {
    this.#settle();
    this.#large.delete(heap); // one of those has no other arena
    this.#spares.forget(heap);
    this.#lost += heap.drop(arena);
    this.#reserved -= arena.blocks * arena.blockBytes;
  }

  /**
   * Takes a Buffer back. Only the very object that alloc gave: not a part of it, not another slab's. Throws SlabError
   * (ERR_TAILRACE_FOREIGN_BUFFER, ERR_TAILRACE_DOUBLE_FREE) and changes nothing then.
   */
  free(buffer: Buffer): void {
    let state = kUnused;
    try {
      state = stateOf(buffer);
    } catch {
      // No object at all. To ask first would cost every other a tenth.
    }
    // Without a length: an empty one, or its arena was detached.
    if (state !== this.#live || buffer.length === 0) {
      this.#freeSlow(buffer);
      return;
    }
    setState(buffer, kUnused);
    if (this.#readyBytes === kNone) {
      this.#ready = buffer;
      this.#readyBytes = buffer.length;
      return;
    }
    const heap = heapOf(buffer) as SizeHeap;
    heap.free[heap.count++] = buffer;
  }

  /** A Buffer (recycled bytes) with its own release(), which may be called again without effect. */
  lease(size: number): SlabLease {
    const buffer = this.allocUnsafe(size);
    const lease = new SlabLease(this, buffer);
    this.watch(buffer, lease);
    return lease;
  }

  /**
   * Runs `run` with a slab of its own face; whatever that allocated and did not free is freed when `run` returns, throws
   * or its promise settles. Gives what `run` gives.
   */
  scope<T>(run: (scope: SlabScope) => T): T {
    if (typeof run !== 'function') throw new InvalidArgument('run', 'a function', run);
    return runScope(this, run);
  }

  stats(): SlabStats {
    this.#settle();
    const classes: SizeStats[] = [];
    let inUse = 0;
    let live = 0;
    let resting = 0;
    const large = [...this.#large, ...this.#spares.heaps].sort((a, b) => a.blockBytes - b.blockBytes);
    for (const heap of [...this.#heaps, ...large]) {
      const stats = heap.stats();
      if (stats.arenas === 0) continue;
      classes.push(stats);
      live += stats.inUse;
      inUse += stats.inUse * stats.size;
      resting += heap.restingBytes();
    }
    const committed = this.#reserved - resting;
    return {
      reserved: this.#reserved,
      committed,
      inUse,
      givenBack: this.#givenBack,
      allocations: this.#allocations,
      frees: this.#allocations - this.#lost - live,
      classes,
      fragmentation: committed === 0 ? 0 : 1 - inUse / committed,
    };
  }

  /**
   * Gives back what is free: arenas without a buffer in use are forgotten, and on the native backend the pages of
   * free blocks elsewhere go to the system. Returns the bytes. Guard mode throws SlabError, and gives nothing back, when somebody
   * has written into what would go.
   */
  purge(): number {
    let bytes = 0;
    this.#settle();
    if (this.#guard !== undefined) this.#checkBeforePurge(this.#guard);
    for (const heap of this.#heaps) {
      if (heap.arenas.length === 0) continue;
      for (const arena of heap.arenas) if (arena?.buffer.byteLength === 0) this.#drop(heap, arena); // detached
      const [dropped, givenBack] = heap.purge(this.#backend, this.#guard !== undefined);
      this.#reserved -= dropped;
      bytes += dropped + givenBack;
    }
    this.#givenBack += bytes;
    for (const heap of [...this.#spares.heaps]) bytes += this.#releaseSpare(heap);
    return bytes;
  }

  #checkBeforePurge(guard: Guard): void {
    guard.checkRecent(true);
    for (const { arenas } of this.#heaps) {
      for (const arena of arenas) {
        if (arena !== undefined && arena.idle === arena.blocks) guard.checkArena(arena);
      }
    }
    guard.forgetRecent();
  }

  /**
   * Slabs with guard: true: what outlived its request, that is, the scope it was made in. Buffers that are in use still,
   * and those that the scope freed but something still refers to (known once the garbage collector has run), with the
   * line that made them. Empty without guard.
   */
  explain(): Outlived[] {
    return this.#guard?.explain() ?? [];
  }

  /** @internal For Decay. */
  get heaps(): readonly SizeHeap[] {
    this.#settle(); // it is idle as any other
    return this.#spares.heaps.length === 0 ? this.#heaps : [...this.#heaps, ...this.#spares.heaps];
  }

  /** @internal Lets go of an arena of which no block is in use or free to be popped. */
  release(heap: SizeHeap, arena: Arena): number {
    const bytes = arena.buffer.byteLength;
    this.#givenBack += Math.max(0, bytes - heap.restingBytes(arena)); // no bytes when it was detached
    this.#drop(heap, arena);
    // It may be long until the garbage collector looks: let the pages go now.
    this.#backend.giveBack(arena.buffer, 0, bytes);
    return bytes;
  }

  #releaseSpare(heap: SizeHeap): number {
    return this.release(heap, heap.arenaOf(0));
  }

  /** @internal */
  get guard(): Guard | undefined {
    return this.#guard;
  }

  /** @internal Makes `watcher` hear of the end of a buffer just allocated. */
  watch(buffer: Buffer, watcher: Watcher): void {
    setState(buffer, kWatched);
    this.#watchers.set(buffer, watcher);
  }

  /**
   * Lets arenas go of which nothing is in use, until there is room for so many bytes. Not by purge(), which looks at every block and
   * calls the system for pages that the limit does not count: a program at its limit would do so at each refusal. Here a free
   * view is set aside once, and is not looked at again before it was used.
   */
  #makeRoom(bytes: number): void {
    this.#settle();
    for (const heap of [...this.#spares.heaps]) {
      if (this.#limit - this.#reserved >= bytes) return;
      this.#releaseSpare(heap);
    }
    for (const heap of this.#heaps) {
      if (heap.arenas.length === 0) continue;
      heap.setAside(heap.count);
      for (const arena of heap.arenas) {
        if (arena === undefined || arena.idle < arena.blocks) continue;
        if (this.#limit - this.#reserved >= bytes) return;
        if (this.#guard !== undefined) return void this.purge(); // for blocks without views much faster than one by one
        this.release(heap, arena);
      }
    }
  }

  #refill(heap: SizeHeap): void {
    if (this.#reserved + heap.nextArenaBytes() > this.#limit) {
      if (heap.blockBytes <= this.#limit) this.#makeRoom(heap.nextArenaBytes()); // else no room could be enough
      if (heap.hasFree) return;
      // An arena smaller than usual will do, of one block at least.
      if (Math.min(heap.nextArenaBytes(), heap.blockBytes) > this.#limit - this.#reserved) {
        throw new LimitError(`the slab's limit of ${this.#limit} bytes is reached`);
      }
    }
    this.#reserved += heap.refill(this.#backend, this.#limit - this.#reserved);
    this.#decay?.start();
  }

  #allocSlow(size: number): Buffer {
    if (
      typeof size !== 'number' ||
      !Number.isInteger(size) ||
      size < 0 ||
      size > constants.MAX_LENGTH - 65536
    ) {
      throw new InvalidArgument('size', `an integer from 0 to ${constants.MAX_LENGTH - 65536}`, size);
    }
    const guard = this.#guard;
    const extra = guard === undefined ? 0 : Guard.extraBytes;
    const lead = guard === undefined ? 0 : Guard.leadBytes;
    const pooled = size + extra <= kMaxPooledBytes;
    // Whole system pages for the large ones, so that all of it can be given back.
    const heap = pooled
      ? (this.#heaps[sizeClassOf(size + extra)] as SizeHeap)
      : this.#largeHeap(Math.ceil((size + extra) / 4096) * 4096);
    guard?.checkRecent();
    const number = this.#takeBlock(heap);
    const arena = heap.arenaOf(number);
    try {
      guard?.checkFree(arena, number);
    } catch (error) {
      heap.giveNumber(number); // nothing has changed
      throw error;
    }
    if (!pooled) this.#large.add(heap);
    this.#allocations++;
    const view = arena.view(number, size, lead);
    setState(view, kWatched); // so that free() comes by freeSlow
    guard?.allocated(arena, number, view);
    return view;
  }

  #largeHeap(bytes: number): SizeHeap {
    return this.#spares.take(bytes) ?? new SizeHeap(this, bytes);
  }

  /** Keeps what was freed for the next of its size, or gives it back. */
  #freeLarge(heap: SizeHeap, arena: Arena, number: number): void {
    if (!this.#spares.wants(heap)) {
      this.#reserved -= arena.buffer.byteLength;
      this.#backend.giveBack(arena.buffer, 0, arena.buffer.byteLength);
      return;
    }
    for (let old = this.#spares.tooMany(heap); old !== undefined; old = this.#spares.tooMany(heap))
      this.#releaseSpare(old);
    heap.giveNumber(number);
    this.#spares.put(heap);
    this.#decay?.start();
  }

  /** A buffer is none any more: whoever watches it hears so. */
  #ended(buffer: Buffer): void {
    const watcher = this.#watchers.get(buffer);
    if (watcher !== undefined) {
      this.#watchers.delete(buffer);
      watcher.freed(buffer);
    }
    setState(buffer, kFree);
  }

  #freeSlow(buffer: Buffer): void {
    let heap: SizeHeap | undefined;
    try {
      heap = heapOf(buffer);
    } catch {
      // no object
    }
    if (heap?.owner !== this) throw foreign(buffer);
    if (stateOf(buffer) === kFree) throw freedTwice(this.#guard?.siteOf(buffer));
    const number = Mark.numberOf(buffer);
    const arena = heap.arenas[number >> kArenaShift];
    if (arena?.buffer !== buffer.buffer || arena.buffer.byteLength === 0) {
      // A program has detached its arena: there is nothing to be taken back.
      this.#ended(buffer);
      this.#guard?.forget(buffer);
      if (arena?.buffer.byteLength === 0) this.#drop(heap, arena);
      throw foreign(buffer);
    }
    this.#guard?.freed(arena, number, buffer); // throws on a broken canary, the buffer stays alive
    this.#ended(buffer);
    const large = this.#large.delete(heap);
    if (this.#guard !== undefined) {
      if (large) this.#reserved -= arena.buffer.byteLength;
      else heap.giveNumber(number); // the next one gets a view of its own
      this.#guard.rests(arena, number, large);
    } else if (large) {
      this.#freeLarge(heap, arena, number);
    } else {
      heap.free[heap.count++] = buffer;
    }
  }
}

function foreign(value: unknown): SlabError {
  const what =
    value instanceof Uint8Array
      ? 'The buffer does not come from this slab (or is a part of one that does)'
      : 'Only a Buffer of this slab can be freed';
  return new SlabError(slabCodes.foreign, what);
}

function freedTwice(site: string | undefined): SlabError {
  const where = site === undefined ? '' : `\n  allocated ${site}`;
  return new SlabError(slabCodes.doubleFree, `The buffer was freed already${where}`);
}
