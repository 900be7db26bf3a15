// Parsing on what Node has: JSON.parse for every value it can give, the scanner for what it cannot (offsets, rules
// about keys, bigints, depth). It stands beside both backends: the fallback is made of it, and the native one uses it where V8
// is the faster parser and where only a slow exact answer will do.

import { type JsonParseOptions, kJsonNoDepthLimit } from '../contract';
import { type JsonFailureKind, jsonFailure } from '../json-failure';
import { build, forbiddenKey } from './build';
import { depthOffset, kValid, scan, Tape } from './scan';
import { decode, firstBadUtf8, type Source, sourceOf } from './source';

/**
 * Scans a text wholly, in the order the contract sets: utf8, then syntax or depth, then keys. Returns the failure,
 * its offset counted from the source's start, or undefined for a text that parse() takes.
 */
export function locateFailure(
  input: string | Uint8Array,
  start: number,
  end: number,
  options: JsonParseOptions | undefined,
): { kind: JsonFailureKind; offset: number } | undefined {
  if (options?.utf8 === 'error' && typeof input !== 'string') {
    const bad = firstBadUtf8(input, start, end);
    if (bad >= 0) return { kind: 'utf8', offset: bad - start };
  }
  const source = sourceOf(input, start, end);
  const tape = options !== undefined && rulesForKeys(options) ? new Tape() : undefined;
  const result = scan(source.units, start, end, options?.maxDepth ?? kJsonNoDepthLimit, tape);
  if (result >= 0) return { kind: 'syntax', offset: result - start };
  if (result !== kValid) return { kind: 'depth', offset: depthOffset(result) - start };
  return tape === undefined ? undefined : forbiddenKey(source, tape, options as JsonParseOptions);
}

/** The error of a text that JSON.parse refused; the original error when the text is not at fault. */
export function failureOf(
  error: unknown,
  input: string | Uint8Array,
  start: number,
  end: number,
  options: JsonParseOptions | undefined,
): unknown {
  if (!(error instanceof SyntaxError)) return error;
  const failure = locateFailure(input, start, end, options);
  return failure === undefined ? error : jsonFailure(failure.kind, input, failure.offset, start, end);
}

function rulesForKeys(options: JsonParseOptions): boolean {
  return (
    options.duplicateKeys === 'error' ||
    options.protoAction === 'error' ||
    options.constructorAction === 'error'
  );
}

/** Scans, applies the rules and keeps the tape; throws what is wrong. */
export function scanned(
  input: string | Uint8Array,
  start: number,
  end: number,
  options: JsonParseOptions | undefined,
): { source: Source; tape: Tape } {
  const fail = (kind: JsonFailureKind, offset: number) => jsonFailure(kind, input, offset, start, end);
  if (options?.utf8 === 'error' && typeof input !== 'string') {
    const bad = firstBadUtf8(input, start, end);
    if (bad >= 0) throw fail('utf8', bad - start);
  }
  const source = sourceOf(input, start, end);
  const tape = new Tape();
  const result = scan(source.units, start, end, options?.maxDepth ?? kJsonNoDepthLimit, tape);
  if (result >= 0) throw fail('syntax', result - start);
  if (result !== kValid) throw fail('depth', depthOffset(result) - start);
  if (options !== undefined) {
    const key = forbiddenKey(source, tape, options);
    if (key !== undefined) throw fail(key.kind, key.offset);
  }
  return { source, tape };
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

function parseText(
  text: string,
  input: string | Uint8Array,
  start: number,
  end: number,
  options: JsonParseOptions | undefined,
): unknown {
  if (options === undefined || isPlain(text, options)) {
    try {
      return JSON.parse(text);
    } catch (error) {
      throw failureOf(error, input, start, end, options);
    }
  }
  const { source, tape } = scanned(input, start, end, options);
  return nodeValue(source, tape, 0, options);
}

/** The value of a node of a scanned text. */
export function nodeValue(
  source: Source,
  tape: Tape,
  node: number,
  options: JsonParseOptions | undefined,
): unknown {
  if (
    options === undefined ||
    (options.integers === 'number' &&
      options.protoAction !== 'remove' &&
      options.constructorAction !== 'remove')
  ) {
    return JSON.parse(source.slice(tape.start(node), tape.end(node)));
  }
  return build(source, tape, node, options);
}

export function parseString(text: string, options: JsonParseOptions | undefined): unknown {
  if (options !== undefined) return parseText(text, text, 0, text.length, options);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw failureOf(error, text, 0, text.length, options);
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
    if (bad >= 0) throw jsonFailure('utf8', bytes, bad - start, start, end);
  }
  return parseText(decode(bytes, start, end), bytes, start, end, options);
}
