// What native/binding/json.cc exports, and the numbers both sides must agree on.

/** Words before the tape; where in them what stands. */
export const kHeaderWords = 16;
export const kLatinChunks = 0;
export const kUtf16Chunks = 1;
export const kFlags = 2;
export const kDeepest = 3;
export const kNews = 4;
export const kGeneration = 5;
export const kMixedList = 6;

/** kFlags: what the text may contain. */
export const kSawProto = 1;
export const kSawConstructor = 2;
export const kSawDuplicate = 4;
export const kSawBeyondDouble = 8;
export const kSawGeneric = 16;

/** What parse() returns instead of strings. */
export const kBad = -1;
export const kBadUtf8 = -2;
export const kUnsuited = -3;
export const kNeedWords = -4;
export const kNeedDoubles = -5;

/** Policy bits of valid() and index(). */
export const kStrictUtf8 = 1;
export const kForbidProto = 2;
export const kForbidConstructor = 4;
export const kForbidDuplicates = 8;

export interface AddonJson {
  readonly isa: string;
  setup(words: Int32Array, doubles: Float64Array): void;
  /** strings: 0 auto, 1 flat, 2 sliced. Chunks of text, Latin-1 first; one Latin-1 chunk comes bare. */
  parse(bytes: Uint8Array, start: number, end: number, strings: number): number | string | string[];
  news(): [Int32Array, string[]];
  valid(bytes: Uint8Array, start: number, end: number, policy: number, maxDepth: number): boolean;
  /** The tape of native/json/node.h, offsets from start, and one word more: 1 when a string has a backslash. */
  index(
    bytes: Uint8Array,
    start: number,
    end: number,
    policy: number,
    maxDepth: number,
  ): Uint32Array | undefined;
  /** undefined: not UTF-8. */
  text(bytes: Uint8Array, start: number, end: number): string | undefined;
  minify(bytes: Uint8Array, start: number, end: number): Buffer;
}
