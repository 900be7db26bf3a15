// What others did to Object.prototype and Array.prototype is nothing to a parser: JSON.parse makes own properties, and so do the ways
// that build values themselves.

import * as assert from 'node:assert';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { suite, type Test } from 'uvu';
import type * as Json from '../../../lib/json';

const record = '{"foo":[1,2,3],"toString":{"bar":null},"__proto__":1,"7":"x","list":[[],{},"y",1.5]}';

/** Ways of reading whose values are not V8's own work. */
export const readings: Record<string, (json: typeof Json, text: string) => unknown> = {
  integers: (json, text) => json.parse(Buffer.from(text), { integers: 'bigint' }),
  keys: (json, text) => json.parse(text, { duplicateKeys: 'error', constructorAction: 'error' }),
  'without __proto__': (json, text) => json.parse(Buffer.from(text), { protoAction: 'remove' }),
  document: (json, text) => json.open(text, { protoAction: 'remove' }).root.toJS(),
  validate: (json, text) => json.validate(text, { duplicateKeys: 'error' }),
};

export function prototypesSuite(name: string, json: typeof Json): Test {
  const test = suite(`${name}: prototypes`);
  const text = `[${record},12345678901234567890,${record}]`;

  function withSetter(prototype: object, key: string, run: () => void): void {
    const before = Object.getOwnPropertyDescriptor(prototype, key);
    let called = 0;
    Object.defineProperty(prototype, key, {
      set() {
        called++;
      },
      get: () => undefined,
      configurable: true,
    });
    try {
      run();
    } finally {
      if (before === undefined) Reflect.deleteProperty(prototype, key);
      else Object.defineProperty(prototype, key, before);
      Array.prototype.length = 0; // an index defined on it has made it longer
    }
    assert.strictEqual(called, 0, `${key} was set`);
  }

  test('setters are not called', () => {
    for (const [way, read] of Object.entries(readings)) {
      const want = read(json, text);
      for (const [prototype, key] of [
        [Object.prototype, 'foo'],
        [Object.prototype, 'bar'],
        [Object.prototype, 'toString'],
        [Object.prototype, '1'],
        [Array.prototype, '0'],
        [Array.prototype, '2'],
      ] as const) {
        let got: unknown;
        withSetter(prototype, key, () => {
          got = read(json, text);
        });
        assert.deepStrictEqual(got, want, `${way}, ${key}`);
      }
    }
  });

  test('frozen prototypes', () => {
    const run = spawnSync(process.execPath, [join(__dirname, 'frozen.js')], { encoding: 'utf8' });
    assert.strictEqual(run.stderr, '');
    assert.strictEqual(run.stdout, 'same\n');
  });

  return test;
}
