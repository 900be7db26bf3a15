// Segments: the stretches of this isolate's memory into which native code seals the calls of a batch
// (native/server/segment.h has the layout). A segment is counted by its calls; when the last of them is settled it
// is used again. Batches share a segment until it is full, so a call that stays long holds one segment, not one
// for each batch.

const kSegmentBytes = 64 * 1024;
/** With less room than this a new segment is begun: a batch of one call is an entry into JS for one call. */
const kLeastRoom = 8 * 1024;
/** Segments of the usual size that are kept for the next batch. */
const kKept = 8;

export class Segment {
  readonly bytes: Buffer;
  /** Where the next batch goes. */
  at = 0;
  /** Calls that may still look into it. */
  live = 0;

  constructor(size: number) {
    // Not of Buffer's pool: it is shared with native code for as long as a drain takes, and lives long.
    this.bytes = Buffer.from(new ArrayBuffer(size));
  }
}

export class SegmentPool {
  private current = new Segment(kSegmentBytes);
  private readonly free: Segment[] = [];

  /**
   * Where the next batch goes. When `needed` is not 0 it begins a segment with room for so many bytes; the one that was
   * in use goes when its calls are settled. Undefined: there is no memory for it.
   */
  take(needed: number): Segment | undefined {
    const { current } = this;
    if (needed === 0) {
      if (current.live === 0) current.at = 0;
      if (current.live === 0 || current.bytes.length - current.at >= kLeastRoom) return current;
    }
    try {
      if (needed > kSegmentBytes) this.current = new Segment(needed);
      else this.current = this.free.pop() ?? new Segment(kSegmentBytes);
    } catch {
      return undefined; // RangeError: Array buffer allocation failed
    }
    if (current.live === 0) this.keep(current);
    return this.current;
  }

  /** One of its calls is settled. */
  release(segment: Segment): void {
    if (--segment.live === 0 && segment !== this.current) this.keep(segment);
  }

  private keep(segment: Segment): void {
    segment.at = 0;
    // One that was made for a single large body is not worth keeping.
    if (segment.bytes.length === kSegmentBytes && this.free.length < kKept) this.free.push(segment);
  }
}
