// What the builders of schemas emit compiles, and a decoder's verdict is the builder's own: TypeBox 0.34, TypeBox 1, zod 4 in
// each of its dialects.

import * as TypeBox34 from '@sinclair/typebox';
import { Value as Value34 } from '@sinclair/typebox/value';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { z } from 'zod';
import * as json from '../../../lib/json';
import { takes } from './verdict';

const test = suite('json schema as builders emit it');

const kValues: unknown[] = [
  ...[null, true, 0, 1, -1, 2, 3, 1.5, 4, 1e21, '', 'a', 'ab', 'abc', 'x', 'b', 'hello', '2020-01-01'],
  ...[[], ['a'], ['a', 1], ['a', 1, true], [1], [1, 2], ['a', 'a'], ['a', 'b', 'c', 'd'], [null], [{}]],
  ...[{}, { a: 'x' }, { a: 1 }, { a: 'x', b: 1 }, { a: 'x', b: 'y' }, { a: 'x', b: 1, c: true }, { b: 1 }],
  ...[{ a: 'x', c: 2 }, { a: 1, b: 2 }, { t: 'a', x: 1 }, { t: 'b', y: 'q' }, { t: 'a', y: 'q' }, { t: 'c' }],
  ...[
    { v: 1 },
    { v: 1, next: null },
    { v: 1, next: { v: 2 } },
    { v: 1, next: { v: 'no' } },
    { '0': 'x' },
    { x1: 1 },
  ],
];

const isA = (type: new (...args: never[]) => Error) => (error: Error) => error instanceof type;

/** TypeBox 0.34 falls over null where it looks for members that nothing knows. */
function check34(schema: TypeBox34.TSchema, value: unknown): boolean {
  try {
    return Value34.Check(schema, value);
  } catch (error) {
    if (value === null && error instanceof TypeError) return false;
    throw error;
  }
}

/** Every value is taken or refused as `wants` says, from text and from the value; `wider`: more may be taken. */
function agrees(schema: object, wants: (value: unknown) => boolean, what: string, wider = false): void {
  const decode = json.decoder<unknown>(schema);
  for (const value of kValues) {
    const wanted = wants(value);
    const text = JSON.stringify(value);
    for (const run of [() => decode(Buffer.from(text)), () => decode.from(value)]) {
      const taken = takes(run);
      if (wider && taken) continue;
      assert.is(taken, wanted, `${what}: ${JSON.stringify(schema)} on ${text}`);
    }
  }
}

const kZod: Record<string, () => z.ZodType> = {
  string: () => z.string().min(1).max(2),
  regex: () => z.string().regex(/^a/),
  parts: () => z.string().startsWith('a').endsWith('c').includes('b'),
  int: () => z.int(),
  bounds: () => z.number().min(0).max(3).multipleOf(0.5),
  open: () => z.number().gt(1).lt(3),
  boolean: () => z.boolean(),
  null: () => z.null(),
  any: () => z.any(),
  unknown: () => z.unknown(),
  never: () => z.never(),
  literal: () => z.literal('a'),
  literals: () => z.literal(['a', 1, null, true]),
  enum: () => z.enum(['a', 'b']),
  'native enum': () => z.enum({ A: 1, B: 'x' }),
  array: () => z.array(z.string()).min(1).max(2),
  tuple: () => z.tuple([z.string(), z.number()]),
  'tuple and rest': () => z.tuple([z.string()]).rest(z.number()),
  'empty tuple': () => z.tuple([]),
  object: () => z.object({ a: z.string(), b: z.number().optional() }),
  strict: () => z.strictObject({ a: z.string() }),
  loose: () => z.looseObject({ a: z.string() }),
  catchall: () => z.object({ a: z.string() }).catchall(z.number()),
  partial: () => z.object({ a: z.string(), b: z.int() }).partial(),
  record: () => z.record(z.string(), z.number()),
  'partial record of names': () => z.partialRecord(z.enum(['a', 'b']), z.number()),
  union: () => z.union([z.string(), z.number()]),
  'empty union': () => z.union([] as never),
  discriminated: () =>
    z.discriminatedUnion('t', [
      z.object({ t: z.literal('a'), x: z.int() }),
      z.object({ t: z.literal('b'), y: z.string() }),
    ]),
  intersection: () => z.intersection(z.object({ a: z.string() }), z.object({ b: z.int() })),
  nullable: () => z.string().nullable(),
  recursive: () => {
    const node = z.object({
      v: z.int(),
      get next() {
        return node.nullable().optional();
      },
    });
    return node;
  },
  json: () => z.json(),
  described: () =>
    z
      .string()
      .describe('d')
      .meta({ title: 't', id: 'TheId', examples: ['a'] }),
};
const kTargets = ['draft-2020-12', 'draft-7', 'draft-4', 'openapi-3.0'] as const;

for (const target of kTargets) {
  test(`zod, ${target}`, () => {
    for (const [name, make] of Object.entries(kZod)) {
      // `nullable` without a type beside it says nothing (OpenAPI 3.0.3, 4.7.24.1), whatever zod means by it
      if (name === 'recursive' && target === 'openapi-3.0') continue;
      const type = make();
      const schema = z.toJSONSchema(type, { target, io: 'input' });
      // The names of a record and the places of a tuple are not written for these.
      const wider = target === 'draft-4' || target === 'openapi-3.0';
      agrees(schema, (value) => type.safeParse(value).success, name, wider);
    }
  });
}

type Builder = typeof TypeBox34.Type;

/** Schemas that both versions of TypeBox make. */
const kTypeBox: Record<string, (t: Builder) => object> = {
  string: (t) => t.String({ minLength: 1, maxLength: 2, pattern: '^a' }),
  number: (t) => t.Number({ minimum: 0, exclusiveMaximum: 4, multipleOf: 2 }),
  integer: (t) => t.Integer(),
  boolean: (t) => t.Boolean(),
  null: (t) => t.Null(),
  any: (t) => t.Any(),
  unknown: (t) => t.Unknown(),
  never: (t) => t.Never(),
  literal: (t) => t.Literal('x'),
  array: (t) => t.Array(t.String(), { minItems: 1, uniqueItems: true }),
  contains: (t) => t.Array(t.Any(), { contains: t.Literal('a'), minContains: 1, maxContains: 1 }),
  tuple: (t) => t.Tuple([t.String(), t.Number()]),
  'empty tuple': (t) => t.Tuple([]),
  object: (t) => t.Object({ a: t.String(), b: t.Optional(t.Number()) }, { additionalProperties: false }),
  additional: (t) => t.Object({ a: t.String() }, { additionalProperties: t.Number() }),
  record: (t) => t.Record(t.String(), t.Number()),
  'record of numbers': (t) => t.Record(t.Number(), t.String()),
  union: (t) => t.Union([t.String(), t.Number()]),
  'empty union': (t) => t.Union([]),
  'empty intersection': (t) => t.Intersect([]),
  intersection: (t) => t.Intersect([t.Object({ a: t.String() }), t.Object({ b: t.Number() })]),
  closed: (t) =>
    t.Intersect([t.Object({ a: t.String() }), t.Object({ b: t.Number() })], { unevaluatedProperties: false }),
  'closed with branches': (t) =>
    t.Intersect(
      [t.Object({ a: t.String() }), t.Union([t.Object({ b: t.Number() }), t.Object({ c: t.Number() })])],
      {
        unevaluatedProperties: false,
      },
    ),
  'others are booleans': (t) =>
    t.Intersect([t.Object({ a: t.String() }), t.Object({ b: t.Number() })], {
      unevaluatedProperties: t.Boolean(),
    }),
  enum: (t) => t.Enum({ A: 'a', B: 1 }),
  partial: (t) => t.Partial(t.Object({ a: t.String() })),
  pick: (t) => t.Pick(t.Object({ a: t.String(), b: t.Number() }), ['a']),
  keys: (t) => t.KeyOf(t.Object({ a: t.String(), b: t.Number() })),
};

test('TypeBox 0.34', () => {
  for (const [name, make] of Object.entries(kTypeBox)) {
    // its Value.Check does not look into the branches, as JSON Schema says, and as TypeBox 1 does
    if (name === 'closed with branches') continue;
    const schema = make(TypeBox34.Type) as TypeBox34.TSchema;
    agrees(schema, (value) => check34(schema, value), name);
    agrees(JSON.parse(JSON.stringify(schema)), (value) => check34(schema, value), `${name}, as text`);
  }
  const { Type } = TypeBox34;
  const tree = Type.Recursive((node) => Type.Object({ v: Type.Number(), next: Type.Optional(node) }));
  agrees(tree, (value) => check34(tree, value), 'recursive');
});

test('TypeBox 1', async () => {
  const { Type } = await import('typebox');
  const { Value } = await import('typebox/value');
  for (const [name, make] of Object.entries(kTypeBox)) {
    const schema = make(Type as never);
    agrees(schema, (value) => Value.Check(schema as never, value), name);
  }
});

test('a schema with an $id that is used in several places, optional ones too', async () => {
  const types = [TypeBox34.Type, (await import('typebox')).Type as never as Builder];
  for (const t of types) {
    const address = t.Object({ zip: t.String(), note: t.Optional(t.Any()) }, { $id: 'Address' });
    const decode = json.decoder<unknown>(
      t.Object({
        home: address,
        work: t.Optional(address),
        old: t.Array(t.Readonly(address)),
        some: t.Partial(t.Object({ home: address })),
      }),
    );
    const text = '{"home":{"zip":"1"},"work":{"zip":"2"},"old":[{"zip":"3"}],"some":{"home":{"zip":"4"}}}';
    assert.is(JSON.stringify(decode(Buffer.from(text))), text);
    assert.throws(() => decode(Buffer.from(text.replace('"2"', '2'))), /work\/zip must be string/);
  }
  const { Type } = TypeBox34;
  const node = Type.Recursive((of) => Type.Object({ next: Type.Optional(of) }), { $id: 'Node' });
  const decode = json.decoder<unknown>(Type.Object({ a: node, b: Type.Optional(node) }));
  assert.equal(decode('{"a":{"next":{}},"b":{"next":{"x":1}}}'), { a: { next: {} }, b: { next: {} } });
});

test('modules of TypeBox 0.34 that have definitions of one name', () => {
  const { Type } = TypeBox34;
  // the same words in both, but not the same meaning
  const of = (b: TypeBox34.TSchema) =>
    Type.Module({
      A: Type.Object({ b: Type.Ref('B'), next: Type.Optional(Type.Ref('A')) }),
      B: b,
    }).Import('A');
  const schema = Type.Object({ p: of(Type.String()), q: of(Type.Integer()), r: Type.Array(of(Type.Null())) });
  const values = [
    { p: { b: 'x', next: { b: 'y' } }, q: { b: 1, next: { b: 2 } }, r: [{ b: null }] },
    { p: { b: 1 }, q: { b: 1 }, r: [] },
    { p: { b: 'x' }, q: { b: 'x' }, r: [] },
    { p: { b: 'x' }, q: { b: 1, next: { b: 'x' } }, r: [] },
    { p: { b: 'x' }, q: { b: 1 }, r: [{ b: 'x' }] },
  ];
  for (const made of [schema, JSON.parse(JSON.stringify(schema))]) {
    const decode = json.decoder<unknown>(made);
    for (const value of values) {
      const text = JSON.stringify(value);
      assert.is(
        takes(() => decode(Buffer.from(text))),
        Value34.Check(schema, value),
        text,
      );
    }
  }
  // an import that is used twice means the same in both places; a pointer is no second place
  const twice = of(Type.String());
  const used = { ...Type.Object({ p: twice, q: of(Type.Integer()), r: Type.Array(twice), s: Type.Any() }) };
  (used.properties as Record<string, object>).s = { $ref: '#/properties/p' };
  const decode = json.decoder<unknown>(used);
  const good = '{"p":{"b":"x","next":{"b":"y"}},"q":{"b":1},"r":[{"b":"z"}],"s":{"b":"x"}}';
  assert.is(JSON.stringify(decode(good)), good);
  for (const [right, wrong] of [
    ['"x"', '1'],
    ['"y"', '1'],
    ['{"b":1}', '{"b":"x"}'],
    ['"z"', '1'],
    ['"s":{"b":"x"}', '"s":{"b":1}'],
  ] as const)
    assert.throws(() => decode(good.replace(right, wrong)), /must/);
  // one reference in two modules would have two meanings
  const b = Type.Ref('B');
  const shared = (item: TypeBox34.TSchema) => ({ $defs: { B: { ...item, $id: 'B' } }, properties: { b } });
  const both = { properties: { p: shared(Type.String()), q: shared(Type.Integer()) } };
  assert.throws(() => json.decoder(both), /is the \$id of another schema too/);
});

test('very many copies of a recursive schema: time that grows with their number', () => {
  const { Type } = TypeBox34;
  const node = Type.Recursive((of) => Type.Object({ a: Type.String(), next: Type.Optional(of) }), {
    $id: 'N',
  });
  const all = Array.from({ length: 3000 }, (_, i) => [`f${i}`, JSON.parse(JSON.stringify(node))]);
  const begin = performance.now();
  const decode = json.decoder<unknown>({ properties: Object.fromEntries(all) });
  // A tenth of a second; looking at all copies for each reference takes a hundred times that.
  assert.ok(performance.now() - begin < 6000);
  assert.throws(() => decode('{"f2999":{"a":"x","next":{"a":1}}}'), /must be string/);
});

test('two schemas with one $id', () => {
  const of = (a: object, b: object) => () =>
    json.decoder({ properties: { a: { $id: 'A', ...a }, b: { $id: 'A', ...b } } });
  of({ type: 'string', title: undefined }, { '~kind': 'String', type: 'string' })();
  of({ properties: { a: { enum: [{ a: 1 }] } } }, { properties: { a: { enum: [{ a: 1 }] } } })();
  for (const [a, b] of [
    [{ type: 'string' }, { type: 'number' }],
    [{ type: 'string' }, { type: 'string', minLength: 1 }],
    [{ properties: { '~a': true } }, { properties: { '~b': true } }],
    [{ properties: { '~a': true } }, { properties: { '~a': false } }],
    [{ items: [{ const: { a: 1 } }] }, { items: [{ const: { a: 2 } }] }],
    [{ anyOf: [true, {}] }, { anyOf: [true] }],
  ] as const)
    assert.throws(of(a, b), /is the \$id of another schema too/);
  // circles are told, not followed
  const round: Record<string, unknown> = { $id: 'A' };
  round.not = { $id: 'A', not: round };
  assert.throws(() => json.decoder(round), /contains itself/);
});

test('what has no place in JSON is refused when it is compiled', () => {
  const { Type } = TypeBox34;
  for (const schema of [Type.Date(), Type.BigInt(), Type.Undefined(), Type.RegExp('^a')])
    assert.throws(() => json.decoder(schema), isA(json.JsonSchemaDefinitionError));
  assert.throws(
    () => json.decoder({ typ: 'null' }),
    /^The JSON Schema cannot be compiled: #\/typ is a keyword/,
  );
});

test('members that only unevaluatedProperties knows are kept when it has a schema', () => {
  const decode = json.decoder<unknown>({
    allOf: [{ properties: { a: true } }],
    unevaluatedProperties: { type: 'number' },
  });
  assert.equal(decode(Buffer.from('{"b":1,"a":"x"}')), { a: 'x', b: 1 });
  assert.throws(() => decode(Buffer.from('{"b":"1"}')), /b must be number/);
});

test('what a branch has passed that did not fit counts for nothing', () => {
  const decode = json.decoder<unknown>({
    anyOf: [
      { properties: { a: true, b: { type: 'string' } } },
      { properties: { b: { type: 'number' } }, allOf: [{ properties: { c: true } }] },
    ],
    not: { not: { properties: { d: true } } },
    unevaluatedProperties: false,
  });
  const ok = (text: string) => decode(Buffer.from(text));
  assert.equal(ok('{"b":1,"c":2}'), { b: 1, c: 2 });
  assert.throws(() => ok('{"b":1,"a":2}'), /unevaluated/);
  assert.throws(() => ok('{"d":1}'), /unevaluated/);
  assert.throws(() => ok('{"c":{"a":1},"b":"s"}'), /unevaluated/);
});

test('a chain of a hundred levels, each with branches and unevaluatedProperties, takes no time', () => {
  const decode = json.decoder<unknown>({
    anyOf: [{ properties: { next: { $ref: '#' } } }, { properties: { other: { $ref: '#' } } }],
    unevaluatedProperties: false,
  });
  const text = `${'{"next":'.repeat(100)}{"bad":1}${'}'.repeat(100)}`;
  assert.throws(() => decode(Buffer.from(text)), isA(json.JsonSchemaError));
  decode(Buffer.from(text.replace('"bad":1', '')));
});

test.run();
