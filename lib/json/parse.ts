// parse and validate. Without a reviver all but small texts and the first of a process is the backend's work; with one, V8
// applies it where it can, because its order of visits, holders and `context` argument are the definition.

import { exact } from '../backend/json/parse';
import { decode } from '../backend/json/source';
import { InvalidArgument } from '../errors';
import { bytesOf, impl, type JsonInput, textOrBytes } from './input';
import { type ParseOptions, parseOptions } from './options';

/** As JSON.parse's reviver: `this` is the holder; returning undefined leaves the property out. */
// biome-ignore lint/suspicious/noExplicitAny: the type of JSON.parse's own reviver
export type Reviver = (this: any, key: string, value: any, context?: { source?: string }) => any;

/** Up to here the checks of the long way would cost more than they could win: V8 parses a copy on every backend. */
const kTinyBytes = 255;

/**
 * The core and its generated code are loaded and warm up for some 20 ms before they win. So V8 reads the first of a process's
 * JSON, unless one text is large enough to pay for all that alone, or a backend was asked for by name.
 */
const kColdBytes = 4 << 20;
let coldBytes = kColdBytes;

/** Whether V8 reads a text of that size here and now, without the backend. */
function isTheirs(size: number): boolean {
  if (size <= kTinyBytes) return true;
  if (coldBytes <= 0) return false;
  coldBytes = process.env.TAILRACE_BACKEND === undefined ? coldBytes - size : 0;
  return coldBytes > 0;
}

type Holder = Record<string, unknown>;

/** InternalizeJSONProperty of ECMA-262, for values that JSON.parse did not make. */
function revive(holder: Holder, key: string, reviver: Reviver): unknown {
  const value = holder[key];
  if (typeof value === 'object' && value !== null) {
    const target = value as Holder;
    const keys = Array.isArray(value)
      ? Array.from({ length: value.length }, (_, i) => String(i))
      : Object.keys(value);
    for (const name of keys) {
      const revived = revive(target, name, reviver);
      if (revived === undefined) Reflect.deleteProperty(target, name);
      else
        Reflect.defineProperty(target, name, {
          value: revived,
          writable: true,
          enumerable: true,
          configurable: true,
        });
    }
  }
  return reviver.call(holder, key, value);
}

function parseRevived(
  input: string | Uint8Array,
  reviver: Reviver,
  options: ParseOptions | undefined,
): unknown {
  const checked = parseOptions(options);
  if (checked !== undefined) return revive({ '': impl().parse(input, checked) }, '', reviver);
  const text = typeof input === 'string' ? input : decode(input, 0, input.length);
  try {
    return JSON.parse(text, reviver);
  } catch (error) {
    // The reviver's own errors, a SyntaxError too, pass through: the text is then not at fault.
    throw exact().failureOf(error, input, 0, input.length, undefined);
  }
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
      // not shared memory: a decoder must not read what another thread writes
      if (
        input instanceof Uint8Array &&
        input.length > 0 &&
        input.buffer instanceof ArrayBuffer &&
        isTheirs(input.length)
      )
        return JSON.parse(decode(input, 0, input.length));
    } catch {
      // Whatever it was, the long way finds out.
    }
    return impl().parse(typeof input === 'string' ? input : bytesOf(input), undefined);
  }
  const swapped = typeof second === 'function';
  const reviver = swapped ? second : first;
  const options = swapped ? first : second;
  const text = textOrBytes(input);
  if (typeof reviver === 'function') return parseRevived(text, reviver as Reviver, options as ParseOptions);
  if (reviver === undefined || reviver === null) return impl().parse(text, parseOptions(options));
  if (typeof reviver === 'object' && options === undefined) return impl().parse(text, parseOptions(reviver));
  throw new InvalidArgument('reviver', 'a function', reviver);
}

/** Whether parse() with the same options would return. Makes no value and throws only for wrong arguments. */
export function validate(input: JsonInput, options?: ParseOptions): boolean {
  return impl().validate(textOrBytes(input), parseOptions(options));
}

/** The same text without insignificant space, as UTF-8; everything else stays as it is written. */
export function minify(input: JsonInput): Buffer {
  return impl().minify(textOrBytes(input));
}
