// Lazy documents without native code: a private copy of the text and the scanner's tape. Values are JSON.parse of
// their source text, made when asked for.

import type { JsonBackendDocument, JsonParseOptions, JsonPath, JsonSharedDocument } from '../contract';
import { JsonType } from '../contract';
import { stringAt } from './build';
import { nodeValue, scanned } from './exact';
import { arrayIndexOf } from './key';
import { Tape } from './scan';
import { adopt, kScanned, publish, revoke, type SharedParts } from './shared-document';
import { type Source, sourceOf, utf8Of } from './source';

const kNone = -1;

class ScannedDocument implements JsonBackendDocument {
  readonly root = 0;

  constructor(
    private source: Source,
    private tape: Tape,
    private readonly options: JsonParseOptions | undefined,
  ) {}

  type(node: number): JsonType {
    return this.tape.type(node);
  }

  size(node: number): number {
    return this.tape.count(node);
  }

  children(node: number): ArrayLike<number> {
    const tape = this.tape;
    const object = tape.type(node) === JsonType.object;
    const list = new Array<number>(tape.count(node) * (object ? 2 : 1));
    let at = 0;
    const end = tape.next(node);
    for (let child = node + 1; child < end; child = tape.next(child)) list[at++] = child;
    return list;
  }

  at(node: number, index: number): number {
    const tape = this.tape;
    if (tape.type(node) !== JsonType.array || !(index >= 0 && index < tape.count(node))) return kNone;
    let child = node + 1;
    for (let left = index; left > 0; left--) child = tape.next(child);
    return child;
  }

  find(node: number, key: string): number {
    const tape = this.tape;
    let found = kNone;
    if (tape.type(node) !== JsonType.object) return found;
    const end = tape.next(node);
    for (let member = node + 1; member < end; member = tape.next(member + 1)) {
      // A key without escapes has no more UTF-16 units than the source has units between its quotes.
      const units = tape.end(member) - tape.start(member) - 2;
      if (units >= key.length && stringAt(this.source, tape, member) === key) found = member + 1;
    }
    return found;
  }

  resolve(node: number, path: JsonPath): number {
    let at = node;
    for (const token of path.tokens) {
      const type = this.tape.type(at);
      if (type === JsonType.object) at = this.find(at, token);
      else if (type === JsonType.array) at = this.at(at, arrayIndexOf(token));
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
    return nodeValue(this.source, this.tape, node, this.options);
  }

  raw(node: number): Buffer {
    return this.source.raw(this.tape.start(node), this.tape.end(node));
  }

  share(): JsonSharedDocument {
    if (this.shared === undefined) {
      let { source, tape } = this;
      let text = source.units;
      if (!(text instanceof Uint8Array)) {
        // offsets of units become offsets of bytes
        text = utf8Of(source.slice(source.start, source.end));
        ({ source, tape } = scanned(text as Uint8Array, 0, text.length, undefined));
      }
      const head = { format: kScanned, textBytes: text.length, first: tape.nodes, second: 0, flags: 0 };
      const parts = publish(head, text as Uint8Array, tape.words.subarray(0, tape.nodes * 4));
      this.read(parts);
      this.shared = parts.buffer;
      this.owned = true;
    }
    return { buffer: this.shared, options: this.options };
  }

  /** From now on out of shared memory. */
  read(parts: SharedParts): void {
    this.source = sourceOf(parts.text, 0, parts.textBytes);
    this.tape = new Tape(parts.all.subarray((parts.textBytes + 3) >>> 2), parts.first);
    this.shared = parts.buffer;
  }

  private shared: SharedArrayBuffer | undefined;
  private owned = false;

  close(): void {
    if (this.shared !== undefined && this.owned) revoke(this.shared);
    this.shared = undefined;
    this.tape = new Tape();
    this.source = sourceOf('');
  }
}

export function openDocument(
  input: string | Uint8Array,
  options: JsonParseOptions | undefined,
): JsonBackendDocument {
  const own = typeof input === 'string' ? input : Buffer.from(input);
  const { source, tape } = scanned(own, 0, own.length, options);
  return new ScannedDocument(source, tape, options);
}

/** A document that another thread shared. */
export function openShared({ buffer, options }: JsonSharedDocument): JsonBackendDocument {
  const parts = adopt(buffer);
  // the words are those of the native core
  if (parts.format !== kScanned)
    return openDocument(Uint8Array.from(parts.text.subarray(0, parts.textBytes)), options);
  const document = new ScannedDocument(sourceOf(''), new Tape(), options);
  document.read(parts);
  return document;
}

/** A document of a text that has been scanned elsewhere. */
export function documentOf(
  input: string | Uint8Array,
  tape: Tape,
  options: JsonParseOptions | undefined,
): JsonBackendDocument {
  return new ScannedDocument(sourceOf(input), tape, options);
}
