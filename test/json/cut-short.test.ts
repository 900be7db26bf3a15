// Whatever ends a call half-way, the end of the stack or of memory, the next one is right: what JavaScript and the core know of each
// other is changed together or not at all.

import * as assert from 'node:assert';
import { suite } from 'uvu';
import * as json from '../../lib/json';
import { everyTextIsOurs, onNative } from '../support/backends';
import { assertSame } from './same';

onNative();
everyTextIsOurs();

const test = suite('calls cut short');

/** Runs it while a constructor of the language throws. */
function without(name: 'Function' | 'Float64Array' | 'Int32Array', run: () => void): void {
  const global = globalThis as unknown as Record<string, unknown>;
  const real = global[name];
  global[name] = function none() {
    throw new RangeError('none left');
  };
  try {
    run();
  } finally {
    global[name] = real;
  }
}

function same(text: string): void {
  assertSame(json.parse(Buffer.from(text)), JSON.parse(text), text.slice(0, 40));
}

/** Objects of one shape, often enough for a constructor. */
const records = (key: string) =>
  `{"first ${key}":[${Array.from({ length: 40 }, (_, i) => `{"${key}":${i},"b":"x${i}"}`).join(',')}]}`;

test('parse: what the core tells is told again', () => {
  for (let i = 0; i < 5; i++) same(records(`before ${i}`));
  const text = records('unknown');
  without('Function', () => assert.throws(() => json.parse(Buffer.from(text)), /none left/));
  same(text);
  for (let i = 0; i < 5; i++) same(records(`behind ${i}`));
  same(text);
});

test('parse: at the end of the stack', () => {
  let texts = 0;
  function deeper(): void {
    let left = false;
    try {
      deeper();
      left = true;
    } catch (error) {
      assert.ok(error instanceof RangeError);
    }
    if (left) return;
    json.parse(Buffer.from(records(`deep ${texts}`)));
    texts++;
  }
  for (let i = 0; i < 30; i++) deeper();
  for (let i = 0; i < texts; i++) same(records(`deep ${i}`));
});

test('parse: the core writes where the tape is read', () => {
  const large = `[${'[0.25,1],'.repeat(1 << 17)}0]`;
  without('Float64Array', () => assert.throws(() => json.parse(Buffer.from(large)), /none left/));
  for (let i = 0; i < 5; i++) same(records('small'));
  same(large);
  same(records('small'));
});

test('a decoder: the core writes where the slots are read', () => {
  const schema = { type: 'array', items: { type: 'array', items: { type: 'string' } } } as const;
  const decode = json.decoder<string[][]>(schema);
  const large = Buffer.from(`[${'["a","b"],'.repeat(1 << 14)}[]]`);
  const few = Array.from({ length: 200 }, (_, i) => [`few ${i}`]);
  const small = Buffer.from(JSON.stringify(few));
  without('Float64Array', () => assert.throws(() => decode(large), /none left/));
  assert.deepStrictEqual(decode(small), few);
  assert.strictEqual(decode(large).length, (1 << 14) + 1);
  assert.deepStrictEqual(decode(small), few);
});

test('encode: brackets and commas are still what they were', () => {
  // more keys than are remembered: all are forgotten now and then
  const values = Array.from({ length: 16 }, (_, i) =>
    Object.fromEntries(Array.from({ length: 300 }, (_x, k) => [`${'abcd'[k % 4]}${i}-${k}`, [null, k]])),
  );
  const rounds = (encode: (value: object) => void) => {
    for (let i = 0; i < 400; i++) encode(values[i % 16] as object);
  };
  const right = (value: object) => assert.strictEqual(json.encode(value).toString(), JSON.stringify(value));
  rounds(right);
  const { write } = Buffer.prototype;
  Buffer.prototype.write = () => {
    throw new RangeError('none left');
  };
  let cut = 0;
  try {
    rounds((value) => {
      try {
        json.encode(value);
      } catch {
        cut++;
      }
    });
  } finally {
    Buffer.prototype.write = write;
  }
  assert.ok(cut > 0 || Number.parseFloat(process.versions.v8) >= 13.8, 'from then on V8 encodes');
  rounds(right);
});

test.run();
