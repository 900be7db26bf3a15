// Deep values and schemas whose branches lead to the same part of a value, level after level: time that grows with the text, a
// verdict, and an error that is ours when there is none.
// @env TAILRACE_BACKEND=auto|js

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import * as json from '../../../lib/json';

const test = suite('json schema on deep values');

/** What tells the branches apart stands behind what they have in common. */
const branch = (kind: string) => ({
  type: 'object',
  properties: { n: { $ref: '#' }, k: { const: kind } },
  required: ['k'],
});
const kBranches: Record<string, object> = {
  anyOf: { anyOf: [branch('a'), branch('b')] },
  oneOf: { oneOf: [branch('a'), branch('b'), branch('c')] },
  allOf: { allOf: [{ properties: { n: { $ref: '#' } } }, branch('b')] },
  // biome-ignore lint/suspicious/noThenProperty: the keyword's name
  if: { if: branch('a'), then: branch('a'), else: branch('b') },
  unevaluated: { anyOf: [branch('a'), branch('b')], unevaluatedProperties: false },
  named: {
    anyOf: [
      { additionalProperties: { $ref: '#' }, required: ['z'] },
      { properties: { n: { $ref: '#' }, k: { const: 'b' } }, type: 'object' },
    ],
  },
};
const text = (leaf: string, levels: number): string =>
  `${'{"n":'.repeat(levels)}${leaf}${',"k":"b"}'.repeat(levels)}`;

for (const [name, schema] of Object.entries(kBranches)) {
  test(`${name} with the same reference in every branch takes no exponential time`, () => {
    const good = text('{"k":"b"}', 100);
    const bad = text('{"k":1}', 100);
    for (const options of [{}, { allErrors: true }, { undeclared: 'keep' }] as const) {
      const decode = json.decoder<unknown>(schema, options);
      assert.is(JSON.stringify(decode(Buffer.from(good))), good);
      assert.is(JSON.stringify(decode.from(JSON.parse(good))), good);
      try {
        decode(Buffer.from(bad));
        assert.unreachable();
      } catch (error) {
        assert.instance(error, json.JsonSchemaError);
        const { errors } = error as json.JsonSchemaError;
        assert.ok(errors.some(({ instancePath }) => /^(\/n)+(\/k)?$/.test(instancePath)));
      }
    }
    const encode = json.encoder<unknown>(schema);
    assert.is(encode(JSON.parse(good)).toString(), good);
    assert.throws(() => encode(JSON.parse(bad)), /must/);
  });
}

test('what is remembered of a part is of that part, and of one schema', () => {
  const tree = {
    $defs: {
      even: { anyOf: [branchOf('odd', 'a'), branchOf('odd', 'b'), { type: 'null' }] },
      odd: { anyOf: [branchOf('even', 'c'), branchOf('even', 'd')] },
    },
    $ref: '#/$defs/even',
  };
  function branchOf(next: string, kind: string) {
    const properties = { n: { $ref: `#/$defs/${next}` }, m: { $ref: `#/$defs/${next}` }, k: { const: kind } };
    return { type: 'object', properties, required: ['k', 'n'] };
  }
  const level = (inner: string, kind: string) => `{"n":${inner},"m":${inner},"k":"${kind}"}`;
  let good = 'null';
  for (let i = 0; i < 10; i++) good = level(good, i % 2 === 0 ? 'd' : 'b');
  const decode = json.decoder<unknown>(tree);
  assert.is(JSON.stringify(decode(good)), good);
  // one part of many is of the other kind
  const last = good.lastIndexOf('"d"');
  assert.throws(() => decode(`${good.slice(0, last)}"b"${good.slice(last + 3)}`), /must/);
});

test('a value that is too deep for its schema is a JsonSyntaxError, however many frames a level takes', () => {
  const wide = { anyOf: [{ allOf: [{ oneOf: [branch('b')] }] }], unevaluatedProperties: false };
  for (const schema of [...Object.values(kBranches), wide]) {
    const decode = json.decoder<unknown>(schema);
    for (const levels of [700, 990, 5000]) {
      const deep = text('{"k":"b"}', levels);
      for (const run of [() => decode(Buffer.from(deep)), () => decode(deep)]) {
        try {
          run();
        } catch (error) {
          assert.is((error as json.JsonSyntaxError).code, 'ERR_TAILRACE_JSON_DEPTH');
        }
      }
    }
  }
  // an error of a checker's own stays what it is
  const own = json.decoder<unknown>(
    { format: 'x' },
    {
      formats: {
        x() {
          throw new RangeError('mine');
        },
      },
    },
  );
  assert.throws(() => own('"a"'), /^mine$/);
});

test.run();
