// Decoders on every kernel against the plain way (JSON.parse, the checks, the projection): the same values in the same order
// of keys, the same errors.
// @timeout 240
// @env TAILRACE_ISA=fallback|westmere|haswell|icelake|arm64

import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { backend } from '../../../lib/backend/select';
import * as json from '../../../lib/json';
import { Checks } from '../../../lib/json/schema/check';
import { modelOf } from '../../../lib/json/schema/model';
import { Projection } from '../../../lib/json/schema/project';
import { fits } from '../../../lib/json/schema/run';
import { onNative, skipFile } from '../../support/backends';
import { assertSame } from '../same';
import { type AnySchema, schemas, values } from './arbitrary';

onNative();
const wanted = process.env.TAILRACE_ISA;
if (wanted !== undefined && backend().isa !== wanted)
  skipFile(`optional: this CPU has no ${wanted} kernel (${backend().isa} in use)`);

const test = suite(`json decoder on ${backend().isa}`);
const kRuns = Number(process.env.SCHEMA_RUNS ?? 120);

/** JSON text of a value, with spaces and escapes that JSON.stringify would not write. */
function written(value: unknown, random: () => number): string {
  const space = () => (random() < 0.15 ? ' \n\t\r '.slice(0, Math.floor(random() * 6)) : '');
  const text = (from: string) => {
    const plain = JSON.stringify(from);
    if (random() < 0.85) return plain;
    const escaped = [...from].map((c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
    return from.length === escaped.length ? `"${escaped.join('')}"` : plain;
  };
  const write = (item: unknown): string => {
    if (typeof item === 'string') return text(item);
    if (Object.is(item, -0)) return '-0';
    if (typeof item !== 'object' || item === null) return JSON.stringify(item);
    if (Array.isArray(item)) return `[${space()}${item.map(write).join(`${space()},${space()}`)}${space()}]`;
    const members = Object.keys(item).flatMap((key) => {
      const member = `${text(key)}${space()}:${space()}${write((item as Record<string, unknown>)[key])}`;
      // a name twice: the last one counts, at the first one's place
      return random() < 0.03 ? [`${text(key)}:0`, member] : [member];
    });
    return `{${space()}${members.join(`${space()},${space()}`)}${space()}}`;
  };
  return space() + write(value) + space();
}

function attempt(run: () => unknown): { value: unknown } | { error: string } {
  try {
    return { value: run() };
  } catch (error) {
    if (error instanceof json.JsonSchemaError) return { error: JSON.stringify(error.errors) };
    if (error instanceof json.JsonSyntaxError) return { error: error.message };
    throw error;
  }
}

function compare(schema: AnySchema, undeclared: 'skip' | 'keep', texts: readonly string[]): number {
  const decode = json.decoder(schema as object, { undeclared });
  // an option that the native way does not take: the plain way, in the same words
  const plain = json.decoder(schema as object, { undeclared, maxDepth: 1e6 });
  const checks = new Checks();
  const { root } = modelOf(schema);
  const check = checks.of(root);
  const project = new Projection(checks, undeclared === 'keep').of(root);
  let fitting = 0;
  for (const text of texts) {
    const shown = `${JSON.stringify(schema)} on ${text}`;
    let ours: ReturnType<typeof attempt>;
    try {
      ours = attempt(() => decode(Buffer.from(text)));
    } catch (error) {
      // a reference that goes round for ever
      if (error instanceof RangeError) return fitting;
      throw error;
    }
    const theirs = attempt(() => plain(Buffer.from(text)));
    if ('error' in ours || 'error' in theirs) {
      assert.equal(ours, theirs, shown);
      continue;
    }
    fitting++;
    const parsed = JSON.parse(text);
    assert.ok(fits(check, parsed), shown);
    assertSame(ours.value, theirs.value, shown);
    assertSame(ours.value, project(parsed), shown);
  }
  return fitting;
}

for (const undeclared of ['skip', 'keep'] as const) {
  test(`random schemas, undeclared members: ${undeclared}`, () => {
    let fitting = 0;
    fc.assert(
      fc.property(
        fc.oneof(schemas(2020), schemas(7)),
        fc.array(values(), { minLength: 1, maxLength: 6 }),
        fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })),
        (schema, items, stream) => {
          const random = () => stream.next().value;
          fitting += compare(
            schema,
            undeclared,
            items.map((item) => written(item, random)),
          );
        },
      ),
      { includeErrorInReport: true, numRuns: kRuns, interruptAfterTimeLimit: 20_000, endOnFailure: true },
    );
    assert.ok(fitting > 20, `${fitting} values fitted`);
  });
}

// Schemas of the kinds people write, and values that nearly fit: random ones seldom come so far.
const str = { type: 'string' };
const record = {
  type: 'object',
  properties: {
    id: { type: 'integer' },
    name: { type: 'string', minLength: 1, maxLength: 8 },
    kind: { enum: ['a', 'b', '日本', 'x\\y', 'q"'] },
    score: { type: 'number', minimum: 0, exclusiveMaximum: 100 },
    tags: { type: 'array', items: str, maxItems: 3 },
    maybe: { anyOf: [{ type: 'null' }, { type: 'object', properties: { x: { type: 'number' } } }] },
    next: { $ref: '#' },
    any: {},
    code: { type: 'string', pattern: '^[a-z]+$' },
    __proto__x: str,
    ['__proto__']: str,
    constructor: str,
    map: { type: 'object', additionalProperties: { type: 'number' } },
    both: {
      allOf: [
        { type: 'object', properties: { p: str } },
        { type: 'object', properties: { q: str }, required: ['q'] },
      ],
    },
    tuple: { type: 'array', prefixItems: [str, { type: 'number' }], items: false },
    keyed: { type: 'object', patternProperties: { '^(.*)$': { type: 'boolean' } } },
    set: { type: 'array', items: str, uniqueItems: true },
  },
  required: ['id', 'name'],
};
const inner = fc.oneof(
  values(),
  fc.constantFrom<unknown>('', 'a', 'b', 'ab', 'x\\y', 'q"', 1, 2.5, 99, null),
);
/** Mostly what fits. */
const mostly = (good: fc.Arbitrary<unknown>, bad: fc.Arbitrary<unknown> = inner) =>
  fc.oneof({ arbitrary: good, weight: 40 }, bad);
const near = fc.letrec<{ near: unknown }>((tie) => ({
  near: fc.record(
    {
      id: mostly(fc.integer()),
      name: mostly(fc.constantFrom('n', 'name', '日本語', '😀')),
      kind: mostly(fc.constantFrom('a', 'b', '日本', 'x\\y', 'q"')),
      score: mostly(fc.double({ min: 0, max: 99, noNaN: true }), fc.constantFrom(0, 99, 100, 1.5)),
      tags: mostly(fc.array(fc.constantFrom('a', 'ü', '', 'long enough to be sliced'), { maxLength: 3 })),
      maybe: mostly(fc.oneof(fc.constant(null), fc.record({ x: fc.integer(), y: inner }))),
      next: fc.oneof({ maxDepth: 3 }, fc.constant({ id: 1, name: 'n' }), tie('near')),
      any: inner,
      code: mostly(fc.constantFrom('abc', 'a')),
      ['__proto__']: fc.string(),
      constructor: fc.string(),
      map: mostly(fc.dictionary(fc.string(), fc.integer())),
      both: mostly(fc.record({ p: fc.string(), q: fc.string(), r: inner }, { requiredKeys: ['q'] })),
      tuple: mostly(fc.constantFrom<unknown>([], ['a'], ['a', 1]), fc.constant(['a', 1, 2])),
      keyed: fc.dictionary(fc.oneof(fc.string(), fc.constantFrom('\u2028', 'a\nb')), fc.boolean()),
      set: mostly(fc.uniqueArray(fc.constantFrom('a', 'b', 'c')), fc.constant(['a', 'b', 'a'])),
      extra: inner,
    } as Record<string, fc.Arbitrary<unknown>>,
    { requiredKeys: ['id', 'name'] },
  ),
})).near;

test('an empty tuple, as zod writes it', () => {
  const decode = json.decoder({ type: 'array', prefixItems: [], items: false, maxItems: 0 });
  assert.equal(decode(Buffer.from(' []')), []);
  for (const text of ['[1]', '[[]]', '{}']) assert.throws(() => decode(Buffer.from(text)), /must/);
});

test('members that only a condition declares, and rules about members beside an array', () => {
  const condition = { if: { properties: { b: { type: 'string' }, a: true }, required: ['b'] } };
  const texts = ['{"a":1,"x":2,"b":"s"}', '{"a":1,"x":2,"b":3}', '{"a":1}', '[1]'];
  const inside = texts.map((text) => `{"in":${text},"out":1}`);
  for (const undeclared of ['skip', 'keep'] as const) {
    assert.is(compare(condition, undeclared, texts), 4);
    assert.is(compare({ properties: { in: condition } }, undeclared, inside), 4);
    assert.is(compare({ properties: { in: { items: condition } } }, undeclared, inside), 4);
  }
  const decode = json.decoder<unknown>({ properties: { in: condition } });
  assert.equal(decode(Buffer.from(inside[0] as string)), { in: { b: 's', a: 1 } });
  assert.equal(decode(Buffer.from(inside[1] as string)), { in: { a: 1, x: 2, b: 3 } });
  assert.equal(json.decoder(condition)('{"a":1,"x":2,"b":"s"}'), { b: 's', a: 1 });

  const dependent = { dependentSchemas: { length: { items: { properties: { a: true } } } } };
  assert.equal(json.decoder(dependent)('[{"a":1,"b":2}]'), [{ a: 1, b: 2 }]);
  assert.equal(json.decoder(dependent)('{"length":1,"b":2}'), { length: 1, b: 2 });
});

test('lists of very many names', () => {
  const names = Array.from({ length: 150_000 }, (_, i) => (i % 7 === 0 ? `código ${i}` : `code-${i}`));
  const decode = json.decoder<unknown>({ type: 'array', items: { enum: names } });
  const text = Buffer.from(JSON.stringify(names));
  assertSame(decode(text), names, 'the names');
  assert.throws(() => decode(Buffer.from('["code-1","code-x"]')), /1 must be equal to one of/);

  const members = names.slice(0, 30_000);
  const value = Object.fromEntries(members.map((name, i) => [name, i]));
  const properties = Object.fromEntries(members.map((name) => [name, { type: 'integer' }]));
  const record = json.decoder<unknown>({ type: 'object', properties, required: members });
  assertSame(record(Buffer.from(JSON.stringify({ x: 1, ...value }))), value, 'the members');
  assert.throws(
    () => record(Buffer.from(JSON.stringify({ ...value, 'code-1': 'x' }))),
    /code-1 must be integer/,
  );
});

test('lists of fractions, whose elements have rules of their own or none', () => {
  const lists = ['[]', '[1.5]', '[1.5,2.5,-0.5]', '[1.5,2]', '[1.25,0.5]', '[[1.5],[2.5,1]]', '[1e400]'];
  const items: AnySchema[] = [
    true,
    { type: 'number' },
    { type: 'number', multipleOf: 0.5 },
    { type: 'number', maximum: 2 },
    { enum: [1.5] },
    { type: ['null', 'number'] },
    { type: 'array', items: { type: 'number' } },
  ];
  for (const item of items) {
    for (const schema of [
      { items: item },
      { prefixItems: [item], items: true },
      { type: 'array', items: item },
    ])
      compare(schema, 'skip', lists);
  }
});

for (const undeclared of ['skip', 'keep'] as const) {
  test(`records that nearly fit, undeclared members: ${undeclared}`, () => {
    let fitting = 0;
    let seen = 0;
    fc.assert(
      fc.property(
        near,
        fc.boolean(),
        fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })),
        (item, more, stream) => {
          const random = () => stream.next().value;
          const schema = more ? record : { ...record, additionalProperties: false };
          const texts = [item, item].map((one) => written(one, random));
          seen += texts.length;
          fitting += compare(schema, undeclared, texts);
        },
      ),
      { includeErrorInReport: true, numRuns: kRuns * 2, interruptAfterTimeLimit: 20_000, endOnFailure: true },
    );
    assert.ok(fitting > seen / 10, `${fitting} of ${seen} values fitted`);
  });
}

test('mutated texts: never anything but what the plain way says', () => {
  fc.assert(
    fc.property(
      near,
      fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 3 }),
      fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })),
      (item, changes, stream) => {
        const bytes = Buffer.from(
          written({ id: 7, name: 'n', ...(item as object) }, () => stream.next().value),
        );
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
        const decode = json.decoder(record as object);
        const plain = json.decoder(record as object, { maxDepth: 1e6 });
        const ours = attempt(() => decode(bytes));
        const theirs = attempt(() => plain(bytes));
        assert.is(JSON.stringify(ours), JSON.stringify(theirs), bytes.toString('latin1'));
      },
    ),
    { includeErrorInReport: true, numRuns: kRuns * 3, interruptAfterTimeLimit: 20_000, endOnFailure: true },
  );
});

test('a schema that is changed later is the one it was', () => {
  const schema = {
    type: 'object',
    properties: { a: { type: 'integer' }, b: { enum: ['x'] } },
    required: ['a'],
  };
  const decode = json.decoder<unknown>(schema);
  const encode = json.encoder<unknown>(schema);
  (schema.properties.a as { type: string }).type = 'string';
  schema.properties.b.enum.push('y');
  schema.required.push('c');
  for (const space of ['', ' '.repeat(2000)]) {
    for (const input of [`{"a":1,"b":"x"}${space}`, Buffer.from(`{"a":1,"b":"x"}${space}`)])
      assert.equal(decode(input), { a: 1, b: 'x' });
    for (const text of ['{"a":"1"}', '{"a":1,"b":"y"}', '{"b":"x","c":1}'])
      assert.throws(() => decode(Buffer.from(text + space)), /must/);
  }
  assert.is(encode({ a: 1, b: 'x' }).toString(), '{"a":1,"b":"x"}');
  assert.throws(() => encode({ a: '1', c: 1 }), /must be integer/);
});

test('also inside of const, enum and dependentRequired', () => {
  const cases: [Record<string, unknown>, string, string][] = [
    [{ const: { a: [1] } }, '{"a":[1]}', '{"a":[2]}'],
    [{ enum: [{ a: [1] }] }, '{"a":[1]}', '{"a":[2]}'],
    [{ dependentRequired: { a: ['b'] } }, '{"a":1,"b":1}', '{"a":1}'],
  ];
  for (const [schema, good, bad] of cases) {
    const decode = json.decoder<unknown>(schema);
    const encode = json.encoder<unknown>(schema);
    // biome-ignore lint/suspicious/noExplicitAny: any of three shapes
    const { const: value, enum: values, dependentRequired: names } = schema as any;
    if (names === undefined) (value ?? values[0]).a[0] = 2;
    else names.a.pop();
    assert.equal(decode(good), JSON.parse(good));
    assert.throws(() => decode(bad), /must/);
    assert.is(encode(JSON.parse(good)).toString(), good);
    assert.throws(() => encode(JSON.parse(bad)), /must/);
  }
});

test('keywords that a schema inherits, or has by accessors of its class, are keywords', () => {
  class Text {
    get type() {
      return 'string';
    }
  }
  const hidden = Object.defineProperty({}, 'type', { value: 'string' });
  for (const schema of [Object.create({ type: 'string' }), new Text(), hidden]) {
    const decode = json.decoder<unknown>(schema);
    assert.is(decode('"a"'), 'a');
    assert.throws(() => decode('1'), /must be string/);
    assert.throws(() => json.encoder<unknown>(schema)(1), /must be string/);
  }
  assert.throws(() => json.decoder(Object.create({ type: 'text' })), /#\/type must be/);
});

test.run();
