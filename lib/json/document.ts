// Lazy documents: the text is checked as a whole when it is opened, values are made when they are asked for.

import { type InspectOptions, inspect } from 'node:util';
import { type JsonBackendDocument, type JsonParseOptions, JsonType } from '../backend/contract';
import { arrayIndexOf } from '../backend/json/key';
import { ClosedError, InvalidArgument } from '../errors';
import { orAbort, signalOf } from './chunks';
import { impl, type JsonInput, textOrBytes } from './input';
import { exactInteger } from './integer';
import { type ParseOptions, parseOptions } from './options';
import { pathOf } from './pointer';

export type JsonTypeName = 'null' | 'boolean' | 'number' | 'string' | 'array' | 'object';

const kNames: readonly JsonTypeName[] = ['null', 'boolean', 'number', 'string', 'array', 'object'];

/** Asked one by one this often, the children of a node are listed: else a loop over them would take quadratic time. */
const kAsksBeforeList = 8;

/** What the values of a document share. Their node numbers mean nothing to another document. */
class Shared {
  open: JsonBackendDocument | undefined;
  constructor(
    document: JsonBackendDocument,
    readonly dropsProto: boolean,
    readonly dropsConstructor: boolean,
  ) {
    this.open = document;
  }

  get document(): JsonBackendDocument {
    if (this.open === undefined) throw new ClosedError('The JSON document is closed');
    return this.open;
  }
}

/** One value inside a document. It becomes a JavaScript value by toJS(), and only then. */
export class JsonValue {
  readonly #shared: Shared;
  readonly #node: number;
  #asks = 0;
  #elements: ArrayLike<number> | undefined;
  #members: Map<string, number> | undefined;

  /** Made by a document only. */
  constructor(shared: unknown, node: number) {
    if (!(shared instanceof Shared))
      throw new InvalidArgument('shared', 'what a JsonDocument gives its values', shared);
    this.#shared = shared;
    this.#node = node;
  }

  get type(): JsonTypeName {
    return kNames[this.#shared.document.type(this.#node)] as JsonTypeName;
  }

  /** Elements of an array, members of an object (each name once); undefined for all else. */
  get length(): number | undefined {
    const document = this.#shared.document;
    const type = document.type(this.#node);
    if (type === JsonType.array) return document.size(this.#node);
    if (type === JsonType.object) return this.#memberNodes().size;
    return undefined;
  }

  /** The member of that name; of several the last, as in JSON.parse. */
  get(key: string): JsonValue | undefined {
    if (typeof key !== 'string') throw new InvalidArgument('key', 'a string', key);
    const { document, dropsProto, dropsConstructor } = this.#shared;
    if (document.type(this.#node) !== JsonType.object) return undefined;
    if (this.#members === undefined && (++this.#asks > kAsksBeforeList || dropsProto || dropsConstructor)) {
      this.#memberNodes();
    }
    const found =
      this.#members === undefined ? document.find(this.#node, key) : (this.#members.get(key) ?? -1);
    return found < 0 ? undefined : new JsonValue(this.#shared, found);
  }

  /** The element at an index; from the end when negative, as Array.prototype.at. */
  at(index: number): JsonValue | undefined {
    if (!Number.isInteger(index)) throw new InvalidArgument('index', 'an integer', index);
    const { document } = this.#shared;
    if (document.type(this.#node) !== JsonType.array) return undefined;
    const size = document.size(this.#node);
    const at = index < 0 ? size + index : index;
    if (at < 0 || at >= size) return undefined;
    if (this.#elements === undefined && ++this.#asks > kAsksBeforeList) {
      this.#elements = document.children(this.#node);
    }
    const found = this.#elements === undefined ? document.at(this.#node, at) : (this.#elements[at] as number);
    return new JsonValue(this.#shared, found);
  }

  /** Names of an object in the order Object.keys would give, indices of an array; nothing for a scalar. */
  *keys(): IterableIterator<string | number> {
    for (const [key] of this.entries()) yield key;
  }

  *values(): IterableIterator<JsonValue> {
    for (const [, value] of this.entries()) yield value;
  }

  *entries(): IterableIterator<[string | number, JsonValue]> {
    const type = this.#shared.document.type(this.#node);
    if (type === JsonType.array) {
      this.#elements ??= this.#shared.document.children(this.#node);
      for (let i = 0; i < this.#elements.length; i++) {
        yield [i, new JsonValue(this.#shared, this.#elements[i] as number)];
      }
    } else if (type === JsonType.object) {
      for (const [key, node] of this.#memberNodes()) yield [key, new JsonValue(this.#shared, node)];
    }
  }

  /** Elements of an array, [name, value] pairs of an object. */
  [Symbol.iterator](): IterableIterator<JsonValue | [string | number, JsonValue]> {
    return this.#shared.document.type(this.#node) === JsonType.array ? this.values() : this.entries();
  }

  /** The whole value, as parse() would have made it. */
  toJS<T = unknown>(): T {
    return this.#shared.document.toJS(this.#node) as T;
  }

  /** So that JSON.stringify writes the value itself. */
  toJSON(): unknown {
    return this.toJS();
  }

  /**
   * A number as the exact integer it is written as, whatever its size.
   *
   * @throws TypeError when it is no number, RangeError when it is no integer
   */
  toBigInt(): bigint {
    const document = this.#shared.document;
    const type = document.type(this.#node);
    if (type !== JsonType.number) throw new InvalidArgument('value', 'a JSON number', kNames[type]);
    return exactInteger(document.raw(this.#node).toString('latin1'));
  }

  /** The source text of the value, byte for byte, without the space around it: a copy. */
  raw(): Buffer {
    return this.#shared.document.raw(this.#node);
  }

  /** Members by name in the order of Object.keys: indices first and ascending, then as written; the last of a name counts. */
  #memberNodes(): Map<string, number> {
    if (this.#members !== undefined) return this.#members;
    const { document, dropsProto, dropsConstructor } = this.#shared;
    const children = document.children(this.#node);
    const members = new Map<string, number>();
    const indices: string[] = [];
    for (let i = 0; i < children.length; i += 2) {
      const key = document.toJS(children[i] as number) as string;
      if (arrayIndexOf(key) >= 0 && !members.has(key)) indices.push(key);
      members.set(key, children[i + 1] as number);
    }
    if (dropsProto) members.delete('__proto__');
    const maker = dropsConstructor ? members.get('constructor') : undefined;
    if (maker !== undefined && document.find(maker, 'prototype') >= 0) members.delete('constructor');
    if (indices.length > 0) {
      const sorted = new Map<string, number>();
      for (const key of indices.sort((a, b) => Number(a) - Number(b)))
        sorted.set(key, members.get(key) as number);
      for (const [key, node] of members) sorted.set(key, node);
      this.#members = sorted;
    } else {
      this.#members = members;
    }
    return this.#members;
  }

  /** A plain copy to look at: as deep as `depth`, and no more than `most` items at each level. */
  #preview(depth: number, most: number): unknown {
    const document = this.#shared.document;
    const type = document.type(this.#node);
    if (type < JsonType.array) return this.toJS();
    const size = this.length as number;
    if (depth < 0) return new Shown(type === JsonType.array ? `[Array(${size})]` : '[Object]');
    const array: unknown[] = [];
    const object: Record<string, unknown> = {};
    let left = most;
    for (const [key, value] of this.entries()) {
      if (left-- === 0) break;
      const item = value.#preview(depth - 1, most);
      if (type === JsonType.array) array.push(item);
      else
        Object.defineProperty(object, key, {
          value: item,
          enumerable: true,
          configurable: true,
          writable: true,
        });
    }
    const more = size - most;
    const rest = more > 0 ? new Shown(`… ${more} more`) : undefined;
    if (type === JsonType.array) return rest === undefined ? array : [...array, rest];
    return rest === undefined ? object : { ...object, '…': rest };
  }

  [inspect.custom](depth: number, options: InspectOptions): string {
    if (this.#shared.open === undefined) return 'JsonValue [closed]';
    const most = Math.min(options.maxArrayLength ?? 100, 1000);
    const shown = this.#preview(depth ?? 1000, most);
    return `JsonValue ${inspect(shown, { ...options, depth: null, maxArrayLength: null })}`;
  }
}

/** Stands in a preview for what is not shown. */
class Shown {
  constructor(private readonly text: string) {}
  [inspect.custom](): string {
    return this.text;
  }
}

/** A checked JSON text. Close it to free its copy of the text at once; a dropped one is collected. */
export class JsonDocument {
  readonly #shared: Shared;

  /** Made by open() only. */
  constructor(shared: unknown) {
    if (!(shared instanceof Shared))
      throw new InvalidArgument('shared', 'what open() gives its document', shared);
    this.#shared = shared;
  }

  get root(): JsonValue {
    return new JsonValue(this.#shared, this.#shared.document.root);
  }

  /** The JavaScript value at a JSON pointer (RFC 6901); undefined when there is nothing. */
  get<T = unknown>(pointer: string): T | undefined {
    const { document, dropsProto, dropsConstructor } = this.#shared;
    if (dropsProto || dropsConstructor) return this.value(pointer)?.toJS<T>();
    return document.get(document.root, pathOf(pointer)) as T | undefined;
  }

  /** The value at a JSON pointer, still lazy; undefined when there is nothing. */
  value(pointer: string): JsonValue | undefined {
    const { document, dropsProto, dropsConstructor } = this.#shared;
    const path = pathOf(pointer);
    if (!dropsProto && !dropsConstructor) {
      const node = document.resolve(document.root, path);
      return node < 0 ? undefined : new JsonValue(this.#shared, node);
    }
    let value: JsonValue | undefined = this.root;
    for (const token of path.tokens) {
      if (value === undefined) break;
      const index = arrayIndexOf(token);
      if (value.type === 'object') value = value.get(token);
      else value = index < 0 ? undefined : value.at(index);
    }
    return value;
  }

  /**
   * Something postMessage carries, for openShared() in another thread: both then read the same memory. The first call copies
   * the document there. Close this document, and no further thread can open the handle; those that have keep it.
   */
  share(): JsonHandle {
    const { buffer, options } = this.#shared.document.share();
    return { kind: kHandle, buffer, options: options ?? {} };
  }

  /** From here on every use of the document and its values throws ERR_TAILRACE_CLOSED. Idempotent. */
  close(): void {
    this.#shared.open?.close();
    this.#shared.open = undefined;
  }

  toJSON(): unknown {
    return this.root.toJS();
  }

  [inspect.custom](depth: number, options: InspectOptions): string {
    return this.#shared.open === undefined
      ? 'JsonDocument [closed]'
      : `JsonDocument ${inspect(this.root, { ...options, depth }).slice('JsonValue '.length)}`;
  }
}

// `using` on the Nodes that have it; not in the declarations, which must compile without esnext.disposable.
Object.defineProperty(JsonDocument.prototype, Symbol.dispose ?? Symbol.for('nodejs.dispose'), {
  value: JsonDocument.prototype.close,
  writable: true,
  configurable: true,
});

/** For open() and its likes, and for lines(). */
export function documentOf(document: JsonBackendDocument, options?: JsonParseOptions): JsonDocument {
  return new JsonDocument(
    new Shared(document, options?.protoAction === 'remove', options?.constructorAction === 'remove'),
  );
}

/**
 * Checks a text as parse() would and keeps a copy of it; nothing becomes a JavaScript value before it is read.
 *
 * @throws JsonSyntaxError as parse() does
 */
export function open(input: JsonInput, options?: ParseOptions): JsonDocument {
  const checked = options === undefined ? undefined : parseOptions(options);
  return documentOf(impl().open(textOrBytes(input), checked), checked);
}

export interface OpenAsyncOptions extends ParseOptions {
  /** Rejects with its reason. What has been begun is finished elsewhere and forgotten. */
  signal?: AbortSignal;
}

/**
 * open() whose work is done by another thread. The input is copied before this returns. Rejects as open() throws, and with
 * the signal's reason.
 */
export async function openAsync(input: JsonInput, options: OpenAsyncOptions = {}): Promise<JsonDocument> {
  if (typeof options !== 'object' || options === null)
    throw new InvalidArgument('options', 'an object', options);
  const checked = parseOptions(options, ['signal']);
  const signal = signalOf(options.signal);
  const text = textOrBytes(input);
  signal?.throwIfAborted();
  const opening = impl().openAsync(text, checked);
  const document = await orAbort(opening, signal).catch((error: unknown) => {
    // its memory is wanted for others
    opening.then(
      (late) => late.close(),
      () => {},
    );
    throw error;
  });
  return documentOf(document, checked);
}

const kHandle = 'tailrace.JsonDocument';

/** A document on its way to another thread. Its memory is not to be written. */
export interface JsonHandle {
  readonly kind: typeof kHandle;
  readonly buffer: SharedArrayBuffer;
  readonly options: ParseOptions;
}

/**
 * The document of a handle, in this thread, without a copy of its text.
 *
 * @throws TailraceError ERR_TAILRACE_STALE_HANDLE when its document was closed, or it is no handle of this version
 */
export function openShared(handle: JsonHandle): JsonDocument {
  if (typeof handle !== 'object' || handle === null || (handle as Partial<JsonHandle>).kind !== kHandle)
    throw new InvalidArgument('handle', 'what share() gave', handle);
  const options = parseOptions(handle.options);
  return documentOf(impl().openShared({ buffer: handle.buffer, options }), options);
}
