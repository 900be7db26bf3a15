// The types of JSON Schema, as tests of values.

import { isRecord, type TypeName } from './keywords';
import type { SchemaNode } from './model';

export type TypeTests = Readonly<Record<TypeName, (value: unknown) => boolean>>;

export const kIsType: TypeTests = {
  null: (value) => value === null,
  boolean: (value) => typeof value === 'boolean',
  // An overflown number (1e999) is none, as in ajv.
  number: (value) => typeof value === 'number' && Number.isFinite(value),
  integer: Number.isInteger,
  string: (value) => typeof value === 'string',
  array: Array.isArray,
  object: isRecord,
};

/** Where integers that a double cannot hold are bigints. */
export const kIsExactType: TypeTests = {
  ...kIsType,
  number: (value) => typeof value === 'bigint' || kIsType.number(value),
  integer: (value) => typeof value === 'bigint' || kIsType.integer(value),
};

/** The types a schema names; undefined when it names none. */
export function typesOf(node: SchemaNode): TypeName[] | undefined {
  const { type, nullable } = node.keywords;
  if (type === undefined) return undefined;
  const types = (Array.isArray(type) ? type : [type]) as TypeName[];
  return nullable === true && !types.includes('null') ? [...types, 'null'] : types;
}
