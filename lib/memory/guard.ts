// guard: true, for finding out who misuses a buffer. Every allocation gets a view of its own, so that a stale one is
// known; freed bytes are overwritten with a pattern that is looked at before the block is handed out again; and
// a canary stands behind each buffer. Errors name the line that allocated it. Slower by two orders of magnitude.

import type { Arena } from './arena';
import { SlabError, slabCodes } from './errors';

const kPoison = 0xdb;
const kCanary = 0xca;
const kCanaryBytes = 16;

interface Record {
  readonly site: string;
  readonly view: Buffer;
}

/** The caller's frame outside this folder: 'at handler (/app/server.js:10:5)'. */
function callSite(): string {
  const before = Error.stackTraceLimit;
  Error.stackTraceLimit = 12;
  const holder = { stack: '' };
  Error.captureStackTrace(holder, callSite);
  Error.stackTraceLimit = before;
  const own = `${__dirname}/`;
  const frames = holder.stack.split('\n').slice(1);
  const frame =
    frames.find((line) => !line.includes(own) && !line.includes(__dirname)) ?? frames.at(-1) ?? '';
  return frame.trim() || 'at an unknown place';
}

export class Guard {
  /** What a block needs beyond what was asked for. */
  static readonly extraBytes = kCanaryBytes;
  /** The last buffer of each block, alive or freed. */
  readonly #last = new WeakMap<Arena, (Record | undefined)[]>();
  readonly #sites = new WeakMap<Buffer, string>();

  /** Where a buffer was allocated, if it ever was. */
  siteOf(buffer: Buffer): string | undefined {
    return this.#sites.get(buffer);
  }

  /** Throws when somebody wrote into a free block since it was freed. Its bytes are set right again. */
  checkFree(arena: Arena, block: number): void {
    const last = this.#last.get(arena)?.[block];
    if (last === undefined) return; // never handed out
    const bytes = new Uint8Array(arena.buffer, block * arena.blockBytes, last.view.length);
    if (bytes.every((byte) => byte === kPoison)) return;
    bytes.fill(kPoison);
    throw new SlabError(
      slabCodes.useAfterFree,
      `A buffer of ${last.view.length} bytes was written to after it was freed\n  allocated ${last.site}`,
    );
  }

  allocated(arena: Arena, block: number, view: Buffer): void {
    const site = callSite();
    this.#sites.set(view, site);
    let records = this.#last.get(arena);
    if (records === undefined) this.#last.set(arena, (records = []));
    records[block] = { site, view };
    this.#canary(arena, block, view).fill(kCanary);
  }

  /** Throws when the canary is broken (and mends it); else overwrites the bytes. */
  freed(arena: Arena, block: number, view: Buffer): void {
    const canary = this.#canary(arena, block, view);
    if (!canary.every((byte) => byte === kCanary)) {
      canary.fill(kCanary);
      throw new SlabError(
        slabCodes.overflow,
        `Bytes behind a buffer of ${view.length} were overwritten\n  allocated ${this.siteOf(view)}`,
      );
    }
    view.fill(kPoison);
  }

  #canary(arena: Arena, block: number, view: Buffer): Uint8Array {
    return new Uint8Array(arena.buffer, block * arena.blockBytes + view.length, kCanaryBytes);
  }
}
