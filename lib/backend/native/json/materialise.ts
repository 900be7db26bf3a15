// Builds values from the tape that native/json/value_tape.h describes: the words are read once, front to back, by running
// cursors. Objects of a shape that comes again get a constructor of their own, generated source whose object
// literal gives them the same hidden class every time; all others are built by assignment from the list of
// keys the trie knows, or from the keys on the tape.
//
// Nothing here runs anybody else's code: literals and the assignments below only make own properties, so the
// cursors cannot be moved by a parse inside a parse. (A key that Object.prototype has is defined, not assigned.)

import { largeDoubles, largeWords } from '../../large-memory';
import {
  type AddonJson,
  kFlags,
  kGeneration,
  kHeaderWords,
  kLatinChunks,
  kMixedList,
  kNews,
  kSawGeneric,
} from './addon';

/** The keys of an object without a constructor; plain: none of them is found on Object.prototype. */
interface KeyList {
  keys: string[];
  plain: boolean;
}

export interface Materialiser {
  /** The typed arrays of the tape, for the caller's setup and header reads. */
  words: Int32Array;
  doubles: Float64Array;
  /** Gives the tape room for so many words and doubles. */
  room(words: number, doubles: number): void;
  /** Back to small arrays. */
  trim(): void;
  /** How many doubles the last text had. */
  doublesRead(): number;
  /** The value on the tape; `blobs` as parse() gave them. undefined: Object.prototype was changed, ask JSON.parse. */
  build(blobs: string | string[]): unknown;
}

/** Patterns of arrays are kept up to so many elements: as many as V8 does not take for a large object. */
const kLongestKept = 1 << 13;
/** Words up to here are literals, by their number. */
const kLastLiteral = (3 << 3) | 6;
const literals: readonly unknown[] = [null, true, false, ''];

/**
 * Arrays to be filled have exactly the room they need and the right kind of elements (SMI, double, anything) from the
 * start, as JSON.parse's: pushing would grow and copy, and ask Array.prototype for setters.
 */
function pattern<T>(value: string): (n: number) => T[] {
  // by JSON.parse, which leaves no holes as `new Array(n)` would
  let kept: T[] = JSON.parse(`[${`${value},`.repeat(255)}${value}]`);
  function larger(n: number): T[] {
    while (kept.length < n && kept.length < kLongestKept) kept = kept.concat(kept);
    if (n <= kept.length) return kept.slice(0, n);
    // In one step: an array of that size is a large object to V8, mapped and faulted in page by page, and one in between
    // would be another.
    const parts: T[][] = [];
    for (let left = n - kept.length, i = 0; left > 0; left -= kept.length)
      parts[i++] = left < kept.length ? kept.slice(0, left) : kept;
    return kept.concat(...parts);
  }
  return (n) => (n <= kept.length ? kept.slice(0, n) : larger(n));
}
const anything = pattern<unknown>('null');
const fractions = pattern<number>('0.5');
const whole = pattern<number>('0');

const kObjectPrototypeKeys = Reflect.ownKeys(Object.prototype).length;

function codeGenerationAllowed(): boolean {
  try {
    return new Function('return true')() as boolean;
  } catch {
    return false;
  }
}

/** The core's way to a list of strings. */
function collect(...chunks: string[]): string[] {
  return chunks;
}

function define(target: object, key: string, value: unknown): void {
  Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true });
}

export function createMaterialiser(addon: AddonJson): Materialiser {
  let T = new Int32Array(0);
  let F = new Float64Array(0);
  let p = 0;
  let fp = 0;
  let L = '';
  let lp = 0;
  let U = '';
  let up = 0;
  let chunks: string[] = [];
  let nextLatin = 0;
  let nextUtf16 = 0;

  // What the trie has told; all of one generation.
  let generation = -1;
  let keys: string[] = [];
  let parents: number[] = [];
  let keyOf: number[] = [];
  let lists: (KeyList | undefined)[] = [];
  let constructors: (() => unknown)[] = [];
  /** All that the core has told is here: learn() was not cut short, by the end of the stack or of memory. */
  let complete = true;
  const generate = codeGenerationAllowed();
  const objectPrototype = Object.prototype;

  /** What can fail comes first: the core would write to other arrays than are read here. */
  function use(words: typeof T, doubles: typeof F): void {
    addon.setup(words, doubles, collect);
    self.words = T = words;
    self.doubles = F = doubles;
  }

  function room(words: number, doubles: number): void {
    use(
      words + kHeaderWords > T.length ? largeWords(words + kHeaderWords) : T,
      doubles > F.length ? largeDoubles(doubles) : F,
    );
  }

  function trim(): void {
    use(new Int32Array(1 << 16), new Float64Array(1 << 12));
  }

  function listOf(node: number): KeyList {
    const found = lists[node];
    if (found !== undefined) return found;
    const list: string[] = [];
    for (let at = node; parents[at] !== -1; at = parents[at] as number)
      list.push(keys[keyOf[at] as number] as string);
    list.reverse();
    const made = { keys: list, plain: list.every((key) => !(key in objectPrototype)) };
    lists[node] = made;
    return made;
  }

  /** A constructor without generated code: by assignment, as an unknown shape. */
  function assigning(node: number): () => unknown {
    return () => fromList(listOf(node));
  }

  function learn(): void {
    const again = !complete;
    complete = false;
    if (again || T[kGeneration] !== generation) {
      generation = T[kGeneration] as number;
      keys = [];
      parents = [];
      keyOf = [];
      lists = [];
      constructors = [];
    }
    const [numbers, newKeys] = addon.news(again);
    for (const key of newKeys) keys.push(key);
    const nodes = numbers[3] as number;
    const shapes = numbers[4] as number;
    let at = 5;
    for (let i = 0; i < nodes; i++) {
      parents.push(numbers[at++] as number);
      keyOf.push(numbers[at++] as number);
      lists.push(undefined);
    }
    const told = numbers.subarray(at, at + shapes);
    if (!generate) for (const node of told) constructors.push(assigning(node));
    else if (shapes > 0) for (const make of generated(told)) constructors.push(make);
    complete = true;
  }

  /** Constructors of the shapes that end at these nodes. */
  function generated(nodes: Int32Array): (() => unknown)[] {
    const sources: string[] = [];
    for (const node of nodes) {
      // None of them is "__proto__", which would set the prototype: such objects get no number (native/json/shapes.h).
      const members = listOf(node).keys.map((key) => `${JSON.stringify(key)}:b()`);
      sources.push(`()=>({${members.join(',')}})`);
    }
    return new Function('b', `"use strict";return [${sources.join(',\n')}]`)(next) as (() => unknown)[];
  }

  function fromList(list: KeyList): unknown {
    const target: Record<string, unknown> = {};
    const names = list.keys;
    const n = names.length;
    if (list.plain) {
      for (let i = 0; i < n; i++) target[names[i] as string] = next();
    } else {
      for (let i = 0; i < n; i++) define(target, names[i] as string, next());
    }
    return target;
  }

  function members(target: Record<string, unknown>, n: number): unknown {
    for (let i = 0; i < n; i++) {
      const key = next() as string;
      if (key in objectPrototype) define(target, key, next());
      else target[key] = next();
    }
    return target;
  }

  function mixed(index: number): unknown {
    const at = (T[kMixedList] as number) + index * 2;
    const list = listOf(T[at] as number);
    const target = fromList(list) as Record<string, unknown>;
    return members(target, (T[at + 1] as number) - list.keys.length);
  }

  function array(n: number): unknown[] {
    switch (n) {
      case 0:
        return [];
      case 1:
        return [next()];
      case 2:
        return [next(), next()];
      case 3:
        return [next(), next(), next()];
      case 4:
        return [next(), next(), next(), next()];
      default: {
        const list = anything(n);
        const words = T;
        for (let i = 0; i < n; ) {
          let at = p;
          for (
            let word = words[at] as number;
            i < n && (word & 7) === 6 && word <= kLastLiteral;
            word = words[++at] as number
          )
            list[i++] = literals[word >>> 3];
          p = at;
          if (i < n) list[i++] = next();
        }
        return list;
      }
    }
  }

  function doubles(n: number): number[] {
    let at = fp;
    fp = at + n;
    switch (n) {
      case 1:
        return [F[at] as number];
      case 2:
        return [F[at] as number, F[at + 1] as number];
      case 3:
        return [F[at] as number, F[at + 1] as number, F[at + 2] as number];
      default: {
        const list = fractions(n);
        for (let i = 0; i < n; i++) list[i] = F[at++] as number;
        return list;
      }
    }
  }

  function integers(n: number): number[] {
    let at = p;
    p = at + n;
    switch (n) {
      case 1:
        return [T[at] as number];
      case 2:
        return [T[at] as number, T[at + 1] as number];
      case 3:
        return [T[at] as number, T[at + 1] as number, T[at + 2] as number];
      default: {
        const list = whole(n);
        for (let i = 0; i < n; i++) list[i] = T[at++] as number;
        return list;
      }
    }
  }

  /** Arrays of two or three doubles each: lines of GeoJSON. */
  function points(n: number): number[][] {
    const each = T[p++] as number;
    const list = anything(n) as number[][];
    let at = fp;
    fp = at + n * each;
    if (each === 2) for (let i = 0; i < n; i++, at += 2) list[i] = [F[at] as number, F[at + 1] as number];
    else
      for (let i = 0; i < n; i++, at += 3)
        list[i] = [F[at] as number, F[at + 1] as number, F[at + 2] as number];
    return list;
  }

  function other(word: number): unknown {
    const n = word >>> 7;
    switch ((word >>> 3) & 15) {
      case 4:
        return {};
      case 5:
        return members({}, n);
      case 6:
        return doubles(n);
      case 7:
        return integers(n);
      case 8:
        L = chunks[nextLatin++] as string;
        lp = n;
        return L.substring(0, n);
      case 9:
        U = chunks[nextUtf16++] as string;
        up = n;
        return U.substring(0, n);
      case 10:
        return mixed(n);
      case 11:
        return points(n);
      case 12:
        if (lp !== 0) L = chunks[nextLatin++] as string;
        lp = n;
        return JSON.parse(L.substring(0, n));
      default:
        if (up !== 0) U = chunks[nextUtf16++] as string;
        up = n;
        return JSON.parse(U.substring(0, n));
    }
  }

  function next(): unknown {
    const word = T[p++] as number;
    switch (word & 7) {
      case 0:
        return word >> 3;
      case 1:
        return F[fp++];
      case 2: {
        const from = lp;
        lp = from + (word >>> 3);
        return L.substring(from, lp);
      }
      case 3: {
        const from = up;
        up = from + (word >>> 3);
        return U.substring(from, up);
      }
      case 4:
        return (constructors[word >>> 3] as () => unknown)();
      case 5:
        return array(word >>> 3);
      case 6:
        return word <= kLastLiteral ? literals[word >>> 3] : other(word);
      default:
        return fromList(listOf(word >>> 3));
    }
  }

  function build(blobs: string | string[]): unknown {
    if (T[kNews] !== 0 || !complete) learn();
    if (
      ((T[kFlags] as number) & kSawGeneric) !== 0 &&
      Reflect.ownKeys(objectPrototype).length !== kObjectPrototypeKeys
    )
      return undefined;
    p = kHeaderWords;
    fp = lp = up = 0;
    if (typeof blobs === 'string') {
      L = blobs;
    } else {
      chunks = blobs;
      const latin = T[kLatinChunks] as number;
      L = blobs[0] as string;
      nextLatin = 1;
      if (latin < blobs.length) {
        U = blobs[latin] as string;
        nextUtf16 = latin + 1;
      }
    }
    try {
      return next();
    } finally {
      // what stays here would keep the text alive
      L = U = '';
      chunks = [];
    }
  }

  const self: Materialiser = { words: T, doubles: F, room, trim, doublesRead: () => fp, build };
  return self;
}
