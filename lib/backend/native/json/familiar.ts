// Which values are worth a try of our encoder while others bring keys that never come again, as maps do: those with a first key that
// stood first in one that was. Others are tried now and then, more seldom each time they are not.
//
// A value cannot be told by its first key at once: of an object with many keys V8 lists them all before it gives one. Whether it has
// a certain key costs nothing. No code of anybody's is called for it but a getter in place of a list's element.

import { types } from 'node:util';

const { getPrototypeOf } = Object;
const kMostKeys = 16;
const kLongestWait = 32;

export class Familiar {
  /** The first keys of values that were worth it. */
  private keys: string[] = [];
  /** Which of them gives way to the next one. */
  private oldest = 0;
  /** Unfamiliar values that are left to V8 before one is tried, and how many it was last. */
  private wait = 0;
  private last = 0;

  /** Whether V8 should write it. */
  isForV8(value: object): boolean {
    const first = firstObject(value);
    if (first === undefined || this.known(first)) return false;
    if (this.wait === 0) return false;
    this.wait--;
    return true;
  }

  worthIt(value: object): void {
    const first = firstObject(value);
    if (first === undefined || this.known(first)) return;
    for (const key in first) {
      // every object has these
      if (key in Object.prototype) break;
      this.keys[this.oldest] = key;
      this.oldest = (this.oldest + 1) % kMostKeys;
      break;
    }
  }

  notWorthIt(value: object): void {
    const first = firstObject(value);
    if (first === undefined) return;
    if (this.known(first)) {
      this.keys = this.keys.filter((key) => !(key in first));
      this.oldest = this.keys.length;
    }
    this.wait = this.last = Math.min(kLongestWait, this.last * 3 + 2);
  }

  private known(object: object): boolean {
    for (let i = 0; i < this.keys.length; i++) if ((this.keys[i] as string) in object) return true;
    return false;
  }
}

/** The plain object that a value, or a list of them, begins with; none whose traps, or whose prototype's, would be asked. */
function firstObject(value: object): object | undefined {
  let at: unknown = value;
  for (let depth = 0; depth < 5; depth++) {
    if (typeof at !== 'object' || at === null || types.isProxy(at)) return undefined;
    const prototype = getPrototypeOf(at);
    if (!Array.isArray(at)) return prototype === Object.prototype || prototype === null ? at : undefined;
    if (prototype !== Array.prototype) return undefined;
    at = at[0];
  }
  return undefined;
}
