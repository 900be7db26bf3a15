// Options, revivers, kinds of input, and the errors of both.

import * as assert from 'node:assert';
import { runInNewContext } from 'node:vm';
import { suite, type Test } from 'uvu';
import type * as Json from '../../../lib/json';
import { assertSame } from '../same';

const bytes = (text: string) => Buffer.from(text, 'utf8');

export function optionsSuite(name: string, json: typeof Json): Test {
  const test = suite(`${name}: options`);

  /** The same result for the string and for its bytes; a failure as [code, offset]. */
  function both(text: string, options: Json.ParseOptions, expected: unknown): void {
    const long = bytes(`${text}${' '.repeat(2048)}`);
    for (const input of [text, bytes(text), long]) assertSame(json.parse(input, options), expected, text);
    assertSame(json.open(text, options).root.toJS(), expected, `${text} (document)`);
    assertSame(json.open(bytes(text), options).get(''), expected, `${text} (document)`);
    assert.strictEqual(json.validate(text, options), true);
  }
  function refused(input: string | Buffer, options: Json.ParseOptions, code: string, offset: number): void {
    const inputs = typeof input === 'string' ? [input, bytes(input)] : [input];
    // Long enough for the native parser. A text that ends too early must keep its end.
    if (!(typeof input === 'string' && offset === input.length)) {
      inputs.push(Buffer.concat([bytes(inputs[0] as string), Buffer.alloc(2048, ' ')]));
    }
    for (const one of inputs) {
      const expected = { name: 'JsonSyntaxError', code: `ERR_TAILRACE_JSON_${code}`, offset };
      assert.throws(() => json.parse(one, options), expected, `${one}`);
      assert.throws(() => json.open(one, options), expected, `${one} (document)`);
      assert.strictEqual(json.validate(one, options), false);
    }
  }

  test('integers: bigint only where a double cannot hold it', () => {
    const text =
      '[1,-0,9007199254740991,9007199254740992,9007199254740993,-9007199254740993,1e20,100000000000000000000,12345678901234567890,1.0,9223372036854775807]';
    both(text, { integers: 'bigint' }, [
      1,
      -0,
      9007199254740991,
      9007199254740992,
      9007199254740993n,
      -9007199254740993n,
      1e20,
      100000000000000000000,
      12345678901234567890n,
      1,
      9223372036854775807n,
    ]);
    const huge = '9'.repeat(400);
    both(`{"a":${huge}}`, { integers: 'bigint' }, { a: BigInt(huge) });
    both(
      '{"2":1,"1":{"__proto__":12345678901234567890}}',
      { integers: 'bigint' },
      JSON.parse('{"2":1,"1":{"__proto__":0}}', (key, value) =>
        key === '__proto__' ? 12345678901234567890n : value,
      ),
    );
  });

  test('duplicate keys', () => {
    both(
      '{"a":1,"b":{"a":2},"c":[{"a":1},{"a":1}]}',
      { duplicateKeys: 'error' },
      { a: 1, b: { a: 2 }, c: [{ a: 1 }, { a: 1 }] },
    );
    refused('{"a":1,"b":2,"a":3}', { duplicateKeys: 'error' }, 'DUPLICATE_KEY', 13);
    refused('[{"x":{"a":1,"\\u0061":3}}]', { duplicateKeys: 'error' }, 'DUPLICATE_KEY', 13);
    refused('{"a":1,"a":}', { duplicateKeys: 'error' }, 'SYNTAX', 11);
    const wide = Array.from({ length: 5000 }, (_, i) => `"k${i}":${i}`).join(',');
    both(`{${wide}}`, { duplicateKeys: 'error' }, JSON.parse(`{${wide}}`));
    refused(`{${wide},"k17":0}`, { duplicateKeys: 'error' }, 'DUPLICATE_KEY', wide.length + 2);
  });

  test('depth', () => {
    both('[[1],{"a":2}]', { maxDepth: 2 }, [[1], { a: 2 }]);
    both('7', { maxDepth: 0 }, 7);
    both('["[[[[","{{{{"]', { maxDepth: 1 }, ['[[[[', '{{{{']);
    both('[[1]]', { maxDepth: Infinity }, [[1]]);
    refused('[]', { maxDepth: 0 }, 'DEPTH', 0);
    refused('[[1],{"a":[2]}]', { maxDepth: 2 }, 'DEPTH', 10);
    refused('[[[[', { maxDepth: 3 }, 'DEPTH', 3);
    refused('[}[[[', { maxDepth: 3 }, 'SYNTAX', 1);
    refused('['.repeat(100_000), { maxDepth: 64 }, 'DEPTH', 64);
  });

  test('__proto__', () => {
    const text = '{"a":1,"__proto__":{"b":2},"c":[{"\\u005f_proto__":3,"d":4}]}';
    both(text, {}, JSON.parse(text));
    both(text, { protoAction: 'ignore' }, JSON.parse(text));
    both(text, { protoAction: 'remove' }, { a: 1, c: [{ d: 4 }] });
    refused(text, { protoAction: 'error' }, 'FORBIDDEN_KEY', 7);
    refused('[{"\\u005f_proto__":3}]', { protoAction: 'error' }, 'FORBIDDEN_KEY', 2);
    both('["__proto__",{"__proto":1,"_proto__":"__proto__\\":"}]', { protoAction: 'error' }, [
      '__proto__',
      { __proto: 1, _proto__: '__proto__":' },
    ]);
    const document = json.open(text, { protoAction: 'remove' });
    assert.strictEqual(document.get('/__proto__/b'), undefined);
    assert.deepStrictEqual([...document.root.keys()], ['a', 'c']);
    assert.strictEqual(document.root.length, 2);
    assert.strictEqual(document.get('/c/0/d'), 4);
  });

  test('constructor with prototype', () => {
    const bad = '{"a":1,"constructor":{"prototype":{"x":1}},"b":2}';
    both(bad, { protoAction: 'error' }, JSON.parse(bad));
    both(bad, { constructorAction: 'remove' }, { a: 1, b: 2 });
    refused(bad, { constructorAction: 'error' }, 'FORBIDDEN_KEY', 7);
    refused(
      '{"c\\u006fnstructor":{"prot\\u006ftype":0}}',
      { constructorAction: 'error' },
      'FORBIDDEN_KEY',
      1,
    );
    for (const fine of [
      '{"constructor":1}',
      '{"constructor":{"x":1}}',
      '{"constructor":null}',
      '{"constructor":["prototype"]}',
      '{"constructor":{"prototype":1},"constructor":2}',
    ]) {
      both(fine, { constructorAction: 'error' }, JSON.parse(fine));
      both(fine, { constructorAction: 'remove' }, JSON.parse(fine));
    }
    refused(
      '{"a":{"constructor":2,"constructor":{"prototype":1}}}',
      { constructorAction: 'error' },
      'FORBIDDEN_KEY',
      22,
    );
    assert.strictEqual(json.open(bad, { constructorAction: 'remove' }).value('/constructor'), undefined);
  });

  test('the first of several offences is the one told', () => {
    const all: Json.ParseOptions = {
      duplicateKeys: 'error',
      protoAction: 'error',
      constructorAction: 'error',
      maxDepth: 3,
      utf8: 'error',
    };
    refused('{"constructor":{"prototype":1},"__proto__":1,"__proto__":2}', all, 'FORBIDDEN_KEY', 1);
    refused('{"a":1,"a":2,"__proto__":2}', all, 'DUPLICATE_KEY', 7);
    refused('{"__proto__":1,"a":[[[', all, 'DEPTH', 21);
    refused('{"__proto__":1,"a":', all, 'SYNTAX', 19);
  });

  test('utf8', () => {
    const bad = Buffer.from([0x5b, 0x22, 0xe2, 0x82, 0x22, 0x5d]);
    assertSame(json.parse(bad), ['\ufffd'], 'replace by default');
    assertSame(json.parse(bad, { utf8: 'replace' }), ['\ufffd'], 'replace');
    refused(bad, { utf8: 'error' }, 'UTF8', 2);
    refused(Buffer.from([0x5b, 0xff, 0x7d]), { utf8: 'error' }, 'UTF8', 1);
    const late = Buffer.concat([bytes(`["${'é'.repeat(500)}`), Buffer.from([0x80]), bytes('"]')]);
    refused(late, { utf8: 'error' }, 'UTF8', 1002);
    both('["é€😀"]', { utf8: 'error' }, ['é€😀']);
    assertSame(json.parse('"\ud800"', { utf8: 'error' }), '\ud800', 'a string is no bytes');
  });

  test('strings: a hint that changes no value', () => {
    const text = JSON.stringify({
      short: 'x',
      long: 'y'.repeat(5000),
      wide: 'é€'.repeat(3000),
      list: ['a', 'bb', 'z'.repeat(100)],
    });
    for (const strings of ['auto', 'flat', 'sliced'] as const) both(text, { strings }, JSON.parse(text));
  });

  test('line and column', () => {
    const cases: [string, number, number][] = [
      ['x', 1, 1],
      ['[1,\n 2,\n  x]', 3, 3],
      ['[1,\r\n2 3]', 2, 3],
      ['[\r\r1 1', 3, 3],
      ['', 1, 1],
      ['[\n', 2, 1],
      ['["é",x]', 1, 6],
    ];
    for (const [text, line, column] of cases) {
      assert.throws(() => json.parse(text), { line, column }, text);
      const wider = text.includes('é') ? 1 : 0;
      assert.throws(() => json.parse(bytes(text)), { line, column: column + wider }, text);
    }
    assert.throws(() => json.parse('[1,x]'), {
      message: "Unexpected 'x' in JSON at offset 3 (line 1 column 4)",
    });
    assert.throws(() => json.parse(bytes('[1,é]')), {
      message: "Unexpected 'é' in JSON at offset 3 (line 1 column 4)",
    });
    assert.throws(() => json.parse('[1'), {
      message: 'Unexpected end of JSON input at offset 2 (line 1 column 3)',
    });
    assert.throws(() => json.parse('[1'), SyntaxError);
  });

  test('wrong options and arguments name what is wrong', () => {
    const wrong: [unknown, string][] = [
      [{ integers: 'big' }, 'integers'],
      [{ duplicateKeys: true }, 'duplicateKeys'],
      [{ maxDepth: -1 }, 'maxDepth'],
      [{ maxDepth: 1.5 }, 'maxDepth'],
      [{ maxDepth: '3' }, 'maxDepth'],
      [{ maxDepth: Number.NaN }, 'maxDepth'],
      [{ protoAction: 'delete' }, 'protoAction'],
      [{ constructorAction: 0 }, 'constructorAction'],
      [{ utf8: 'fatal' }, 'utf8'],
      [{ strings: 'slice' }, 'strings'],
      [{ maxdepth: 3 }, 'maxdepth'],
      [{ hasOwnProperty: 1 }, 'hasOwnProperty'],
    ];
    for (const [options, argument] of wrong) {
      const expected = { name: 'InvalidArgument', code: 'ERR_TAILRACE_INVALID_ARG', argument };
      assert.throws(() => json.parse('1', options as Json.ParseOptions), expected);
      assert.throws(() => json.parse('1', undefined, options as Json.ParseOptions), expected);
      assert.throws(() => json.open('1', options as Json.ParseOptions), expected);
      assert.throws(() => json.validate('1', options as Json.ParseOptions), expected);
    }
    const input = { code: 'ERR_TAILRACE_INVALID_ARG', argument: 'input' };
    for (const value of [undefined, null, 1, {}, [], Symbol('x'), () => '1', new Date()]) {
      assert.throws(() => json.parse(value as string), input);
      assert.throws(() => json.validate(value as string), input);
      assert.throws(() => json.open(value as string), input);
      assert.throws(() => json.minify(value as string), input);
    }
    assert.throws(() => json.parse('1', 3 as never), TypeError);
    assert.throws(() => json.parse('1', 3 as never, {}), TypeError);
    assert.throws(() => json.parse('1', [] as never), TypeError);
  });

  test('reviver: as JSON.parse, in both argument orders', () => {
    const text = '{"b":[1,{"x":2},"s"],"2":null,"1":{"y":[]},"a":3}';
    const log = () => {
      const seen: unknown[] = [];
      const reviver = function (this: unknown, key: string, value: unknown) {
        seen.push([key, typeof value, Object.keys(this as object)]);
        if (key === 'x') return undefined;
        return typeof value === 'number' ? value * 2 : value;
      };
      return { seen, reviver };
    };
    const expected = log();
    const value = JSON.parse(text, expected.reviver);
    for (const input of [text, bytes(text)]) {
      for (const call of [
        (r: Json.Reviver) => json.parse(input, r),
        (r: Json.Reviver) => json.parse(input, r, {}),
        (r: Json.Reviver) => json.parse(input, {}, r),
        (r: Json.Reviver) => json.parse(input, r, { maxDepth: 10 }),
        (r: Json.Reviver) => json.parse(input, { maxDepth: 10 }, r),
        (r: Json.Reviver) => json.parse(input, undefined, r),
      ]) {
        const actual = log();
        assertSame(call(actual.reviver), value, 'value');
        assert.deepStrictEqual(actual.seen, expected.seen);
      }
    }
    assertSame(json.parse('[1]', null), [1], 'null is no reviver');
    assertSame(
      json.parse('[12345678901234567890]', (_k, v) => (typeof v === 'bigint' ? `${v}` : v), {
        integers: 'bigint',
      }),
      ['12345678901234567890'],
      'bigint',
    );
    assertSame(
      json.parse('{"__proto__":1,"a":2}', (_k, v) => v, { maxDepth: 5 }),
      JSON.parse('{"__proto__":1,"a":2}'),
      'own __proto__',
    );
  });

  test('a reviver is told the context that JSON.parse tells, with options too', () => {
    const text = '{"a":[1.50,"x",{"b":9007199254740993}]}';
    const told = (parse: (reviver: Json.Reviver) => unknown) => {
      const seen: unknown[] = [];
      parse((...args) => {
        seen.push(args);
        return args[1];
      });
      return seen;
    };
    const expected = told((reviver) => JSON.parse(text, reviver as never));
    for (const input of [text, bytes(text)]) {
      for (const options of [undefined, { maxDepth: 9 }, { duplicateKeys: 'error', utf8: 'error' }] as const)
        assert.deepStrictEqual(
          told((reviver) => json.parse(input, reviver, options)),
          expected,
        );
      // where values are others than JSON.parse's there is no source, but what asks for it does not fail
      const sizes = told((reviver) => json.parse(input, reviver, { integers: 'bigint' }));
      assert.deepStrictEqual(
        sizes.map((args) => (args as unknown[]).length),
        expected.map((args) => (args as unknown[]).length),
      );
    }
  });

  test('a reviver may throw, and parse again', () => {
    const mine = new SyntaxError('mine');
    assert.throws(
      () =>
        json.parse('[1]', () => {
          throw mine;
        }),
      (error) => error === mine,
    );
    assert.throws(
      () =>
        json.parse(
          bytes('[1]'),
          () => {
            throw mine;
          },
          { maxDepth: 3 },
        ),
      (error) => error === mine,
    );
    assert.throws(
      () =>
        json.parse(bytes('[1'), () => {
          throw mine;
        }),
      { code: 'ERR_TAILRACE_JSON_SYNTAX', offset: 2 },
    );
    const nested = json.parse(bytes('{"a":[1,2],"b":"{\\"c\\":[3]}"}'), (_key, value) =>
      typeof value === 'string'
        ? json.parse(bytes(value), (_k, v) => json.parse(bytes(JSON.stringify(v))))
        : value,
    );
    assertSame(nested, { a: [1, 2], b: { c: [3] } }, 're-entrant');
    const failing = json.parse(bytes('["[1,", "[2]"]'), (_key, value) => {
      if (typeof value !== 'string') return value;
      try {
        return json.parse(bytes(value));
      } catch (error) {
        return (error as Json.JsonSyntaxError).offset;
      }
    });
    assertSame(failing, [3, [2]], 'a failure inside');
  });

  test('every kind of bytes', () => {
    const text = '{"é":[1,2,{"x":"€"}]}';
    const plain = bytes(text);
    const padded = Buffer.concat([bytes('[[['), plain, bytes(']]]')]);
    const shared = new Uint8Array(new SharedArrayBuffer(padded.length));
    shared.set(padded);
    const alone = new Uint8Array(plain).buffer;
    const resizable = new (ArrayBuffer as unknown as new (n: number, o: object) => ArrayBuffer)(
      plain.length,
      { maxByteLength: 4096 },
    );
    new Uint8Array(resizable).set(plain);
    const foreign = runInNewContext('Uint8Array.from(list)', { list: [...plain] });
    const inputs: [string, Json.JsonInput][] = [
      ['Buffer', plain],
      ['Uint8Array', new Uint8Array(plain)],
      ['view', padded.subarray(3, 3 + plain.length)],
      ['ArrayBuffer', alone],
      ['DataView', new DataView(alone)],
      ['Int8Array', new Int8Array(alone)],
      ['Uint8ClampedArray', new Uint8ClampedArray(alone)],
      ['SharedArrayBuffer view', shared.subarray(3, 3 + plain.length)],
      ['Buffer over shared memory', Buffer.from(shared.buffer, 3, plain.length)],
      ['resizable', resizable],
      ['view of resizable', new Uint8Array(resizable)],
      ['another realm', foreign],
      ['its buffer', foreign.buffer],
      ['slice of a pool', Buffer.from(text)],
      ['allocUnsafeSlow', Buffer.from(plain.toString('latin1'), 'latin1')],
    ];
    const whole = new SharedArrayBuffer(plain.length);
    new Uint8Array(whole).set(plain);
    inputs.push(['SharedArrayBuffer', whole]);
    for (const [kind, input] of inputs) {
      assertSame(json.parse(input), JSON.parse(text), kind);
      assertSame(json.open(input).root.toJS(), JSON.parse(text), `${kind} (document)`);
      assert.strictEqual(json.validate(input), true, kind);
      assert.strictEqual(json.minify(input).toString(), text, kind);
    }
    const odd = bytes('[1,2345]');
    assertSame(json.parse(new Uint16Array(new Uint8Array(odd).buffer)), [1, 2345], 'Uint16Array');
    assertSame(json.parse(new Float64Array(new Uint8Array(odd).buffer)), [1, 2345], 'Float64Array');
  });

  test('detached and shrunk buffers', () => {
    const view = new Uint8Array(bytes('[1]'));
    structuredClone(view.buffer, { transfer: [view.buffer] });
    const expected = { code: 'ERR_TAILRACE_INVALID_ARG', argument: 'input' };
    assert.throws(() => json.parse(view), expected);
    assert.throws(() => json.parse(view.buffer), expected);
    assert.throws(() => json.open(view), expected);
    const words = new DataView(new ArrayBuffer(8));
    structuredClone(words.buffer, { transfer: [words.buffer] });
    assert.throws(() => json.parse(words), expected);
    assert.throws(() => json.validate(words), expected);
    assert.throws(() => json.parse(new Uint8Array(0)), { code: 'ERR_TAILRACE_JSON_SYNTAX', offset: 0 });
    assert.throws(() => json.parse(new ArrayBuffer(0)), { code: 'ERR_TAILRACE_JSON_SYNTAX', offset: 0 });
    type Resizable = ArrayBuffer & { resize(n: number): void };
    const buffer = new (ArrayBuffer as unknown as new (n: number, o: object) => Resizable)(16, {
      maxByteLength: 64,
    });
    const tracking = new Uint8Array(buffer);
    const fixed = new Uint8Array(buffer, 8, 8);
    const fixedWords = new DataView(buffer, 8, 8);
    Buffer.from(buffer).write('[1,2,3]         ');
    assertSame(json.parse(tracking), [1, 2, 3], 'tracking');
    buffer.resize(7);
    assertSame(json.parse(tracking), [1, 2, 3], 'after shrinking');
    assert.throws(
      () => json.parse(fixed),
      (error: { code: string }) => error.code.startsWith('ERR_TAILRACE_'),
    );
    assert.throws(() => json.parse(fixedWords), expected);
    const document = json.open(tracking);
    buffer.resize(0);
    assertSame(document.get('/2'), 3, 'a document keeps its own copy');
  });

  test('a document does not see later changes of its input', () => {
    const input = bytes('{"a":[1,"two"]}');
    const document = json.open(input);
    input.fill(0x20);
    assertSame(document.root.toJS(), { a: [1, 'two'] }, 'value');
    assert.strictEqual(document.value('/a')?.raw().toString(), '[1,"two"]');
  });

  test('a decoder with exact integers: they are integers to its schema', () => {
    const decode = (schema: object, text: string) => {
      const decoder = json.decoder<unknown>(schema, { integers: 'bigint' });
      const value = decoder(bytes(text));
      assertSame(decoder(text), value, text);
      assertSame(decoder.from(json.parse(text, { integers: 'bigint' })), value, text);
      return value;
    };
    const big = 9007199254740993n;
    const record = {
      type: 'object',
      properties: { id: { type: 'integer' }, n: { type: ['number', 'null'] } },
    };
    assertSame(decode(record, `{"id":${big},"n":-${big}}`), { id: big, n: -big }, 'members');
    assertSame(decode({ type: 'integer' }, '9007199254740992'), 9007199254740992, 'what a double holds');
    for (const schema of [
      { type: 'integer', minimum: 9007199254740992 },
      { type: 'number', exclusiveMaximum: 9007199254740994, multipleOf: 3 },
      { multipleOf: 0.5 },
      { anyOf: [{ type: 'string' }, { type: 'integer' }] },
      { not: { type: 'string' } },
    ])
      assertSame(decode(schema, `${big}`), big, JSON.stringify(schema));
    for (const schema of [
      { type: 'string' },
      { maximum: 9007199254740992 },
      { exclusiveMinimum: 9007199254740994 },
      { type: 'integer', multipleOf: 2 },
      { not: { type: 'integer' } },
      { const: 9007199254740992 },
    ])
      assert.throws(() => decode(schema, `${big}`), json.JsonSchemaError, JSON.stringify(schema));
    const list = { type: 'array', items: { type: 'integer' }, uniqueItems: true };
    assertSame(decode(list, `[${big},9007199254740992]`), [big, 9007199254740992], 'two');
    assert.throws(() => decode(list, `[${big},1,${big}]`), json.JsonSchemaError);
    assert.throws(() => json.decoder({ type: 'integer' }).from(big), json.JsonSchemaError);
  });

  test('a range for a decoder that is none of its bytes', () => {
    const { parseRange } = json.decoder({ type: 'object', properties: { a: { type: 'integer' } } });
    const input = bytes('[{"a":1}]');
    assertSame(parseRange(input, 1, 8), { a: 1 }, 'a range');
    for (const at of [-1, 9.5, NaN, '1', undefined, 10]) {
      const wrong = (argument: string) => ({ code: 'ERR_TAILRACE_INVALID_ARG', argument });
      assert.throws(() => parseRange(input, at as number, 8), wrong('start'));
      assert.throws(() => parseRange(input, 1, at as number), wrong('end'));
      assert.throws(() => parseRange('[{"a":1}]' as never, 1, 8), wrong('bytes'));
    }
    assert.throws(() => parseRange(input, 8, 1), { code: 'ERR_TAILRACE_INVALID_ARG', argument: 'start' });
  });

  test('a regular expression of another realm as a format', () => {
    const format = runInNewContext('/^a+$/');
    const decode = json.decoder({ type: 'string', format: 'as' }, { formats: { as: format } });
    assert.strictEqual(decode('"aa"'), 'aa');
    assert.throws(() => decode('"ab"'), json.JsonSchemaError);
  });

  return test;
}
