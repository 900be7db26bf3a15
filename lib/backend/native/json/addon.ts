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
/** Behind the last word of values, where the list of mixed objects begins. */
export const kWordsEnd = kMixedList;

/** kFlags: what the text may contain. */
export const kSawProto = 1;
export const kSawConstructor = 2;
export const kSawDuplicate = 4;
export const kSawBeyondDouble = 8;
export const kSawGeneric = 16;

/** What parse() returns instead of strings. */
export const kBad = -1;
export const kOutlineNoMemory = -2;
export const kBadUtf8 = -2;
export const kUnsuited = -3;
export const kNeedWords = -4;
export const kNeedDoubles = -5;
export const kGeneric = -7;

/** Policy bits of valid() and index(). */
export const kStrictUtf8 = 1;
export const kForbidProto = 2;
export const kForbidConstructor = 4;
export const kForbidDuplicates = 8;

/** What outline() tells beside its status: slots, containers, flags. */
export const kInfoWords = 3;
export const kEscapes = 1;
export const kAscii = 2;
export const kUtf8 = 4;
/** outline(): the block is too small. */
export const kNoRoom = 1;
/** In a slot: the rest is the number of a container (native/json/outline.h). */
export const kContainer = 0x8000_0000;

export interface AddonJson {
  readonly isa: string;
  setup(words: Int32Array, doubles: Float64Array, collect: (...chunks: string[]) => string[]): void;
  /** strings: 0 auto, 1 flat, 2 sliced. Chunks of text, Latin-1 first; one Latin-1 chunk comes bare. */
  parse(bytes: Uint8Array, start: number, end: number, strings: number): number | string | string[];
  /** Of all there is, or since the last call. */
  news(again: boolean): [Int32Array, string[]];
  valid(bytes: Uint8Array, start: number, end: number, policy: number, maxDepth: number): boolean;
  /**
   * Copies bytes[start, end) to the front of the block and writes its outline (native/json/outline.h) behind it, from the next
   * whole word on. 0: done; kNoRoom: info says what is needed; below 0: refused.
   */
  outline(
    bytes: Uint8Array,
    start: number,
    end: number,
    policy: number,
    maxDepth: number,
    block: Uint8Array,
    info: Uint32Array,
  ): number;
  /** After kNoRoom: the same outline into a block that has room for it and the text in it. */
  writeOutline(block: Uint8Array, textBytes: number): number;
  /** As outline() on another thread, for a text that stands in the block already. */
  outlineAsync(
    block: Uint8Array,
    textBytes: number,
    policy: number,
    maxDepth: number,
    info: Uint32Array,
  ): Promise<number>;
  /** The node at a path (see document.ts), -1, or -2 when a key with an escape may be the one. */
  find(block: Uint8Array, textBytes: number, slots: number, path: Uint8Array, escapes: boolean): number;
  /**
   * Outlines of the lines of bytes[start, end), which ends with a newline, behind a copy of it. up to the first that is at fault, too long,
   * or for which there is no room. Returns the lines that are not blank, or -1. table: all lines, their bytes, then for each
   * {end of its text, first word, slots, containers, flags}.
   */
  outlineLines(
    bytes: Uint8Array,
    start: number,
    end: number,
    maxLine: number,
    block: Uint8Array,
    table: Uint32Array,
  ): number;
  /** undefined: there is no memory to tell. */
  check(bytes: Uint8Array, start: number, end: number, policy: number, maxDepth: number): boolean | undefined;
  /**
   * Joins the lines of bytes[start, end), which ends with a newline, into the text of an array in the block (two bytes more than the
   * range), up to the first that is not UTF-8, no JSON or too long. The lines that are not blank, or -1; info: bytes of the text,
   * all lines, their bytes.
   */
  lines(
    bytes: Uint8Array,
    start: number,
    end: number,
    maxLine: number,
    block: Uint8Array,
    info: Uint32Array,
  ): number;
  linesEnded(): void;
  /** undefined: not UTF-8. */
  text(bytes: Uint8Array, start: number, end: number): string | undefined;
  /** undefined: no memory. */
  minifyText(bytes: Uint8Array, start: number, end: number): Buffer | undefined;
}
