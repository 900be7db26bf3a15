// decoder(schema): JSON text to values of a schema. A backend that can does both at once, while it reads the text; whenever
// it cannot decide, the text is parsed, checked and projected here, which is also where every error comes from.

import { types } from 'node:util';
import type { JsonParseOptions } from '../../backend/contract';
import { utf8Of } from '../../backend/json/source';
import type { JsonDecode } from '../../backend/json-plan';
import { kUndecided } from '../../backend/shared';
import { InvalidArgument, JsonSchemaError } from '../../errors';
import { bytesOf, impl, type JsonInput } from '../input';
import { manyOf } from '../many';
import { type ParseOptions, parseOptions } from '../options';
import { Checks } from './check';
import type { Infer, Typed } from './infer';
import { isRecord } from './keywords';
import { type FormatCheck, modelOf } from './model';
import { Planner } from './plan';
import { Projection } from './project';
import { issuesOf } from './run';
import { kIsExactType, kIsType } from './types';

export interface DecoderOptions extends ParseOptions {
  /** Members that nothing declares: 'skip' (default) leaves them out, 'keep' keeps them behind the others. */
  undeclared?: 'skip' | 'keep';
  /** Tell all that is wrong with a value (up to a hundred issues), not only the first of it. */
  allErrors?: boolean;
  /** Checkers of `format`; one that is not listed here is an annotation. */
  formats?: Readonly<Record<string, FormatCheck>>;
}

/** Makes values of T out of JSON text (with `integers: 'bigint'`, bigints where T has numbers); throws JsonSyntaxError or JsonSchemaError. */
export interface Decoder<T> {
  (input: JsonInput): T;
  /** The same under a name, for what wants an object. */
  parse(input: JsonInput): T;
  /** The same for a value that is parsed already. */
  from(value: unknown): T;
  /** The same for bytes[start, end). The bytes must not be shared memory. */
  parseRange(bytes: Uint8Array, start: number, end: number): T;
}

export function formatsOf(formats: unknown): Readonly<Record<string, FormatCheck>> {
  if (formats === undefined) return {};
  if (!isRecord(formats)) throw new InvalidArgument('formats', 'a record of checkers', formats);
  for (const [name, check] of Object.entries(formats)) {
    if (typeof check !== 'function' && !types.isRegExp(check))
      throw new InvalidArgument(`formats.${name}`, 'a function or a RegExp', check);
  }
  return formats as Record<string, FormatCheck>;
}

/**
 * The tape of a backend knows JSON.parse's own options and, for bytes that are not UTF-8, both of them: it takes neither. Its
 * strings share pieces of 4 KB.
 */
function isPlain(options: JsonParseOptions | undefined): boolean {
  if (options === undefined) return true;
  const { integers, duplicateKeys, maxDepth, protoAction, constructorAction, strings } = options;
  return (
    integers === 'number' &&
    duplicateKeys === 'last' &&
    maxDepth >= 0xffff_ffff &&
    protoAction === 'ignore' &&
    constructorAction === 'ignore' &&
    strings !== 'flat'
  );
}

/**
 * Compiles a schema into a function of JSON text.
 *
 * @throws JsonSchemaDefinitionError for a schema that cannot be compiled: unknown keywords are never ignored
 */
export function decoder<const S extends Typed>(schema: S, options?: DecoderOptions): Decoder<Infer<S>>;
export function decoder<T>(schema: object | boolean, options?: DecoderOptions): Decoder<T>;
export function decoder(schema: unknown, options: DecoderOptions = {}): Decoder<unknown> {
  if (!isRecord(options)) throw new InvalidArgument('options', 'an object', options);
  const parsing = parseOptions(options, ['undeclared', 'allErrors', 'formats']);
  const { undeclared = 'skip', allErrors = false } = options as DecoderOptions;
  if (undeclared !== 'skip' && undeclared !== 'keep')
    throw new InvalidArgument('undeclared', "'skip' or 'keep'", undeclared);
  if (typeof allErrors !== 'boolean') throw new InvalidArgument('allErrors', 'a boolean', allErrors);
  const { root } = modelOf(schema, formatsOf((options as DecoderOptions).formats));
  const checks = new Checks(parsing?.integers === 'bigint' ? kIsExactType : kIsType);
  const check = checks.of(root);
  const projection = new Projection(checks, undeclared === 'keep');
  const project = projection.touches(root) ? projection.of(root) : undefined;

  function accept(value: unknown): unknown {
    const issues = issuesOf(check, value, allErrors);
    if (issues.length > 0) throw new JsonSchemaError(issues);
    return project === undefined ? value : project(value);
  }

  // Made at the first text: a program may have many decoders and use few.
  let fast: JsonDecode | null | undefined = isPlain(parsing) ? undefined : null;
  function prepare(): JsonDecode | null {
    fast = impl().decoder(new Planner(checks, projection, undeclared === 'keep').plan(root)) ?? null;
    return fast;
  }

  function range(bytes: Uint8Array, start: number, end: number): unknown {
    const decode = fast === undefined ? prepare() : fast;
    if (decode !== null) {
      const value = decode(bytes, start, end);
      if (value !== kUndecided) return value;
    }
    return accept(impl().parseRange(bytes, start, end, parsing));
  }

  function whole(input: JsonInput): unknown {
    if (typeof input === 'string') {
      const decode = fast === undefined ? prepare() : fast;
      // Only where the bytes save more than making them costs.
      if (decode !== null && input.length > kLongString) {
        const bytes = utf8Of(input);
        const value = decode(bytes, 0, bytes.length);
        if (value !== kUndecided) return value;
      }
      return accept(impl().parse(input, parsing));
    }
    const bytes = bytesOf(input);
    return range(bytes, 0, bytes.length);
  }

  manyOf.set(whole, (bytes, start, end, maxLine, values, alone) => {
    const decode = fast === undefined ? prepare() : fast;
    return decode?.many?.(bytes, start, end, maxLine, values, alone);
  });
  function parseRange(bytes: Uint8Array, start: number, end: number): unknown {
    if (!types.isUint8Array(bytes)) throw new InvalidArgument('bytes', 'a Buffer or a Uint8Array', bytes);
    const size = bytes.length;
    if (!Number.isInteger(end) || end < 0 || end > size)
      throw new InvalidArgument('end', `an integer from 0 to ${size}`, end);
    if (!Number.isInteger(start) || start < 0 || start > end)
      throw new InvalidArgument('start', `an integer from 0 to ${end}`, start);
    return range(bytes, start, end);
  }
  return Object.assign(whole, { parse: whole, from: accept, parseRange });
}

const kLongString = 1024;
