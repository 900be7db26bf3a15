// Decoding by a plan on the native backend: the typed arrays that slots come in, the crossing, and when to leave a text to
// the facade's slow way.

import type { JsonDecode, JsonPlan } from '../../json-plan';
import type { NativeAddon } from '../../load';
import { kUndecided } from '../../shared';
import { arraysAreBare } from './bare-arrays';
import { builderOf, Refused } from './schema-builder';
import { decodeMany } from './schema-lines';
import { programOf } from './schema-program';
import {
  type AddonJsonSchema,
  hold,
  kFirstWords,
  kNeedDoubles,
  kNeedWords,
  release,
  size,
  tapeOf,
} from './schema-tape';

/** Slots may take so many words for each byte of the text, and no more: a schema of a thousand names and a text of `{}`s. */
const kMostWordsPerByte = 8;

export function decoderOf(addon: NativeAddon, plan: JsonPlan): JsonDecode {
  const native = addon.jsonSchema as AddonJsonSchema;
  const tape = tapeOf(addon);
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
    if (tape.busy || !arraysAreBare()) return kUndecided;
    let strings = native.decode(id, bytes, start, end);
    if (typeof strings === 'number' && strings < 0) {
      if (strings === -1) return kUndecided;
      strings = again(bytes, start, end);
      if (typeof strings === 'number' && strings < 0) return kUndecided;
    }
    hold(tape, strings);
    tape.busy = true;
    try {
      return read(0);
    } catch (error) {
      if (error instanceof Refused) return kUndecided;
      throw error;
    } finally {
      tape.busy = false;
      release(native, tape);
    }
  };
  decode.many = decodeMany(native, id, tape, read);
  programs.register(decode, { native, id });
  return decode;
}

/** A decoder that nobody holds gives its program back. */
const programs = new FinalizationRegistry<{ native: AddonJsonSchema; id: number }>(({ native, id }) =>
  native.drop(id),
);
