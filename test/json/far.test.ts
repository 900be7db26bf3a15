// Elements that stand far back in a list: the core is asked for the first one, and the walk goes on from there.

import * as assert from 'node:assert';
import { suite } from 'uvu';
import { loadAddon, type NativeAddon } from '../../lib/backend/load';
import type { AddonJson } from '../../lib/backend/native/json/addon';
import * as json from '../../lib/json';
import { onNative } from '../support/backends';

onNative();

const test = suite('elements far back');

const size = 5000;
const item = (i: number) => ({ id: i, tags: ['a', `b${i}`, 'c'] });
const items = Array.from({ length: size }, (_, i) => item(i));
const objects = Array.from({ length: 300 }, (_, i) =>
  Object.fromEntries(Array.from({ length: 100 }, (_x, k) => [`k${k}`, `${i} ${k}`])),
);

/** How often the core looks a path up. */
function asked(run: () => void): number {
  const load = loadAddon();
  assert.ok(load.state === 'loaded');
  const native = (load.addon as NativeAddon & { json: AddonJson }).json;
  const { find } = native;
  let times = 0;
  native.find = (...all) => {
    times++;
    return find(...all);
  };
  try {
    run();
  } finally {
    native.find = find;
  }
  return times;
}

test('one behind the other, and some further on each time', () => {
  for (const step of [1, 100]) {
    const document = json.open(JSON.stringify({ items }));
    const times = asked(() => {
      for (let i = 3000; i < size; i += step) {
        assert.strictEqual(document.get(`/items/${i}/id`), i);
        assert.strictEqual(document.get(`/items/${i}/tags/1`), `b${i}`);
        assert.strictEqual(document.get(`/items/${i}/none`), undefined);
      }
      assert.strictEqual(document.get(`/items/${size}/id`), undefined);
    });
    assert.ok(times <= 2, `steps of ${step}: ${times} times`);
  }
});

test('in no order, and with large objects behind', () => {
  const value = { objects, items, flat: items.map(({ id }) => id), nested: [items, items] };
  const document = json.open(JSON.stringify(value));
  const times = asked(() => {
    for (let round = 0; round < 2000; round++) {
      const i = (round * 7919) % size;
      const at = i % objects.length;
      assert.strictEqual(document.get(`/items/${i}/tags/1`), `b${i}`);
      assert.strictEqual(document.get(`/objects/${at}/k${i % 100}`), `${at} ${i % 100}`);
      assert.strictEqual(document.get(`/flat/${i}`), i);
      assert.strictEqual(document.get(`/nested/1/${i}/tags/2`), 'c');
    }
  });
  assert.ok(times > 1000, `${times} times`);
});

test.run();
