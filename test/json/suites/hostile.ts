// Shapes that make a parser slow, deep or big. Nothing here is timed: the runner's limit ends what is quadratic.

import * as assert from 'node:assert';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { suite, type Test } from 'uvu';
import type * as Json from '../../../lib/json';
import { assertSame } from '../same';

export function hostileSuite(name: string, json: typeof Json): Test {
  const test = suite(`${name}: hostile`);
  const same = (text: string, label: string) => {
    assertSame(json.parse(Buffer.from(text)), JSON.parse(text), label);
    assertSame(json.open(Buffer.from(text)).root.toJS(), JSON.parse(text), `${label} (document)`);
  };

  test('deep nesting: a million open brackets', () => {
    for (const [open, close] of [
      ['[', ']'],
      ['{"a":', '}'],
      ['[{"k":', '}]'],
    ] as const) {
      const deep = open.repeat(300_000);
      assert.throws(() => json.parse(Buffer.from(deep)), {
        code: 'ERR_TAILRACE_JSON_SYNTAX',
        offset: deep.length,
      });
      assert.throws(() => json.parse(Buffer.from(deep), { maxDepth: 1000 }), {
        code: 'ERR_TAILRACE_JSON_DEPTH',
      });
      const whole = `${deep}1${close.repeat(300_000)}`;
      assert.strictEqual(json.validate(Buffer.from(whole)), true);
      assertSame(json.parse(Buffer.from(whole)), JSON.parse(whole), open);
      assert.strictEqual(json.minify(Buffer.from(whole)).length, whole.length);
    }
    const pointer = '/0'.repeat(20_000);
    assert.strictEqual(json.open(`${'['.repeat(20_000)}7${']'.repeat(20_000)}`).get(pointer), 7);
  });

  test('wide objects, many shapes, changing shapes', () => {
    same(`{${Array.from({ length: 100_000 }, (_, i) => `"key ${i}":${i}`).join(',')}}`, 'a wide object');
    same(
      `[${Array.from({ length: 20_000 }, (_, i) => `{"a${i}":1,"b${i % 7}":"x"}`).join(',')}]`,
      'a shape each',
    );
    same(
      `[${Array.from({ length: 5000 }, (_, i) => `{${Array.from({ length: i % 9 }, (_x, k) => `"${'abcdefghi'[(i + k) % 9]}":${i % 3 ? i : '"s"'}`).join(',')}}`).join(',')}]`,
      'shapes that change',
    );
    same(
      `{${Array.from({ length: 50_000 }, (_, i) => `"${(i * 7919) % 50_000}":${i}`).join(',')}}`,
      'index keys',
    );
    same(`[${'{"k":1,"k":2},'.repeat(2000)}{}]`, 'duplicates');
    same(`{${'"k":1,'.repeat(50_000)}"k":2}`, 'one key very often');
  });

  test('shapes over many documents, more than any cache keeps', () => {
    for (let i = 0; i < 6000; i++) {
      const text = `{"id${i}":${i},"x${i % 100}":{"y":[${i}]},"constant":"c"}`;
      assertSame(json.parse(Buffer.from(text)), JSON.parse(text), text);
    }
  });

  test('the same shape with values of every type', () => {
    const values = [
      '1',
      '-0',
      '1.5',
      '"s"',
      '"é"',
      '"€"',
      'true',
      'false',
      'null',
      '[]',
      '{}',
      '[1,2,3]',
      '[1.5,2]',
      '["a"]',
      '{"q":1}',
      '12345678901',
      '"\\n"',
      '""',
      `"${'l'.repeat(40)}"`,
    ];
    const records = Array.from(
      { length: 3000 },
      (_, i) =>
        `{"a":${values[i % values.length]},"b":${values[(i * 7) % values.length]},"c":{"d":${values[(i * 5) % values.length]}}}`,
    );
    for (let round = 0; round < 3; round++) same(`[${records.join(',')}]`, 'records');
  });

  test('keys that are code, quotes, separators', () => {
    const keys = [
      '__proto__',
      'constructor',
      "'",
      '`',
      `$\{x}`,
      '\\"',
      '\\\\',
      '\\u2028',
      '\u2028',
      '*/',
      '//',
      '});throw 1;({',
      'a b',
      '0',
      '00',
      '-1',
      'get',
      'async',
      'é',
      '😀',
      '\\ud800',
      '',
      'then',
      'toJSON',
    ];
    const record = `{${keys.map((key, i) => `"${key}":${i}`).join(',')}}`;
    for (let round = 0; round < 20; round++) same(`[${`${record},`.repeat(20)}${record}]`, 'strange keys');
    assert.strictEqual(({} as { x?: number }).x, undefined);
  });

  test('runs of numbers and strings', () => {
    same(`[${Array.from({ length: 50_000 }, (_, i) => i).join(',')}]`, 'small integers');
    same(
      `[${Array.from({ length: 50_000 }, (_, i) => (i % 1000 === 999 ? '"x"' : i / 8)).join(',')}]`,
      'doubles with an odd one',
    );
    same(`[${Array.from({ length: 20_000 }, (_, i) => `[${i / 3},${-i / 7}]`).join(',')}]`, 'pairs');
    same(
      `[${Array.from({ length: 20_000 }, (_, i) => `"${'é'.repeat(i % 5)}${i}"`).join(',')}]`,
      'short strings',
    );
    same(
      `["${'x'.repeat(5_000_000)}","${'é'.repeat(500_000)}","${'\\n'.repeat(500_000)}","${'€'.repeat(300_000)}"]`,
      'long strings',
    );
    same(`[${'1'.repeat(200_000)},0.${'1'.repeat(200_000)},1e${'9'.repeat(1000)}]`, 'long numbers');
    same(`${' '.repeat(1_000_000)}[${'\n'.repeat(1_000_000)}]`, 'space');
    same(`[${'"\\\\",'.repeat(100_000)}"${'\\\\'.repeat(100_001)}"]`, 'backslashes');
  });

  test('an accessor on an index of Array.prototype is never called', () => {
    let calls = 0;
    const places = [0, 1, 7, 20_000, 39_999];
    const texts = [5, 301, 1500, 40_000].flatMap((n) =>
      ['1', '0.5', 'null', '"s"', '"a longer string"', '"日本語"', '[0.5,1.5]', '{"a":1}'].map(
        (value) => `[${`${value},`.repeat(n - 1)}${value}]`,
      ),
    );
    const expected = texts.map((text) => JSON.parse(text));
    let values: unknown[];
    try {
      for (const at of places)
        Object.defineProperty(Array.prototype, at, { configurable: true, set: () => calls++ });
      values = texts.map((text) => json.parse(Buffer.from(text)));
    } finally {
      for (const at of places) Reflect.deleteProperty(Array.prototype, at);
      Array.prototype.length = 0; // what was defined on it has made it longer
    }
    assert.strictEqual(calls, 0);
    for (const [i, value] of values.entries()) assertSame(value, expected[i], `text ${i}`);
  });

  test('a loop over a wide value by index and by name', () => {
    const array = json.open(`[${Array.from({ length: 50_000 }, (_, i) => i).join(',')}]`).root;
    let sum = 0;
    for (let i = 0; i < 50_000; i++) sum += array.at(i)?.toJS<number>() as number;
    assert.strictEqual(sum, (50_000 * 49_999) / 2);
    const object = json.open(`{${Array.from({ length: 30_000 }, (_, i) => `"k${i}":${i}`).join(',')}}`).root;
    for (let i = 0; i < 30_000; i++) assert.strictEqual(object.get(`k${i}`)?.toJS(), i);
  });

  test('shared memory written by another thread while it is parsed', async () => {
    const { Worker } = await import('node:worker_threads');
    const text = JSON.stringify(Array.from({ length: 2000 }, (_, i) => ({ id: i, s: `v${i}` })));
    const shared = new SharedArrayBuffer(text.length);
    const view = new Uint8Array(shared);
    view.set(Buffer.from(text));
    const source = `const { workerData } = require('node:worker_threads'); const v = new Uint8Array(workerData);
      let i = 1; for (;;) { i = (i * 1103515245 + 12345) >>> 0; v[i % v.length] = '[]{}",:0a\\\\'.charCodeAt(i % 10); }`;
    const worker = new Worker(source, { eval: true, workerData: shared });
    await new Promise((resolve) => worker.once('online', resolve));
    for (let round = 0; round < 200; round++) {
      if (round % 20 === 0) view.set(Buffer.from(text));
      for (const use of [
        () => json.parse(view),
        () => json.open(shared).root.toJS(),
        () => json.minify(view),
        () => json.validate(shared),
      ]) {
        try {
          use();
        } catch (error) {
          assert.ok(error instanceof json.JsonSyntaxError, String(error));
        }
      }
    }
    await worker.terminate();
  });

  test('without code generation', () => {
    const script = join(__dirname, 'no-codegen.js');
    const run = spawnSync(process.execPath, ['--disallow-code-generation-from-strings', script], {
      encoding: 'utf8',
    });
    assert.strictEqual(run.stderr, '');
    assert.strictEqual(run.stdout, 'same\n');
    assert.strictEqual(run.status, 0);
  });

  return test;
}
