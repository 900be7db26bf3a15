// What the files of tests share: a pool that keeps count, and waiting for states.

import * as assert from 'node:assert/strict';
import { type Pool, type PoolOptions, pool } from '../../lib/pool';

export const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
export const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

export interface Item {
  id: number;
  good: boolean;
}

/** A pool of numbered items that keeps count of what is made and destroyed. */
export function numbered(options: Partial<PoolOptions<Item>> = {}) {
  const made: Item[] = [];
  const destroyed: Item[] = [];
  const errors: unknown[] = [];
  const items = pool<Item>({
    create: () => {
      const item = { id: made.length, good: true };
      made.push(item);
      return item;
    },
    destroy: (item) => {
      destroyed.push(item);
    },
    max: 2,
    onError: (error) => {
      errors.push(error);
    },
    ...options,
  });
  return { items, made, destroyed, errors };
}

export function counts(items: Pool<Item>): number[] {
  return [items.size, items.available, items.pending];
}

export async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 2000 && !condition(); i++) await sleep(2);
  assert.ok(condition(), 'never came true');
}
