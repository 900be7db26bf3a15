// guard: true, for finding out who misuses a buffer. Every allocation gets a view of its own, so that a stale one is
// known; freed bytes are overwritten with a pattern, and the block that has been free for longest is used next, so
// that a stale holder who writes meets the pattern and not somebody's bytes; a canary stands before and behind each buffer.
// The pattern is looked at before a block is handed out again, and in the last few freed at every allocation.
// Errors name the line that allocated. Slower by two orders of magnitude.
//
// Escape analysis at run time: each buffer remembers the scope (the request) in whose asynchronous context it was made.
// What is in use when that has ended, or was freed by its end and is referred to still, is what explain() lists. What was
// never freed is reported when the thread ends.

import { AsyncLocalStorage } from 'node:async_hooks';
import type { Arena } from './arena';
import { SlabError, slabCodes } from './errors';

const kPoison = 0xdb;
const kCanary = 0xca;
const kCanaryBytes = 16;
/** Most buffers whose fate after their scope is watched; older ones are forgotten. */
const kMaxHeld = 10_000;
const kMaxReportedSites = 20;
/** Blocks freed last that every allocation looks at, and how many bytes at either end of each. */
const kRecent = 8;
const kRecentBytes = 4096;
/** Most bytes of large buffers among them: nothing but this keeps those. */
const kMaxRecentLargeBytes = 32 << 20;

const poisoned = Buffer.alloc(1 << 16, kPoison);

/** Whether all bytes are the pattern: by memcmp, since guarded programs free megabytes too. */
function untouched(bytes: Uint8Array): boolean {
  for (let from = 0; from < bytes.length; from += poisoned.length) {
    const part = bytes.subarray(from, from + poisoned.length);
    if (poisoned.compare(part, 0, part.length, 0, part.length) !== 0) return false;
  }
  return true;
}

/** A buffer that outlived the scope it was made in. */
export interface Outlived {
  /** Its length. */
  bytes: number;
  /** in use: not freed; referenced: its scope freed it, but something refers to it. */
  kind: 'in use' | 'referenced';
  /** The line that made it, and so what kept it: 'at handler (/app/server.js:10:5)'. */
  site: string;
  /** The line that opened the scope. */
  scope: string;
}

/** A scope as its buffers remember it. */
export interface ScopeRecord {
  readonly site: string;
  ended: boolean;
}

interface Allocation {
  readonly bytes: number;
  readonly site: string;
  readonly scope: ScopeRecord | undefined;
}

/** The bytes of a buffer that stands, or stood, in that block. */
function dataOf(arena: Arena, number: number, bytes: number): Uint8Array {
  return new Uint8Array(arena.buffer, arena.offsetOf(number) + kCanaryBytes, bytes);
}

function canaries(arena: Arena, number: number, view: Buffer): { where: string; bytes: Uint8Array }[] {
  const offset = arena.offsetOf(number);
  return [
    { where: 'before', bytes: new Uint8Array(arena.buffer, offset, kCanaryBytes) },
    {
      where: 'behind',
      bytes: new Uint8Array(arena.buffer, offset + kCanaryBytes + view.length, kCanaryBytes),
    },
  ];
}

/** Which scope of any guarded slab the code that runs now belongs to. */
const currentScope = new AsyncLocalStorage<ScopeRecord>();

/** What the program's Error.prepareStackTrace makes of a stack is a string, a list of call sites, or anything; or it throws. */
function framesOf(holder: { readonly stack?: unknown }): string[] {
  try {
    const { stack } = holder;
    if (Array.isArray(stack)) return stack.map((site) => `at ${site}`);
    return typeof stack === 'string' ? stack.split('\n').slice(1) : [];
  } catch {
    return [];
  }
}

/** A place each as one string: else each allocation would hold the text of a whole stack. */
const places = new Map<string, string>();
const kMaxPlaces = 10_000;

function placeOnce(place: string): string {
  const known = places.get(place);
  if (known !== undefined) return known;
  if (places.size >= kMaxPlaces) places.clear(); // code that is made at run time has no end of them
  places.set(place, place);
  return place;
}

/** The caller's frame outside this folder. */
export function callSite(): string {
  const before = Error.stackTraceLimit;
  // Not by assignment: where a program has frozen Error, that throws.
  Reflect.set(Error, 'stackTraceLimit', 12);
  const holder: { stack?: unknown } = {};
  Error.captureStackTrace(holder, callSite);
  Reflect.set(Error, 'stackTraceLimit', before);
  const frames = framesOf(holder);
  const frame = frames.find((line) => !line.includes(__dirname)) ?? frames.at(-1) ?? '';
  return placeOnce(frame.trim() || 'at an unknown place');
}

export class Guard {
  /** What a block needs beyond what was asked for, and how much of it before the buffer. */
  static readonly extraBytes = 2 * kCanaryBytes;
  static readonly leadBytes = kCanaryBytes;
  readonly #live = new Map<Buffer, Allocation>();
  /** Length of the last buffer of each block that was handed out, with its place of allocation. */
  readonly #last = new WeakMap<Arena, Map<number, { bytes: number; site: string }>>();
  readonly #sites = new WeakMap<Buffer, string>();
  /**
   * What scopes have freed at their end and the collector has not taken yet. Not by WeakRef: that keeps what it refers to until the
   * program yields, all of a loop's buffers that is.
   */
  readonly #held = new Set<Allocation>();
  readonly #collected = new FinalizationRegistry<Allocation>((allocation) => this.#held.delete(allocation));
  #recent: { arena: Arena; number: number; largeBytes: number }[] = [];

  constructor() {
    watch(this);
  }

  /** Where a buffer was allocated, if it ever was. */
  siteOf(buffer: Buffer): string | undefined {
    return this.#sites.get(buffer);
  }

  /** Throws when somebody wrote into a free block since it was freed. Its bytes are set right again. */
  checkFree(arena: Arena, number: number): void {
    const last = this.#last.get(arena)?.get(number);
    if (last === undefined) return; // never handed out
    const bytes = dataOf(arena, number, last.bytes);
    if (untouched(bytes)) return;
    bytes.fill(kPoison);
    throw new SlabError(
      slabCodes.useAfterFree,
      `A buffer of ${last.bytes} bytes was written to after it was freed\n  allocated ${last.site}`,
    );
  }

  /** The same for all blocks of an arena that is about to go: nobody could tell afterwards. */
  checkArena(arena: Arena): void {
    if (arena.buffer.byteLength === 0) return; // it was detached
    for (const number of this.#last.get(arena)?.keys() ?? []) this.checkFree(arena, number);
  }

  /** The same for the blocks freed last, kRecentBytes at either end of each: who writes late is found early. `all`: all their bytes. */
  checkRecent(all = false): void {
    for (const { arena, number } of this.#recent) {
      const last = this.#last.get(arena)?.get(number);
      if (last === undefined || arena.buffer.byteLength === 0) continue; // it was detached
      const bytes = dataOf(arena, number, last.bytes);
      const ends = untouched(bytes.subarray(0, kRecentBytes)) && untouched(bytes.subarray(-kRecentBytes));
      if (all || !ends) this.checkFree(arena, number);
    }
  }

  allocated(arena: Arena, number: number, view: Buffer): void {
    this.#recent = this.#recent.filter((each) => each.arena !== arena || each.number !== number);
    const site = callSite();
    this.#sites.set(view, site);
    const allocation = { bytes: view.length, site, scope: currentScope.getStore() };
    this.#live.set(view, allocation);
    count(placeOf(allocation), view.length);
    let blocks = this.#last.get(arena);
    if (blocks === undefined) this.#last.set(arena, (blocks = new Map()));
    blocks.set(number, { bytes: view.length, site });
    for (const { bytes } of canaries(arena, number, view)) bytes.fill(kCanary);
  }

  /** Throws when the canary is broken (and mends it); else overwrites the bytes. */
  freed(arena: Arena, number: number, view: Buffer): void {
    const broken = canaries(arena, number, view).filter(({ bytes }) =>
      bytes.some((byte) => byte !== kCanary),
    );
    for (const { bytes } of broken) bytes.fill(kCanary);
    if (broken.length > 0) {
      const where = broken.map(({ where }) => where).join(' and ');
      throw new SlabError(
        slabCodes.overflow,
        `Bytes ${where} a buffer of ${view.length} were overwritten\n  allocated ${this.siteOf(view)}`,
      );
    }
    view.fill(kPoison);
    this.forget(view);
  }

  /** A buffer is not in use any more. */
  forget(view: Buffer): void {
    const allocation = this.#live.get(view);
    if (allocation === undefined) return;
    this.#live.delete(view);
    uncount(placeOf(allocation), allocation.bytes);
  }

  /** A block just freed: it stays in its arena, or is a large one that nobody else needs. */
  rests(arena: Arena, number: number, large: boolean): void {
    const recent = this.#recent;
    recent.push({ arena, number, largeBytes: large ? arena.buffer.byteLength : 0 });
    let bytes = recent.reduce((sum, { largeBytes }) => sum + largeBytes, 0);
    while (recent.length > kRecent || bytes > kMaxRecentLargeBytes) bytes -= recent.shift()?.largeBytes ?? 0;
  }

  /** Arenas go: what was in them is looked at no more. */
  forgetRecent(): void {
    this.#recent = [];
  }

  /** Runs a scope's function so that what is made in it, now and later, is known as the scope's. */
  static enter<T>(scope: ScopeRecord, run: () => T): T {
    return currentScope.run(scope, run);
  }

  /** A buffer just made is that scope's own, whatever scope the code belongs to that asked for it. */
  madeBy(view: Buffer, scope: ScopeRecord): void {
    const allocation = this.#live.get(view);
    if (allocation === undefined || allocation.scope === scope) return;
    uncount(placeOf(allocation), allocation.bytes);
    const own = { ...allocation, scope };
    this.#live.set(view, own);
    count(placeOf(own), own.bytes);
  }

  /** A scope is about to free this one. */
  freedByScope(view: Buffer): void {
    const allocation = this.#live.get(view);
    if (allocation === undefined) return;
    this.#held.add(allocation);
    this.#collected.register(view, allocation, allocation);
    for (const oldest of this.#held) {
      if (this.#held.size <= kMaxHeld) break;
      this.#held.delete(oldest);
      this.#collected.unregister(oldest);
    }
  }

  explain(): Outlived[] {
    const found: Outlived[] = [];
    for (const { bytes, site, scope } of this.#live.values()) {
      if (scope?.ended) found.push({ bytes, kind: 'in use', site, scope: scope.site });
    }
    for (const { bytes, site, scope } of this.#held) {
      found.push({ bytes, kind: 'referenced', site, scope: scope?.site ?? 'at an unknown place' });
    }
    return found;
  }
}

const guards = new Set<WeakRef<Guard>>();

function watch(guard: Guard): void {
  for (const each of guards) if (each.deref() === undefined) guards.delete(each);
  guards.add(new WeakRef(guard));
}

/**
 * What the guarded slabs of this thread have in use, by the line that made it and its scope. It holds no buffer and outlives the slabs:
 * one that was dropped with buffers in use has leaked them all the same, whether or not it was collected since.
 */
const inUse = new Map<string, { count: number; bytes: number }>();
let listening = false;

function placeOf({ site, scope }: Allocation): string {
  return scope === undefined ? site : `${site}\n    in the scope opened ${scope.site}`;
}

function count(place: string, bytes: number): void {
  const sum = inUse.get(place) ?? { count: 0, bytes: 0 };
  inUse.set(place, { count: sum.count + 1, bytes: sum.bytes + bytes });
  if (listening) return;
  listening = true;
  process.on('exit', () => process.stderr.write(leakReport()));
}

function uncount(place: string, bytes: number): void {
  const sum = inUse.get(place);
  if (sum === undefined) return;
  if (sum.count === 1) inUse.delete(place);
  else inUse.set(place, { count: sum.count - 1, bytes: sum.bytes - bytes });
}

/** Most bytes first; empty when nothing is in use. */
function leakReport(): string {
  const sites = [...inUse].sort(([, a], [, b]) => b.bytes - a.bytes);
  if (sites.length === 0) return '';
  const total = sites.reduce((sum, [, site]) => sum + site.count, 0);
  const buffers = total === 1 ? '1 buffer' : `${total} buffers`;
  const bytes = sites.reduce((sum, [, site]) => sum + site.bytes, 0);
  const lines = sites.map(([site, sum]) => `  ${sum.count} of ${sum.bytes} bytes, allocated ${site}`);
  const more = lines.length - kMaxReportedSites;
  if (more > 0) lines.splice(kMaxReportedSites, more, `  and ${more} more places`);
  return `tailrace: ${buffers} of guarded slabs (${bytes} bytes) were never freed\n${lines.join('\n')}\n`;
}

/** Slab.explain() of all guarded slabs of this thread. */
export function explainAll(): Outlived[] {
  return [...guards].flatMap((guard) => guard.deref()?.explain() ?? []);
}
