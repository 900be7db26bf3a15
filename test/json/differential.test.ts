// @timeout 240
// @env TAILRACE_ISA=fallback|westmere|haswell|icelake|arm64
// Random and mutated documents: native, fallback and V8 must agree about value, order of keys, -0 and whether it is JSON at
// all; both backends about where a text goes wrong, and with a reference that finds it in another way.
//
//   TAILRACE_FUZZ_RUNS=100000 TAILRACE_FUZZ_SEED=1 node dist/test/json/differential.test.js

import * as assert from 'node:assert';
import * as fc from 'fast-check';
import { suite } from 'uvu';
import { type JsonBackend, type JsonParseOptions, kJsonNoDepthLimit } from '../../lib/backend/contract';
import { jsBackend, nativeBackend } from '../../lib/backend/select';
import { JsonSyntaxError } from '../../lib/errors';
import { everyTextIsOurs, hasNative, skipFile } from '../support/backends';
import { failureOffset } from './reference';
import { assertSame, difference, outcome } from './same';
import { badUtf8, escapes, rawSuite, scraps, traps } from './samples';

const runs = Number(process.env.TAILRACE_FUZZ_RUNS ?? 1500);
const seed = Number(process.env.TAILRACE_FUZZ_SEED ?? Date.now() % 0x7fffffff);
const line = `TAILRACE_FUZZ_SEED=${seed} TAILRACE_FUZZ_RUNS=${runs} node dist/test/json/differential.test.js`;
console.log(`to repeat: ${line}`);

const backends: [string, JsonBackend][] = [['js', jsBackend().json]];
const wanted = process.env.TAILRACE_ISA;
if (hasNative()) {
  everyTextIsOurs();
  const { isa, json } = nativeBackend();
  if (wanted !== undefined && isa !== wanted)
    skipFile(`optional: this CPU has no ${wanted} kernel (${isa} in use)`);
  backends.push([`native ${isa}`, json]);
} else if (wanted !== undefined && wanted !== 'fallback') {
  skipFile(`no native binary, so no ${wanted} kernel: the run for 'fallback' tests what there is`);
}

const test = suite(`differential: ${backends.map(([name]) => name).join(', ')}`);

/** Property `name`, with a failure that says how to repeat it. */
function property<T>(name: string, arbitrary: fc.Arbitrary<T>, check: (value: T) => void, share = 1): void {
  test(name, () => {
    fc.assert(fc.property(arbitrary, check), { seed, numRuns: Math.ceil(runs * share), endOnFailure: false });
  });
}

const space = fc.constantFrom('', '', '', ' ', '\n', '\t ', '\r\n', ' '.repeat(70));
const character = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...'abcxyz019_ -/{}[]:,') },
  {
    weight: 2,
    arbitrary: fc.constantFrom(...escapes),
  },
  { weight: 1, arbitrary: fc.constantFrom('é', '€', '😀', '\u2028', '\x7f', '\ufeff', 'ÿ') },
);
const stringText = fc.array(character, { maxLength: 24 }).map((parts) => `"${parts.join('')}"`);
const numberText = fc.oneof(
  fc.integer().map(String),
  fc
    .double({ noNaN: true, noDefaultInfinity: true })
    .map((value) => (Object.is(value, -0) ? '-0' : String(value))),
  fc.bigInt(-(2n ** 80n), 2n ** 80n).map(String),
  fc
    .tuple(fc.nat(), fc.nat(), fc.integer({ min: -400, max: 400 }))
    .map(([whole, part, power]) => `${whole}.${part}E${power}`),
  fc.constantFrom(
    '0',
    '-0',
    '0.0',
    '-0e1',
    '1e400',
    '5e-324',
    '9007199254740993',
    '0.1e-7',
    '1E+2',
    '2147483648',
    '-2147483649',
    '536870912',
  ),
);
const keyText = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.constantFrom('"a"', '"b"', '"id"', '"name"', '"value"', '"1"', '"0"', '"10"', '"é"'),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '"__proto__"',
      '"constructor"',
      '"prototype"',
      '"__pr\\u006fto__"',
      '""',
      '"4294967295"',
      '"a\\u0062"',
    ),
  },
  { weight: 1, arbitrary: stringText },
);

/** Texts that are JSON, with space, escapes, duplicates and every kind of number. */
const jsonText = fc.letrec<{ value: string; array: string; object: string; records: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, depthIdentifier: 'json' },
    fc.oneof(stringText, numberText, fc.constantFrom('true', 'false', 'null', '[]', '{}')),
    tie('array'),
    tie('object'),
    tie('records'),
  ),
  array: fc
    .tuple(fc.array(tie('value'), { maxLength: 6, depthIdentifier: 'json' }), space)
    .map(([items, gap]) => `[${gap}${items.join(`${gap},`)}${gap}]`),
  object: fc
    .tuple(fc.array(fc.tuple(keyText, tie('value')), { maxLength: 6, depthIdentifier: 'json' }), space, space)
    .map(
      ([members, gap, other]) =>
        `{${members.map(([key, value]) => `${gap}${key}${other}:${gap}${value}`).join(',')}${other}}`,
    ),
  records: fc
    .tuple(
      fc.array(keyText, { maxLength: 4 }),
      fc.array(tie('value'), { minLength: 1, maxLength: 12, depthIdentifier: 'json' }),
    )
    .map(
      ([keys, values]) =>
        `[${values.map((value, i) => `{${keys.map((key, k) => `${key}:${k === i % 3 ? value : i}`).join(',')}}`).join(',')}]`,
    ),
})).value;

const document = fc.tuple(space, jsonText, space).map((parts) => parts.join(''));

interface Edit {
  at: number;
  drop: number;
  put: Buffer;
}
const edit: fc.Arbitrary<Edit> = fc.record({
  at: fc.nat({ max: 1_000_000 }),
  drop: fc.constantFrom(0, 0, 1, 1, 2, 7),
  put: fc.oneof(
    fc.constantFrom(...scraps).map((text) => Buffer.from(text)),
    fc.integer({ min: 0, max: 255 }).map((byte) => Buffer.from([byte])),
    fc.constant(Buffer.alloc(0)),
  ),
});
const seeds = [
  ...traps.map((text) => Buffer.from(text)),
  ...badUtf8(),
  ...rawSuite.map(([, bytes]) => bytes),
];
const mutated = fc
  .tuple(
    fc.oneof(
      document.map((text) => Buffer.from(text)),
      fc.constantFrom(...seeds),
    ),
    fc.array(edit, { minLength: 1, maxLength: 3 }),
  )
  .map(([bytes, edits]) =>
    edits.reduce((result, { at, drop, put }) => {
      const from = at % (result.length + 1);
      return Buffer.concat([result.subarray(0, from), put, result.subarray(from + drop)]);
    }, bytes),
  );

/** Before and behind a text: short texts are V8's work on every backend, and these make it a long one. */
const kBefore = Buffer.alloc(1100, ' ');
const kBehind = Buffer.alloc(1100, '\n');

function check(input: string | Buffer): void {
  checkOne(input);
  if (typeof input === 'string') return;
  checkOne(Buffer.concat([kBefore, input]));
  checkOne(Buffer.concat([Buffer.from(`["${'x'.repeat(1031)}",`), input, Buffer.from(']')]));
}

/** All backends against V8 and the reference, by parse, range, document and validate. */
function checkOne(input: string | Buffer): void {
  const text = typeof input === 'string' ? input : input.toString('utf8');
  const expected = outcome(() => JSON.parse(text));
  const offset =
    'error' in expected ? failureOffset(typeof input === 'string' ? input : input.toString('latin1')) : -1;
  for (const [name, json] of backends) {
    const label = `${name}: ${JSON.stringify(text).slice(0, 200)}`;
    const results = [
      outcome(() => json.parse(input, undefined)),
      outcome(() => {
        const opened = json.open(input, undefined);
        return opened.toJS(opened.root);
      }),
    ];
    if (typeof input !== 'string') {
      const around = Buffer.concat([Buffer.from('["'), input, Buffer.from('"]')]);
      results.push(outcome(() => json.parseRange(around, 2, 2 + input.length, undefined)));
    }
    assert.strictEqual(json.validate(input, undefined), offset < 0, `${label}: validate`);
    for (const [i, result] of results.entries()) {
      const way = `${label} (${['parse', 'open', 'parseRange'][i]})`;
      if ('value' in expected) {
        if ('error' in result) assert.fail(`${way}: ${String(result.error)}`);
        assertSame(result.value, expected.value, way);
      } else {
        if ('value' in result) assert.fail(`${way}: accepted`);
        assert.ok(result.error instanceof JsonSyntaxError, `${way}: ${String(result.error)}`);
        assert.strictEqual(result.error.offset, offset, `${way}: offset`);
      }
    }
    const small = outcome(() => json.minify(input));
    assert.strictEqual('value' in small, 'value' in expected, `${label}: minify`);
    if ('value' in small && 'value' in expected)
      assertSame(JSON.parse(String(small.value)), expected.value, `${label}: minify`);
  }
}

property('documents, as bytes', document, (text) => check(Buffer.from(text)));
property('documents, as strings', document, check, 0.3);
property('mutated documents', mutated, check, 2);
property(
  'mutated documents as strings',
  mutated.map((bytes) => bytes.toString('utf8')),
  check,
  0.3,
);
property(
  'bytes of any kind',
  fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  check,
  0.5,
);
property(
  'scraps in any order',
  fc.array(fc.constantFrom(...scraps), { maxLength: 30 }).map((parts) => parts.join('')),
  (text) => check(Buffer.from(text)),
  0.5,
);
property(
  'what JSON.stringify writes',
  fc.jsonValue({ depthSize: 'medium' }),
  (value) => {
    const text = JSON.stringify(value);
    check(Buffer.from(text));
    for (const [name, json] of backends) {
      assert.strictEqual(json.encode(value, false)?.toString(), text, name);
      assert.strictEqual(json.encode(value, true)?.toString(), text, name);
    }
  },
  0.5,
);

const options: fc.Arbitrary<JsonParseOptions> = fc.record({
  integers: fc.constantFrom('number', 'bigint'),
  duplicateKeys: fc.constantFrom('last', 'last', 'error'),
  maxDepth: fc.constantFrom(kJsonNoDepthLimit, kJsonNoDepthLimit, 0, 1, 2, 3),
  protoAction: fc.constantFrom('ignore', 'remove', 'error'),
  constructorAction: fc.constantFrom('ignore', 'remove', 'error'),
  utf8: fc.constantFrom('replace', 'error'),
  strings: fc.constantFrom('auto', 'flat', 'sliced'),
} as const);

/** Without a reference for every option: the backends must agree, and plain options must not change a value. */
function agree([input, chosen]: [Buffer, JsonParseOptions]): void {
  agreeOn(input, chosen);
  agreeOn(Buffer.concat([kBefore, input]), chosen);
  agreeOn(Buffer.concat([input, kBehind]), chosen);
}

function agreeOn(input: Buffer, chosen: JsonParseOptions): void {
  const results = backends.flatMap(([name, json]) => [
    [`${name}: parse`, outcome(() => json.parse(input, chosen))] as const,
    [
      `${name}: open`,
      outcome(() => {
        const document = json.open(input, chosen);
        return document.toJS(document.root);
      }),
    ] as const,
  ]);
  const [, first] = results[0] as (typeof results)[number];
  for (const [name, result] of results) {
    const label = `${name}: ${JSON.stringify(input.toString())} ${JSON.stringify(chosen)}`;
    if ('value' in first) {
      if ('error' in result) assert.fail(`${label}: ${String(result.error)}`);
      assertSame(result.value, first.value, label);
    } else {
      if ('value' in result) assert.fail(`${label}: accepted, not ${String(first.error)}`);
      const [error, expected] = [result.error as JsonSyntaxError, first.error as JsonSyntaxError];
      assert.ok(error instanceof JsonSyntaxError, `${label}: ${String(error)}`);
      assert.deepStrictEqual(
        [error.code, error.offset, error.message],
        [expected.code, expected.offset, expected.message],
        label,
      );
    }
  }
  const text = input.toString('utf8');
  const plain = outcome(() => JSON.parse(text));
  if ('error' in plain) assert.ok('error' in first, 'options never accept more');
  if (
    'value' in first &&
    'value' in plain &&
    chosen.integers === 'number' &&
    chosen.protoAction !== 'remove' &&
    chosen.constructorAction !== 'remove'
  ) {
    assert.strictEqual(difference(first.value, plain.value), undefined);
  }
}

property(
  'options',
  fc.tuple(
    fc.oneof(
      document.map((text) => Buffer.from(text)),
      mutated,
    ),
    options,
  ),
  agree,
  2,
);

property(
  'lazy documents, value by value',
  document,
  (text) => {
    const expected: unknown = JSON.parse(text);
    for (const [name, json] of backends) {
      const opened = json.open(Buffer.from(text), undefined);
      const stack: [number, unknown][] = [[opened.root, expected]];
      for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
        const [node, value] = next;
        assertSame(JSON.parse(opened.raw(node).toString()), value, `${name}: raw of ${text}`);
        if (typeof value !== 'object' || value === null) continue;
        if (Array.isArray(value)) {
          assert.strictEqual(opened.size(node), value.length);
          const children = opened.children(node);
          assert.strictEqual(children.length, value.length);
          value.forEach((item, i) => {
            assert.strictEqual(opened.at(node, i), children[i]);
            stack.push([children[i] as number, item]);
          });
          assert.strictEqual(opened.at(node, value.length), -1);
          continue;
        }
        const children = opened.children(node);
        assert.strictEqual(children.length, opened.size(node) * 2);
        const names = new Set<string>();
        for (let i = 0; i < children.length; i += 2) names.add(opened.toJS(children[i] as number) as string);
        assert.deepStrictEqual([...names].sort(), Object.keys(value).sort());
        for (const key of names) {
          const member = Object.getOwnPropertyDescriptor(value, key)?.value as unknown;
          assertSame(opened.get(node, { tokens: [key] }), member, `${name}: get`);
          stack.push([opened.find(node, key), member]);
        }
        assert.strictEqual(opened.find(node, 'no such key'), -1);
      }
      opened.close();
    }
  },
  0.5,
);

test.run();
