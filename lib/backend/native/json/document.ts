// Lazy documents over native code: a private copy of the text and the index tape of native/json/node.h, both
// plain typed arrays of this isolate. So a dropped document is collected like any other object, no handle can go
// stale, and walking it costs typed-array reads and no crossing.

import type { JsonBackendDocument, JsonParseOptions, JsonPath } from '../../contract';
import { JsonType } from '../../contract';

const kNone = -1;
const kIndex = /^(?:0|[1-9][0-9]{0,9})$/;

const kQuote = 0x22;
const kBracket = 0x5b;
const kBrace = 0x7b;

/** Makes values of text[start, end), which is valid JSON, as parse() with the document's options. */
export type MakeValue = (
  bytes: Uint8Array,
  start: number,
  end: number,
  options: JsonParseOptions | undefined,
) => unknown;

/** Node's own decoders, without the option handling of toString(). */
export interface Bytes extends Buffer {
  utf8Slice(start: number, end: number): string;
  latin1Slice(start: number, end: number): string;
}

const kNoBytes = Buffer.alloc(0) as Bytes;
const kNoTape = new Uint32Array(0);

export class NativeDocument implements JsonBackendDocument {
  readonly root = 0;
  /** Some string has a backslash, or bytes that are not UTF-8: keys are compared as values, not as bytes. */
  private readonly odd: boolean;

  constructor(
    private bytes: Bytes,
    private tape: Uint32Array,
    private readonly options: JsonParseOptions | undefined,
    private readonly make: MakeValue,
    private readonly isUtf8: boolean,
  ) {
    this.odd = !isUtf8 || tape[tape.length - 1] !== 0;
  }

  private first(node: number): number {
    return this.bytes[this.tape[node * 2] as number] as number;
  }

  private isContainer(node: number): boolean {
    return (this.first(node) | 0x20) === kBrace;
  }

  /** The node that follows this one's whole subtree. */
  private after(node: number): number {
    return this.isContainer(node) ? (this.tape[node * 2 + 1] as number) + 1 : node + 1;
  }

  private end(node: number): number {
    const link = this.tape[node * 2 + 1] as number;
    return this.isContainer(node) ? (this.tape[link * 2] as number) + 1 : link;
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
    return this.isContainer(node) ? (this.tape[(this.tape[node * 2 + 1] as number) * 2 + 1] as number) : 0;
  }

  children(node: number): ArrayLike<number> {
    if (!this.isContainer(node)) return [];
    const last = this.tape[node * 2 + 1] as number;
    const list = new Array<number>(this.size(node) * (this.first(node) === kBrace ? 2 : 1));
    let at = 0;
    for (let child = node + 1; child < last; child = this.after(child)) list[at++] = child;
    return list;
  }

  at(node: number, index: number): number {
    if (this.first(node) !== kBracket || !(index >= 0 && index < this.size(node))) return kNone;
    let child = node + 1;
    // elements that are all scalars stand at their index
    if ((this.tape[node * 2 + 1] as number) - node - 1 === this.size(node)) return child + index;
    for (let left = index; left > 0; left--) child = this.after(child);
    return child;
  }

  find(node: number, key: string): number {
    if (this.first(node) !== kBrace) return kNone;
    const { bytes, tape, odd } = this;
    const shortest = this.isUtf8 ? utf8Length(key) : 0;
    const head = key.charCodeAt(0);
    const ascii = shortest === key.length;
    const last = tape[node * 2 + 1] as number;
    let found = kNone;
    for (let at = node + 1; at < last; ) {
      const start = (tape[at * 2] as number) + 1;
      const size = (tape[at * 2 + 1] as number) - 1 - start;
      // escapes make the source of a key longer than its value, never shorter
      const same = odd
        ? size >= shortest && this.text(at) === key
        : size === shortest && this.same(start, size, key, ascii, head);
      if (same) found = at + 1;
      const value = at + 1;
      at =
        ((bytes[tape[value * 2] as number] as number) | 0x20) === kBrace
          ? (tape[value * 2 + 1] as number) + 1
          : value + 1;
    }
    return found;
  }

  private same(start: number, size: number, key: string, ascii: boolean, head: number): boolean {
    const bytes = this.bytes;
    if (size === 0) return true;
    if (!ascii) return bytes.utf8Slice(start, start + size) === key;
    if (bytes[start] !== head) return false;
    for (let i = 1; i < size; i++) if (bytes[start + i] !== key.charCodeAt(i)) return false;
    return true;
  }

  /** The value of a string node. */
  private text(node: number): string {
    const start = this.tape[node * 2] as number;
    const end = this.tape[node * 2 + 1] as number;
    const bytes = this.bytes;
    if (this.odd && bytes.subarray(start, end).includes(0x5c)) return JSON.parse(bytes.utf8Slice(start, end));
    return bytes.utf8Slice(start + 1, end - 1);
  }

  resolve(node: number, path: JsonPath): number {
    let at = node;
    for (const token of path.tokens) {
      const c = this.first(at);
      if (c === kBrace) at = this.find(at, token);
      else if (c === kBracket && kIndex.test(token)) at = this.at(at, Number(token));
      else return kNone;
      if (at === kNone) return kNone;
    }
    return at;
  }

  get(node: number, path: JsonPath): unknown {
    const found = this.resolve(node, path);
    return found === kNone ? undefined : this.toJS(found);
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
        const start = this.tape[node * 2] as number;
        const end = this.end(node);
        if (c !== kBrace && c !== kBracket && this.options?.integers !== 'bigint')
          return Number(this.bytes.latin1Slice(start, end));
        return this.make(this.bytes, start, end, this.options);
      }
    }
  }

  raw(node: number): Buffer {
    return Buffer.from(this.bytes.subarray(this.tape[node * 2] as number, this.end(node)));
  }

  close(): void {
    this.bytes = kNoBytes;
    this.tape = kNoTape;
  }
}

/** Bytes of a string as UTF-8; a lone surrogate counts three, as U+FFFD does, and equals no key without escapes. */
function utf8Length(text: string): number {
  let length = text.length;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c < 0x80) continue;
    if (c < 0x800) {
      length++;
    } else {
      length += 2;
      if (c >= 0xd800 && c < 0xdc00) {
        const low = text.charCodeAt(i + 1);
        if (low >= 0xdc00 && low < 0xe000) i++;
      }
    }
  }
  return length;
}
