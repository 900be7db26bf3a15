// Values out of a tape, for the options JSON.parse has not and for texts that no string can hold, and the rules about keys. Strings and numbers are
// still V8's work: their source text goes through JSON.parse. Nothing recurses.

import { type JsonParseOptions, JsonType } from '../contract';
import type { JsonFailureKind } from '../json-failure';
import type { Tape } from './scan';
import type { Source } from './source';

export function stringAt(source: Source, tape: Tape, node: number): string {
  const start = tape.start(node);
  const end = tape.end(node);
  return tape.escaped(node) ? JSON.parse(source.slice(start, end)) : source.slice(start + 1, end - 1);
}

/** A bigint where the text is an integer (no fraction, no exponent) that no double equals. */
function integerAt(text: string): number | bigint {
  const value = Number(text);
  if (text.length < 16 || /[.eE]/.test(text)) return value;
  const exact = BigInt(text);
  return Number.isFinite(value) && BigInt(value) === exact ? value : exact;
}

function scalarAt(source: Source, tape: Tape, node: number, bigints: boolean): unknown {
  switch (tape.type(node)) {
    case JsonType.null:
      return null;
    case JsonType.boolean:
      return tape.end(node) - tape.start(node) === 4;
    case JsonType.number: {
      const text = source.slice(tape.start(node), tape.end(node));
      return bigints ? integerAt(text) : Number(text);
    }
    default:
      return stringAt(source, tape, node);
  }
}

/** As JSON.parse makes it: an own property, whatever a prototype has under that name. */
function define(target: object, key: string | number, value: unknown): void {
  Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true });
}

function set(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key in Object.prototype) define(target, key, value);
  else target[key] = value;
}

/** An index that somebody put on a prototype would be found by push(): integer keys are the first of all keys. */
function hasIndices(prototype: object): boolean {
  const first = Reflect.ownKeys(prototype)[0];
  return typeof first === 'string' && /^[0-9]/.test(first);
}

function removeConstructor(target: Record<string, unknown>): void {
  if (!Object.hasOwn(target, 'constructor')) return;
  const value = target.constructor as unknown;
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, 'prototype')) return;
  Reflect.deleteProperty(target, 'constructor');
}

// A chain and no array: a push() would find a setter that somebody put on an index of Array.prototype.
interface Frame {
  outer: Frame | undefined;
  array: unknown[] | undefined;
  object: Record<string, unknown> | undefined;
  key: string;
  end: number;
}

/** The value of a node with everything under it. */
export function build(
  source: Source,
  tape: Tape,
  root: number,
  options: JsonParseOptions | undefined,
): unknown {
  const bigints = options?.integers === 'bigint';
  const dropProto = options?.protoAction === 'remove';
  const dropConstructor = options?.constructorAction === 'remove';
  const byIndex = hasIndices(Array.prototype) || hasIndices(Object.prototype);
  let top: Frame | undefined;
  let result: unknown;
  const stop = tape.next(root);
  let node = root;
  while (node < stop || top !== undefined) {
    // not beyond it, unless somebody has written shared memory
    if (top !== undefined && node >= top.end) {
      if (dropConstructor && top.object !== undefined) removeConstructor(top.object);
      top = top.outer;
      continue;
    }
    if (top?.object !== undefined) {
      top.key = stringAt(source, tape, node++);
      if (dropProto && top.key === '__proto__') {
        node = tape.next(node);
        continue;
      }
    }
    const into: Frame | undefined = top;
    const type = tape.type(node);
    let value: unknown;
    if (type === JsonType.array || type === JsonType.object) {
      const array = type === JsonType.array ? [] : undefined;
      const object = type === JsonType.object ? {} : undefined;
      value = array ?? object;
      top = { outer: into, array, object, key: '', end: tape.next(node) };
      node++;
    } else {
      value = scalarAt(source, tape, node, bigints);
      node++;
    }
    if (into === undefined) result = value;
    else if (into.array === undefined) set(into.object as Record<string, unknown>, into.key, value);
    else if (byIndex) define(into.array, into.array.length, value);
    else into.array.push(value);
  }
  return result;
}

interface KeyFrame {
  outer: KeyFrame | undefined;
  object: boolean;
  seen: Set<string> | undefined;
  end: number;
  /** The offset of the last `constructor` key when its value has an own `prototype`, else -1. */
  badConstructor: number;
}

function hasPrototype(source: Source, tape: Tape, node: number): boolean {
  if (tape.type(node) !== JsonType.object) return false;
  const end = tape.next(node);
  for (let key = node + 1; key < end; key = tape.next(key + 1)) {
    if (stringAt(source, tape, key) === 'prototype') return true;
  }
  return false;
}

/** The first key that the options forbid: its offset in the source, or undefined. A tie is a duplicate. */
export function forbiddenKey(
  source: Source,
  tape: Tape,
  options: JsonParseOptions,
): { kind: JsonFailureKind; offset: number } | undefined {
  const duplicates = options.duplicateKeys === 'error';
  const proto = options.protoAction === 'error';
  const ctor = options.constructorAction === 'error';
  if (!duplicates && !proto && !ctor) return undefined;
  let kind: JsonFailureKind = 'duplicate';
  let offset = Number.POSITIVE_INFINITY;
  const found = (what: JsonFailureKind, at: number) => {
    if (at < offset) {
      kind = what;
      offset = at;
    }
  };
  let top: KeyFrame | undefined;
  let node = 0;
  while (node < tape.nodes || top !== undefined) {
    if (top !== undefined && node === top.end) {
      if (top.badConstructor >= 0) found('constructor', top.badConstructor);
      top = top.outer;
      continue;
    }
    if (top?.object) {
      const key = stringAt(source, tape, node);
      const at = tape.start(node);
      node++;
      if (top.seen?.has(key)) found('duplicate', at);
      top.seen?.add(key);
      if (proto && key === '__proto__') found('proto', at);
      if (ctor && key === 'constructor') top.badConstructor = hasPrototype(source, tape, node) ? at : -1;
    }
    const type = tape.type(node);
    if (type === JsonType.array || type === JsonType.object) {
      const object = type === JsonType.object;
      const seen = object && duplicates ? new Set<string>() : undefined;
      top = { outer: top, object, seen, end: tape.next(node), badConstructor: -1 };
    }
    node++;
  }
  return offset === Number.POSITIVE_INFINITY ? undefined : { kind, offset: offset - source.start };
}
