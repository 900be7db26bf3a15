// The types of JSON Schema, as tests of values.

import { isRecord, type TypeName } from './keywords';
import type { SchemaNode } from './model';

export const kIsType: Record<TypeName, (value: unknown) => boolean> = {
  null: (value) => value === null,
  boolean: (value) => typeof value === 'boolean',
  // An overflown number (1e999) is none, as in ajv.
  number: (value) => typeof value === 'number' && Number.isFinite(value),
  integer: Number.isInteger,
  string: (value) => typeof value === 'string',
  array: Array.isArray,
  object: isRecord,
};

/** The types a schema names; undefined when it names none. */
export function typesOf(node: SchemaNode): TypeName[] | undefined {
  const { type, nullable } = node.keywords;
  if (type === undefined) return undefined;
  const types = (Array.isArray(type) ? type : [type]) as TypeName[];
  return nullable === true && !types.includes('null') ? [...types, 'null'] : types;
}
