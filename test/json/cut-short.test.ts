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

test.run();
