// Large memory: its sizes and contents with and without somebody who asks for huge pages, and that the core does ask.

import { existsSync, readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  joined,
  largeBytes,
  largeDoubles,
  largeWords,
  type PreferHugePages,
  preferHugePages,
  setPreferHugePages,
} from '../../lib/backend/large-memory';
import { loadAddon } from '../../lib/backend/load';

const test = suite('large memory');
const kHuge = 2 << 20;
const kLarge = 4 * kHuge;
const sizes = [0, 1, kHuge, kLarge - 1, kLarge, kLarge + 1, 7 * kHuge - 8];

function check(): void {
  for (const size of sizes) {
    const bytes = largeBytes(size);
    assert.is(bytes.length, size);
    assert.ok(bytes.byteOffset + size <= bytes.buffer.byteLength);
    bytes.fill(0xa5);
    assert.is(bytes.indexOf(0), -1);
    const words = largeWords(size >>> 2);
    assert.is(words.length, size >>> 2);
    assert.is(words.fill(-7).indexOf(0), -1);
    const doubles = largeDoubles(size >>> 3);
    assert.is(doubles.length, size >>> 3);
    assert.is(doubles.fill(0.5).indexOf(0), -1);
  }
  for (const length of [3, kLarge / 2]) {
    const pieces = [1, 2, 3].map((value) => new Uint8Array(length).fill(value));
    const whole = joined(pieces, 3 * length);
    assert.is(whole.length, 3 * length);
    for (const value of [1, 2, 3]) {
      assert.is(whole.indexOf(value), (value - 1) * length);
      assert.is(whole.lastIndexOf(value), value * length - 1);
    }
  }
}

test('nobody asks', check);

test('pieces that have changed since they were counted', () => {
  for (const length of [3, kLarge / 2]) {
    const piece = (value: number, size = length) => new Uint8Array(size).fill(value);
    const same = (pieces: Uint8Array[], size: number) =>
      assert.ok(joined(pieces, size).equals(Buffer.concat(pieces, size)));
    same([piece(1), piece(2), piece(3)], 3 * length);
    same([piece(1), piece(2, length - 1), piece(3)], 3 * length);
    same([piece(1), piece(2, length + 2), piece(3), piece(4)], 3 * length);
  }
});

test('memory begins where the first huge page does, and the last one is had whole', () => {
  const asked: Uint8Array[] = [];
  const offsets = [0, 8, 4096, kHuge - 4096];
  setPreferHugePages((memory) => {
    asked.push(memory);
    return offsets[asked.length % offsets.length] as number;
  });
  check();
  assert.ok(asked.length > 0);
  for (const { length } of asked) assert.ok(length > kLarge && length % kHuge === 0);
  const large = largeBytes(kLarge + 1);
  assert.is(large.byteOffset, offsets[asked.length % offsets.length]);
  assert.is(large.buffer.byteLength, 6 * kHuge);
  // what is small, or there already, keeps its place
  const before = asked.length;
  largeBytes(kLarge - 1);
  preferHugePages(new Uint8Array(kLarge - 1));
  assert.is(asked.length, before);
  preferHugePages(new Uint8Array(kLarge));
  assert.is(asked.length, before + 1);
});

/** Bytes of this process for which huge pages have been asked. */
function askedFor(): number {
  let bytes = 0;
  let size = 0;
  for (const line of readFileSync('/proc/self/smaps', 'utf8').split('\n')) {
    if (line.startsWith('Size:')) size = Number.parseInt(line.slice(5), 10) * 1024;
    if (line.startsWith('VmFlags:') && line.includes(' hg')) bytes += size;
  }
  return bytes;
}

const load = loadAddon();
if (load.state === 'loaded') {
  test('the core asks', () => {
    const { preferHuge } = load.addon.memory as { preferHuge: PreferHugePages };
    setPreferHugePages(preferHuge);
    // nothing has really been asked for so far
    const large = largeBytes(8 * kHuge);
    if (existsSync('/sys/kernel/mm/transparent_hugepage/enabled')) {
      const asked = askedFor();
      assert.ok(asked >= 8 * kHuge && asked < 10 * kHuge, `${asked} bytes`);
    }
    assert.is(preferHuge(large), 0, 'it begins with a huge page');
    const shared = new Uint8Array(new SharedArrayBuffer(4 * kHuge));
    const offset = preferHuge(shared);
    assert.ok(offset >= 0 && offset < kHuge);
    assert.ok(preferHuge(new Uint8Array(0)) < kHuge);
    check();
    assert.throws(() => preferHuge({} as Uint8Array), /preferHuge/);
  });
}

test.run();
