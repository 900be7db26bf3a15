// Lazy documents over native code: a private copy of the text and its outline (native/json/outline.h), both in one block of
// memory of this isolate, or in a SharedArrayBuffer when the document has been shared. Walking it is typed-array reads and
// no crossing. A node is the number of its first slot.

import type { JsonBackendDocument, JsonParseOptions, JsonPath, JsonSharedDocument } from '../../contract';
import { JsonType } from '../../contract';
import { type Key, keyOf } from '../../json/key';
import { kOutlined, publish, revoke, type SharedParts } from '../../json/shared-document';
import { type AddonJson, kAscii, kContainer, kEscapes, kUtf8 } from './addon';
import { type Block, type Bytes, giveBlock } from './blocks';
import { pack, type Step, type Steps, stepsOf } from './steps';

const kNone = -1;
const kUndecided = -2;

const kQuote = 0x22;
const kBackslash = 0x5c;
const kBracket = 0x5b;
const kBrace = 0x7b;

/** Makes values of text[start, end), which is valid JSON, as parse() with the document's options. */
export type MakeValue = (
  bytes: Uint8Array,
  start: number,
  end: number,
  options: JsonParseOptions | undefined,
) => unknown;

export interface Outline {
  /** Where the text ends in its memory. */
  textBytes: number;
  /** The word where its slots begin: behind the text, unless it stands among other texts. */
  at: number;
  slots: number;
  containers: number;
  flags: number;
}

/** So many children to pass over: the core looks the path up, which pays for the crossing. */
const kManyChildren = 64;
/** Elements up to here are walked to from the beginning of their array, and no longer walk is forgotten for them. */
const kFewElements = 8;

/** A text below it has words whose numbers, and their products by three, are below 2^31. */
const kLarge = 1 << 28;

/** Powers of ten up to 10^15. */
const kTens = Array.from({ length: 16 }, (_, i) => Number(`1e${i}`));

const kNoBytes = Buffer.alloc(0) as Bytes;
const kNoWords = new Uint32Array(0);

export class OutlinedDocument implements JsonBackendDocument {
  readonly root = 0;
  private bytes: Bytes;
  private words: Uint32Array;
  /** Where slots and containers begin in the words. */
  private readonly slots: number;
  private readonly containers: number;
  private readonly ascii: boolean;
  /** Some string has a backslash. */
  private readonly escapes: boolean;
  /** Not UTF-8, or very large: looked through without haste. */
  private readonly odd: boolean;
  /** What resolve() last found in the root. */
  private lastKey: string | undefined;
  private lastFound = 0;
  /** The element of an array that was last walked to: the next one is often behind it. */
  private nearArray = kNone;
  private nearIndex = 0;
  private nearSlot = 0;
  private shared: SharedArrayBuffer | undefined;
  private copy: JsonBackendDocument | undefined;

  constructor(
    /** undefined: the memory is shared, or stands in an array of its own. */
    private block: Block | undefined,
    bytes: Bytes,
    words: Uint32Array,
    private readonly outline: Outline,
    private readonly options: JsonParseOptions | undefined,
    private readonly make: MakeValue,
    private readonly native: AddonJson,
    private readonly reopen: (text: Uint8Array, options: JsonParseOptions | undefined) => JsonBackendDocument,
  ) {
    this.bytes = bytes;
    this.words = words;
    this.slots = outline.at;
    this.containers = this.slots + outline.slots;
    this.ascii = (outline.flags & kAscii) !== 0;
    this.escapes = (outline.flags & kEscapes) !== 0;
    this.odd = (outline.flags & kUtf8) === 0 || outline.textBytes >= kLarge;
  }

  private word(slot: number): number {
    return this.words[this.slots + slot] as number;
  }

  /** The offset of a node's first byte. */
  private begin(node: number): number {
    const word = this.words[this.slots + node] as number;
    return word < kContainer ? word : (this.words[this.containers + (word - kContainer) * 3] as number);
  }

  private first(node: number): number {
    return this.bytes[this.begin(node)] as number;
  }

  // Whoever has the memory of a shared document may write it. Then its values are anything, but no walk goes back or beyond the
  // last slot.

  /** The slot of a container's end. */
  private last(word: number): number {
    const last = this.words[this.containers + (word - kContainer) * 3 + 1] as number;
    return last < this.outline.slots ? last : this.outline.slots;
  }

  /** The word behind a container, whose own word is negative as a signed one. Not of odd texts. */
  private behind(word: number): number {
    const end = this.words[this.containers + Math.imul(word & 0x7fff_ffff, 3) + 1] as number;
    return (this.slots + end + 1) | 0;
  }

  private after(node: number): number {
    const word = this.word(node);
    if (word >= kContainer) {
      const last = this.last(word);
      return last > node ? last + 1 : Infinity;
    }
    return this.bytes[word] === kQuote ? node + 2 : node + 1;
  }

  /** The offset behind a node's last byte. */
  private end(node: number): number {
    const word = this.word(node);
    if (word >= kContainer) return this.word(this.last(word)) + 1;
    const bytes = this.bytes;
    if (bytes[word] === kQuote) return this.word(node + 1) + 1;
    let at = word + 1;
    // letters, digits, signs and the point: all above the comma, below the closing brackets or among the letters
    for (; at < this.outline.textBytes; at++) {
      const c = bytes[at] as number;
      if (c <= 0x2c ? c !== 0x2b : c === 0x5d || c === 0x7d) break;
    }
    return at;
  }

  type(node: number): JsonType {
    switch (this.first(node)) {
      case kBrace:
        return JsonType.object;
      case kBracket:
        return JsonType.array;
      case kQuote:
        return JsonType.string;
      case 0x74:
      case 0x66:
        return JsonType.boolean;
      case 0x6e:
        return JsonType.null;
      default:
        return JsonType.number;
    }
  }

  size(node: number): number {
    const word = this.word(node);
    if (word < kContainer) return 0;
    const size = this.words[this.containers + (word - kContainer) * 3 + 2] as number;
    return size < this.outline.slots ? size : this.outline.slots;
  }

  children(node: number): ArrayLike<number> {
    const word = this.word(node);
    if (word < kContainer) return [];
    const last = this.last(word);
    const list = new Array<number>(this.size(node) * (this.first(node) === kBrace ? 2 : 1));
    let at = 0;
    for (let child = node + 1; child < last; child = this.after(child)) list[at++] = child;
    return list;
  }

  at(node: number, index: number): number {
    const word = this.word(node);
    if (word < kContainer || this.first(node) !== kBracket || !(index >= 0 && index < this.size(node)))
      return kNone;
    const size = this.size(node);
    // elements of one slot each stand at their index
    if (this.last(word) - node - 1 === size) return node + 1 + index;
    const left = this.distance(node, index);
    const near = left < index ? this.nearSlot : node + 1;
    const child = this.odd ? this.oddBehind(near, left) : this.elementBehind(near, left);
    if (index > kFewElements) this.remember(node, index, child);
    return child;
  }

  private remember(array: number, index: number, slot: number): void {
    this.nearArray = array;
    this.nearIndex = index;
    this.nearSlot = slot;
  }

  /** How many elements stand before one: from the beginning of its array, or from the one that was asked for last. */
  private distance(array: number, index: number): number {
    return array === this.nearArray && index >= this.nearIndex ? index - this.nearIndex : index;
  }

  /** The core takes its steps faster, by a fifth, but from the beginning. */
  private isFar(array: number, index: number): boolean {
    const left = this.distance(array, index);
    return left > kManyChildren && 2 * left > index;
  }

  private elementBehind(slot: number, left: number): number {
    const { bytes, words, slots } = this;
    let child = (slots + slot) | 0;
    for (; left > 0; left--) {
      // as in findKey()
      const value = (words[child] as number) | 0;
      if (value < 0) child = this.behind(value);
      else child = (child + (bytes[value] === kQuote ? 2 : 1)) | 0;
    }
    return child - slots;
  }

  private oddBehind(slot: number, left: number): number {
    for (; left > 0; left--) slot = this.after(slot);
    return slot;
  }

  find(node: number, key: string): number {
    return this.findKey(node, keyOf(key));
  }

  private findKey(node: number, key: Key): number {
    const { bytes, words, slots, escapes } = this;
    const container = words[slots + node] as number;
    if (container < kContainer || this.first(node) !== kBrace) return kNone;
    if (this.odd) return this.findOddKey(node, key);
    const { bytes: size, firstByte, lastByte } = key;
    const stop = slots + this.last(container);
    let found = kNone;
    // Sizes of keys come in no order that a CPU could guess, so only likely keys are a branch; kinds of values do, in documents
    // of one sort. `| 0`: so large a text that its words could not be counted so is odd.
    for (let at = (slots + node + 1) | 0; at < stop; ) {
      const start = ((words[at] as number) + 1) | 0;
      const end = (words[at + 1] as number) | 0;
      const value = (words[at + 2] as number) | 0;
      at = (at + 2) | 0;
      if (((end - start - size) | ((bytes[end - 1] as number) ^ lastByte)) === 0) {
        if (this.same(start, key)) found = at - slots;
      } else if (escapes && end - start > size) {
        // an escape is longer than what it stands for, and what stands before it is the key's
        const first = bytes[start];
        if ((first === firstByte || first === kBackslash) && this.sameEscaped(start, at - 2 - slots, key))
          found = at - slots;
      }
      if (value < 0) {
        const behind = this.behind(value);
        at = behind > at ? behind : stop;
      } else {
        at = (at + (bytes[value] === kQuote ? 2 : 1)) | 0;
      }
    }
    return found;
  }

  /** Any key of any text: compared as values. */
  private findOddKey(node: number, key: Key): number {
    const stop = this.last(this.word(node));
    let found = kNone;
    for (let at = node + 1; at < stop; at = this.after(at)) {
      const same = this.text(at) === key.text;
      at += 2;
      if (same) found = at;
    }
    return found;
  }

  /** A key's size is right, and its last byte. */
  private same(start: number, key: Key): boolean {
    const { bytes } = this;
    const { text, bytes: size } = key;
    // in a source of that size a backslash is an escape
    if (this.escapes && text.includes('\\')) return false;
    if (!key.ascii) return bytes.utf8Slice(start, start + size) === text;
    // names of one object often begin alike
    for (let i = size - 2; i >= 0; i--) if (bytes[start + i] !== text.charCodeAt(i)) return false;
    return true;
  }

  /** A key's bytes are more than those that are looked for. */
  private sameEscaped(start: number, node: number, key: Key): boolean {
    const { bytes } = this;
    const { text, bytes: size } = key;
    if (key.ascii) {
      let i = 0;
      let c = bytes[start] as number;
      while (i < size && c === text.charCodeAt(i) && c !== kBackslash) c = bytes[start + ++i] as number;
      if (c !== kBackslash) return false;
    }
    return this.text(node) === text;
  }

  private slice(start: number, end: number): string {
    return this.ascii ? this.bytes.latin1Slice(start, end) : this.bytes.utf8Slice(start, end);
  }

  /** The value of a string node. */
  private text(node: number): string {
    const text = this.slice(this.word(node) + 1, this.word(node + 1));
    return this.escapes && text.includes('\\') ? JSON.parse(`"${text}"`) : text;
  }

  resolve(node: number, path: JsonPath): number {
    const steps = stepsOf(path);
    const { list } = steps;
    let at = node;
    let far = node === 0;
    for (let i = 0; i < list.length; i++) {
      const { key, index } = list[i] as Step;
      const c = this.first(at);
      const object = c === kBrace;
      if (!object && (c !== kBracket || index < 0)) return kNone;
      const size = this.size(at);
      const many = size > kManyChildren && (object || this.isFar(at, index));
      if (many && far) {
        // of an array the core finds the element alone: the next path goes on from there
        const found = this.resolveFar(steps, object ? list.length : i + 1);
        if (found !== kUndecided) {
          if (object || found < 0) return found;
          this.remember(at, index, found);
          at = found;
          far = false;
          continue;
        }
      }
      if (object) {
        // Paths that are asked for one after the other often begin alike.
        if (at === 0 && this.lastKey === key.text) {
          at = this.lastFound;
          continue;
        }
        const found = this.findKey(at, key);
        if (found < 0) return kNone;
        if (at === 0) {
          this.lastKey = key.text;
          this.lastFound = found;
        }
        at = found;
      } else {
        at = this.at(at, index);
      }
      if (at < 0) return kNone;
    }
    return at;
  }

  /** From the root by the core, so many steps; or kUndecided. */
  private resolveFar(steps: Steps, count: number): number {
    const { block, outline } = this;
    if (!steps.plain || block === undefined || (outline.flags & kUtf8) === 0 || !this.alone)
      return kUndecided;
    const path = (steps.packed[count - 1] ??= pack(steps.list.slice(0, count)));
    return this.native.find(block.bytes, outline.textBytes, outline.slots, path, this.escapes);
  }

  get(node: number, path: JsonPath): unknown {
    const found = this.resolve(node, path);
    return found < 0 ? undefined : this.toJS(found);
  }

  private number(node: number, start: number): number {
    const { bytes } = this;
    const negative = bytes[start] === 0x2d;
    let at = negative ? start + 1 : start;
    let whole = 0;
    let digits = 0;
    let fraction = 0;
    // inside a container, so something ends it
    if (this.outline.containers > 0) {
      let c = ((bytes[at] as number) - 0x30) | 0;
      for (; c >>> 0 < 10 && digits < 16; digits++, c = ((bytes[++at] as number) - 0x30) | 0)
        whole = whole * 10 + c;
      if (c === -2) {
        fraction = digits;
        c = ((bytes[++at] as number) - 0x30) | 0;
        for (; c >>> 0 < 10 && digits < 16; digits++, c = ((bytes[++at] as number) - 0x30) | 0)
          whole = whole * 10 + c;
        fraction = digits - fraction;
      }
      // Both are exact, so their quotient is the nearest number there is; above '9' only an exponent is left.
      if (digits <= 15 && (c | 0x20) !== 0x35) {
        if (fraction > 0) whole /= kTens[fraction] as number;
        return negative ? -whole : whole;
      }
    }
    return Number(bytes.latin1Slice(start, this.end(node)));
  }

  toJS(node: number): unknown {
    const c = this.first(node);
    switch (c) {
      case kQuote:
        return this.text(node);
      case 0x74:
        return true;
      case 0x66:
        return false;
      case 0x6e:
        return null;
      default: {
        const start = this.begin(node);
        if (c !== kBrace && c !== kBracket && this.options?.integers !== 'bigint')
          return this.number(node, start);
        const end = this.end(node);
        // what parses takes no memory that another thread could write
        if (this.block === undefined && this.shared !== undefined) {
          const text = this.raw(node);
          return this.make(text, 0, text.length, this.options);
        }
        return this.make(this.bytes, start, end, this.options);
      }
    }
  }

  raw(node: number): Buffer {
    return Buffer.from(this.bytes.subarray(this.begin(node), this.end(node)));
  }

  /** Whether its text begins its memory and its words come next. */
  private get alone(): boolean {
    return this.outline.at === (this.outline.textBytes + 3) >>> 2;
  }

  share(): JsonSharedDocument {
    if (!this.alone) {
      // one among the lines of a chunk: shared without its neighbours
      this.copy ??= this.reopen(this.raw(this.root), this.options);
      return this.copy.share();
    }
    if (this.shared === undefined) {
      const { textBytes, slots, containers, flags } = this.outline;
      const parts = publish(
        { format: kOutlined, textBytes, first: slots, second: containers, flags },
        this.bytes,
        this.words.subarray(this.slots, this.containers + containers * 3),
      );
      if (this.block !== undefined) giveBlock(this.block);
      this.block = undefined;
      this.shared = parts.buffer;
      this.bytes = parts.text as Bytes;
      this.words = parts.all;
    }
    return { buffer: this.shared, options: this.options };
  }

  /** A document that another thread shared. */
  static adopt(
    parts: SharedParts,
    options: JsonParseOptions | undefined,
    make: MakeValue,
    native: AddonJson,
    reopen: (text: Uint8Array, options: JsonParseOptions | undefined) => JsonBackendDocument,
  ): OutlinedDocument {
    const { textBytes, first: slots, second: containers, flags } = parts;
    const outline = { textBytes, at: (textBytes + 3) >>> 2, slots, containers, flags };
    const document = new OutlinedDocument(
      undefined,
      parts.text as Bytes,
      parts.all,
      outline,
      options,
      make,
      native,
      reopen,
    );
    document.shared = parts.buffer;
    document.#adopted = true;
    return document;
  }
  #adopted = false;

  close(): void {
    this.copy?.close();
    if (this.block !== undefined) giveBlock(this.block);
    if (this.shared !== undefined && !this.#adopted) revoke(this.shared);
    this.block = undefined;
    this.shared = undefined;
    this.bytes = kNoBytes;
    this.words = kNoWords;
  }
}
