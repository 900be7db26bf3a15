// encoder(schema): values to JSON bytes, the bytes of JSON.stringify, checked on the way. What is checked is the JSON that is
// written: a Date is the string its toJSON gives, a member that is undefined is not there, NaN is null.

import type { JsonEncode } from '../../backend/json-plan';
import { kUndecided } from '../../backend/shared';
import { InvalidArgument, JsonSchemaError } from '../../errors';
import { impl } from '../input';
import { Checks } from './check';
import { formatsOf } from './decoder';
import type { Infer, Typed } from './infer';
import { isRecord } from './keywords';
import { type FormatCheck, modelOf } from './model';
import { Planner } from './plan';
import { Projection } from './project';
import { issuesOf } from './run';

export interface EncoderOptions {
  /** Tell all that is wrong with a value (up to a hundred issues), not only the first of it. */
  allErrors?: boolean;
  /** Checkers of `format`; one that is not listed here is an annotation. */
  formats?: Readonly<Record<string, FormatCheck>>;
}

export type Encoder<T> = (value: T) => Buffer;

/**
 * Compiles a schema into a function that gives the bytes of Buffer.from(JSON.stringify(value)). Members that the schema does
 * not declare are written as JSON.stringify writes them, unless it forbids them. The Buffer is the caller's own.
 *
 * @throws JsonSchemaDefinitionError for a schema that cannot be compiled. The encoder throws JsonSchemaError for a value that
 *   does not fit, and what JSON.stringify throws
 */
export function encoder<const S extends Typed>(schema: S, options?: EncoderOptions): Encoder<Infer<S>>;
export function encoder<T>(schema: object | boolean, options?: EncoderOptions): Encoder<T>;
export function encoder(schema: unknown, options: EncoderOptions = {}): Encoder<unknown> {
  if (!isRecord(options)) throw new InvalidArgument('options', 'an object', options);
  const { allErrors = false, formats, ...others } = options as EncoderOptions;
  for (const name of Object.keys(others))
    throw new InvalidArgument(name, 'left out: the known options are allErrors, formats', name);
  if (typeof allErrors !== 'boolean') throw new InvalidArgument('allErrors', 'a boolean', allErrors);
  const { root } = modelOf(schema, formatsOf(formats));
  const checks = new Checks();
  const check = checks.of(root);
  let fast: JsonEncode | undefined;

  function plainly(value: unknown): Buffer {
    const text: string | undefined = JSON.stringify(value);
    if (text === undefined) throw new InvalidArgument('value', 'something JSON can express', value);
    const issues = issuesOf(check, JSON.parse(text), allErrors);
    if (issues.length > 0) throw new JsonSchemaError(issues);
    return Buffer.from(text, 'utf8');
  }

  return (value) => {
    fast ??= impl().encoder(new Planner(checks, new Projection(checks, false), false).plan(root));
    const made = fast(value);
    return made === kUndecided ? plainly(value) : (made as Buffer);
  };
}
