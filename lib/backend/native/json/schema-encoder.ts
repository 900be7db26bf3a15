// Encoding by a plan on the native backend: one crossing makes the bytes of a tape.

import { type EncodeTape, kHeaderWords, walkOf } from '../../json/encode-walk';
import type { JsonEncode, JsonPlan } from '../../json-plan';
import type { NativeAddon } from '../../load';
import { kUndecided } from '../../shared';

/** native/binding/json_encode.cc */
export interface AddonJsonEncode {
  setup(words: Int32Array, doubles: Float64Array, slab: Uint8Array, scratch: Uint8Array): void;
  fragments(words: Int32Array): number;
  drop(id: number): void;
  /** Arguments and result stand in the words' header. */
  encode(strings?: string): void;
}
const kId = 0;
const kWordCount = 1;
const kDoubleCount = 2;
const kOffset = 3;
/** Bytes written; negative: so many must the scratch have room for; 0: it cannot be. */
const kResult = 4;
/** 0: in the slab, 1: in the scratch. */
const kWhere = 5;

const kFirstWords = 1 << 12;
const kFirstDoubles = 1 << 8;
/** Small results are cut from slabs of this size, as Buffer's own pool does; a kept one keeps no more than this alive. */
const kSlabBytes = 1 << 14;
/** A result up to this that the slab had no room for asks for a new one. */
const kSmallBytes = 1 << 10;
const kScratchBytes = 1 << 16;
/** What is kept between values, in words and bytes. */
const kKeptWords = 1 << 20;
const kKeptBytes = 1 << 22;

/** What Buffer's own methods make views with, where the runtime says so; it costs half of Buffer.from. */
const Species = (Buffer as unknown as { [Symbol.species]?: unknown })[Symbol.species];
const FastBuffer =
  typeof Species === 'function' && Species.prototype === Buffer.prototype
    ? (Species as new (
        memory: ArrayBufferLike,
        offset: number,
        length: number,
      ) => Buffer)
    : undefined;

function view(slab: Buffer, offset: number, size: number): Buffer {
  return FastBuffer === undefined
    ? slab.subarray(offset, offset + size)
    : new FastBuffer(slab.buffer, slab.byteOffset + offset, size);
}

/** What all encoders of an environment share. */
interface Tape extends EncodeTape {
  /** Of its bytes `used` are others' already. */
  slab: Buffer;
  used: number;
  /** Where results come that the slab has no room for. */
  scratch: Buffer;
  /** As the core knows them: a walk may have grown its own. */
  known: { words: Int32Array; doubles: Float64Array };
  /** A getter or a checker encodes by itself, inside a walk. */
  busy: boolean;
}

const tapes = new WeakMap<NativeAddon, Tape>();

function announce(native: AddonJsonEncode, tape: Tape): void {
  native.setup(tape.words, tape.doubles, tape.slab, tape.scratch);
  tape.known = { words: tape.words, doubles: tape.doubles };
}

function newSlab(native: AddonJsonEncode, tape: Tape): void {
  tape.slab = Buffer.allocUnsafeSlow(kSlabBytes);
  tape.used = 0;
  announce(native, tape);
}

function fresh(native: AddonJsonEncode, tape: Tape): void {
  tape.words = new Int32Array(kFirstWords);
  tape.doubles = new Float64Array(kFirstDoubles);
  tape.scratch = Buffer.allocUnsafeSlow(kScratchBytes);
  newSlab(native, tape);
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
      const { words, strings } = tape;
      if (words !== tape.known.words || tape.doubles !== tape.known.doubles) announce(native, tape);
      words[kId] = id;
      words[kWordCount] = tape.wordCount - kHeaderWords;
      words[kDoubleCount] = tape.doubleCount;
      words[kOffset] = tape.used;
      const cross = () => (strings === '' ? native.encode() : native.encode(strings));
      cross();
      if ((words[kResult] as number) < 0) {
        tape.scratch = Buffer.allocUnsafeSlow(-(words[kResult] as number) * 2);
        announce(native, tape);
        cross();
      }
      const size = words[kResult] as number;
      if (size <= 0) return kUndecided;
      if (words[kWhere] === 0) {
        const offset = tape.used;
        tape.used = offset + size;
        return view(tape.slab, offset, size);
      }
      const result = Buffer.allocUnsafe(size);
      tape.scratch.copy(result, 0, 0, size);
      if (size <= kSmallBytes) newSlab(native, tape);
      return result;
    } finally {
      tape.busy = false;
      tape.strings = '';
      if (tape.words.length > kKeptWords || tape.scratch.length > kKeptBytes) fresh(native, tape);
    }
  };
  pieces.register(encode, { native, id });
  return encode;
}

/** An encoder that nobody holds gives its fragments back. */
const pieces = new FinalizationRegistry<{ native: AddonJsonEncode; id: number }>(({ native, id }) =>
  native.drop(id),
);
