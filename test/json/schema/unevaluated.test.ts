// unevaluatedProperties, and checks inside allOf and $ref, against an evaluator that does what the specification says (JSON
// Schema 2020-12, core, 7.7 and 11.3) and nothing else: decoders and encoders, on both backends. ajv, the oracle of the other
// keywords, has mistakes of its own here.
// @env TAILRACE_BACKEND=auto|js

import Ajv2020 from 'ajv/dist/2020';
import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import * as json from '../../../lib/json';
import { takes } from './verdict';

const test = suite('json schema unevaluatedProperties');

// biome-ignore lint/suspicious/noExplicitAny: schemas and values of any shape, looked at keyword by keyword
type Any = any;
type Keywords = { [keyword: string]: Any };
type Made = boolean | Keywords;

const kIs: Record<string, (value: unknown) => boolean> = {
  number: (value) => typeof value === 'number',
  string: (value) => typeof value === 'string',
  object: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
};

/** The names that a schema has evaluated of a value it accepts; null: it does not. */
function evaluate(schema: Made, value: Any, root: Keywords): Set<string> | null {
  if (schema === true) return new Set();
  if (schema === false) return null;
  const known = new Set<string>();
  const passes = (part: Made): boolean => {
    const names = evaluate(part, value, root);
    for (const name of names ?? []) known.add(name);
    return names !== null;
  };
  const fits = (part: Made, of: unknown): boolean => evaluate(part, of, root) !== null;
  const isObject = kIs.object!(value);
  if (schema.type !== undefined && !kIs[schema.type]!(value)) return null;
  if (schema.minimum !== undefined && kIs.number!(value)) {
    if (schema.exclusiveMinimum === true ? value <= schema.minimum : value < schema.minimum) return null;
  }
  if (schema.maxProperties !== undefined && isObject && Object.keys(value).length > schema.maxProperties)
    return null;
  if (schema.required !== undefined && isObject)
    if (schema.required.some((name: string) => !Object.hasOwn(value, name))) return null;
  if (schema.$ref !== undefined && !passes(root.$defs.part)) return null;
  for (const [name, member] of Object.entries(isObject ? value : {})) {
    let declared = false;
    for (const [own, part] of Object.entries<Made>(schema.properties ?? {})) {
      if (own !== name) continue;
      declared = true;
      if (!fits(part, member)) return null;
    }
    for (const [pattern, part] of Object.entries<Made>(schema.patternProperties ?? {})) {
      if (!new RegExp(pattern, 'u').test(name)) continue;
      declared = true;
      if (!fits(part, member)) return null;
    }
    if (!declared && schema.additionalProperties !== undefined) {
      declared = true;
      if (!fits(schema.additionalProperties, member)) return null;
    }
    if (declared) known.add(name);
  }
  for (const [name, part] of Object.entries<Made>(schema.dependentSchemas ?? {}))
    if (isObject && Object.hasOwn(value, name) && !passes(part)) return null;
  // every branch is looked at: each that fits tells of other members
  const count = (parts: Made[]): number => parts.filter((part) => passes(part)).length;
  if (schema.anyOf !== undefined && count(schema.anyOf) === 0) return null;
  if (schema.oneOf !== undefined && count(schema.oneOf) !== 1) return null;
  if (schema.allOf !== undefined && count(schema.allOf) < schema.allOf.length) return null;
  if (schema.not !== undefined && fits(schema.not, value)) return null;
  if (schema.if !== undefined) {
    const branch = passes(schema.if) ? schema.then : schema.else;
    if (branch !== undefined && !passes(branch)) return null;
  }
  if (schema.unevaluatedProperties !== undefined) {
    for (const [name, member] of Object.entries(isObject ? value : {})) {
      if (known.has(name)) continue;
      known.add(name);
      if (!fits(schema.unevaluatedProperties, member)) return null;
    }
  }
  return known;
}

const name = fc.constantFrom('a', 'b', 'c', 'd', 'x1');
const leaf = fc.constantFrom<Made>(
  ...[true, false, { type: 'number' }, { type: 'string' }, { type: 'object' }, { anyOf: [] }, { oneOf: [] }],
  ...[{ allOf: [] }, { minimum: 2, exclusiveMinimum: true }, { maxProperties: 1 }, { required: ['a'] }],
);
const { schema } = fc.letrec<{ schema: Made }>((tie) => {
  const sub = tie('schema');
  const subs = fc.array(sub, { minLength: 1, maxLength: 3 });
  const named = fc.dictionary(name, sub, { maxKeys: 2 });
  const keywords: Record<string, fc.Arbitrary<unknown>> = {
    properties: named,
    additionalProperties: sub,
    patternProperties: sub.map((part) => ({ '^x': part })),
    unevaluatedProperties: fc.oneof(fc.constant(false), sub),
    anyOf: subs,
    oneOf: subs,
    allOf: subs,
    not: sub,
    dependentSchemas: named,
    $ref: fc.constant('#/$defs/part'),
    if: sub,
    // biome-ignore lint/suspicious/noThenProperty: the keyword's name
    then: sub,
    else: sub,
  };
  const some = fc
    .uniqueArray(fc.constantFrom(...Object.keys(keywords)), { minLength: 1, maxLength: 3 })
    .chain((names) => fc.record(Object.fromEntries(names.map((each) => [each, keywords[each]!]))));
  return {
    schema: fc.oneof({ depthSize: 'small', withCrossShrink: true }, leaf, some as fc.Arbitrary<Made>),
  };
});
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom<unknown>(1, 2, 3, 's', null, true),
    fc.array(tie('value'), { maxLength: 2 }),
    fc.dictionary(name, tie('value'), { maxKeys: 4, noNullPrototype: true }),
  ),
}));
const refers = (made: unknown): boolean => JSON.stringify(made).includes('$ref');

test('the verdict is that of the specification', () => {
  fc.assert(
    fc.property(schema, schema, fc.array(value, { minLength: 1, maxLength: 8 }), (made, part, items) => {
      fc.pre(typeof made !== 'boolean' && !refers(part));
      const root = { ...(made as object), $defs: { part } };
      const decoders = [json.decoder<unknown>(root), json.decoder<unknown>(root, { undeclared: 'keep' })];
      const encode = json.encoder<unknown>(root);
      for (const item of items) {
        const text = JSON.stringify(item);
        const bytes = Buffer.from(text);
        const wanted = evaluate(root, item, root) !== null;
        const runs = [...decoders.map((decode) => () => decode(bytes)), () => encode(item)];
        for (const [i, run] of runs.entries()) {
          assert.is(
            takes(run),
            wanted,
            `${['decoder', 'decoder, keep', 'encoder'][i]} ${JSON.stringify(root)} on ${text}`,
          );
        }
      }
    }),
    { numRuns: Number(process.env.SCHEMA_RUNS ?? 1500), interruptAfterTimeLimit: 20_000 },
  );
});

test('with all errors, what allOf or $ref declares is known when it does not fit, as in ajv', () => {
  const a = { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] };
  const b = { type: 'object', properties: { b: { type: 'number' } } };
  const schemas = [
    { allOf: [a, b], unevaluatedProperties: false },
    { $defs: { a }, $ref: '#/$defs/a', properties: { b: { type: 'number' } }, unevaluatedProperties: false },
    { allOf: [{ allOf: [a] }, { anyOf: [b] }], unevaluatedProperties: { type: 'string' } },
    { anyOf: [a, b], unevaluatedProperties: false },
    { properties: { a: { allOf: [a], unevaluatedProperties: false } }, unevaluatedProperties: false },
  ];
  const values = [
    { a: 1, b: 2 },
    { a: 'x', b: 'y', c: 1 },
    { b: 1 },
    { c: 1 },
    { a: { a: 1 }, c: 2 },
    { b: 'x' },
  ];
  for (const schema of schemas) {
    const validate = new Ajv2020({ strict: false, allErrors: true }).compile(schema);
    const decode = json.decoder<unknown>(schema, { allErrors: true });
    for (const item of values) {
      const wanted = validate(item) ? [] : JSON.parse(JSON.stringify(validate.errors));
      let issues: unknown = [];
      try {
        decode.from(item);
      } catch (error) {
        issues = (error as json.JsonSchemaError).errors;
      }
      assert.equal(issues, wanted, `${JSON.stringify(schema)} on ${JSON.stringify(item)}`);
    }
  }
});

test('a check inside allOf or $ref sees members that nothing declares', () => {
  const closed = { unevaluatedProperties: false };
  const cases: [object, unknown][] = [
    [{ allOf: [closed], properties: { c: true } }, { x: 1 }],
    [{ $defs: { closed }, $ref: '#/$defs/closed', properties: { c: true } }, { x: 1 }],
    [
      { allOf: [{ maxProperties: 1 }], properties: { c: true } },
      { x: 1, y: 2 },
    ],
    [{ allOf: [{ not: { required: ['x'] } }], properties: { c: true } }, { x: 1 }],
    [{ properties: { c: { type: 'number' } }, allOf: [{ not: { type: 'string' } }] }, { c: 'x' }],
  ];
  const isRefused = (error: Error): boolean => error instanceof json.JsonSchemaError;
  for (const [made, item] of cases) {
    assert.throws(() => json.decoder(made)(Buffer.from(JSON.stringify(item))), isRefused);
    assert.throws(() => json.encoder<unknown>(made)(item), isRefused);
  }
});

test.run();
