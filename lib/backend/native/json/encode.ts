// Values to UTF-8, faster than JSON.stringify where a value is plain data: its text is joined from pieces, strings as they are,
// and the core turns it into bytes and counts quotes and backslashes on the way. If there are more than were put there, some
// string needed an escape, and V8 writes the text. JSON.stringify looks at each character twice as slowly as that.
//
// Plain data is what a literal or JSON.parse makes. A value inside that has rules of its own (toJSON, a box, a proxy, a class, a
// key with an escape) is written by JSON.stringify and joined in. Whatever throws there throws here.
//
// A text that needed an escape is written again by V8; so that programs with such texts do not pay twice, the next few go to V8
// at once. A getter of such a value is read a second time.

import { types } from 'node:util';
import type { AddonJson } from './addon';
import { giveBlock, takeBlock } from './blocks';

/** Deeper than this it may be a circle. */
const kDeepest = 200;
const kMostKeys = 4096;
const kLongestKey = 64;
/** Larger texts are left to V8: a joined text is held twice. */
const kMostUnits = 8 << 20;

/** `"key":` as it stands in a text, of keys that need no escape. */
const keys = new Map<string, string>();

let quotes = 0;
let backslashes = 0;

/** undefined: it needs an escape. */
function keyText(key: string): string | undefined {
  let text = keys.get(key);
  if (text !== undefined) return text;
  text = `${JSON.stringify(key)}:`;
  if (text.length !== key.length + 3) return undefined;
  if (key.length <= kLongestKey) {
    if (keys.size >= kMostKeys) keys.clear();
    keys.set(key, text);
  }
  return text;
}

/** `"key":value` by V8, which knows all rules; undefined where it leaves the member out. */
function memberByRules(key: string, value: unknown): string | undefined {
  const text = JSON.stringify({ [key]: value });
  if (text === '{}') return undefined;
  for (let i = 1; i < text.length - 1; i++) {
    const c = text.charCodeAt(i);
    if (c === 0x22) quotes++;
    else if (c === 0x5c) backslashes++;
  }
  return text.slice(1, -1);
}

/** An element by V8: the member of that name without the name. */
function elementByRules(index: number, value: unknown): string {
  const text = memberByRules(`${index}`, value);
  if (text === undefined) return 'null';
  quotes -= 2;
  return text.slice(text.indexOf(':') + 1);
}

function arrayText(value: unknown[], depth: number): string {
  const { length } = value;
  if (length === 0) return '[]';
  let text = '[';
  for (let i = 0; i < length; i++) {
    const item = value[i];
    const piece = pieceOf(item, depth) ?? elementByRules(i, item);
    text += i === 0 ? piece : `,${piece}`;
  }
  return `${text}]`;
}

function objectText(value: Record<string, unknown>, depth: number): string {
  let text = '';
  for (const key in value) {
    const item = value[key];
    const name = keyText(key);
    const piece = name === undefined ? undefined : pieceOf(item, depth);
    let member: string | undefined;
    if (piece === undefined) {
      member = memberByRules(key, item);
      if (member === undefined) continue;
    } else {
      quotes += 2;
      member = (name as string) + piece;
    }
    text += text === '' ? member : `,${member}`;
  }
  return `{${text}}`;
}

/** undefined: not plain. */
function pieceOf(value: unknown, depth: number): string | undefined {
  switch (typeof value) {
    case 'string':
      quotes += 2;
      return `"${value}"`;
    case 'number':
      return Number.isFinite(value) ? `${value}` : 'null';
    case 'boolean':
      return value ? 'true' : 'false';
    case 'object': {
      if (value === null) return 'null';
      // `for in` lists what is inherited too, and a proxy would notice
      if (depth === kDeepest || types.isProxy(value)) return undefined;
      const prototype = Object.getPrototypeOf(value);
      if (Array.isArray(value))
        return prototype === Array.prototype ? arrayText(value, depth + 1) : undefined;
      if (prototype !== Object.prototype && prototype !== null) return undefined;
      if (typeof (value as { toJSON?: unknown }).toJSON === 'function') return undefined;
      return objectText(value as Record<string, unknown>, depth + 1);
    }
    default:
      return undefined;
  }
}

/** Whether somebody has given all objects something that JSON would show or ask. */
function prototypesAreBare(): boolean {
  if ('toJSON' in Object.prototype || 'toJSON' in Array.prototype) return false;
  for (const _key in Object.prototype) return false;
  return true;
}

function byRules(value: unknown): Buffer | undefined {
  const text: string | undefined = JSON.stringify(value);
  return text === undefined ? undefined : Buffer.from(text, 'utf8');
}

export function createEncode(native: AddonJson): (value: unknown) => Buffer | undefined {
  /** Texts in a row that needed an escape, and how many are to go to V8 at once. */
  let escaped = 0;
  let wait = 0;
  return (value) => {
    if (wait > 0) {
      wait--;
      return byRules(value);
    }
    if (typeof value !== 'object' || value === null || !prototypesAreBare()) return byRules(value);
    quotes = 0;
    backslashes = 0;
    const text = pieceOf(value, 0);
    if (text === undefined || text.length > kMostUnits) return byRules(value);
    const block = takeBlock(text.length * 3 + 64);
    try {
      const size = native.encodeText(text, quotes, backslashes, block.bytes);
      if (size >= 0) {
        escaped = 0;
        return Buffer.from(block.bytes.subarray(0, size));
      }
    } finally {
      giveBlock(block);
    }
    escaped = Math.min(escaped + 1, 10);
    wait = (1 << escaped) - 1;
    return byRules(value);
  };
}
