// Which parser reads the next text of a kind: ours, or V8's. Ours is two to six times as fast once its code is
// compiled and the shapes are known, and slower before that, and for texts that are mostly maps. No rule about
// the text tells these apart as well as a clock, so both are timed now and then, a kind at a time (size and a few
// of the first bytes), and whichever was faster reads. The loser is tried again at intervals that grow with how
// much it loses, so that trying costs a tenth at most: that is how cold code gets hot without anybody waiting for it.

const kKinds = 32 * 16;
/** Of the time the winner takes, what trying the loser may cost: one part in so many. */
const kShare = 12;
const kLongestWait = 200;

/** Nanoseconds or any unit: only ratios count. 0: not known yet. */
const ours = new Float64Array(kKinds);
const theirs = new Float64Array(kKinds);
/** Texts that V8 reads before ours is tried again. */
const waits = new Int32Array(kKinds);
const seen = new Uint32Array(kKinds);
/** Tries of ours that lost in a row. */
const losses = new Uint8Array(kKinds);

export const kOurs = 0;
export const kOursTimed = 1;
export const kTheirs = 2;
export const kTheirsTimed = 3;

export function kindOf(bytes: Uint8Array, start: number, size: number): number {
  const mix =
    (bytes[start + 2] as number) * 7 + (bytes[start + 5] as number) * 3 + (bytes[start + 9] as number);
  return ((32 - Math.clz32(size)) & 31) * 16 + (mix & 15);
}

export function choose(kind: number): number {
  const n = (seen[kind] as number) + 1;
  seen[kind] = n;
  const wait = waits[kind] as number;
  if (wait > 0) {
    waits[kind] = wait - 1;
    return (wait & 3) === 1 ? kTheirsTimed : kTheirs;
  }
  // the first text of a kind is V8's: nothing of ours is warm, and often there is no second
  if (theirs[kind] === 0) return kTheirsTimed;
  if (ours[kind] === 0 || (ours[kind] as number) * 1.2 > (theirs[kind] as number)) return kOursTimed;
  if ((n & 511) === 0) return kTheirsTimed;
  return (n & 7) === 0 ? kOursTimed : kOurs;
}

/** A mean that follows in a few steps and that one bad moment (a collection, another process) cannot move far. */
function follow(mean: number, sample: number): number {
  if (mean === 0) return sample;
  const step = sample > mean * 2 ? mean : sample - mean;
  return mean + step * 0.25;
}

export function tookTheirs(kind: number, size: number, time: number): void {
  theirs[kind] = follow(theirs[kind] as number, time / size);
}

export function tookOurs(kind: number, size: number, time: number): void {
  const mean = follow(ours[kind] as number, time / size);
  ours[kind] = mean;
  const loss = mean / (theirs[kind] as number) - 1;
  if (loss <= 0) {
    losses[kind] = 0;
    return;
  }
  // The first tries follow each other quickly: code gets hot within a few texts when they are large.
  const lost = Math.min((losses[kind] as number) + 1, 16);
  losses[kind] = lost;
  waits[kind] = Math.min(kLongestWait, Math.ceil(loss * kShare), 1 << (lost - 1));
}

/** Ours could not read a text of this kind. */
export function unsuited(kind: number): void {
  waits[kind] = kLongestWait;
}
