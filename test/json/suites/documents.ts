// Lazy documents: pointers, iteration, source text, closing.

import * as assert from 'node:assert';
import { inspect } from 'node:util';
import { suite, type Test } from 'uvu';
import type * as Json from '../../../lib/json';
import { seeded } from '../../support/seeded';
import { assertSame } from '../same';
import { traps } from '../samples';

export function documentsSuite(name: string, json: typeof Json): Test {
  const test = suite(`${name}: documents`);
  const both = (text: string): Json.JsonDocument[] => [json.open(text), json.open(Buffer.from(text, 'utf8'))];

  test('the pointers of RFC 6901', () => {
    const text =
      '{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\\\j":5,"k\\"l":6," ":7,"m~n":8}';
    for (const document of both(text)) {
      const expected: [string, unknown][] = [
        ['', JSON.parse(text)],
        ['/foo', ['bar', 'baz']],
        ['/foo/0', 'bar'],
        ['/', 0],
        ['/a~1b', 1],
        ['/c%d', 2],
        ['/e^f', 3],
        ['/g|h', 4],
        ['/i\\j', 5],
        ['/k"l', 6],
        ['/ ', 7],
        ['/m~0n', 8],
        ['/foo/2', undefined],
        ['/foo/-', undefined],
        ['/foo/01', undefined],
        ['/foo/-1', undefined],
        ['/foo/1.0', undefined],
        ['/foo/ 1', undefined],
        ['/foo/4294967296', undefined],
        ['/foo/99999999999999999999', undefined],
        ['/foo/length', undefined],
        ['/nothing', undefined],
        ['/foo/0/0', undefined],
        ['/a~1b/x', undefined],
        ['/toString', undefined],
        ['/__proto__', undefined],
      ];
      for (const [pointer, value] of expected) {
        assertSame(document.get(pointer), value, pointer);
        assertSame(document.value(pointer)?.toJS(), value, pointer);
      }
      for (const bad of ['foo', '#/foo', '/a~2', '/a~', '~0'])
        assert.throws(() => document.get(bad), { argument: 'pointer' }, bad);
      assert.throws(() => document.get(1 as never), { argument: 'pointer' });
    }
  });

  test('keys with escapes, the last of several, absent ones', () => {
    for (const document of both(
      '{"\\u0061":1,"b":2,"a":3,"\\ud83d\\ude00é":{"\\n":[4]},"x":null,"b":false}',
    )) {
      assert.strictEqual(document.get('/a'), 3);
      assert.strictEqual(document.get('/b'), false);
      assert.strictEqual(document.get('/😀é/\n/0'), 4);
      assert.strictEqual(document.get('/x'), null);
      assert.strictEqual(document.get('/x/y'), undefined);
      assert.strictEqual(document.value('/x')?.type, 'null');
      assert.strictEqual(document.root.get('\\u0061'), undefined);
      assert.strictEqual(document.root.length, 4);
    }
  });

  test('a key is not found by its escapes as they are written', () => {
    for (const key of ['\n', 'a\n', 'é\n', 'é"', '日本\\', '\ud83d\ude00\t', '\ud800é', 'a\u0000b']) {
      const written = JSON.stringify(key).slice(1, -1);
      for (const document of both(`{"b":2,${JSON.stringify(key)}:{"c":1}}`)) {
        assert.strictEqual(document.root.get(key)?.get('c')?.toJS(), 1, written);
        assert.strictEqual(document.root.get(written), undefined, written);
        assert.strictEqual(document.get(`/${written}/c`), undefined, written);
      }
    }
  });

  test('keys of one size and with one end, as written and escaped', () => {
    const names = ['', 'a', 'b', 'ab', 'bb', 'cb', 'é', 'è', 'xé', '日本', '来本', '😀', '😁', 'x😀'].concat([
      '\ud800',
      '\ud83d',
      'b\ud800',
      '\ude00',
      'a\\b',
      '\\u0061',
      '\\n',
      '\n',
      '"',
      '\\',
      'ab\\',
      '\u0000b',
      '�',
      '/',
      '~',
    ]);
    const escaped = (name: string) =>
      `"${[...Array(name.length).keys()].map((i) => `\\u${name.charCodeAt(i).toString(16).padStart(4, '0')}`).join('')}"`;
    const ways: ((name: string, i: number) => string)[] = [
      (name) => JSON.stringify(name),
      escaped,
      (name, i) => (i % 2 === 0 ? escaped(name) : JSON.stringify(name)),
    ];
    const plain = names.filter((name) => JSON.stringify(name) === `"${name}"`);
    assert.ok(plain.length > 10);
    for (const list of [names, plain, [...names, ...names].reverse(), [...plain, ...plain]]) {
      for (const way of ways) {
        const members = list.map(
          (name, i) => `${way(name, i)}:${i % 3 === 0 ? `[${i}]` : i % 3 === 1 ? i : `"${i}"`}`,
        );
        const text = `{${members.join(',')}}`;
        const expected = JSON.parse(text);
        for (const document of both(text)) {
          for (const name of names) {
            const pointer = `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
            assertSame(document.get(pointer), expected[name], `${text} ${pointer}`);
            assertSame(document.root.get(name)?.toJS(), expected[name], `${text} ${name}`);
          }
        }
      }
    }
  });

  test('many children: elements and members by pointer, far and near', () => {
    const list = Array.from({ length: 300 }, (_, i) =>
      i % 4 === 0 ? { i } : i % 4 === 1 ? [`${i}`] : i % 4 === 2 ? i : `${i}`,
    );
    const value = { list, map: Object.fromEntries(list.map((item, i) => [`key${i}`, item])), tail: [1] };
    for (const document of both(JSON.stringify(value))) {
      for (let i = 0; i < 300; i += 7) {
        assertSame(document.get(`/list/${i}`), list[i], `${i}`);
        assertSame(document.get(`/map/key${i}`), list[i], `${i}`);
      }
      assertSame(document.get('/list/298'), list[298], 'one before the last');
      assertSame(document.get('/list/300'), undefined, 'beyond');
      assertSame(document.get('/map/key300'), undefined, 'absent');
      assertSame(document.get('/tail/0'), 1, 'behind all');
    }
  });

  test('elements of two lists in any order: forth, back, across', () => {
    const seed = Number(process.env.TAILRACE_TEST_SEED ?? Date.now() % 0x7fffffff);
    const random = seeded(seed);
    const item = (i: number) => [i, `${i}`, { i, of: [i] }, [[i], '"'], null][Math.floor(random() * 5)];
    const lists = [90, 200, 3].map((size) => Array.from({ length: size }, (_, i) => item(i)));
    for (const document of both(JSON.stringify({ lists, flat: [1, 2, 3] }))) {
      for (let round = 0; round < 3000; round++) {
        const which = Math.floor(random() * lists.length);
        const list = lists[which] as unknown[];
        const at = Math.floor(random() * (list.length + 2));
        const where = `TAILRACE_TEST_SEED=${seed}: /lists/${which}/${at}`;
        assertSame(document.get(`/lists/${which}/${at}`), list[at], where);
        if (round % 3 === 0)
          assertSame(document.root.get('lists')?.at(which)?.at(at)?.toJS(), list[at], where);
      }
    }
  });

  test('keys that begin alike, where some are escaped', () => {
    const text =
      '{"git_a":1,"git_\\u0061b":2,"git_\\u0061bc":3,"git_abcd":4,"git_ab\\u0063de":5,"git_\\n":6,"git_":7,"git":8,"git\\u005fa":9,"gi\\\\":10}';
    const expected = JSON.parse(text);
    for (const document of both(text)) {
      for (const key of [
        'git_a',
        'git_ab',
        'git_abc',
        'git_abcd',
        'git_abcde',
        'git_\n',
        'git_',
        'git',
        'gi\\',
      ])
        assertSame(document.get(`/${key}`), expected[key], key);
      for (const key of ['gi', 'gi\\\\', 'git_abcdef', 'git_\\n', 'git_\\u0061b'])
        assert.strictEqual(document.get(`/${key}`), undefined, key);
    }
  });

  test('numbers as JSON.parse has them', () => {
    const numbers =
      '0 -0 7 -1 10 123456789012345 1234567890123456 -9007199254740993 0.1 -0.5 0.30 1.005 673.1234 1e3 1E3 -2e-7 1.5e+10'
        .split(' ')
        .concat(
          '0.000001 0.00000000000001 12345678.1234567 12345678.12345678 1e999 5e-324 179769313486231580000 0e0 0.0 -0.0'.split(
            ' ',
          ),
        );
    for (const text of [`[${numbers.join(',')}]`, `[ ${numbers.join(' ,\n')}\t]`]) {
      const expected = JSON.parse(text);
      for (const document of both(text))
        for (let i = 0; i < numbers.length; i++)
          assert.ok(Object.is(document.get(`/${i}`), expected[i]), numbers[i]);
    }
    for (const text of numbers) {
      for (const document of both(text)) assert.ok(Object.is(document.get(''), JSON.parse(text)), text);
      for (const document of both(`{"k":${text}}`))
        assert.ok(Object.is(document.get('/k'), JSON.parse(text)), text);
    }
  });

  test('values: type, length, get, at, iteration', () => {
    const text =
      '{"n":-1.5,"t":true,"s":"x","z":null,"a":[1,[2],{"k":3}],"o":{"b":1,"2":2,"a":3,"1":4,"b":5},"e":[],"f":{}}';
    for (const document of both(text)) {
      const { root } = document;
      assert.deepStrictEqual([...root.keys()], Object.keys(JSON.parse(text)));
      assert.deepStrictEqual(
        [...root.values()].map((value) => value.type),
        ['number', 'boolean', 'string', 'null', 'array', 'object', 'array', 'object'],
      );
      assert.deepStrictEqual(
        [...root.values()].map((value) => value.length),
        [undefined, undefined, undefined, undefined, 3, 4, 0, 0],
      );
      const object = root.get('o') as Json.JsonValue;
      assert.deepStrictEqual(
        [...object.entries()].map(([key, value]) => [key, value.toJS()]),
        Object.entries(JSON.parse(text).o),
      );
      assert.deepStrictEqual(
        [...object].map((pair) => (pair as [string, Json.JsonValue])[0]),
        ['1', '2', 'b', 'a'],
      );
      assert.strictEqual(object.get('b')?.toJS(), 5);
      assert.strictEqual(object.at(0), undefined);
      const array = root.get('a') as Json.JsonValue;
      assert.deepStrictEqual(
        [...array].map((value) => (value as Json.JsonValue).toJS()),
        [1, [2], { k: 3 }],
      );
      assert.deepStrictEqual([...array.keys()], [0, 1, 2]);
      assert.deepStrictEqual(
        [array.at(0), array.at(-1), array.at(1)].map((value) => value?.toJS()),
        [1, { k: 3 }, [2]],
      );
      assert.deepStrictEqual([array.at(3), array.at(-4), array.get('0')], [undefined, undefined, undefined]);
      assert.throws(() => array.at(0.5), { argument: 'index' });
      assert.throws(() => object.get(0 as never), { argument: 'key' });
      for (const scalar of ['n', 't', 's', 'z']) {
        const value = root.get(scalar) as Json.JsonValue;
        assert.deepStrictEqual([...value, ...value.keys()], []);
        assert.strictEqual(value.get('x') ?? value.at(0), undefined);
      }
      for (let round = 0; round < 30; round++) {
        assert.strictEqual(array.at(round % 3)?.type, ['number', 'array', 'object'][round % 3]);
        assert.strictEqual(root.get('n')?.toJS(), -1.5);
        assert.strictEqual(root.get('nothing'), undefined);
      }
      assert.strictEqual(
        JSON.stringify({ a: array, document: root.get('f') }),
        '{"a":[1,[2],{"k":3}],"document":{}}',
      );
      assertSame(JSON.parse(JSON.stringify(document)), JSON.parse(text), 'toJSON');
    }
  });

  test('texts whose outline is longer than they are', async () => {
    const shapes: ((n: number) => string)[] = [
      (n) => `[1${',1'.repeat(n)}]`,
      (n) => `[[]${',[]'.repeat(n)}]`,
      (n) => `${'['.repeat(n + 1)}${']'.repeat(n + 1)}`,
      (n) => `{"a":${'{"a":'.repeat(n)}{}${'}'.repeat(n)}}`,
      (n) => `["${'x'.repeat(n)}"]`,
    ];
    for (const size of [0, 1, 20, 2000, 60_000, 3_000_000]) {
      for (const shape of shapes) {
        // JSON.stringify's stack ends the deep ones
        const text = shape(shape === shapes[2] || shape === shapes[3] ? Math.min(size, 1000) : size);
        const [one, two] = [json.open(Buffer.from(text)), await json.openAsync(Buffer.from(text))];
        const again = json.open('[1]');
        for (const document of [one, two]) {
          assert.strictEqual(document.root.raw().toString(), text);
          assert.strictEqual(JSON.stringify(document.root.toJS()), text);
          document.close();
        }
        assert.strictEqual(again.get('/0'), 1);
        assert.throws(() => json.open(Buffer.from(`${text.slice(0, -1)},`)), { name: 'JsonSyntaxError' });
        await assert.rejects(json.openAsync(Buffer.from(`${text.slice(0, -1)},`)), {
          name: 'JsonSyntaxError',
        });
      }
    }
  });

  test('raw is the source text, byte for byte', () => {
    for (const document of both('\n{ "a" : [ 1.50 , "\\u00e9é" ] , "b":-0.0e+1,"c" :{ } }\t')) {
      assert.strictEqual(
        document.root.raw().toString(),
        '{ "a" : [ 1.50 , "\\u00e9é" ] , "b":-0.0e+1,"c" :{ } }',
      );
      assert.strictEqual(document.value('/a')?.raw().toString(), '[ 1.50 , "\\u00e9é" ]');
      assert.strictEqual(document.value('/a/0')?.raw().toString(), '1.50');
      assert.strictEqual(document.value('/a/1')?.raw().toString(), '"\\u00e9é"');
      assert.strictEqual(document.value('/b')?.raw().toString(), '-0.0e+1');
      assert.strictEqual(document.value('/c')?.raw().toString(), '{ }');
      const copy = document.value('/b')?.raw() as Buffer;
      copy.fill(0);
      assert.strictEqual(document.value('/b')?.raw().toString(), '-0.0e+1');
    }
    const bad = Buffer.from([0x5b, 0x22, 0xff, 0x22, 0x5d]);
    assert.deepStrictEqual(json.open(bad).value('/0')?.raw(), bad.subarray(1, 4));
    assert.strictEqual(json.open(bad).get('/0'), '\ufffd');
    assertSame(
      json.open('["\ud800",{"\udc00":1}]').root.toJS(),
      ['\ud800', { '\udc00': 1 }],
      'lone surrogates',
    );
    assertSame(json.open('["\ud800",{"\udc00":1}]').get('/1/\udc00'), 1, 'a lone surrogate in a pointer');
    assertSame(json.parse(json.open('["\ud800"]').root.raw()), ['\ud800'], 'raw of a lone surrogate');
  });

  test('exact integers', () => {
    const cases: [string, bigint][] = [
      ['0', 0n],
      ['-0', 0n],
      ['12345678901234567890', 12345678901234567890n],
      ['-9007199254740993', -9007199254740993n],
      ['1e3', 1000n],
      ['1.50e1', 15n],
      ['100e-2', 1n],
      ['0.0e99', 0n],
      ['9'.repeat(300), BigInt('9'.repeat(300))],
      ['123.000', 123n],
    ];
    for (const [text, value] of cases)
      for (const document of both(text)) assert.strictEqual(document.root.toBigInt(), value, text);
    for (const text of ['1.5', '1e-1', '0.1', '1e999999999', '123456e-2'])
      for (const document of both(text)) {
        assert.throws(
          () => document.root.toBigInt(),
          { name: 'RangeError', code: 'ERR_TAILRACE_JSON_NOT_INTEGER' },
          text,
        );
      }
    for (const text of ['"1"', 'null', '[1]', 'true'])
      for (const document of both(text)) {
        assert.throws(() => document.root.toBigInt(), { name: 'InvalidArgument', argument: 'value' }, text);
      }
  });

  test('every valid trap, member by member', () => {
    const walk = (value: Json.JsonValue): unknown => {
      if (value.type === 'array') return [...value.values()].map(walk);
      if (value.type !== 'object') return value.toJS();
      const result = {};
      for (const [key, member] of value.entries())
        Object.defineProperty(result, key, {
          value: walk(member),
          writable: true,
          enumerable: true,
          configurable: true,
        });
      return result;
    };
    for (const text of traps) {
      if (!json.validate(text)) continue;
      for (const document of both(text)) assertSame(walk(document.root), JSON.parse(text), text);
    }
  });

  test('closing', () => {
    const document = json.open('{"a":[1]}');
    const value = document.value('/a') as Json.JsonValue;
    document.close();
    document.close();
    const closed = { code: 'ERR_TAILRACE_CLOSED' };
    for (const use of [
      () => document.root,
      () => document.get('/a'),
      () => document.value('/a'),
      () => value.toJS(),
      () => value.type,
      () => value.raw(),
      () => value.at(0),
      () => [...value],
    ])
      assert.throws(use, closed);
    assert.match(inspect(document), /closed/);
    assert.match(inspect(value), /closed/);
    const dispose = (Symbol as { dispose?: symbol }).dispose;
    if (dispose !== undefined) {
      const other = json.open('1');
      (other as unknown as Record<symbol, () => void>)[dispose]?.();
      assert.throws(() => other.root, closed);
    }
    const Made = document.constructor as new (...args: unknown[]) => unknown;
    const Value = value.constructor as new (...args: unknown[]) => unknown;
    assert.throws(() => new Made({}), TypeError);
    assert.throws(() => new Value({}, 0), TypeError);
  });

  test('util.inspect shows what is inside, and no more than a screen of it', () => {
    const document = json.open('{"a":[1,"x"],"b":{"c":{"d":{"e":1}}},"n":null}');
    assert.strictEqual(
      inspect(document.root),
      "JsonValue { a: [ 1, 'x' ], b: { c: { d: [Object] } }, n: null }",
    );
    assert.match(inspect(document), /^JsonDocument \{ a: /);
    assert.match(inspect(document.root, { depth: 0 }), /a: \[Array\(2\)\]/);
    assert.strictEqual(inspect(document.value('/a/1')), "JsonValue 'x'");
    const long = json.open(`[${Array.from({ length: 5000 }, (_, i) => i).join(',')}]`);
    assert.match(inspect(long.root), /4900 more/);
    assert.ok(inspect(long.root).length < 5000);
    assert.match(inspect(json.open('['.repeat(2000) + ']'.repeat(2000)).root), /Array\(1\)/);
  });

  test('many documents at once, used in turns', () => {
    const documents = Array.from({ length: 200 }, (_, i) =>
      json.open(`{"id":${i},"list":[${i},${i + 1}],"s":"${'x'.repeat(i)}"}`),
    );
    for (let i = 0; i < 200; i += 3) documents[i]?.close();
    documents.forEach((document, i) => {
      if (i % 3 === 0) assert.throws(() => document.root, { code: 'ERR_TAILRACE_CLOSED' });
      else assertSame(document.root.toJS(), { id: i, list: [i, i + 1], s: 'x'.repeat(i) }, `${i}`);
    });
  });

  return test;
}
