// Random schemas and values that have a chance to fit them.

import * as fc from 'fast-check';

export type AnySchema = boolean | Record<string, unknown>;

const kNames = [
  'a',
  'b',
  'c',
  'id',
  '',
  'x/y',
  'm~n',
  'é',
  '日本',
  '__proto__',
  'constructor',
  '0',
  '17',
  'a b"c',
];

export const name = fc.constantFrom(...kNames);
const scalar = fc.oneof(
  fc.constantFrom<unknown>(null, true, false, 0, -0, 1, 2, 3, -1, 1.5, 0.1, 1e21, 12345678901, 2 ** 53),
  fc.constantFrom<unknown>('', 'a', 'ab', 'abc', '日本語', '😀😀', 'a\\b"c\n', '\ud800', 'x'.repeat(40)),
  fc.double({ noDefaultInfinity: true, noNaN: true }),
  fc.string({ unit: 'binary', maxLength: 6 }),
);

/** An object with own keys, `__proto__` too. */
export function record<T>(pairs: readonly (readonly [string, T])[]): Record<string, T> {
  const made: Record<string, T> = {};
  for (const [key, value] of pairs)
    Object.defineProperty(made, key, { value, writable: true, enumerable: true, configurable: true });
  return made;
}

const noProto = name.filter((text) => text !== '__proto__');

export const values = (proto = true): fc.Arbitrary<unknown> =>
  fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      scalar,
      fc.array(tie('value'), { maxLength: 4 }),
      fc.array(fc.tuple(proto ? name : noProto, tie('value')), { maxLength: 5 }).map(record),
    ),
  })).value;

const count = fc.constantFrom(0, 1, 2, 3);
const number = fc.constantFrom(-1, 0, 0.5, 1, 2, 3, 1e21);
const pattern = fc.constantFrom('^a', 'b', '^.$', '[0-9]', '\\p{L}', '^(.*)$', '^.*$');

type Part = Record<string, unknown>;

/**
 * dialect: 2020 writes tuples as prefixItems, 7 as an array in items. `proto`: members may be called `__proto__`, which ajv
 * leaves unchecked or takes for a prototype, and the empty name may be required, which it does not miss.
 */
export function schemas(dialect: 2020 | 7, proto = true): fc.Arbitrary<AnySchema> {
  const property = proto ? name : noProto;
  const value = values(proto);
  const { schema } = fc.letrec<{ schema: AnySchema }>((tie) => {
    const sub = tie('schema') as fc.Arbitrary<AnySchema>;
    const subs = fc.array(sub, { minLength: 1, maxLength: 3 });
    const named = fc.array(fc.tuple(property, sub), { maxLength: 4 }).map(record);
    const part = (made: Record<string, fc.Arbitrary<unknown>>) =>
      fc.record(made, { requiredKeys: [] }) as fc.Arbitrary<Part>;
    const names = fc.uniqueArray(proto ? name : name.filter((text) => text !== ''), { maxLength: 3 });
    const type = fc.constantFrom('null', 'boolean', 'number', 'integer', 'string', 'array', 'object');
    const numeric = part({
      minimum: number,
      maximum: number,
      exclusiveMinimum: number,
      exclusiveMaximum: number,
      multipleOf: fc.constantFrom(0.1, 1, 2, 0.5),
    });
    const textual = part({ minLength: count, maxLength: count, pattern });
    const counts = { minItems: count, maxItems: count };
    // Not beside each other: ajv skips contains and uniqueItems where an array is shorter than its tuple.
    const listed = fc.oneof(
      part({ ...counts, items: sub, contains: sub, uniqueItems: fc.boolean() }),
      dialect === 2020
        ? part({ ...counts, prefixItems: subs, items: sub })
        : part({ ...counts, items: subs, additionalItems: sub }),
    );
    const of = (name: string, ...parts: fc.Arbitrary<Part>[]) =>
      fc.tuple(...parts).map((made) => Object.assign({ type: name }, ...made) as Part);
    const keyed = part({
      minProperties: count,
      maxProperties: count,
      required: names,
      properties: named,
      patternProperties: fc.array(fc.tuple(pattern, sub), { maxLength: 2 }).map(record),
      additionalProperties: sub,
      // about strings: of a `type` that no name can have, ajv tells more than the first error
      propertyNames: fc.oneof(
        textual,
        fc.record({ enum: fc.uniqueArray(name, { minLength: 1 }) }),
        of('string', textual),
      ),
    });
    const kind = part({
      properties: named,
      required: names,
      additionalProperties: fc.constantFrom(true, false),
    });
    const any = part({
      const: value,
      enum: fc.array(value, { minLength: 1, maxLength: 3 }),
      not: sub,
      anyOf: subs,
      oneOf: subs,
      allOf: subs,
      if: sub,
      // biome-ignore lint/suspicious/noThenProperty: the keyword's name
      then: sub,
      else: sub,
    });
    const typed = fc.oneof(
      fc.record({ type: fc.oneof(type, fc.uniqueArray(type, { minLength: 1, maxLength: 3 })) }),
      fc.record({ type, nullable: fc.constant(true) }),
    ) as fc.Arbitrary<Part>;
    const plain = fc.oneof(
      of('object', kind),
      of('array', part({ items: sub })),
      of('string'),
      of('integer'),
      of('number'),
      of('boolean'),
    );
    return {
      schema: fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        fc.oneof(
          fc.constantFrom<AnySchema>(true, {}, { type: 'string' }, { type: 'number' }, { type: 'null' }),
          typed,
          of('string', textual),
          of('number', numeric),
        ),
        { arbitrary: plain, weight: 3 },
        of('array', listed),
        of('object', keyed),
        listed,
        keyed,
        numeric,
        textual,
        any,
        fc.tuple(typed, any).map(([a, b]) => ({ ...a, ...b })),
        fc.constantFrom<AnySchema>({ $ref: '#/$defs/leaf' }, { $ref: '#/$defs/tree' }, { $ref: '#' }, false),
      ),
    };
  });
  // A reference to the root directly inside a combination goes round for ever, in ajv too: the root is always one step down.
  return schema.map((made) => ({
    $defs: {
      leaf: { type: ['string', 'integer'], minLength: 1 },
      tree: { type: 'object', properties: { a: { type: 'number' }, b: { $ref: '#/$defs/tree' } } },
    },
    properties: { a: made, b: made },
    items: made,
  }));
}
