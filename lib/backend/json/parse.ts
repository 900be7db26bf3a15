// Parsing on what Node has: JSON.parse for every value it can give; exact.ts for what it cannot (offsets, rules about
// keys, bigints, depth). It stands beside both backends: the fallback is made of it, and the native one uses it where V8
// is the faster parser and where only a slow exact answer will do.

import type { JsonParseOptions } from '../contract';
import { decodeIfShort, firstBadUtf8 } from './source';

/** Loaded when a text is at fault, or an option asks for more than JSON.parse gives. */
export function exact(): typeof import('./exact') {
  return require('./exact');
}

// Keys under a rule, written out or with escapes. Only a filter: it may match inside a string, never miss a key.
const kProtoKey =
  /"(?:_|\\u005[Ff]){2}(?:p|\\u0070)(?:r|\\u0072)(?:o|\\u006[Ff])(?:t|\\u0074)(?:o|\\u006[Ff])(?:_|\\u005[Ff]){2}"\s*:/;
const kConstructorKey =
  /"(?:c|\\u0063)(?:o|\\u006[Ff])(?:n|\\u006[Ee])(?:s|\\u0073)(?:t|\\u0074)(?:r|\\u0072)(?:u|\\u0075)(?:c|\\u0063)(?:t|\\u0074)(?:o|\\u006[Ff])(?:r|\\u0072)"\s*:/;

/** Whether the text has more brackets than may be open at once, counting those inside strings: only a filter. */
function mayBeDeeper(text: string, maxDepth: number): boolean {
  if (maxDepth >= text.length) return false;
  let left = maxDepth;
  for (const bracket of ['[', '{']) {
    for (let at = text.indexOf(bracket); at >= 0; at = text.indexOf(bracket, at + 1))
      if (left-- === 0) return true;
  }
  return false;
}

/** Whether JSON.parse alone gives what the options ask of this valid text. */
function isPlain(text: string, options: JsonParseOptions): boolean {
  return (
    options.integers === 'number' &&
    options.duplicateKeys === 'last' &&
    !(options.protoAction !== 'ignore' && kProtoKey.test(text)) &&
    !(options.constructorAction !== 'ignore' && kConstructorKey.test(text)) &&
    !mayBeDeeper(text, options.maxDepth)
  );
}

/** `text` is undefined when no string can hold it. */
function parseText(
  text: string | undefined,
  input: string | Uint8Array,
  start: number,
  end: number,
  options: JsonParseOptions | undefined,
): unknown {
  if (text !== undefined && (options === undefined || isPlain(text, options))) {
    try {
      return JSON.parse(text);
    } catch (error) {
      throw exact().failureOf(error, input, start, end, options);
    }
  }
  const { source, tape } = exact().scanned(input, start, end, options);
  return exact().nodeValue(source, tape, 0, options);
}

export function parseString(text: string, options: JsonParseOptions | undefined): unknown {
  if (options !== undefined) return parseText(text, text, 0, text.length, options);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw exact().failureOf(error, text, 0, text.length, options);
  }
}

export function parseBytes(
  bytes: Uint8Array,
  start: number,
  end: number,
  options: JsonParseOptions | undefined,
): unknown {
  if (options?.utf8 === 'error') {
    const bad = firstBadUtf8(bytes, start, end);
    if (bad >= 0) throw exact().jsonFailure('utf8', bytes, bad - start, start, end);
  }
  return parseText(decodeIfShort(bytes, start, end), bytes, start, end, options);
}
