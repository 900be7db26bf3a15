// JSON Schema for params and results: the checks of tailrace/json on values, all issues told. A decoder that the program has
// made already serves too: params are then what it gives.

import { JsonSchemaDefinitionError, JsonSchemaError, type JsonSchemaIssue } from '../errors';
import type { Decoder, Schema } from '../json';
import { Checks } from '../json/schema/check';
import { modelOf } from '../json/schema/model';
import { issuesOf } from '../json/schema/run';

export type { Schema };

/** Returns the value to go on with. Throws JsonSchemaError with at most a hundred issues. */
export type Validator = (value: unknown) => unknown;

/** Throws JsonSchemaDefinitionError, naming `option`, for a schema with mistakes or unknown keywords. */
export function compileSchema(schema: unknown, option: string): Validator {
  if (typeof schema === 'function' && typeof (schema as Partial<Decoder<unknown>>).from === 'function') {
    return (schema as unknown as Decoder<unknown>).from;
  }
  let check: ReturnType<Checks['of']>;
  try {
    check = new Checks().of(modelOf(schema).root);
  } catch (error) {
    if (!(error instanceof JsonSchemaDefinitionError)) throw error;
    throw new JsonSchemaDefinitionError(error.code as never, error.path, error.problem, option);
  }
  return (value) => {
    const issues: JsonSchemaIssue[] = issuesOf(check, value, true);
    if (issues.length > 0) throw new JsonSchemaError(issues);
    return value;
  };
}
