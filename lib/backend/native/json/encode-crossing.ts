// From the tape of an encoder to bytes: one crossing, and where its result is put. What all encoders of an environment share.

import { type EncodeTape, emptyTape, kHeaderWords } from '../../json/encode-tape';
import { largeBytes, preferHugePages } from '../../large-memory';
import type { NativeAddon } from '../../load';

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
/** So much the core may read behind the last fragment. */
const kFragmentSlack = 16;

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

/** Fragments that become more while they are used. */
export interface FragmentTable {
  readonly id: number;
  readonly full: boolean;
  /** A key: behind a brace, and one more behind a comma. 0: there is no room. */
  add(key: string): number;
  /** Only those are left that it began with. */
  reset(): void;
}

export interface Tape extends EncodeTape {
  /** A getter or a checker encodes by itself, inside a walk. */
  busy: boolean;
  start(): void;
  /** Where the next result will be, for who writes it without a crossing: so many bytes from `used` on are free. */
  slab(bytes: number): Buffer;
  used: number;
  /** The result that stands there. */
  cut(end: number): Buffer;
  /** The bytes of the words up to `end`; undefined: they cannot be made. */
  finish(id: number, end: number): Buffer | undefined;
  /** Lets go of the strings, and of much memory. */
  clear(): void;
  /** Fragments that stay as they are; their number. `drop` gives it back. */
  fixed(fragments: readonly string[]): number;
  drop(id: number): void;
  table(fragments: number, bytes: number, fixed: readonly string[]): FragmentTable;
}

/** [count, offsets, one more than there are fragments, bytes] */
function packed(fragments: readonly string[]): Int32Array {
  const bytes = fragments.map((text) => Buffer.from(text, 'utf8'));
  const whole = Buffer.concat(bytes);
  const head = 2 + fragments.length;
  const words = new Int32Array(head + ((whole.length + kFragmentSlack + 3) >>> 2));
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

function tableOf(
  native: AddonJsonEncode,
  most: number,
  bytes: number,
  fixed: readonly string[],
): FragmentTable {
  const head = 2 + most;
  const words = new Int32Array(head + ((bytes + kFragmentSlack + 3) >>> 2));
  const text = Buffer.from(words.buffer, head * 4, bytes);
  words[0] = most;
  const id = native.fragments(words);
  let count = 0;
  let used = 0;
  let full = false;
  const push = (fragment: string) => {
    words[1 + count] = used;
    used += text.write(fragment, used, 'utf8');
    words[2 + count] = used;
    return count++;
  };
  for (const fragment of fixed) push(fragment);
  const fixedBytes = used;
  return {
    id,
    get full() {
      return full;
    },
    add(key) {
      if (count + 2 > most || used + key.length * 6 + 2 > bytes) {
        full = true;
        return 0;
      }
      const fragment = push(`{${key}`);
      push(`,${key}`);
      return fragment;
    },
    reset() {
      // they stand where they stood: nothing in here can fail half-way
      count = fixed.length;
      used = fixedBytes;
      full = false;
    },
  };
}

const tapes = new WeakMap<NativeAddon, Tape>();

type Write = (this: Uint8Array, text: string, offset: number, length: number) => number;

/** Buffer's own encoder without the layers above it, where the runtime has it under this name. */
export const utf8Write =
  (Buffer.prototype as unknown as { utf8Write?: Write }).utf8Write ??
  function (this: Uint8Array, text: string, offset: number, length: number): number {
    return (this as Buffer).write(text, offset, length, 'utf8');
  };

export function tapeOf(addon: NativeAddon): Tape {
  const made = tapes.get(addon) ?? makeTape(addon.jsonEncode as AddonJsonEncode);
  tapes.set(addon, made);
  return made;
}

function makeTape(native: AddonJsonEncode): Tape {
  /** Of its bytes `tape.used` are others' already. */
  let slab = Buffer.allocUnsafeSlow(kSlabBytes);
  /** Asking a Buffer for its memory is a call. */
  let memory = slab.buffer;
  /** Where results come that the slab has no room for. */
  let scratch = Buffer.allocUnsafeSlow(kScratchBytes);
  /** As the core knows them: a walk may have grown its own. */
  let words: Int32Array = new Int32Array(kFirstWords);
  let doubles: Float64Array = new Float64Array(kFirstDoubles);
  let slabThere: Buffer | undefined;

  /** What can fail comes first: the core would read and write other memory than is used here. */
  function announce(room = scratch): void {
    native.setup(tape.words, tape.doubles, slab, room);
    words = tape.words;
    doubles = tape.doubles;
    slabThere = slab;
    scratch = room;
  }
  function newSlab(): void {
    const made = Buffer.allocUnsafeSlow(kSlabBytes);
    memory = made.buffer;
    slab = made;
    tape.used = 0;
  }
  function cut(end: number): Buffer {
    const offset = tape.used;
    tape.used = end;
    return FastBuffer === undefined
      ? slab.subarray(offset, end)
      : new FastBuffer(memory, offset, end - offset);
  }

  function finish(id: number, end: number): Buffer | undefined {
    // who transfers the memory of a result takes that of the next ones along
    if (slab.length === 0) newSlab();
    if (tape.words !== words || tape.doubles !== doubles || slab !== slabThere) announce();
    const { strings } = tape;
    words[kId] = id;
    words[kWordCount] = end - kHeaderWords;
    words[kDoubleCount] = tape.doubleCount;
    words[kOffset] = tape.used;
    if (strings === '') native.encode();
    else native.encode(strings);
    if ((words[kResult] as number) < 0) {
      announce(largeBytes(-(words[kResult] as number) * 2));
      if (strings === '') native.encode();
      else native.encode(strings);
    }
    const size = words[kResult] as number;
    if (size <= 0) return undefined;
    if (words[kWhere] === 0) return cut(tape.used + size);
    const result = Buffer.allocUnsafe(size);
    preferHugePages(result);
    scratch.copy(result, 0, 0, size);
    if (size <= kSmallBytes) newSlab();
    return result;
  }

  const tape: Tape = Object.assign(emptyTape(), {
    words,
    doubles,
    busy: false,
    used: 0,
    slab(bytes: number): Buffer {
      if (slab.length - tape.used < bytes) newSlab();
      return slab;
    },
    cut,
    start(): void {
      tape.doubleCount = tape.nesting = 0;
      tape.strings = '';
    },
    finish,
    clear(): void {
      tape.strings = '';
      if (tape.words.length <= kKeptWords && scratch.length <= kKeptBytes) return;
      tape.words = new Int32Array(kFirstWords);
      tape.doubles = new Float64Array(kFirstDoubles);
      announce(Buffer.allocUnsafeSlow(kScratchBytes));
    },
    fixed: (fragments: readonly string[]) => native.fragments(packed(fragments)),
    drop: (id: number) => native.drop(id),
    table: (fragments: number, bytes: number, fixed: readonly string[]) =>
      tableOf(native, fragments, bytes, fixed),
  });
  announce();
  return tape;
}
