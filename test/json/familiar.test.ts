// Which values an encoder tries while others bring keys that never come again.

import * as assert from 'node:assert';
import { suite } from 'uvu';
import { Familiar } from '../../lib/backend/native/json/familiar';

const test = suite('familiar values');

/** Values that V8 writes before this one is tried. */
function wait(familiar: Familiar, value: object): number {
  let values = 0;
  while (familiar.isForV8(value)) values++;
  return values;
}

const map = (key: string) => ({ [key]: 1 });

test('what brings keys that nobody knows is left to V8 for longer each time', () => {
  const familiar = new Familiar();
  assert.strictEqual(wait(familiar, map('a')), 0);
  const waits = Array.from({ length: 6 }, (_, i) => {
    familiar.notWorthIt(map(`a${i}`));
    return wait(familiar, map(`b${i}`));
  });
  assert.deepStrictEqual(waits, [2, 8, 26, 32, 32, 32]);
});

test('what begins as one that was worth it is tried meanwhile, in lists too', () => {
  const familiar = new Familiar();
  for (let i = 0; i < 6; i++) familiar.notWorthIt(map(`a${i}`));
  familiar.worthIt([[{ id: 1, name: 'x' }]]);
  for (const value of [
    { id: 2 },
    [{ id: 3 }, 1],
    { other: 1, id: 4 },
    Object.create(null, { id: { value: 1 } }),
  ])
    assert.strictEqual(familiar.isForV8(value), false);
  assert.strictEqual(familiar.isForV8({ name: 1 }), true);
  for (const value of [[], [1, 2], [null], ['id'], [[[[[{ a: 1 }]]]]]])
    assert.strictEqual(familiar.isForV8(value), false);
  familiar.notWorthIt({ id: 1 });
  assert.strictEqual(familiar.isForV8({ id: 2 }), true);
  for (let i = 0; i < 40; i++) familiar.worthIt(map(`key${i}`));
  assert.strictEqual(familiar.isForV8(map('key39')), false);
  assert.strictEqual(familiar.isForV8(map('key3')), true, 'the oldest have given way');
});

test("names that every object has tell nothing, and nobody's code is called", () => {
  const familiar = new Familiar();
  familiar.worthIt({ constructor: 1, id: 2 });
  familiar.notWorthIt(map('a'));
  assert.strictEqual(familiar.isForV8(map('b')), true);
  const fail = (): never => {
    throw new Error('a trap was asked');
  };
  const traps = { get: fail, has: fail, ownKeys: fail, getOwnPropertyDescriptor: fail, getPrototypeOf: fail };
  const getter = Object.defineProperty({}, 'key', { get: fail, enumerable: true });
  familiar.worthIt({ key: 1 });
  const proxies = [new Proxy({}, traps), new Proxy([], traps)];
  const revoked = Proxy.revocable([], {});
  revoked.revoke();
  const behind = proxies.map((proxy) => Object.setPrototypeOf({ other: 1 }, proxy));
  const list = Object.setPrototypeOf([], proxies[1] as object);
  list.length = 1;
  for (const value of [...proxies, [proxies[0]], getter, ...behind, behind, list, [list], [revoked.proxy]]) {
    assert.strictEqual(familiar.isForV8(value), false);
    familiar.worthIt(value);
    familiar.notWorthIt(value);
  }
});

test.run();
