// Finds what JSON.parse throws away but JSON-RPC needs: the exact text of each call's id (1e2 must come back as
// 1e2), the text of lazy params, and how deep the document is. Runs only after JSON.parse has accepted the
// text, so it never has to judge; one pass, strings skipped by indexOf. Requests too short to be deep, with
// one plain "id" and no escape, take a shortcut that does not walk at all.

export interface CallText {
  /** JSON text of the id; undefined when the call has none. */
  id: string | undefined;
  /** JSON text of params; undefined when the call has none. */
  params: string | undefined;
}

export interface ScannedText {
  /** Deepest nesting of arrays and objects; `[]` is 1. Exact only up to the limit given: see scanText. */
  depth: number;
  /** One for a single call, one an element for a batch (without texts for elements that are no objects). */
  calls: CallText[];
}

const kQuote = 0x22;
const kBackslash = 0x5c;

function skipSpace(text: string, from: number): number {
  let at = from;
  for (;;) {
    const c = text.charCodeAt(at);
    if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) return at;
    at++;
  }
}

/** `from` stands on the opening quote; returns the index behind the closing one. */
function skipString(text: string, from: number): number {
  let at = from;
  for (;;) {
    at = text.indexOf('"', at + 1);
    let back = at - 1;
    while (text.charCodeAt(back) === kBackslash) back--;
    if ((at - back) % 2 === 1) return at + 1;
  }
}

class Scanner {
  readonly text: string;
  depth = 0;
  /** Behind the value that was skipped last. */
  at = 0;

  constructor(text: string) {
    this.text = text;
  }

  /** Skips the value that begins at `from`; `outer` containers stand around it. */
  skipValue(from: number, outer: number): void {
    const text = this.text;
    let at = from;
    const first = text.charCodeAt(at);
    if (first === kQuote) {
      this.at = skipString(text, at);
      return;
    }
    if (first !== 0x7b && first !== 0x5b) {
      while (at < text.length) {
        const c = text.charCodeAt(at);
        if (c === 0x2c || c === 0x5d || c === 0x7d || c <= 0x20) break;
        at++;
      }
      this.at = at;
      return;
    }
    let depth = outer;
    for (;;) {
      const c = text.charCodeAt(at);
      if (c === kQuote) {
        at = skipString(text, at);
        continue;
      }
      at++;
      if (c === 0x7b || c === 0x5b) {
        depth++;
        if (depth > this.depth) this.depth = depth;
      } else if (c === 0x7d || c === 0x5d) {
        depth--;
        if (depth === outer) break;
      }
    }
    this.at = at;
  }

  /** Members of the object that begins at `from`; the last of duplicate names counts. */
  object(from: number, outer: number): CallText {
    const text = this.text;
    const call: CallText = { id: undefined, params: undefined };
    if (outer + 1 > this.depth) this.depth = outer + 1;
    let at = skipSpace(text, from + 1);
    while (text.charCodeAt(at) !== 0x7d) {
      if (text.charCodeAt(at) === 0x2c) at = skipSpace(text, at + 1);
      const afterName = skipString(text, at);
      const raw = text.slice(at + 1, afterName - 1);
      const name = raw.includes('\\') ? JSON.parse(`"${raw}"`) : raw;
      const value = skipSpace(text, skipSpace(text, afterName) + 1);
      this.skipValue(value, outer + 1);
      if (name === 'id') call.id = text.slice(value, this.at);
      else if (name === 'params') call.params = text.slice(value, this.at);
      at = skipSpace(text, this.at);
    }
    this.at = at + 1;
    return call;
  }
}

/**
 * Scans JSON text that JSON.parse has accepted and whose top level is an object or an array. `depthLimit`
 * allows the shortcut for texts too short to exceed it; their depth is given as 0.
 */
export function scanText(text: string, value: object, depthLimit: number, wantParams: boolean): ScannedText {
  if (!wantParams && text.length < 2 * depthLimit && !Array.isArray(value) && !text.includes('\\')) {
    const at = text.indexOf('"id"');
    if (at < 0) return { depth: 0, calls: [{ id: undefined, params: undefined }] };
    // Without escapes, an own member `id` must stand in the text as "id": if there is one only, it is that.
    if (text.indexOf('"id"', at + 4) < 0 && Object.hasOwn(value, 'id')) {
      const scanner = new Scanner(text);
      const from = skipSpace(text, skipSpace(text, at + 4) + 1);
      scanner.skipValue(from, 0);
      return { depth: 0, calls: [{ id: text.slice(from, scanner.at), params: undefined }] };
    }
  }
  const scanner = new Scanner(text);
  let at = skipSpace(text, 0);
  if (text.charCodeAt(at) === 0x7b) return { calls: [scanner.object(at, 0)], depth: scanner.depth };
  const calls: CallText[] = [];
  scanner.depth = 1;
  at = skipSpace(text, at + 1);
  while (text.charCodeAt(at) !== 0x5d) {
    if (text.charCodeAt(at) === 0x2c) at = skipSpace(text, at + 1);
    if (text.charCodeAt(at) === 0x7b) {
      calls.push(scanner.object(at, 1));
    } else {
      scanner.skipValue(at, 1);
      calls.push({ id: undefined, params: undefined });
    }
    at = skipSpace(text, scanner.at);
  }
  return { depth: scanner.depth, calls };
}

/**
 * Whether some object in a JSON value has a member "__proto__", or a member "constructor" whose value has a member
 * "prototype": what a careless merge would turn into prototype pollution.
 */
export function hasForbiddenKey(value: unknown): boolean {
  const stack: unknown[] = [value];
  while (stack.length > 0) {
    const top = stack.pop();
    if (typeof top !== 'object' || top === null) continue;
    if (Array.isArray(top)) {
      for (const item of top) if (typeof item === 'object' && item !== null) stack.push(item);
      continue;
    }
    if (Object.hasOwn(top, '__proto__')) return true;
    const record = top as Record<string, unknown>;
    if (Object.hasOwn(top, 'constructor')) {
      const inner = record.constructor as unknown;
      if (typeof inner === 'object' && inner !== null && Object.hasOwn(inner, 'prototype')) return true;
    }
    for (const name of Object.keys(record)) {
      const item = record[name];
      if (typeof item === 'object' && item !== null) stack.push(item);
    }
  }
  return false;
}

/** False only when the text cannot have a forbidden member: saves the walk over nearly every request. */
export function mayHaveForbiddenKey(text: string): boolean {
  return text.includes('__proto__') || text.includes('constructor') || text.includes('\\u');
}
