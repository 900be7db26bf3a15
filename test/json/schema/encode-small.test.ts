// The functions that write small values in place: which values they take, that what they write is JSON.stringify's, and that
// they write nothing where others' bytes are.

import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  kMostBytes,
  kSlack,
  smallWriterOf,
  type WriteSmall,
} from '../../../lib/backend/native/json/encode-small';
import { Checks } from '../../../lib/json/schema/check';
import { modelOf } from '../../../lib/json/schema/model';
import { Planner } from '../../../lib/json/schema/plan';
import { Projection } from '../../../lib/json/schema/project';
import { fits } from '../../../lib/json/schema/run';
import { type AnySchema, schemas, values } from './arbitrary';

const test = suite('json encoder, small values');

interface Made {
  write: WriteSmall | undefined;
  fits(value: unknown): boolean;
}

function made(schema: AnySchema): Made {
  const { root } = modelOf(schema, undefined);
  const checks = new Checks();
  const plan = new Planner(checks, new Projection(checks, false), false).plan(root);
  return { write: smallWriterOf(plan), fits: (value) => fits(checks.of(root), value) };
}

const kMark = 0xa5;

/** The text of a value, or undefined: it is not taken. */
function written(write: WriteSmall, value: unknown, start = 7, room = kMostBytes): string | undefined {
  const bytes = new Uint8Array(start + room + kSlack + 16).fill(kMark);
  const end = write(value, start, bytes, start + room);
  for (let i = 0; i < start; i++) assert.is(bytes[i], kMark);
  for (let i = start + room + kSlack; i < bytes.length; i++) assert.is(bytes[i], kMark);
  if (end < 0) return undefined;
  assert.ok(end <= start + room + kSlack);
  return Buffer.from(bytes.subarray(start, end)).toString('utf8');
}

const text = { type: 'string' };
const int = { type: 'integer' };
const kOrder: AnySchema = {
  type: 'object',
  properties: {
    id: int,
    name: text,
    price: { type: 'number' },
    paid: { type: 'boolean' },
    note: { type: ['string', 'null'] },
    '': { type: ['integer', 'null'] },
    kind: { enum: ['big', 'small'] },
    level: { type: 'integer', minimum: 0, exclusiveMaximum: 5 },
    code: { type: 'string', minLength: 2, maxLength: 3 },
    tags: { type: 'array', items: text, maxItems: 3 },
    at: { type: 'object', properties: { x: { type: 'number' }, y: { type: 'number' } }, required: ['x'] },
    mixed: {
      type: ['string', 'number', 'boolean', 'null', 'array', 'object'],
      items: int,
      properties: { a: int },
    },
    next: { $ref: '#' },
    'é"\n': text,
  },
  required: ['id'],
};

/** What is taken, each with an id before or behind it. */
const taken: object[] = [
  {},
  { name: 'alpha', price: 1.5, paid: true },
  { price: -0, paid: false },
  { price: 1e21 },
  { price: 5e-324 },
  { price: -1.7976931348623157e308 },
  { price: 0.1 },
  { name: '' },
  { name: 'é€"\\\n\t\b\f\r/\x7f\u2028' },
  { name: 'x'.repeat(300) },
  { name: 'é日😀'.repeat(20) },
  { name: `${'x'.repeat(60)}"` },
  { name: '\u0001\u001f' },
  { name: '\ud800' },
  { name: '\udfffx\ud83d' },
  { name: `${'y'.repeat(50)}\ud83d` },
  { name: '😀' },
  { note: null, '': null },
  { note: 'here', '': 2147483647 },
  { '': -2147483648 },
  { '': 9007199254740992 },
  { kind: 'small', level: 4, code: 'abc' },
  { code: 'éé' },
  { code: '😀😀' },
  { tags: [] },
  { tags: ['a', 'b', 'c'] },
  { at: { x: 1 } },
  { at: { y: 2, x: 1 } },
  { mixed: [1, 2, 3] },
  { mixed: [] },
  { mixed: { a: 1 } },
  { mixed: {} },
  { mixed: null },
  { mixed: 'text' },
  { mixed: 3.25 },
  { mixed: true },
  { 'é"\n': 'key' },
  { name: undefined, paid: true },
  { next: { next: { next: { id: 3 }, id: 2 }, id: 1 } },
];

/** What is not: by rules of its own, because it does not fit, or because it is not small. */
const left: object[] = [
  { name: 3 },
  { id: '3' },
  { price: NaN },
  { price: Infinity },
  { price: '1' },
  { paid: 1 },
  { paid: null },
  { name: null },
  { '': 1.5 },
  { kind: 'none', level: 1 },
  { level: 5 },
  { level: -1 },
  { code: 'a' },
  { tags: ['a', 'b', 'c', 'd'] },
  { tags: ['a', undefined] },
  { tags: { 0: 'a', length: 1 } },
  { tags: new Array(1) },
  { tags: null },
  { at: null },
  { at: [1] },
  { at: {} },
  { at: { x: 1, z: 2 } },
  { at: Object.create({ x: 1 }) },
  { at: new Map() },
  { undeclared: 1 },
  { name: () => 1 },
  { name: new String('boxed') },
  { name: 'x'.repeat(400) },
  { name: '\u0001'.repeat(200) },
  { toJSON: () => 1 },
  { at: { x: 1, toJSON: undefined, z: 1 } },
  { mixed: Object.assign([1], { toJSON: () => 2 }) },
  { mixed: [1.5] },
  { mixed: 1n },
];

test('what is taken, in any order and by one writer', () => {
  const { write, fits } = made(kOrder);
  assert.ok(write);
  for (let round = 0; round < 3; round++) {
    for (const one of taken) {
      for (const value of [
        { id: 1, ...one },
        { ...one, id: -20 },
        Object.assign(Object.create(null), { id: 3 }, one),
      ]) {
        const expected = JSON.stringify(value);
        assert.ok(fits(JSON.parse(expected)), expected);
        assert.is(written(write, value), expected);
      }
    }
    for (const [i, one] of left.entries()) {
      assert.is(written(write, { id: 1, ...one }), undefined, `${i}`);
      assert.is(written(write, { ...one, id: 1 }), i === 1 ? '{"id":1}' : undefined, `${i}`);
    }
    assert.is(written(write, { name: 'no id' }), undefined);
    for (const other of [undefined, null, 1, 'text', [], () => 1, new Date(0)])
      assert.is(written(write, other), undefined);
  }
});

test('a value that contains itself, or is deep', () => {
  const { write } = made(kOrder);
  const round: Record<string, unknown> = { id: 1 };
  round.next = round;
  assert.is(written(write as WriteSmall, round), undefined);
  let deep: object = { id: 0 };
  for (let i = 1; i < 16; i++) deep = { id: i, next: deep };
  assert.is(written(write as WriteSmall, deep), JSON.stringify(deep));
  assert.is(written(write as WriteSmall, { id: 16, next: deep }), undefined);
  // the depth of one that was left does not count for the next
  assert.is(written(write as WriteSmall, deep), JSON.stringify(deep));
});

test('lists at the top, and of lists', () => {
  const { write } = made({
    type: 'array',
    items: { type: 'array', items: { type: ['number', 'null'] }, minItems: 1 },
  });
  for (const value of [[], [[1]], [[1, 2.5], [null]], [[-3]]])
    assert.is(written(write as WriteSmall, value), JSON.stringify(value));
  for (const value of [[[]], [1], [['1']], { 0: [1] }])
    assert.is(written(write as WriteSmall, value), undefined, JSON.stringify(value));
});

test('integers of every length', () => {
  const { write } = made({ type: 'array', items: int });
  assert.ok(write);
  const edges = Array.from({ length: 10 }, (_, digits) => 10 ** digits).flatMap((ten) => [
    ten - 1,
    ten,
    ten + 1,
  ]);
  const all = [...edges, 99, 100, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 53, -0, 1e21];
  for (const value of [...all, ...all.map((one) => -one)])
    assert.is(written(write, [value]), JSON.stringify([value]), `${value}`);
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.integer(), fc.maxSafeInteger()), { maxLength: 20 }), (list) => {
      assert.is(written(write, list), JSON.stringify(list));
    }),
  );
});

test('what all objects inherit ends it', () => {
  const { write } = made(kOrder);
  try {
    Object.defineProperty(Object.prototype, 'name', { value: 'all', enumerable: true, configurable: true });
    assert.is(written(write as WriteSmall, { id: 1 }), undefined);
  } finally {
    delete (Object.prototype as { name?: unknown }).name;
  }
  for (const prototype of [Object.prototype, Array.prototype]) {
    try {
      Object.defineProperty(prototype, 'toJSON', { value: () => 'all', configurable: true });
      assert.is(written(write as WriteSmall, { id: 1, tags: ['a'] }), undefined);
    } finally {
      delete (prototype as { toJSON?: unknown }).toJSON;
    }
  }
});

test('large schemas have no writer', () => {
  const properties = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, int]));
  assert.ok(made({ type: 'object', properties: properties(48) }).write);
  assert.is(made({ type: 'object', properties: properties(49) }).write, undefined);
  assert.is(made({ type: 'object', properties: { ['k'.repeat(60)]: int } }).write, undefined);
});

test('nothing is written behind the room there is', () => {
  const { write } = made(kOrder);
  for (const one of taken) {
    const value = { id: 1, ...one, name: 'é'.repeat(90), tags: ['€'.repeat(30)] };
    const expected = JSON.stringify(value);
    for (let room = 0; room < Buffer.byteLength(expected) + 300; room++) {
      const found = written(write as WriteSmall, value, 3, room);
      if (found !== undefined) assert.is(found, expected);
    }
    assert.is(written(write as WriteSmall, value, 3, Buffer.byteLength(expected) + 300), expected);
  }
  const names = Array.from({ length: 40 }, (_, i) => `name${i}`);
  const numbers = made({
    type: 'object',
    properties: Object.fromEntries(names.map((name) => [name, int])),
  });
  const list = made({ type: 'array', items: { type: 'number' } });
  const many = names.map((_, i) => i / 7);
  for (let room = 0; room < 300; room++) {
    const record = Object.fromEntries(names.map((name, i) => [name, i * 1e7]));
    assert.is(written(numbers.write as WriteSmall, record, 3, room), undefined);
    assert.is(written(list.write as WriteSmall, many, 3, room), undefined);
  }
});

test("random schemas and values: what is written fits and is JSON.stringify's", () => {
  let count = 0;
  for (const dialect of [2020, 7] as const) {
    fc.assert(
      fc.property(
        schemas(dialect),
        fc.array(values(), { minLength: 1, maxLength: 8 }),
        fc.nat(300),
        (schema, items, room) => {
          let one: Made;
          try {
            one = made(schema);
          } catch (error) {
            // a reference that goes round for ever
            if (error instanceof RangeError) return;
            throw error;
          }
          if (one.write === undefined) return;
          for (const value of items.flatMap((item) => [item, { a: item, b: 1 }, [item]])) {
            const expected = JSON.stringify(value);
            for (const text of [written(one.write, value), written(one.write, value, 1, room)]) {
              if (text === undefined) continue;
              assert.is(text, expected, JSON.stringify(schema));
              assert.ok(one.fits(JSON.parse(expected)), `${JSON.stringify(schema)} on ${expected}`);
              count++;
            }
          }
        },
      ),
      { numRuns: Number(process.env.SCHEMA_RUNS ?? 300) },
    );
  }
  assert.ok(count > 100, `${count} written`);
});

test.run();
