// Blocks of lazy documents: which are used again, how many are kept, and for how long.

import { setTimeout as after } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Block, giveBlock, takeBlock } from '../../lib/backend/native/json/blocks';

const test = suite('json/blocks');
const kMiB = 1 << 20;

const take = (sizes: number[]): Block[] => sizes.map((size) => takeBlock(size));
const bytesOf = (blocks: Block[]): Uint8Array[] => blocks.map((block) => block.bytes);

test('a block has room, and words over the same memory', () => {
  for (const size of [0, 1, 4096, 4097, 4 * kMiB, 4 * kMiB + 1, 9 * kMiB + 3, 70 * kMiB]) {
    const block = takeBlock(size);
    assert.ok(block.bytes.length >= size);
    assert.is(block.words.length, block.bytes.length >>> 2);
    const last = block.words.length - 1;
    block.words[last] = 0x01020304;
    assert.is(block.bytes.readUInt32LE(last * 4), 0x01020304);
    assert.is(block.users, 1);
  }
});

test('what was given back is used again, four of a size', () => {
  const blocks = take([5000, 5000, 5000, 5000, 5000]);
  for (const block of blocks) giveBlock(block);
  const again = take([8000, 8000, 8000, 8000, 8000]);
  assert.is(bytesOf(again).filter((bytes) => bytesOf(blocks).includes(bytes)).length, 4);
  assert.ok(again.every(({ users }) => users === 1));
});

test('a block with several users is given back by the last', () => {
  const block = takeBlock(100_000);
  block.users = 2;
  giveBlock(block);
  assert.is.not(takeBlock(100_000).bytes, block.bytes);
  giveBlock(block);
  assert.is(takeBlock(100_000).bytes, block.bytes);
});

test('of large ones two are kept, for what is not much smaller', () => {
  const [first, second, third] = take([6 * kMiB, 7 * kMiB, 7 * kMiB]) as [Block, Block, Block];
  for (const block of [first, second, third]) giveBlock(block);
  // more than half as much again would be left over
  assert.not.ok(bytesOf([first, second, third]).includes(takeBlock(4.5 * kMiB).bytes));
  assert.is(takeBlock(6 * kMiB).bytes, second.bytes);
  assert.is(takeBlock(6 * kMiB).bytes, third.bytes);
  assert.is.not(takeBlock(6 * kMiB).bytes, first.bytes);
  const most = takeBlock(65 * kMiB);
  giveBlock(most);
  assert.is.not(takeBlock(65 * kMiB).bytes, most.bytes);
});

test('and not for long', async () => {
  const block = takeBlock(10 * kMiB);
  giveBlock(block);
  await after(1500);
  assert.is.not(takeBlock(10 * kMiB).bytes, block.bytes);
});

test.run();
