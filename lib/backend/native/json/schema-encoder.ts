// Encoding by a plan on the native backend: one crossing makes the bytes of a tape.

import { type EncodeTape, walkOf } from '../../json/encode-walk';
import type { JsonEncode, JsonPlan } from '../../json-plan';
import type { NativeAddon } from '../../load';
import { kUndecided } from '../../shared';

/** native/binding/json_encode.cc */
export interface AddonJsonEncode {
  setup(words: Int32Array, doubles: Float64Array, out: Uint8Array): void;
  fragments(words: Int32Array): number;
  drop(id: number): void;
  /** Bytes written; or, negative, how many `out` must have; 0: it cannot be. */
  encode(id: number, words: number, doubles: number, strings: string): number;
}

const kFirstWords = 1 << 12;
const kFirstDoubles = 1 << 8;
const kFirstBytes = 1 << 16;
/** What is kept between values, in words, doubles and bytes. */
const kKeptWords = 1 << 20;
const kKeptBytes = 1 << 22;

/** What all encoders of an environment share. */
interface Tape extends EncodeTape {
  out: Buffer;
  /** As the core knows them: a walk may have grown its own. */
  known: { words: Int32Array; doubles: Float64Array };
  /** A getter or a checker encodes by itself, inside a walk. */
  busy: boolean;
}

const tapes = new WeakMap<NativeAddon, Tape>();

function announce(native: AddonJsonEncode, tape: Tape): void {
  native.setup(tape.words, tape.doubles, tape.out);
  tape.known = { words: tape.words, doubles: tape.doubles };
}

function fresh(native: AddonJsonEncode, tape: Tape): void {
  tape.words = new Int32Array(kFirstWords);
  tape.doubles = new Float64Array(kFirstDoubles);
  tape.out = Buffer.allocUnsafeSlow(kFirstBytes);
  announce(native, tape);
}

/** [count, offsets, one more than there are fragments, bytes] */
function packed(fragments: readonly string[]): Int32Array {
  const bytes = fragments.map((text) => Buffer.from(text, 'utf8'));
  const whole = Buffer.concat(bytes);
  const head = 2 + fragments.length;
  const words = new Int32Array(head + ((whole.length + 3) >>> 2));
  words[0] = fragments.length;
  let at = 0;
  bytes.forEach((text, i) => {
    words[1 + i] = at;
    at += text.length;
  });
  words[1 + fragments.length] = at;
  new Uint8Array(words.buffer, head * 4).set(whole);
  return words;
}

export function encoderOf(addon: NativeAddon, plan: JsonPlan): JsonEncode {
  const native = addon.jsonEncode as AddonJsonEncode;
  let found = tapes.get(addon);
  if (found === undefined) {
    found = { wordCount: 0, doubleCount: 0, strings: '', busy: false } as unknown as Tape;
    fresh(native, found);
    tapes.set(addon, found);
  }
  const tape = found;
  const { fragments, walk } = walkOf(plan, tape);
  const id = native.fragments(packed(fragments));

  const encode: JsonEncode = (value) => {
    if (tape.busy) return kUndecided;
    tape.busy = true;
    try {
      if (!walk(value)) return kUndecided;
      if (tape.words !== tape.known.words || tape.doubles !== tape.known.doubles) announce(native, tape);
      let size = native.encode(id, tape.wordCount, tape.doubleCount, tape.strings);
      if (size < 0) {
        tape.out = Buffer.allocUnsafeSlow(-size * 2);
        announce(native, tape);
        size = native.encode(id, tape.wordCount, tape.doubleCount, tape.strings);
      }
      if (size <= 0) return kUndecided;
      const result = Buffer.allocUnsafe(size);
      tape.out.copy(result, 0, 0, size);
      return result;
    } finally {
      tape.busy = false;
      tape.strings = '';
      if (tape.words.length > kKeptWords || tape.out.length > kKeptBytes) fresh(native, tape);
    }
  };
  pieces.register(encode, { native, id });
  return encode;
}

/** An encoder that nobody holds gives its fragments back. */
const pieces = new FinalizationRegistry<{ native: AddonJsonEncode; id: number }>(({ native, id }) =>
  native.drop(id),
);
