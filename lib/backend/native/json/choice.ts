// Which parser reads the next text of a kind: ours, or V8's. Ours is two to eight times as fast where objects have shapes
// that come again, and loses where they do not: maps, keys that change from text to text. The core says so while it
// writes the tape (it leaves such texts to JSON.parse), but by then a tenth of V8's time is gone. So a kind of text, told by
// its size and a few of its bytes, that was left to V8 goes there at once for a while: longer each time it brings keys
// that nobody knew.
//
// Nothing is timed: on a busy machine a clock decides wrongly, and a wrong decision lasts.

const kKinds = 32 * 16;
const kLongestWait = 128;
/** Texts in a row that are left to V8 though their keys are known: more will not get them constructors. */
const kMostKnown = 8;

/** Texts that V8 reads before ours is tried again. */
const waits = new Uint8Array(kKinds);
const lasts = new Uint8Array(kKinds);
const known = new Uint8Array(kKinds);

export function kindOf(bytes: Uint8Array, start: number, size: number): number {
  const mix =
    (bytes[start + 2] as number) * 7 + (bytes[start + 5] as number) * 3 + (bytes[start + 9] as number);
  return ((32 - Math.clz32(size)) & 31) * 16 + (mix & 15);
}

/** Whether the next text of the kind is ours. */
export function isOurs(kind: number): boolean {
  const wait = waits[kind] as number;
  if (wait === 0) return true;
  waits[kind] = wait - 1;
  return false;
}

/** Ours has read one. */
export function suited(kind: number): void {
  lasts[kind] = known[kind] = 0;
}

/** One was left to V8; `strange`: and brought unknown keys, or could not be read at all. */
export function unsuited(kind: number, strange: boolean): void {
  if (!strange && (known[kind] as number) < kMostKnown) {
    // it takes a dozen sightings until keys are worth a constructor; some never are (array indices, `__proto__`)
    known[kind]++;
    return;
  }
  const wait = Math.min(kLongestWait, (lasts[kind] as number) * 3 + 2);
  lasts[kind] = wait;
  waits[kind] = wait;
}
