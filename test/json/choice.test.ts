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

test('a kind is what a text begins with up to its first key, and its size', () => {
  const of = (text: string, size = 1000) => kindOf(Buffer.from(text.padEnd(64)), 0, size);
  const same = [
    ['[{"id":1,"name":"x"}]', '[{"id":77,"title":"y"}]'],
    ['[{"id":1}]', ' [\n  {\n    "id": 2}]'],
    ['[1,2,3]', '[-7.5,0]'],
    ['["abc"]', '["xyz"]'],
    ['{"user7":1}', '{"user12":1}'],
  ];
  for (const [a, b] of same as [string, string][]) assert.strictEqual(of(a), of(b), `${a} ${b}`);
  const all = [
    '[1]',
    '["a"]',
    '[[1]]',
    '[{"id":1}]',
    '{"id":1}',
    '{"name":1}',
    '{"names":1}',
    '[true]',
    '[null]',
    '[{}]',
  ];
  assert.strictEqual(new Set(all.map((text) => of(text))).size, all.length);
  assert.notStrictEqual(of('[1]', 1000), of('[1]', 2000));
  assert.strictEqual(of('[1]', 1100), of('[1]', 2000), 'sizes to a power of two');
  const inside = Buffer.from('xxx[{"id":1,"name":"x"}]');
  assert.strictEqual(kindOf(inside, 3, 1000), of('[{"id":1,"name":"x"}]'));
});

test('kinds that are new each time are seldom tried, and cost others nothing', () => {
  const kind = (i: number, size = 1 << 14) =>
    kindOf(
      Buffer.from(
        `{"${String.fromCharCode(97 + (i % 26), 97 + ((i / 26) % 26), 97 + ((i / 676) % 26))}":1,"b":2}`,
      ),
      0,
      size,
    );
  const records = kind(1, 1 << 20);
  let tries = 0;
  let lost = 0;
  for (let i = 0; i < 17_000; i++) {
    const one = kind(i);
    if (isOurs(one)) {
      tries++;
      unsuited(one, true);
    }
    if (isOurs(records)) suited(records);
    else lost++;
  }
  // as many as the credit allows, one in 33 after that until nearly all have been tried, and those now and then
  assert.ok(tries >= 64 && tries < 1000, String(tries));
  assert.ok(lost < 170, String(lost));
  let texts = 0;
  const other = kind(2, 1 << 21);
  while (!isOurs(other)) texts++;
  assert.ok(texts < 40, String(texts));
});

test.run();
