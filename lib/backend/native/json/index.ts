// JSON on the native backend. Which parser is the faster one depends on size and on what has been compiled yet;
// V8's is used wherever it is, and for all that is rare: exact errors, options, odd texts.

import { constants } from 'node:buffer';
import { type JsonBackend, type JsonParseOptions, kJsonNoDepthLimit } from '../../contract';
import { exact, parseBytes, parseString } from '../../json/parse';
import { type PreferHugePages, setPreferHugePages } from '../../large-memory';
import type { NativeAddon } from '../../load';
import { kWorthBytes, scavengeSoon } from '../scavenge';
import {
  type AddonJson,
  kDeepest,
  kFlags,
  kForbidConstructor,
  kForbidDuplicates,
  kForbidProto,
  kGeneric,
  kNeedDoubles,
  kNeedWords,
  kNews,
  kSawBeyondDouble,
  kSawConstructor,
  kSawDuplicate,
  kSawProto,
  kStrictUtf8,
  kWordsEnd,
} from './addon';
import { arraysAreBare } from './bare-arrays';
import { isOurs, kindOf, suited, unsuited } from './choice';
import type { Documents } from './documents';
import { createMaterialiser } from './materialise';
import type { AddonJsonSchema } from './schema-tape';

/** Below, JSON.parse has done its work before a crossing would have paid off. */
const kSmallBytes = 256;
/** As kMaxValueTapeBytes in native/json/value_tape.h: what is larger needs no room, V8 reads it. */
const kMostBytes = 256 << 20;
/** As kMaxOutlineBytes in native/json/outline.h. */
const kMostOutlined = 0x7fff_ffff;
/** From here on the text's own decoder is worth a crossing when V8 parses. */
const kOwnTextBytes = 1024;
/**
 * The tape's arrays are kept between parses up to so many words and doubles that were written (the rest of them is memory only by
 * name: most texts need a tenth of the room they could need), and up to so much room. Made anew for each text they would be
 * external memory that hurries the collector.
 */
const kKeptWords = 1 << 20;
const kKeptDoubles = 1 << 18;
const kKeptRoom = 16;

function wordsFor(bytes: number): number {
  return (bytes >>> 1) + 264;
}

function policyOf(options: JsonParseOptions | undefined): number {
  if (options === undefined) return 0;
  return (
    (options.utf8 === 'error' ? kStrictUtf8 : 0) |
    (options.protoAction === 'error' ? kForbidProto : 0) |
    (options.constructorAction === 'error' ? kForbidConstructor : 0) |
    (options.duplicateKeys === 'error' ? kForbidDuplicates : 0)
  );
}

// One an addon: the core keeps one table of shapes and one pair of tapes for an environment, and tells of each new shape
// once. Two readers of it would each miss what the other was told.
const made = new WeakMap<NativeAddon, JsonBackend>();

export function create(addon: NativeAddon): JsonBackend {
  const known = made.get(addon) ?? make(addon);
  made.set(addon, known);
  return known;
}

function make(addon: NativeAddon): JsonBackend {
  const native = addon.json as AddonJson;
  setPreferHugePages((addon.memory as { preferHuge: PreferHugePages }).preferHuge);
  // loaded when first used: it needs node:crypto, which alone takes longer than a first parse may
  let loaded: JsonBackend | undefined;
  const fallback = (): JsonBackend => {
    loaded ??= (require('../../js/json') as typeof import('../../js/json')).create();
    return loaded;
  };
  const tape = createMaterialiser(native);
  /** Why the last text of ours was left to V8. */
  let left = 0;

  /** Whether the options ask for more than the tape of this text gives. */
  function needsCare(options: JsonParseOptions): boolean {
    const flags = tape.words[kFlags] as number;
    return (
      (options.integers === 'bigint' && (flags & kSawBeyondDouble) !== 0) ||
      (options.duplicateKeys === 'error' && (flags & kSawDuplicate) !== 0) ||
      (options.protoAction !== 'ignore' && (flags & kSawProto) !== 0) ||
      (options.constructorAction !== 'ignore' && (flags & kSawConstructor) !== 0) ||
      (tape.words[kDeepest] as number) > options.maxDepth
    );
  }

  /** V8's parser; the text is decoded here, which for other than ASCII is much faster than Buffer's toString(). */
  function theirs(
    bytes: Uint8Array,
    start: number,
    end: number,
    options: JsonParseOptions | undefined,
  ): unknown {
    const size = end - start;
    if (options !== undefined || size < kOwnTextBytes || size > constants.MAX_STRING_LENGTH)
      return parseBytes(bytes, start, end, options);
    const text = native.text(bytes, start, end);
    if (text === undefined) return parseBytes(bytes, start, end, options);
    try {
      return JSON.parse(text);
    } catch (error) {
      throw exact().failureOf(error, bytes, start, end, options);
    }
  }

  /** What the core needed for a text so large goes back in time. */
  function seeTo(bytes: number): void {
    if (bytes >= kWorthBytes) scavengeSoon(addon);
  }

  /** After a text that needed more room than is kept in any case. */
  function trim(): void {
    if (
      (tape.words[kWordsEnd] as number) > kKeptWords ||
      tape.doublesRead() > kKeptDoubles ||
      tape.words.length > kKeptWords * kKeptRoom ||
      tape.doubles.length > kKeptDoubles * kKeptRoom
    )
      tape.trim();
  }

  /** By way of the tape; undefined: it cannot be done so, ask V8. */
  function ours(
    bytes: Uint8Array,
    start: number,
    end: number,
    options: JsonParseOptions | undefined,
  ): unknown {
    const size = end - start;
    if (wordsFor(size) > tape.words.length - 16)
      tape.room(wordsFor(size) + (size >>> 4), Math.max(4096, size >>> 4));
    const strings =
      options === undefined || options.strings === 'auto' ? 0 : options.strings === 'flat' ? 1 : 2;
    let blobs = native.parse(bytes, start, end, strings);
    while (blobs === kNeedDoubles || blobs === kNeedWords) {
      tape.room(wordsFor(size), tape.doubles.length * 4);
      blobs = native.parse(bytes, start, end, strings);
    }
    // What failed is read again by V8, for its value or its error; what the options look at, by exact rules.
    left = typeof blobs === 'number' ? blobs : 0;
    if (typeof blobs === 'number' || (options !== undefined && needsCare(options))) return undefined;
    const value = tape.build(blobs);
    seeTo(size);
    if (tape.words.length > kKeptWords || tape.doubles.length > kKeptDoubles) trim();
    return value;
  }

  function parseRange(
    bytes: Uint8Array,
    start: number,
    end: number,
    options: JsonParseOptions | undefined,
  ): unknown {
    const size = end - start;
    if (size < kSmallBytes || size > kMostBytes) return theirs(bytes, start, end, options);
    const kind = kindOf(bytes, start, size);
    if (!isOurs(kind) || !arraysAreBare()) return theirs(bytes, start, end, options);
    const value = ours(bytes, start, end, options);
    if (value === undefined) {
      unsuited(kind, left !== kGeneric || tape.words[kNews] !== 0);
      return theirs(bytes, start, end, options);
    }
    suited(kind);
    return value;
  }

  // loaded when first used, as the fallback
  let opener: Documents | undefined;
  const documents = (): Documents => {
    opener ??= (require('./documents') as typeof import('./documents')).createDocuments(
      native,
      parseRange,
      policyOf,
      failure,
    );
    return opener;
  };
  let encoder: ((value: unknown) => Buffer | undefined) | undefined;
  let joiner: JsonBackend['lines'] | undefined;

  /** What can be outlined. */
  function fitting(input: string | Uint8Array): string | Uint8Array {
    seeTo(input.length);
    if (input.length > kMostOutlined) throw exact().tooLarge('2 GB');
    return input;
  }

  /** The error of a text the core refused. */
  function failure(input: string | Uint8Array, options: JsonParseOptions | undefined): Error {
    const found = exact().locateFailure(input, 0, input.length, options);
    if (found !== undefined) return exact().jsonFailure(found.kind, input, found.offset);
    return new Error('tailrace: the native parser refused a text that is JSON; please report it');
  }

  return {
    parse(input: string | Uint8Array, options: JsonParseOptions | undefined): unknown {
      return typeof input === 'string'
        ? parseString(input, options)
        : parseRange(input, 0, input.length, options);
    },
    parseRange,
    validate(input: string | Uint8Array, options: JsonParseOptions | undefined): boolean {
      if (typeof input === 'string' || input.length > kMostOutlined)
        return fallback().validate(input, options);
      seeTo(input.length);
      const depth = options?.maxDepth ?? kJsonNoDepthLimit;
      // without memory of the core's, V8's answers
      return (
        native.check(input, 0, input.length, policyOf(options), depth) ?? fallback().validate(input, options)
      );
    },
    minify(input: string | Uint8Array): Buffer {
      if (typeof input === 'string') return fallback().minify(input);
      seeTo(input.length);
      const good =
        input.length > kMostOutlined
          ? fallback().validate(input, undefined)
          : native.check(input, 0, input.length, 0, kJsonNoDepthLimit);
      if (good === undefined) return fallback().minify(input);
      if (!good) throw failure(input, undefined);
      return native.minifyText(input, 0, input.length) ?? fallback().minify(input);
    },
    open: (input, options) => documents().open(fitting(input), options),
    openAsync: async (input, options) => documents().openAsync(fitting(input), options),
    openShared: (shared) => documents().openShared(shared),
    openLines: (bytes, start, end, maxLine) => documents().openLines(bytes, start, end, maxLine),
    lines(bytes, start, end, maxLine, values) {
      joiner ??= (require('./lines') as typeof import('./lines')).createLines(native, parseRange);
      return joiner(bytes, start, end, maxLine, values);
    },
    linesEnded() {
      scavengeSoon(addon);
      native.linesEnded();
      (addon.jsonSchema as AddonJsonSchema).linesEnded();
    },
    encode(value: unknown, bigintAsInteger: boolean): Buffer | undefined {
      if (bigintAsInteger) return fallback().encode(value, true);
      encoder ??= (require('./encode') as typeof import('./encode')).createEncode(addon);
      return encoder(value);
    },
    decoder(plan) {
      const { decoderOf } = require('./schema-decoder') as typeof import('./schema-decoder');
      return decoderOf(addon, plan);
    },
    encoder(plan) {
      const { encoderOf } = require('./schema-encoder') as typeof import('./schema-encoder');
      return encoderOf(addon, plan);
    },
  };
}
