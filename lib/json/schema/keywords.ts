// The vocabulary: which keywords there are, what their arguments must be, which are annotations. A keyword that is not
// listed is an error when the schema is compiled: an assertion that is ignored is a check that silently never happens.

import { JsonSchemaDefinitionError } from '../../errors';

export type SchemaObject = { readonly [keyword: string]: unknown };
export type Schema = boolean | SchemaObject;

/** Says nothing about values, or only what this compiler reads elsewhere. */
const kAnnotations = new Set([
  ...['$schema', '$id', '$anchor', '$comment', '$defs', 'definitions', '$vocabulary'],
  ...['title', 'description', 'default', 'examples', 'example', 'deprecated', 'readOnly', 'writeOnly'],
  ...['contentEncoding', 'contentMediaType', 'contentSchema'],
  // OpenAPI: hints for tools. A discriminator repeats what oneOf and const say already.
  ...['discriminator', 'xml', 'externalDocs'],
]);

export const kTypes = ['null', 'boolean', 'number', 'integer', 'string', 'array', 'object'] as const;
export type TypeName = (typeof kTypes)[number];

type Shape = (value: unknown) => boolean;

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const isCount: Shape = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const isNumber: Shape = (value) => typeof value === 'number' && Number.isFinite(value);
const isSchema: Shape = (value) => typeof value === 'boolean' || isRecord(value);
const isNames: Shape = (value) => Array.isArray(value) && value.every((name) => typeof name === 'string');
const isSchemas: Shape = (value) => Array.isArray(value) && value.every(isSchema);
const isSchemaRecord: Shape = (value) => isRecord(value) && Object.values(value).every(isSchema);
const isTypeName: Shape = (value) => kTypes.includes(value as TypeName);

const count = [isCount, 'a count'] as const;
const number = [isNumber, 'a number'] as const;
const flag = [(value: unknown) => typeof value === 'boolean', 'a boolean'] as const;
const text = [(value: unknown) => typeof value === 'string', 'a string'] as const;
const schema = [isSchema, 'a schema'] as const;
// TypeBox and zod write a union of nothing as an empty one: it accepts nothing.
const schemas = [isSchemas, 'an array of schemas'] as const;
/** true and false are draft 4's (and OpenAPI 3.0's): whether the bound beside it is one that is not reached. */
const exclusive = [
  (value: unknown) => isNumber(value) || typeof value === 'boolean',
  'a number or a boolean',
] as const;
const record = [isSchemaRecord, 'an object of schemas'] as const;

const kShapes: Readonly<Record<string, readonly [Shape, string]>> = {
  type: [
    (value) => isTypeName(value) || (Array.isArray(value) && value.length > 0 && value.every(isTypeName)),
    `one or some of ${kTypes.join(', ')}`,
  ],
  nullable: flag,
  enum: [(value) => Array.isArray(value) && value.length > 0, 'a non-empty array'],
  const: [() => true, 'any value'],
  minimum: number,
  maximum: number,
  exclusiveMinimum: exclusive,
  exclusiveMaximum: exclusive,
  multipleOf: [(value) => isNumber(value) && (value as number) > 0, 'a number above 0'],
  minLength: count,
  maxLength: count,
  pattern: text,
  format: text,
  minItems: count,
  maxItems: count,
  uniqueItems: flag,
  // none for an empty tuple, as zod writes it
  prefixItems: schemas,
  items: [
    (value) => isSchema(value) || (Array.isArray(value) && value.every(isSchema)),
    'a schema or an array of schemas',
  ],
  additionalItems: schema,
  contains: schema,
  minContains: count,
  maxContains: count,
  minProperties: count,
  maxProperties: count,
  required: [isNames, 'an array of names'],
  properties: record,
  patternProperties: record,
  additionalProperties: schema,
  unevaluatedProperties: schema,
  propertyNames: schema,
  dependentRequired: [
    (value) => isRecord(value) && Object.values(value).every(isNames),
    'an object of arrays of names',
  ],
  dependentSchemas: record,
  not: schema,
  anyOf: schemas,
  oneOf: schemas,
  allOf: schemas,
  if: schema,
  // biome-ignore lint/suspicious/noThenProperty: the keyword's name
  then: schema,
  else: schema,
  $ref: text,
};

/** Those that the compiler reads, wherever a schema has them from. */
export const kReadKeywords: readonly string[] = [
  ...Object.keys(kShapes),
  '$id',
  '$anchor',
  '$defs',
  'definitions',
];

/** Whether a keyword says something of its own, next to $ref. */
export const isRuleBesideRef = (keyword: string): boolean =>
  keyword !== '$ref' && Object.hasOwn(kShapes, keyword);

export function badSchema(path: string, problem: string): never {
  throw new JsonSchemaDefinitionError('ERR_TAILRACE_JSON_SCHEMA_INVALID', path, problem);
}

/** Holds one schema object to the vocabulary. `path` is its place, for the error. */
export function checkKeywords(given: SchemaObject, path: string): void {
  for (const keyword of Object.keys(given)) {
    const shape = Object.hasOwn(kShapes, keyword) ? kShapes[keyword] : undefined;
    if (shape !== undefined) {
      const value = given[keyword];
      // An option that is spelled out as undefined is left out.
      if (value !== undefined && !shape[0](value)) badSchema(`${path}/${keyword}`, `must be ${shape[1]}`);
    } else if (!kAnnotations.has(keyword) && !keyword.startsWith('x-') && !keyword.startsWith('~')) {
      throw new JsonSchemaDefinitionError(
        'ERR_TAILRACE_JSON_SCHEMA_KEYWORD',
        `${path}/${keyword}`,
        'is a keyword that is not supported, and ignoring it would leave values unchecked',
      );
    }
  }
}
