// The tape of decoding by a schema: what the core exports for it, the typed arrays that slots come in, and the strings of the
// text that is being read.

import { largeDoubles, largeWords } from '../../large-memory';
import type { NativeAddon } from '../../load';
import type { Slots } from './schema-builder';

/** native/binding/json_schema.cc */
export interface AddonJsonSchema {
  setup(words: Int32Array, doubles: Float64Array): void;
  program(words: Int32Array): number;
  drop(id: number): void;
  decode(id: number, bytes: Uint8Array, start: number, end: number): Strings | number;
  /** table: {lines decoded, lines passed, their bytes, 0 or why the next was not}, then {root's word, start, end, line} for each. */
  decodeLines(
    id: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    maxLine: number,
    table: Uint32Array,
  ): Strings | number;
  linesEnded(): void;
}
/** What the strings of a text are cut from: one Latin-1 chunk, or how many of those there are and all chunks. */
export type Strings = string | [latinChunks: number, ...chunks: string[]];
export const kNeedWords = -2;
export const kNeedDoubles = -3;

export const kFirstWords = 1 << 12;
const kFirstDoubles = 1 << 8;
/** The arrays are kept between texts up to so many words and doubles. */
export const kKeptWords = 1 << 20;
export const kKeptDoubles = 1 << 18;
/** What all decoders of an environment share, as the core has one tape for it. */
export interface Tape extends Slots {
  /** Somebody builds values from it: a check that decodes by itself must leave it alone. */
  busy: boolean;
}

const tapes = new WeakMap<NativeAddon, Tape>();
const kNone: string[] = [];

export function size(native: AddonJsonSchema, tape: Tape, words: number, doubles: number): void {
  // what can fail comes first: the core would write to other arrays than are read here
  const slots = largeWords(words);
  const numbers = largeDoubles(doubles);
  native.setup(slots, numbers);
  tape.words = slots;
  tape.doubles = numbers;
}

export function hold(tape: Tape, strings: Strings | number): void {
  if (typeof strings === 'string') {
    tape.latin = [strings];
  } else if (typeof strings === 'object') {
    const latin = strings[0];
    tape.latin = strings.slice(1, 1 + latin) as string[];
    tape.utf16 = strings.slice(1 + latin) as string[];
  }
}

/** What stays on the tape would keep the text alive. */
export function release(native: AddonJsonSchema, tape: Tape): void {
  tape.latin = tape.utf16 = kNone;
  if (tape.words.length > kKeptWords || tape.doubles.length > kKeptDoubles)
    size(native, tape, kFirstWords, kFirstDoubles);
}

export function tapeOf(addon: NativeAddon): Tape {
  let found = tapes.get(addon);
  if (found === undefined) {
    found = {
      words: new Int32Array(0),
      doubles: new Float64Array(0),
      latin: kNone,
      utf16: kNone,
      busy: false,
    };
    size(addon.jsonSchema as AddonJsonSchema, found, kFirstWords, kFirstDoubles);
    tapes.set(addon, found);
  }
  return found;
}
