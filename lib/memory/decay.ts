// Memory that nobody needs goes back by itself: one timer a slab, which does not keep the process alive and is there only
// while the slab has arenas. It sets free views aside (size-heap.ts) and lets go of arenas that were idle for decayMs, a
// little at a time: what one step may take is bounded in views and in bytes, and the rest comes a moment later.

import { laterInBackground } from '../backend/background';
import type { Arena } from './arena';
import type { SizeHeap } from './size-heap';

/** Most views set aside by one step (some 20 µs), and bytes after which it ends (about 100 µs at the system). */
const kStepViews = 2048;
const kStepBytes = 1 << 20;
/** Between the steps of what is too much for one, and the least between two looks. */
const kPauseMs = 10;
const kMaxDelayMs = 2 ** 31 - 1;

/** What decays. */
export interface Decaying {
  readonly heaps: readonly SizeHeap[];
  /** Lets an idle arena of that heap go; returns its bytes. */
  release(heap: SizeHeap, arena: Arena): number;
}

export class Decay {
  readonly #ms: number;
  /** Weak, so that a slab that is dropped is not held by its timer. */
  readonly #slab: WeakRef<Decaying>;
  #timer: NodeJS.Timeout | undefined;
  /** Heap that the next step begins with: a busy one must not keep the others waiting. */
  #next = 0;

  constructor(slab: Decaying, ms: number) {
    this.#slab = new WeakRef(slab);
    this.#ms = ms;
  }

  /** There is an arena: from now on somebody looks. */
  start(): void {
    if (this.#timer === undefined && this.#ms !== Infinity) this.#wait(this.#ms / 2);
  }

  #wait(ms: number): void {
    const delay = Math.min(kMaxDelayMs, Math.max(kPauseMs, ms));
    this.#timer = laterInBackground(() => this.#tick(), delay);
  }

  #tick(): void {
    this.#timer = undefined;
    const slab = this.#slab.deref();
    if (slab === undefined) return;
    const now = performance.now();
    let views = kStepViews;
    let bytes = kStepBytes;
    let arenas = 0;
    const { heaps } = slab;
    const first = this.#next;
    for (let i = 0; i < heaps.length; i++) {
      const at = (first + i) % heaps.length;
      const heap = heaps[at] as SizeHeap;
      if (heap.arenas.length === 0) continue;
      if (views > 0) {
        views -= heap.setAside(views);
        this.#next = at + 1;
      }
      while (bytes > 0) {
        const arena = heap.idleArena(now, this.#ms);
        if (arena === undefined) break;
        bytes -= slab.release(heap, arena);
      }
      for (const arena of heap.arenas) if (arena !== undefined) arenas++;
    }
    if (arenas > 0) this.#wait(views <= 0 || bytes <= 0 ? kPauseMs : this.#ms / 2);
  }
}
