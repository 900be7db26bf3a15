// JSON Schema for params and results: the keywords RPC params need, checked on values, issues in ajv's shape. A
// keyword it does not know is an error when the server starts, not a check that silently never happens.

import { isDeepStrictEqual } from 'node:util';
import { InvalidArgument, type JsonSchemaIssue } from '../errors';

export type Schema = boolean | { readonly [keyword: string]: unknown };
/** Returns the first issues found (one a keyword), an empty list when the value fits. */
export type Validator = (value: unknown) => JsonSchemaIssue[];

type Check = (value: unknown, at: string, issues: JsonSchemaIssue[]) => void;
type Keyword = (argument: never, where: Where, schema: Record<string, unknown>) => Check | undefined;

interface Where {
  /** Option name, for errors of the schema itself. */
  option: string;
  /** Pointer into the schema. */
  path: string;
}

const kAnnotations = new Set([
  'title',
  'description',
  'default',
  'examples',
  '$schema',
  '$id',
  '$comment',
  'deprecated',
]);
const kTypes = ['null', 'boolean', 'number', 'integer', 'string', 'array', 'object'];

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return typeof value;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function pointer(at: string, name: string | number): string {
  return `${at}/${String(name).replace(/~/g, '~0').replace(/\//g, '~1')}`;
}

function bad(where: Where, expected: string, received: unknown): never {
  throw new InvalidArgument(where.option, `a JSON Schema whose ${where.path} is ${expected}`, received);
}

/** A check that is one comparison. */
function simple(
  where: Where,
  params: Record<string, unknown>,
  message: string,
  fits: (value: unknown) => boolean,
): Check {
  const keyword = where.path.slice(where.path.lastIndexOf('/') + 1);
  return (value, instancePath, issues) => {
    if (!fits(value)) issues.push({ instancePath, schemaPath: where.path, keyword, params, message });
  };
}

function bound(
  size: (value: unknown) => number | undefined,
  fits: (size: number, limit: number) => boolean,
  say: string,
  count: boolean,
): Keyword {
  return (limit: never, where) => {
    if (typeof limit !== 'number' || (count && (!Number.isInteger(limit) || limit < 0))) {
      bad(where, count ? 'a count' : 'a number', limit);
    }
    return simple(where, { limit }, `must ${say} ${limit}`, (value) => {
      const is = size(value);
      return is === undefined || fits(is, limit);
    });
  };
}

const numeric = (value: unknown) => (typeof value === 'number' ? value : undefined);
const characters = (value: unknown) => (typeof value === 'string' ? [...value].length : undefined);
const items = (value: unknown) => (Array.isArray(value) ? value.length : undefined);
const members = (value: unknown) => (isRecord(value) ? Object.keys(value).length : undefined);
const most = (a: number, b: number) => a <= b;
const least = (a: number, b: number) => a >= b;

function list(value: unknown, where: Where): unknown[] {
  return Array.isArray(value) && value.length > 0 ? value : bad(where, 'a non-empty array', value);
}

function below(where: Where, name: string | number): Where {
  return { option: where.option, path: pointer(where.path, name) };
}

function some(say: string, enough: (fitting: number, all: number) => boolean): Keyword {
  return (schemas: never, where) => {
    const checks = list(schemas, where).map((schema, i) => compile(schema as Schema, below(where, i)));
    return simple(where, {}, say, (value) => {
      let fitting = 0;
      for (const check of checks) {
        const issues: JsonSchemaIssue[] = [];
        check(value, '', issues);
        if (issues.length === 0) fitting++;
      }
      return enough(fitting, checks.length);
    });
  };
}

const kKeywords: Record<string, Keyword> = {
  type(type: never, where) {
    const types = Array.isArray(type) ? (type as string[]) : [type as string];
    for (const name of types)
      if (!kTypes.includes(name)) bad(where, `one or some of ${kTypes.join(', ')}`, type);
    return simple(where, { type }, `must be ${types.join(',')}`, (value) => {
      const is = typeOf(value);
      return types.includes(is) || (types.includes('integer') && Number.isInteger(value));
    });
  },
  enum(values: never, where) {
    const allowed = list(values, where);
    return simple(where, { allowedValues: allowed }, 'must be equal to one of the allowed values', (value) =>
      allowed.some((item) => isDeepStrictEqual(item, value)),
    );
  },
  const: (wanted: never, where) =>
    simple(where, { allowedValue: wanted }, 'must be equal to constant', (value) =>
      isDeepStrictEqual(wanted, value),
    ),
  minimum: bound(numeric, least, 'be >=', false),
  maximum: bound(numeric, most, 'be <=', false),
  exclusiveMinimum: bound(numeric, (a, b) => a > b, 'be >', false),
  exclusiveMaximum: bound(numeric, (a, b) => a < b, 'be <', false),
  multipleOf: bound(numeric, (a, b) => Number.isInteger(a / b), 'be multiple of', false),
  minLength: bound(characters, least, 'NOT have fewer characters than', true),
  maxLength: bound(characters, most, 'NOT have more characters than', true),
  minItems: bound(items, least, 'NOT have fewer items than', true),
  maxItems: bound(items, most, 'NOT have more items than', true),
  minProperties: bound(members, least, 'NOT have fewer properties than', true),
  maxProperties: bound(members, most, 'NOT have more properties than', true),
  pattern(pattern: never, where) {
    let regexp: RegExp;
    try {
      regexp = new RegExp(pattern, 'u');
    } catch {
      return bad(where, 'a regular expression', pattern);
    }
    return simple(
      where,
      { pattern },
      `must match pattern "${pattern}"`,
      (v) => typeof v !== 'string' || regexp.test(v),
    );
  },
  required(names: never, where) {
    if (!Array.isArray(names)) bad(where, 'an array of names', names);
    return (value, instancePath, issues) => {
      if (!isRecord(value)) return;
      for (const missingProperty of names as string[]) {
        if (Object.hasOwn(value, missingProperty)) continue;
        const message = `must have required property '${missingProperty}'`;
        const params = { missingProperty };
        issues.push({ instancePath, schemaPath: where.path, keyword: 'required', params, message });
      }
    };
  },
  properties(schemas: never, where) {
    if (!isRecord(schemas)) bad(where, 'an object of schemas', schemas);
    const checks = Object.entries(schemas as Record<string, Schema>).map(
      ([name, schema]) => [name, compile(schema, below(where, name))] as const,
    );
    return (value, at, issues) => {
      if (!isRecord(value)) return;
      for (const [name, check] of checks) {
        if (Object.hasOwn(value, name)) check(value[name], pointer(at, name), issues);
      }
    };
  },
  additionalProperties(schema: never, where, whole) {
    const known = new Set(Object.keys((whole.properties as object | undefined) ?? {}));
    const check = schema === false ? undefined : compile(schema, where);
    return (value, at, issues) => {
      if (!isRecord(value)) return;
      for (const additionalProperty of Object.keys(value)) {
        if (known.has(additionalProperty)) continue;
        if (check !== undefined) {
          check(value[additionalProperty], pointer(at, additionalProperty), issues);
          continue;
        }
        const message = 'must NOT have additional properties';
        const params = { additionalProperty };
        const keyword = 'additionalProperties';
        issues.push({ instancePath: at, schemaPath: where.path, keyword, params, message });
      }
    };
  },
  prefixItems(schemas: never, where) {
    const checks = list(schemas, where).map((schema, i) => compile(schema as Schema, below(where, i)));
    return (value, at, issues) => {
      if (!Array.isArray(value)) return;
      for (let i = 0; i < checks.length && i < value.length; i++)
        checks[i]!(value[i], pointer(at, i), issues);
    };
  },
  items(schema: never, where, whole) {
    const check = compile(schema, where);
    const from = Array.isArray(whole.prefixItems) ? whole.prefixItems.length : 0;
    return (value, at, issues) => {
      if (!Array.isArray(value)) return;
      for (let i = from; i < value.length; i++) check(value[i], pointer(at, i), issues);
    };
  },
  allOf(schemas: never, where) {
    const checks = list(schemas, where).map((schema, i) => compile(schema as Schema, below(where, i)));
    return (value, at, issues) => {
      for (const check of checks) check(value, at, issues);
    };
  },
  anyOf: some('must match a schema in anyOf', (fitting) => fitting > 0),
  oneOf: some('must match exactly one schema in oneOf', (fitting) => fitting === 1),
  not(schema: never, where) {
    const check = compile(schema, where);
    return simple(where, {}, 'must NOT be valid', (value) => {
      const issues: JsonSchemaIssue[] = [];
      check(value, '', issues);
      return issues.length > 0;
    });
  },
};

function compile(schema: Schema, where: Where): Check {
  if (schema === true) return () => {};
  if (schema === false) return simple(where, {}, 'boolean schema is false', () => false);
  if (!isRecord(schema)) return bad(where, 'an object or a boolean', schema);
  const checks: Check[] = [];
  for (const keyword of Object.keys(schema)) {
    if (kAnnotations.has(keyword)) continue;
    const make = Object.hasOwn(kKeywords, keyword) ? kKeywords[keyword] : undefined;
    if (make === undefined) {
      const known = Object.keys(kKeywords).join(', ');
      throw new InvalidArgument(where.option, `a JSON Schema with no other keywords than ${known}`, keyword);
    }
    const check = make(schema[keyword] as never, below(where, keyword), schema);
    if (check !== undefined) checks.push(check);
  }
  return (value, at, issues) => {
    for (const check of checks) check(value, at, issues);
  };
}

/** Throws InvalidArgument, naming `option`, for a schema with mistakes or unknown keywords. */
export function compileSchema(schema: unknown, option: string): Validator {
  const check = compile(schema as Schema, { option, path: '#' });
  return (value) => {
    const issues: JsonSchemaIssue[] = [];
    check(value, '', issues);
    return issues;
  };
}
