// Which of the calls that an isolate was sent have begun: an Int32Array that two threads share, one element a call that
// the isolate has not reported on. Whoever changes the element first has the call: the isolate begins it, or the serving
// isolate takes it back to give it to another one. So a call runs once, and none stays behind a slow one.

/** Calls that an isolate may have been sent without a word of them: enough to hide the trip between the threads. */
export const kWindow = 4;

const kFree = 0;

/** The memory of an isolate's claims. */
export function newClaims(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(kWindow * Int32Array.BYTES_PER_ELEMENT));
}

/** In the isolate: whether this call, of the number `seq` > 0, is for it to run. False when it was taken back. */
export function begin(claims: Int32Array, slot: number, seq: number): boolean {
  return Atomics.compareExchange(claims, slot, seq, -seq) === seq;
}

/** The serving isolate's side. `T` is what it calls a call. */
export class Claims<T> {
  /** Calls that were sent and not reported on. */
  sent = 0;
  private readonly shared: Int32Array;
  private readonly calls = new Array<{ seq: number; call: T } | undefined>(kWindow).fill(undefined);

  constructor(shared: Int32Array) {
    this.shared = shared;
  }

  /** Those of them that have not begun. */
  get unbegun(): number {
    return this.calls.filter((sent, slot) => sent?.seq === Atomics.load(this.shared, slot)).length;
  }

  /** A slot for the call that is about to be sent; only while fewer than kWindow are. */
  send(seq: number, call: T): number {
    const slot = this.calls.indexOf(undefined);
    this.calls[slot] = { seq, call };
    this.sent++;
    Atomics.store(this.shared, slot, seq);
    return slot;
  }

  /** The isolate has said something of this call: that it has an answer, or has begun to wait for one. */
  reported(seq: number): void {
    const slot = this.calls.findIndex((sent) => sent?.seq === seq);
    if (slot >= 0) this.free(slot);
  }

  /** What has not begun and now never will there, oldest first. */
  takeBack(): T[] {
    const taken: { seq: number; call: T }[] = [];
    for (const [slot, sent] of this.calls.entries()) {
      if (sent === undefined) continue;
      if (Atomics.compareExchange(this.shared, slot, sent.seq, kFree) !== sent.seq) continue;
      taken.push(sent);
      this.free(slot);
    }
    return taken.sort((a, b) => a.seq - b.seq).map(({ call }) => call);
  }

  private free(slot: number): void {
    Atomics.store(this.shared, slot, kFree);
    this.calls[slot] = undefined;
    this.sent--;
  }
}
