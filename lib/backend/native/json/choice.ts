// Which parser reads the next text of a kind: ours, or V8's. Ours is two to eight times as fast where objects have shapes
// that come again, and loses where they do not: maps, keys that change from text to text. The core says so while it
// writes the tape (it leaves such texts to JSON.parse), but by then a tenth of V8's time is gone. So a kind of text, told by
// its size and its first key, that was left to V8 goes there at once for a while: longer each time it brings keys
// that nobody knew.
//
// A process may read dozens of kinds in turn, and one that is taken for another has its luck. So there are many, and maps, whose
// first keys are another each time, would be new ones for ever: kinds that nobody has tried yet share a credit.
//
// Nothing is timed: on a busy machine a clock decides wrongly, and a wrong decision lasts.

const kKinds = 1 << 12;
const kLongestWait = 128;
/** Texts in a row that are left to V8 though their keys are known: more will not get them constructors. */
const kMostKnown = 8;
/** What the first try of a kind costs if it brings unknown keys, in texts of kinds that nobody has tried; and the most that is saved up. */
const kPrice = 32;
const kMostCredit = 64 * kPrice;
/** Brackets and space before the first key, and bytes of it, that are looked at. */
const kLooked = 32;
const kKeyBytes = 16;

/** Texts that V8 reads before ours is tried again. */
const waits = new Uint8Array(kKinds);
const lasts = new Uint8Array(kKinds);
const known = new Uint8Array(kKinds);
/** `first`: its first text is being read by ours. */
const enum State {
  untried,
  first,
  tried,
}
const states = new Uint8Array(kKinds);
let credit = kMostCredit;

const mixed = (hash: number, code: number): number => Math.imul(hash + code, 0x9e3779b1);

/** Of a text: what its brackets are up to the first value or key, that key, and its size to a power of two. */
export function kindOf(bytes: Uint8Array, start: number, size: number): number {
  let hash = 32 - Math.clz32(size);
  let before = 0;
  const end = start + Math.min(size, kLooked);
  for (let at = start; at < end; at++) {
    const c = bytes[at] as number;
    if (c <= 0x20) continue;
    if (c === 0x5b || c === 0x7b) {
      before = c;
      hash = mixed(hash, c);
      continue;
    }
    if (c === 0x22 && before === 0x7b) {
      // digits of keys are numbers of somebody, and another each time
      const last = Math.min(at + 1 + kKeyBytes, start + size);
      for (at++; at < last && bytes[at] !== 0x22; at++)
        if ((bytes[at] as number) > 0x39) hash = mixed(hash, bytes[at] as number);
    } else {
      // strings and literals by their first letter; all numbers are alike
      hash = mixed(hash, c > 0x39 || c === 0x22 ? c : 0);
    }
    break;
  }
  return (hash ^ (hash >>> 15)) & (kKinds - 1);
}

/** Whether the next text of the kind is ours. */
export function isOurs(kind: number): boolean {
  if (states[kind] === State.untried) {
    if (credit < kMostCredit) credit++;
    if (credit < kPrice) return false;
    states[kind] = State.first;
    return true;
  }
  const wait = waits[kind] as number;
  if (wait === 0) return true;
  waits[kind] = wait - 1;
  return false;
}

/** Ours has read one. */
export function suited(kind: number): void {
  states[kind] = State.tried;
  lasts[kind] = known[kind] = 0;
}

/** One was left to V8; `strange`: and brought unknown keys, or could not be read at all. */
export function unsuited(kind: number, strange: boolean): void {
  if (strange && states[kind] === State.first) credit -= kPrice;
  states[kind] = State.tried;
  if (!strange && (known[kind] as number) < kMostKnown) {
    // it takes a dozen sightings until keys are worth a constructor; some never are (array indices, `__proto__`)
    known[kind]++;
    return;
  }
  const wait = Math.min(kLongestWait, (lasts[kind] as number) * 3 + 2);
  lasts[kind] = wait;
  waits[kind] = wait;
}
