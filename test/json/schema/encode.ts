// What an encoder owes its users, on a backend: the bytes of JSON.stringify or a JsonSchemaError, decided by the JSON that is
// written.

import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import * as json from '../../../lib/json';
import { Checks } from '../../../lib/json/schema/check';
import { modelOf } from '../../../lib/json/schema/model';
import { fits } from '../../../lib/json/schema/run';
import { rawJson } from '../samples';
import { type AnySchema, schemas, values } from './arbitrary';

const kRuns = Number(process.env.SCHEMA_RUNS ?? 150);

/** What is not JSON, and what JSON.stringify makes of it. */
const odd = fc.constantFrom<unknown>(
  undefined,
  NaN,
  Infinity,
  () => 1,
  Symbol('s'),
  new Date(0),
  new Date(NaN),
  { toJSON: () => ({ a: 1 }) },
  { toJSON: (key: string) => key },
  new String('boxed'),
  new Number(3),
  new Boolean(false),
  Object.create(null),
  Object.create({ inherited: 1 }),
  new Map([[1, 2]]),
  new Array(1).concat([1]), // with a hole
  Object.assign([1], { extra: 1 }),
  new (class {
    a = 1;
    get b() {
      return 2;
    }
  })(),
  Object.defineProperty({ a: 1 }, 'hidden', { value: 2, enumerable: false }),
  {
    get a() {
      return 'got';
    },
  },
  new Proxy({ a: 'proxied' }, {}),
  'a\u2028b\u0000\ud800\udc00\udc00"\\/\x7f',
  new Uint8Array([1, 2]),
  5e-324,
  1.7976931348623157e308,
  -1e-7,
  123456789012345680000,
  1e21,
  rawJson('1'),
  rawJson('"raw"'),
);

/** A value with odd ones put into some of its places. */
function withOdd(value: unknown, put: () => unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => withOdd(item, put));
  if (typeof value !== 'object' || value === null) return put() ?? value;
  const made: Record<string, unknown> = {};
  for (const key of Object.keys(value)) {
    const member = withOdd((value as Record<string, unknown>)[key], put);
    Object.defineProperty(made, key, { value: member, writable: true, enumerable: true, configurable: true });
  }
  return made;
}

const str = { type: 'string' };
const kRecord: AnySchema = {
  type: 'object',
  properties: {
    a: { type: ['string', 'number'] },
    b: { type: 'integer', minimum: -5 },
    c: { type: 'array', items: { type: 'integer' } },
    id: { type: 'object', properties: { a: str, b: { type: 'number' } }, required: ['a'] },
    'x/y': { anyOf: [{ type: 'null' }, { $ref: '#' }] },
    é: { enum: ['é', '"', '日本語'] },
    日本: { type: 'string', maxLength: 3 },
    __proto__x: {},
    constructor: { type: 'boolean' },
  },
};

export function encodeSuite(name: string): { run(): void } {
  const test = suite(`json encoder ${name}`);

  function compare(schema: AnySchema, value: unknown): boolean {
    const encode = json.encoder<unknown>(schema as object);
    let text: string | undefined;
    try {
      text = JSON.stringify(value);
    } catch (error) {
      assert.throws(
        () => encode(value),
        (thrown: Error) => thrown.message === (error as Error).message,
      );
      return false;
    }
    if (text === undefined) {
      assert.throws(() => encode(value), TypeError);
      return false;
    }
    const shown = `${JSON.stringify(schema)} on ${text}`;
    let good: boolean;
    let made: Buffer | undefined;
    try {
      good = fits(new Checks().of(modelOf(schema).root), JSON.parse(text));
    } catch (error) {
      // a reference that goes round for ever
      if (error instanceof RangeError) return false;
      throw error;
    }
    try {
      made = encode(value);
    } catch (error) {
      if (!(error instanceof json.JsonSchemaError)) throw error;
      assert.ok(!good, shown);
      assert.ok(error.errors.length > 0, shown);
      return false;
    }
    assert.ok(good, shown);
    const expected = Buffer.from(text).toString('latin1');
    assert.is(made.toString('latin1'), expected, shown);
    // small values that come again may be written in another way
    for (let i = 0; i < 5; i++) assert.is((encode(value) as Buffer).toString('latin1'), expected, shown);
    return true;
  }

  const property = (schema: fc.Arbitrary<AnySchema>, most: number, least: number) => () => {
    let fitting = 0;
    fc.assert(
      fc.property(
        schema,
        fc.array(values(), { minLength: 1, maxLength: 6 }),
        fc.infiniteStream(fc.integer({ min: 0, max: most })),
        fc.infiniteStream(odd),
        (one, items, chance, odds) => {
          for (const item of items) {
            const put = () => (chance.next().value === 0 ? odds.next().value : undefined);
            for (const value of [item, withOdd(item, put), { a: item, b: 1 }, [item]])
              if (compare(one, value)) fitting++;
          }
        },
      ),
      { includeErrorInReport: true, numRuns: kRuns, interruptAfterTimeLimit: 20_000, endOnFailure: true },
    );
    assert.ok(fitting > least, `${fitting} values fitted`);
  };
  test(
    'any value, no schema to speak of',
    property(fc.constantFrom<AnySchema>({}, true, { type: 'object' }), 3, 200),
  );
  test('random schemas', property(fc.oneof(schemas(2020), schemas(7)), 8, 100));
  test('records', property(fc.constant(kRecord), 20, 200));

  test('numbers as JSON.stringify writes them', () => {
    const encode = json.encoder({ type: 'array', items: { type: 'number' } });
    fc.assert(
      fc.property(fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { minLength: 1 }), (list) => {
        assert.is(encode(list).toString(), JSON.stringify(list));
      }),
      { numRuns: kRuns * 20 },
    );
    const powers = Array.from({ length: 700 }, (_, i) => [
      10 ** (i - 350),
      1.5 * 10 ** (i - 350),
      2 ** (i - 350),
    ]);
    const all = powers.flat().filter(Number.isFinite);
    assert.is(encode(all).toString(), JSON.stringify(all));
  });

  test('strings as JSON.stringify writes them', () => {
    const encode = json.encoder({ type: 'array', items: str });
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((c) => String.fromCharCode(c)) })),
        (list) => {
          assert.is(
            encode(list as string[]).toString('latin1'),
            Buffer.from(JSON.stringify(list)).toString('latin1'),
          );
        },
      ),
      { numRuns: kRuns * 5 },
    );
    for (let unit = 0; unit < 0x10000; unit += 251) {
      for (const size of [0, 1, 15, 16, 17, 40]) {
        const list = ['x'.repeat(size) + String.fromCharCode(unit) + 'y'.repeat(size)];
        assert.is(encode(list).toString('latin1'), Buffer.from(JSON.stringify(list)).toString('latin1'));
      }
    }
  });

  test('large values, and the Buffer is the caller’s own', () => {
    const encode = json.encoder({ type: 'array', items: { type: 'object', properties: { n: str } } });
    const list = Array.from({ length: 30_000 }, (_, i) => ({ n: `name ${i} ü`, extra: i / 3 }));
    const first = encode(list);
    const text = JSON.stringify(list);
    assert.is(first.toString(), text);
    encode(list.slice(0, 10));
    assert.is(first.toString(), text);
    const small = encode([{ n: 'a' }]);
    small.fill(0);
    assert.is(encode([{ n: 'a' }]).toString(), '[{"n":"a"}]');
  });

  test('a value that contains itself, and one that is too deep for the stack', () => {
    const encode = json.encoder({ type: 'object', properties: { next: { $ref: '#' } } });
    const ring: Record<string, unknown> = {};
    ring.next = ring;
    assert.throws(() => encode(ring as never), /circular/);
    let deep: Record<string, unknown> = {};
    for (let i = 0; i < 900; i++) deep = { next: deep };
    assert.is(encode(deep as never).toString(), JSON.stringify(deep));
    for (let i = 0; i < 1000; i++) deep = { next: deep };
    assert.throws(
      () => encode(deep as never),
      (error: { code?: string }) => error.code === 'ERR_TAILRACE_JSON_DEPTH',
    );
  });

  test('names and strings of a schema never become code or text of the JSON', () => {
    const names = [
      '"',
      '\\',
      '"});process.exit(1);({"',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: that it stays one is what is tested
      '${process.exit(1)}',
      '\u2028',
      '__proto__',
      '*/',
      '`',
    ];
    for (const key of names) {
      const properties = JSON.parse(`{${JSON.stringify(key)}:{"type":"string"},"z":{"type":"integer"}}`);
      const schema = { type: 'object', properties, required: [key] };
      const value = JSON.parse(`{${JSON.stringify(key)}:"v","z":1}`);
      assert.is(json.encoder<unknown>(schema)(value).toString(), JSON.stringify(value));
      const decode = json.decoder<object>(schema);
      for (const text of [JSON.stringify(value), ` ${JSON.stringify(value)}`]) {
        const back = decode(Buffer.from(text));
        assert.equal(Object.keys(back), [key, 'z']);
        assert.ok(Object.hasOwn(back, key));
        assert.is(Object.getPrototypeOf(back), Object.prototype);
      }
    }
  });

  test('a getter is asked once, whatever stands beside it', () => {
    const schema = { type: 'object', properties: { id: { type: 'integer' }, s: str, more: {} } };
    for (const s of [
      'plain',
      'x'.repeat(200),
      'é\u0001',
      '\ud800',
      'a\ud83d\ude00',
      'q"\\\n',
      '\u007f\u2028',
    ]) {
      const encode = json.encoder(schema);
      for (let i = 0; i < 8; i++) assert.equal(encode({ id: i, s }).toString(), JSON.stringify({ id: i, s }));
      let asked = 0;
      const value = {
        get id() {
          return ++asked;
        },
        s,
      };
      assert.equal(encode(value).toString(), JSON.stringify({ id: 1, s }), JSON.stringify(s));
    }
    // it may be asked again where a value is large, but for one encoder that happens once
    const encode = json.encoder(schema);
    for (let i = 0; i < 8; i++) encode({ id: i, s: '' });
    let asked = 0;
    const large = {
      get id() {
        return ++asked;
      },
      s: 'x'.repeat(3000),
    };
    encode(large);
    const before = asked;
    for (let i = 1; i < 100; i++) {
      encode(large);
      assert.is(asked, before + i);
    }
  });

  test('a getter or a checker that encodes, inside an encoder', () => {
    const inner = json.encoder({ type: 'object', properties: { a: str } });
    const encode = json.encoder<unknown>(
      { type: 'object', properties: { x: str, y: { type: 'string', format: 'f' }, z: str } },
      { formats: { f: (text) => inner({ a: text }).length > 0 } },
    );
    const value = {
      x: 'first',
      y: 'second',
      get z() {
        return inner({ a: 'in between' }).toString();
      },
    };
    assert.is(encode(value).toString(), JSON.stringify(value));
  });

  return test;
}
