// Makes the error of a JSON text that failed, from what failed and where. Both backends throw what this makes, so that
// class, code, text, line and column never depend on the backend: a backend finds the offset and nothing else.

import { JsonSyntaxError } from '../errors';

/** syntax covers a text that ends too early: its offset is then the input's length. */
export type JsonFailureKind = 'syntax' | 'utf8' | 'depth' | 'duplicate' | 'proto' | 'constructor';

/** Line and column of an offset, both from 1; columns in the unit of the offset. \n, \r and \r\n end a line. */
export function jsonPosition(
  input: string | Uint8Array,
  start: number,
  offset: number,
): { line: number; column: number } {
  let line = 1;
  let lineStart = start;
  const stop = start + offset;
  const unit =
    typeof input === 'string' ? (i: number) => input.charCodeAt(i) : (i: number) => input[i] as number;
  for (let i = start; i < stop; i++) {
    const c = unit(i);
    if (c === 10 || (c === 13 && !(i + 1 < stop && unit(i + 1) === 10))) {
      line++;
      lineStart = i + 1;
    }
  }
  return { line, column: stop - lineStart + 1 };
}

/** A regular expression made at its first use: a literal with Unicode properties costs milliseconds when the file is loaded. */
function isPrintable(text: string): boolean {
  return /^[\p{L}\p{N}\p{P}\p{S}]/u.test(text);
}

function shown(input: string | Uint8Array, at: number, end: number): string {
  const text =
    typeof input === 'string'
      ? input.slice(at, Math.min(end, at + 2))
      : Buffer.from(input.buffer, input.byteOffset + at, Math.min(end - at, 4)).toString('utf8');
  const point = text.codePointAt(0) as number;
  if (point !== 0xfffd && isPrintable(text)) return `'${String.fromCodePoint(point)}'`;
  const unit = typeof input === 'string' ? point : (input[at] as number);
  return typeof input === 'string'
    ? `U+${unit.toString(16).toUpperCase().padStart(4, '0')}`
    : `byte 0x${unit.toString(16).padStart(2, '0')}`;
}

/**
 * The error for input[start, end), `offset` counted from start. Reads the input again for line, column and text,
 * so an input that another thread changed meanwhile gives an odd text, never a crash.
 */
export function jsonFailure(
  kind: JsonFailureKind,
  input: string | Uint8Array,
  offset: number,
  start = 0,
  end = input.length,
): JsonSyntaxError {
  const { line, column } = jsonPosition(input, start, offset);
  const where = ` at offset ${offset} (line ${line} column ${column})`;
  let message: string;
  let code = 'ERR_TAILRACE_JSON_SYNTAX';
  switch (kind) {
    case 'syntax':
      message =
        start + offset >= end
          ? `Unexpected end of JSON input${where}`
          : `Unexpected ${shown(input, start + offset, end)} in JSON${where}`;
      break;
    case 'utf8':
      message = `Invalid UTF-8 in JSON${where}`;
      code = 'ERR_TAILRACE_JSON_UTF8';
      break;
    case 'depth':
      message = `JSON is nested too deeply${where}`;
      code = 'ERR_TAILRACE_JSON_DEPTH';
      break;
    case 'duplicate':
      message = `Duplicate key in a JSON object${where}`;
      code = 'ERR_TAILRACE_JSON_DUPLICATE_KEY';
      break;
    case 'proto':
      message = `JSON object has a forbidden key __proto__${where}`;
      code = 'ERR_TAILRACE_JSON_FORBIDDEN_KEY';
      break;
    case 'constructor':
      message = `JSON object has a forbidden key constructor.prototype${where}`;
      code = 'ERR_TAILRACE_JSON_FORBIDDEN_KEY';
      break;
  }
  return new JsonSyntaxError(message, { code, offset, line, column });
}
