// parse as most call it: bytes or a string, nothing else. Small texts and the first of a process are read by V8 here; all
// else is parse-any's, which is loaded, and the backend with it, when it is first needed.

import { decode, decodeLatin1 } from '../backend/json/source';
import type { JsonInput } from './input';
import type { ParseOptions, Reviver } from './options';

/** Up to here the checks of the long way would cost more than they could win: V8 parses a copy on every backend. */
const kTinyBytes = 255;

/**
 * Of so few bytes a look at each costs less than the question whether their memory is shared, which is a getter's call: a copy of
 * ASCII is a string whoever writes it meanwhile. (What another thread writes between the look and the copy, and is no ASCII, is then
 * taken for Latin-1.) Of 20 bytes that is 4 % to 20 % of the time.
 */
const kFewBytes = 24;

function isAscii(bytes: Uint8Array, size: number): boolean {
  for (let i = 0; i < size; i++) if ((bytes[i] as number) >= 0x80) return false;
  return true;
}

/**
 * To load the core and its generated code, and to get them hot, takes 20 to 40 ms. So V8 reads the first of a process's JSON, unless one
 * text is large enough to pay for all that alone, or a backend was asked for by name. The core has paid off
 * after some 20 MB; but most programs go on, and a larger share for V8 would keep those slow for longer.
 */
const kColdBytes = 4 << 20;
const kPaysBytes = 32 << 20;
/** What is left of them; the environment is asked at the first text. */
let coldBytes: number | undefined;

/** Whether V8 reads a text of that size, which is not tiny, here and now, without the backend. */
function isTheirs(size: number): boolean {
  if (coldBytes === undefined) {
    coldBytes = process.env.TAILRACE_BACKEND === undefined && size < kPaysBytes ? kColdBytes : 0;
    if (coldBytes === 0) return false;
    coldBytes -= size;
    return true;
  }
  if (coldBytes <= 0) return false;
  coldBytes -= size;
  return coldBytes > 0;
}

let any: typeof import('./parse-any') | undefined;

function loaded(): typeof import('./parse-any') {
  any ??= require('./parse-any') as typeof import('./parse-any');
  return any;
}

/**
 * The value of a JSON text: equal to JSON.parse's in every case, the order of keys included, from UTF-8 bytes without
 * making a string of them first.
 *
 * @throws JsonSyntaxError with offset, line and column when the text is not JSON or breaks a rule of the options
 */
export function parse<T = unknown>(
  input: JsonInput,
  reviver?: Reviver | null | undefined,
  options?: ParseOptions | undefined,
): T;
export function parse<T = unknown>(
  input: JsonInput,
  options: ParseOptions | undefined,
  reviver?: Reviver | null | undefined,
): T;
export function parse(input: JsonInput, first?: unknown, second?: unknown): unknown {
  if (first === undefined && second === undefined) {
    try {
      if (typeof input === 'string') return JSON.parse(input);
      if (input instanceof Uint8Array) {
        const size = input.length;
        if (size <= kFewBytes && isAscii(input, size)) return JSON.parse(decodeLatin1(input, 0, size));
        // not shared memory: a decoder must not read what another thread writes
        if (size > 0 && (size <= kTinyBytes || isTheirs(size)) && input.buffer instanceof ArrayBuffer)
          return JSON.parse(decode(input, 0, size));
      }
    } catch {
      // Whatever it was, the long way finds out.
    }
  }
  return loaded().parseAny(input, first, second);
}

/** Whether parse() with the same options would return. Makes no value and throws only for wrong arguments. */
export function validate(input: JsonInput, options?: ParseOptions): boolean {
  return loaded().validate(input, options);
}

/** The same text without insignificant space, as UTF-8; everything else stays as it is written. */
export function minify(input: JsonInput): Buffer {
  return loaded().minify(input);
}
