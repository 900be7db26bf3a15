// The first of a process's JSON is V8's: the addon is loaded when there has been enough, or one text is very large. No backend is asked
// for by name here, so this file must not load the addon itself before it looks.

import * as assert from 'node:assert';
import { spawnSync } from 'node:child_process';
import { suite } from 'uvu';
import * as json from '../../lib/json';
import { hasNative } from '../support/backends';
import { assertSame } from './same';

delete process.env.TAILRACE_BACKEND;
const test = suite('cold');
const isLoaded = () => Object.keys(require.cache).some((path) => path.endsWith('.node'));

const record = (i: number) => ({ id: i, name: `user ${i}`, at: [0.5, -1], text: 'x'.repeat(400), é: null });
const bytesOf = (value: unknown) => Buffer.from(JSON.stringify(value));

test('little JSON: the value and the errors of ever, and no addon', () => {
  for (let i = 0; i < 200; i++) assertSame(json.parse(bytesOf(record(i))), record(i), String(i));
  assert.strictEqual(isLoaded(), false);
  assertSame(json.parse(JSON.stringify(record(1))), record(1), 'a string');
  assert.strictEqual(isLoaded(), false);
});

test('much JSON: the backend reads it', () => {
  const some = Array.from({ length: 2000 }, (_, i) => record(i));
  for (let i = 0; i < 6; i++) assertSame(json.parse(bytesOf(some)), some, String(i));
  const loaded = isLoaded();
  assert.strictEqual(loaded, hasNative());
});

test('a large text alone: V8 reads it, and the backend one that is so large that it pays', () => {
  const part = JSON.stringify(require.resolve('../../lib/json'));
  const loadedAfter = (megabytes: number, texts = 1) => {
    const code = `
      const json = require(${part});
      const text = Buffer.from('[' + '"0123456789abcdef",'.repeat(${Math.ceil((megabytes * 1e6) / 19)}) + '0]');
      for (let i = 0; i < ${texts}; i++) json.parse(text);
      console.log(Object.keys(require.cache).some((path) => path.endsWith('.node')));`;
    return spawnSync(process.execPath, ['-e', code], { encoding: 'utf8' }).stdout;
  };
  assert.strictEqual(loadedAfter(20), 'false\n');
  assert.strictEqual(loadedAfter(20, 2), `${hasNative()}\n`);
  assert.strictEqual(loadedAfter(34), `${hasNative()}\n`);
});

test('a text at fault', () => {
  assert.throws(() => json.parse(Buffer.from(`{"a":"${'x'.repeat(400)}",}`)), {
    code: 'ERR_TAILRACE_JSON_SYNTAX',
    offset: 408,
  });
});

test.run();
