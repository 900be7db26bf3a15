// Which parser reads the next text of a kind: V8's for a while after ours has lost.

import * as assert from 'node:assert';
import { suite } from 'uvu';
import { isOurs, kindOf, suited, unsuited } from '../../lib/backend/native/json/choice';

const test = suite('choice of the parser');

/** Texts of the kind that V8 reads before ours is tried again. */
function wait(kind: number): number {
  let texts = 0;
  while (!isOurs(kind)) texts++;
  return texts;
}

test('a kind that brings new keys is left to V8 for longer each time', () => {
  const kind = kindOf(Buffer.from('{"a":1,"b":2}'), 0, 1000);
  assert.strictEqual(wait(kind), 0);
  const waits = Array.from({ length: 6 }, () => {
    unsuited(kind, true);
    return wait(kind);
  });
  assert.deepStrictEqual(waits, [2, 8, 26, 80, 128, 128]);
  suited(kind);
  unsuited(kind, true);
  assert.strictEqual(wait(kind), 2);
});

test('one of known keys is tried some times more, and then left to V8 as well', () => {
  const kind = kindOf(Buffer.from('[{"2023":1,"2024":2}]'), 0, 100_000);
  const waits = Array.from({ length: 11 }, () => {
    unsuited(kind, false);
    return wait(kind);
  });
  assert.deepStrictEqual(waits, [0, 0, 0, 0, 0, 0, 0, 0, 2, 8, 26]);
  suited(kind);
  unsuited(kind, false);
  assert.strictEqual(wait(kind), 0, 'ours has read one: tried again');
});

test.run();
