// parse, validate and minify of whatever may be asked: all inputs, options and revivers. The backend does the work; with a
// reviver V8 applies it where it can, because its order of visits, holders and `context` argument are the definition.

import type { JsonParseOptions } from '../backend/contract';
import { exact } from '../backend/json/parse';
import { decodeIfShort } from '../backend/json/source';
import { InvalidArgument } from '../errors';
import { bytesOf, impl, type JsonInput, textOrBytes } from './input';
import { type ParseOptions, parseOptions, type Reviver } from './options';

type Holder = Record<string, unknown>;

/** Whether this V8 tells a reviver a third argument, the context: of a primitive it has the source. */
function hasContext(): boolean {
  let has = false;
  JSON.parse('1', (...args: unknown[]) => {
    has = args.length > 2;
  });
  return has;
}
const kHasContext = hasContext();

/** InternalizeJSONProperty of ECMA-262, for values that JSON.parse did not make: their context is empty. */
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
  return kHasContext ? reviver.call(holder, key, value, {}) : reviver.call(holder, key, value);
}

/** Whether a value is another than JSON.parse's, not only allowed or not. */
function changesValues({ integers, protoAction, constructorAction }: JsonParseOptions): boolean {
  return integers === 'bigint' || protoAction === 'remove' || constructorAction === 'remove';
}

function parseRevived(
  input: string | Uint8Array,
  reviver: Reviver,
  options: ParseOptions | undefined,
): unknown {
  const checked = parseOptions(options);
  if (checked !== undefined) {
    const value = impl().parse(input, checked);
    // where the rules have let the text pass as it is, it is V8's like any other
    if (changesValues(checked)) return revive({ '': value }, '', reviver);
  }
  const text = typeof input === 'string' ? input : decodeIfShort(input, 0, input.length);
  if (text === undefined) return revive({ '': impl().parse(input, undefined) }, '', reviver);
  try {
    return JSON.parse(text, reviver);
  } catch (error) {
    // The reviver's own errors, a SyntaxError too, pass through: the text is then not at fault.
    throw exact().failureOf(error, input, 0, input.length, undefined);
  }
}

/** parse() with its arguments as they were given. */
export function parseAny(input: JsonInput, first: unknown, second: unknown): unknown {
  if (first === undefined && second === undefined)
    return impl().parse(typeof input === 'string' ? input : bytesOf(input), undefined);
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
