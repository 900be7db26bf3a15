// Values to text: encode, stringify, minify.

import * as assert from 'node:assert';
import { suite, type Test } from 'uvu';
import type * as Json from '../../../lib/json';
import { rawJson, traps } from '../samples';

export function encodeSuite(name: string, json: typeof Json): Test {
  const test = suite(`${name}: encode`);

  // biome-ignore lint/suspicious/noSparseArray: JSON.stringify has a rule for holes
  const holes = [1, , 3];
  const values: unknown[] = [
    holes,
    null,
    true,
    0,
    -0,
    1.5,
    NaN,
    Infinity,
    'x',
    '',
    'é€😀',
    '\ud800',
    '\udc00x',
    '"\\\b\f\n\r\t\u0000\u001f\u007f\u2028',
    [],
    {},
    [[]],
    [undefined, () => 1, Symbol('x')],
    { a: undefined, b: () => 1 },
    { b: 1, 2: 2, a: 3, 1: 4 },
    new Date(0),
    new Map([[1, 2]]),
    Buffer.from('ab'),
    Object('s'),
    Object(5),
    Object(false),
    { toJSON: () => ({ x: 1 }) },
    { toJSON: (key: string) => key },
    Object.create({ inherited: 1 }),
    'x'.repeat(100_000),
    Array.from({ length: 2000 }, (_, i) => ({ id: i, name: `n${i}`, v: i / 7 })),
    JSON.parse('{"__proto__":1}'),
    new Proxy({ a: 1 }, {}),
    new Proxy([1, 2], {}),
    rawJson('"raw"'),
    { a: rawJson('1e1000'), b: [rawJson('-0'), Object.create(null)] },
  ];

  test('encode is JSON.stringify as UTF-8', () => {
    for (const value of values) {
      const bytes = json.encode(value);
      assert.ok(Buffer.isBuffer(bytes));
      assert.strictEqual(bytes.toString('utf8'), JSON.stringify(value));
      assert.strictEqual(json.encode(value, { bigint: 'integer' }).toString('utf8'), JSON.stringify(value));
      assert.strictEqual(json.stringify(value), JSON.stringify(value));
    }
    assert.strictEqual(json.stringify({ a: [1, 2] }, ['a'], 2), JSON.stringify({ a: [1, 2] }, ['a'], 2));
  });

  test('a result is the caller’s own', () => {
    const first = json.encode({ a: 'first' });
    const second = json.encode({ b: 'other' });
    second.fill(0);
    assert.strictEqual(first.toString(), '{"a":"first"}');
  });

  test('what has no JSON', () => {
    for (const value of [undefined, () => 1, Symbol('x'), { toJSON: () => undefined }]) {
      assert.throws(() => json.encode(value), { name: 'InvalidArgument', code: 'ERR_TAILRACE_INVALID_ARG' });
    }
    const circular: { self?: unknown } = {};
    circular.self = circular;
    assert.throws(() => json.encode(circular), TypeError);
    assert.throws(() => json.encode(1n), TypeError);
    assert.throws(() => json.encode({ a: [1n] }, { bigint: 'error' }), TypeError);
    assert.throws(() => json.encode(1, { bigint: 'string' as never }), { argument: 'bigint' });
    assert.throws(() => json.encode(1, { bigints: 'integer' } as never), { argument: 'bigints' });
    const mine = new Error('mine');
    assert.throws(
      () =>
        json.encode({
          get a() {
            throw mine;
          },
        }),
      (error) => error === mine,
    );
  });

  test('bigints as integers', () => {
    const encode = (value: unknown) => json.encode(value, { bigint: 'integer' }).toString();
    assert.strictEqual(encode(12345678901234567890n), '12345678901234567890');
    assert.strictEqual(
      encode({ a: [-1n, '1n', 2, { b: 0n }], c: 10n ** 40n }),
      `{"a":[-1,"1n",2,{"b":0}],"c":1${'0'.repeat(40)}}`,
    );
    assert.strictEqual(encode({ toJSON: () => 5n }), '5');
    assert.strictEqual(encode(Object(7n)), '7');
    assert.deepStrictEqual(
      json.parse(json.encode([9007199254740993n], { bigint: 'integer' }), { integers: 'bigint' }),
      [9007199254740993n],
    );
  });

  test('re-entrant: toJSON and getters that encode, parse and open', () => {
    const inner = { toJSON: () => json.parse(json.encode({ deep: json.open('[1,{"x":"é"}]').get('/1') })) };
    const value = {
      get a() {
        return json.parse(Buffer.from('[1,2]'));
      },
      b: inner,
      c: [inner, inner],
    };
    assert.strictEqual(
      json.encode(value).toString(),
      '{"a":[1,2],"b":{"deep":{"x":"é"}},"c":[{"deep":{"x":"é"}},{"deep":{"x":"é"}}]}',
    );
  });

  test('many values with rules of their own, among others and again: each result stays as it was', () => {
    class Point {
      constructor(
        readonly x: number,
        readonly label: string,
      ) {}
    }
    class Money {
      constructor(private readonly cents: number) {}
      toJSON(key: string): unknown {
        return this.cents % 3 === 0 ? undefined : { key, cents: this.cents };
      }
    }
    const kinds: ((i: number) => unknown)[] = [
      (i) => new Point(i, `p"${i}\n`),
      (i) => ({ at: new Date(1.6e12 + i), money: new Money(i) }),
      (i) => [new Money(i), new Number(i), new String('é'), Object(true)],
      (i) => ({ i, name: 'plain', deep: [{ x: i / 7 }] }),
      (i) => (i === 5 ? new Point(1, 'only one') : { i, [`a key longer than most of them ${i}`]: '日本' }),
      () => undefined,
    ];
    const kept: [Buffer, string][] = [];
    for (let round = 0; round < 40; round++) {
      for (const kind of kinds) {
        for (const n of [1, 3, 30]) {
          const value = { round, list: Array.from({ length: n }, (_, i) => kind(i)), at: kind(round) };
          kept.push([json.encode(value), JSON.stringify(value)]);
        }
      }
    }
    for (const [bytes, text] of kept) assert.strictEqual(bytes.toString(), text);
  });

  test('what has code of its own is asked once, in the order of its members', () => {
    let count = 0;
    const one = { toJSON: () => ++count };
    const many = Array.from({ length: 9 }, () => one);
    const dates = Array.from({ length: 9 }, (_, i) => new Date(i));
    const named = Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`${'k'.repeat(i * 12)}${i}`, one]));
    let deep: unknown = one;
    for (let i = 0; i < 1000; i++) deep = i % 2 ? [deep] : { deep };
    const left = { [`l${'ong'.repeat(40)}`]: () => 1, [`s${'ymbol'.repeat(40)}`]: Symbol('s') };
    for (const value of [
      many,
      named,
      [one, dates, one],
      [one, deep],
      [one, left, ...many],
      { one, many, left },
    ]) {
      for (let round = 0; round < 3; round++) {
        count = 0;
        const text = JSON.stringify(value);
        count = 0;
        assert.strictEqual(json.encode(value).toString(), text);
        assert.strictEqual(json.encode([1]).toString(), '[1]');
      }
    }
    const circle: unknown[] = [one];
    circle.push(circle);
    assert.throws(() => json.encode(circle), TypeError);
    let asked = 0;
    const late = {
      get toJSON() {
        return asked++ % 2 === 0 ? undefined : () => 2;
      },
      a: 1,
    };
    for (const value of [late, [late], { late }]) {
      asked = 0;
      assert.strictEqual(json.encode(value).toString(), JSON.stringify(value));
    }
  });

  test('what calls code inside itself is asked once too: instances, boxes, dates', () => {
    let count = 0;
    const one = { toJSON: () => ++count };
    class Instance {
      value = one;
    }
    const box = Object.assign(new Number(1), { valueOf: () => ++count });
    const date = Object.assign(new Date(0), { toISOString: () => `${++count}` });
    const getter = Object.create({}, { value: { enumerable: true, get: () => ++count } });
    const nine = (item: unknown) => Array.from({ length: 9 }, () => item);
    const left = nine(() => 1);
    let deep: unknown = 1;
    for (let i = 0; i < 1000; i++) deep = [deep];
    for (const item of [new Instance(), box, date, getter, new Proxy(new Instance(), {})]) {
      for (const value of [
        nine(item),
        { ...nine(item) },
        [item, left, item, nine({ item }), item],
        [item, new Map(), deep, item],
        nine({ at: new Date(0), item }),
      ]) {
        count = 0;
        const text = JSON.stringify(value);
        // the second may be left to V8 because of the first
        for (const _ of [1, 2]) {
          count = 0;
          assert.strictEqual(json.encode(value).toString(), text);
        }
        for (let i = 0; i < 64; i++) json.encode([1]);
      }
    }
  });

  test('proxies that answer in their own way', () => {
    const answering = (target: object, name: string, answer: unknown) =>
      new Proxy(target, { get: (of, key) => (key === name ? answer : Reflect.get(of, key)) });
    const odd = [
      answering([1, 2], 'toJSON', () => 'x'),
      answering({ a: 1 }, 'toJSON', () => 'x'),
      ...['2', 2.5, -1, NaN, undefined].map((length) => answering([1, 2, 3], 'length', length)),
    ];
    for (const item of odd) {
      for (const value of [item, [item], { item }])
        assert.strictEqual(json.encode(value).toString(), JSON.stringify(value));
    }
  });

  test('whoever transfers the memory of a result takes only what stands in it', () => {
    const values = [{ a: 1 }, { text: 'é'.repeat(300) }, [1, 2, 3], { long: 'x'.repeat(3000) }];
    for (let round = 0; round < 12; round++) {
      const value = values[round % values.length];
      const bytes = json.encode(value);
      assert.strictEqual(bytes.toString(), JSON.stringify(value));
      let taken: Uint8Array;
      try {
        const { buffer } = bytes;
        taken = new Uint8Array(structuredClone(buffer, { transfer: [buffer as ArrayBuffer] }));
      } catch (error) {
        // Buffer's own pool, in Nodes that refuse to give it away
        assert.strictEqual((error as Error).name, 'DataCloneError');
        continue;
      }
      const before = Buffer.from(taken);
      for (const other of values) assert.strictEqual(json.encode(other).toString(), JSON.stringify(other));
      assert.deepStrictEqual(Buffer.from(taken), before);
    }
  });

  test('minify keeps every token as it is written', () => {
    const cases: [string, string][] = [
      [' { "a" : [ 1 , 2.50 , "x  \\u0020 y" ] , "b":\n{ } }\r\n', '{"a":[1,2.50,"x  \\u0020 y"],"b":{}}'],
      ['\t"a b"\n', '"a b"'],
      [' 1e5 ', '1e5'],
      ['[ ]', '[]'],
      ['[ true , false , null ]', '[true,false,null]'],
      [`[ "${' '.repeat(200)}" ,${' '.repeat(200)}1 ]`, `["${' '.repeat(200)}",1]`],
      ['{"é" : "€ 😀"}', '{"é":"€ 😀"}'],
    ];
    for (const [text, expected] of cases) {
      assert.strictEqual(json.minify(text).toString(), expected);
      assert.strictEqual(json.minify(Buffer.from(text)).toString(), expected);
    }
    for (const text of traps) {
      if (json.validate(text)) {
        const small = json.minify(text);
        assert.deepStrictEqual(json.parse(small), JSON.parse(text));
        assert.deepStrictEqual(json.minify(small), small);
        if (text.isWellFormed()) assert.deepStrictEqual(json.minify(Buffer.from(text)), small);
      } else {
        assert.throws(() => json.minify(text), json.JsonSyntaxError);
        assert.throws(() => json.minify(Buffer.from(text)), json.JsonSyntaxError);
      }
    }
    const bad = Buffer.from([0x20, 0x22, 0xff, 0xc0, 0x22, 0x20]);
    assert.deepStrictEqual(json.minify(bad), bad.subarray(1, 5));
    assert.deepStrictEqual(JSON.parse(json.minify('["\ud800"]').toString()), ['\ud800']);
  });

  return test;
}
