// The exact way: scans a text as the contract says, for where a failure is, for rules about keys, for what JSON.parse cannot
// give. Loaded when it is first needed, which for most programs is never.

import { constants } from 'node:buffer';
import { errorTable, TailraceError } from '../../errors';
import { type JsonParseOptions, kJsonNoDepthLimit } from '../contract';
import { type JsonFailureKind, jsonFailure } from '../json-failure';
import { build, forbiddenKey } from './build';
import { depthOffset, kValid, scan, Tape } from './scan';
import { firstBadUtf8, type Source, sourceOf } from './source';

export { jsonFailure };

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

/** The error of a text that is more than can be laid out. */
export function tooLarge(most: string): TailraceError {
  return new TailraceError(
    errorTable.json_size.code,
    `${errorTable.json_size.text} for a document: ${most} at most`,
  );
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
  // the tape's offsets have 32 bits
  if (end - start > 0xffff_ffff) throw tooLarge('4 GB');
  if (end > 0xffff_ffff && typeof input !== 'string')
    return scanned(input.subarray(start, end), 0, end - start, options);
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

/** The value of a node of a scanned text. */
export function nodeValue(
  source: Source,
  tape: Tape,
  node: number,
  options: JsonParseOptions | undefined,
): unknown {
  const start = tape.start(node);
  const end = tape.end(node);
  const plain =
    options === undefined ||
    (options.integers === 'number' &&
      options.protoAction !== 'remove' &&
      options.constructorAction !== 'remove');
  // a unit of a string comes from one unit of the source at least
  if (plain && end - start <= constants.MAX_STRING_LENGTH) return JSON.parse(source.slice(start, end));
  return build(source, tape, node, options);
}
