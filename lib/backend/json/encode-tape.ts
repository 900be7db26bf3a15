// The tape that encoders write: what a JSON text is made of, as native/json/encode.h says: constant fragments, integers,
// doubles, and all long strings in one. Whoever walks a value writes here; what makes bytes of it is each backend's own.

import { largeDoubles, largeWords } from '../large-memory';

export const kNothing = 0;
export const kInteger = 1;
export const kDouble = 2;
export const kString = 3;
export const kText = 4;
export const kIntegers = 5;
export const kShort = 6;
export const kDoubles = 7;

/** Words before the first operation, for whoever takes the tape over. */
export const kHeaderWords = 8;
/** Up to so many units a string goes into the words, two in each. */
export const kShortUnits = 24;
/** Words that one value (but for lists of numbers) takes. */
export const kRoom = (kShortUnits >> 1) + 4;

/** Fragments every table begins with, by number. */
export const kEmpty = 0;
export const kComma = 1;
export const kColon = 2;
export const kOpen = 3;
export const kClose = 4;
export const kOpenArray = 5;
export const kCloseArray = 6;
export const kNull = 7;
export const kTrue = 8;
export const kFalse = 9;
export const kNoMembers = 10;
export const kNoItems = 11;
export const kFixed = ['', ',', ':', '{', '}', '[', ']', 'null', 'true', 'false', '{}', '[]'];

/** Deeper values are left to the plain way; a value that contains itself is one. */
export const kMaxNesting = 200;

/** What the functions here take and give back is the place of the next word: `p`. */
export interface EncodeTape {
  words: Int32Array;
  doubles: Float64Array;
  doubleCount: number;
  strings: string;
  nesting: number;
}

export function emptyTape(): EncodeTape {
  return {
    words: new Int32Array(1 << 8),
    doubles: new Float64Array(1 << 4),
    doubleCount: 0,
    strings: '',
    nesting: 0,
  };
}

export function grow(tape: EncodeTape, words: number): void {
  const grown = largeWords(Math.max(words, tape.words.length * 2));
  grown.set(tape.words);
  tape.words = grown;
}

function growDoubles(tape: EncodeTape, doubles: number): void {
  const grown = largeDoubles(Math.max(doubles, tape.doubles.length * 2));
  grown.set(tape.doubles);
  tape.doubles = grown;
}

/** A finite number that is no int32. */
export function putDouble(tape: EncodeTape, value: number, fragment: number, p: number): number {
  const at = tape.doubleCount;
  if (at === tape.doubles.length) growDoubles(tape, at + 1);
  tape.doubles[at] = value;
  tape.doubleCount = at + 1;
  tape.words[p] = kDouble | (fragment << 3);
  return p + 1;
}

/** A finite number. */
export function putNumber(tape: EncodeTape, value: number, fragment: number, p: number): number {
  if ((value | 0) !== value) return putDouble(tape, value, fragment, p);
  const { words } = tape;
  words[p] = kInteger | (fragment << 3);
  words[p + 1] = value;
  return p + 2;
}

export function putText(tape: EncodeTape, value: string, fragment: number, op: number, p: number): number {
  const { words } = tape;
  words[p] = op | (fragment << 3);
  words[p + 1] = value.length;
  tape.strings += value;
  return p + 2;
}

export function putString(tape: EncodeTape, value: string, fragment: number, p: number): number {
  const n = value.length;
  const { words } = tape;
  if (n > kShortUnits) {
    words[p] = kString | (fragment << 3);
    words[p + 1] = n;
    tape.strings += value;
    return p + 2;
  }
  words[p] = kShort | (fragment << 3);
  words[p + 1] = n;
  p += 2;
  let i = 0;
  for (; i + 1 < n; i += 2) words[p++] = value.charCodeAt(i) | (value.charCodeAt(i + 1) << 16);
  if (i < n) words[p++] = value.charCodeAt(i);
  return p;
}

/** What stands for itself: null, true, false, a bracket. */
export function putWord(tape: EncodeTape, fragment: number, which: number, p: number): number {
  const { words } = tape;
  words[p] = fragment << 3;
  words[p + 1] = which << 3;
  return p + 2;
}

/** A list of finite numbers as a whole; -1: it is none. Of one element it is not worth it. */
export function putNumbers(
  tape: EncodeTape,
  list: readonly unknown[],
  integersOnly: boolean,
  fragment: number,
  p: number,
): number {
  const n = list.length;
  if (p + n + kRoom > tape.words.length) grow(tape, p + n + kRoom);
  const { words } = tape;
  words[p + 1] = n;
  let at = p + 2;
  let i = 0;
  for (; i < n; i++) {
    const one = list[i] as number;
    if (typeof one !== 'number' || (one | 0) !== one) break;
    words[at++] = one;
  }
  if (i === n) {
    words[p] = kIntegers | (fragment << 3);
    return at;
  }
  if (integersOnly) return -1;
  const { doubleCount } = tape;
  if (doubleCount + n > tape.doubles.length) growDoubles(tape, doubleCount + n);
  const { doubles } = tape;
  for (i = 0; i < n; i++) {
    const one = list[i] as number;
    if (typeof one !== 'number' || one - one !== 0) return -1;
    doubles[doubleCount + i] = one;
  }
  words[p] = kDoubles | (fragment << 3);
  tape.doubleCount = doubleCount + n;
  return p + 2;
}
