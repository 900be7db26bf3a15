// Decoding by a plan on the native backend: the typed arrays that slots come in, the crossing, and when to leave a text to
// the facade's slow way.

import type { JsonDecode, JsonPlan } from '../../json-plan';
import type { NativeAddon } from '../../load';
import { kUndecided } from '../../shared';
import { builderOf, Refused, type Slots } from './schema-builder';
import { programOf } from './schema-program';

/** native/binding/json_schema.cc */
export interface AddonJsonSchema {
  setup(words: Int32Array, doubles: Float64Array): void;
  program(words: Int32Array): number;
  drop(id: number): void;
  decode(
    id: number,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): number | string | [latinChunks: number, ...chunks: string[]];
}
const kNeedWords = -2;
const kNeedDoubles = -3;

const kFirstWords = 1 << 12;
const kFirstDoubles = 1 << 8;
/** The arrays are kept between texts up to so many words and doubles. */
const kKeptWords = 1 << 20;
const kKeptDoubles = 1 << 18;
/** Slots may take so many words for each byte of the text, and no more: a schema of a thousand names and a text of `{}`s. */
const kMostWordsPerByte = 8;

/** What all decoders of an environment share, as the core has one tape for it. */
interface Tape extends Slots {
  /** Somebody builds values from it: a check that decodes by itself must leave it alone. */
  busy: boolean;
}

const tapes = new WeakMap<NativeAddon, Tape>();
const kNone: string[] = [];
const prototype = Object.prototype;
const kPrototypeKeys = Reflect.ownKeys(prototype).length;

function size(native: AddonJsonSchema, tape: Tape, words: number, doubles: number): void {
  tape.words = new Int32Array(words);
  tape.doubles = new Float64Array(doubles);
  native.setup(tape.words, tape.doubles);
}

export function decoderOf(addon: NativeAddon, plan: JsonPlan): JsonDecode {
  const native = addon.jsonSchema as AddonJsonSchema;
  let found = tapes.get(addon);
  if (found === undefined) {
    found = {
      words: new Int32Array(0),
      doubles: new Float64Array(0),
      latin: kNone,
      utf16: kNone,
      busy: false,
    };
    size(native, found, kFirstWords, kFirstDoubles);
    tapes.set(addon, found);
  }
  const tape = found;
  const id = native.program(programOf(plan));
  const read = builderOf(plan, tape);

  /** With more room, as much as this text may ask for. */
  function again(bytes: Uint8Array, start: number, end: number): ReturnType<AddonJsonSchema['decode']> {
    const most = kFirstWords + (end - start) * kMostWordsPerByte;
    for (;;) {
      const result = native.decode(id, bytes, start, end);
      if (result === kNeedWords && tape.words.length < most) {
        size(native, tape, Math.min(most, tape.words.length * 4), tape.doubles.length);
      } else if (result === kNeedDoubles) {
        size(native, tape, tape.words.length, tape.doubles.length * 4);
      } else {
        return result;
      }
    }
  }

  const decode: JsonDecode = (bytes, start, end) => {
    if (tape.busy) return kUndecided;
    let strings = native.decode(id, bytes, start, end);
    if (typeof strings === 'number' && strings < 0) {
      if (strings === -1) return kUndecided;
      strings = again(bytes, start, end);
      if (typeof strings === 'number' && strings < 0) return kUndecided;
    }
    // Members are assigned: a setter that somebody put on Object.prototype would run.
    if (Reflect.ownKeys(prototype).length !== kPrototypeKeys) return kUndecided;
    if (typeof strings === 'string') {
      tape.latin = [strings];
    } else if (typeof strings === 'object') {
      const latin = strings[0];
      tape.latin = strings.slice(1, 1 + latin) as string[];
      tape.utf16 = strings.slice(1 + latin) as string[];
    }
    tape.busy = true;
    try {
      return read(0);
    } catch (error) {
      if (error instanceof Refused) return kUndecided;
      throw error;
    } finally {
      tape.busy = false;
      // what stays here would keep the text alive
      tape.latin = tape.utf16 = kNone;
      if (tape.words.length > kKeptWords || tape.doubles.length > kKeptDoubles)
        size(native, tape, kFirstWords, kFirstDoubles);
    }
  };
  programs.register(decode, { native, id });
  return decode;
}

/** A decoder that nobody holds gives its program back. */
const programs = new FinalizationRegistry<{ native: AddonJsonSchema; id: number }>(({ native, id }) =>
  native.drop(id),
);
