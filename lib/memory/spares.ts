// Large buffers that were freed lately. The system clears memory page by page when it is touched, which for a buffer of 2 MiB takes a
// hundred times as long as to hand out the last one again. Bounded in number and bytes; what nobody takes goes as idle arenas do (decay.ts).

import type { SizeHeap } from './size-heap';

const kMost = 16;
const kMostBytes = 64 << 20;
const kLargest = 32 << 20;

export class Spares {
  /** Each of one free block; the oldest first. */
  readonly heaps: SizeHeap[] = [];
  #bytes = 0;

  /** One of at least so many bytes, and at most an eighth more; it is no spare any more. The latest: its pages are likely in a cache. */
  take(bytes: number): SizeHeap | undefined {
    for (let i = this.heaps.length - 1; i >= 0; i--) {
      const heap = this.heaps[i] as SizeHeap;
      if (heap.blockBytes < bytes || heap.blockBytes - bytes > bytes / 8) continue;
      this.forget(heap);
      return heap;
    }
    return undefined;
  }

  /** Whether it is worth keeping at all. */
  wants(heap: SizeHeap): boolean {
    return heap.blockBytes <= kLargest;
  }

  /** What has to go before it can be put here. */
  tooMany(heap: SizeHeap): SizeHeap | undefined {
    const full = this.heaps.length >= kMost || this.#bytes + heap.blockBytes > kMostBytes;
    return full ? this.heaps[0] : undefined;
  }

  put(heap: SizeHeap): void {
    this.heaps.push(heap);
    this.#bytes += heap.blockBytes;
  }

  forget(heap: SizeHeap): void {
    const at = this.heaps.indexOf(heap);
    if (at < 0) return;
    this.heaps.splice(at, 1);
    this.#bytes -= heap.blockBytes;
  }
}
