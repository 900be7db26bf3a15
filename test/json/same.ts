// Equality as the parser owes it: values, -0, NaN, prototypes, and the order of keys. Iterative, for deep documents.

import * as assert from 'node:assert';

function shown(value: unknown): string {
  return typeof value === 'string'
    ? JSON.stringify(value).slice(0, 120)
    : Object.is(value, -0)
      ? '-0'
      : String(value);
}

/** The first difference as text, or undefined. */
export function difference(actual: unknown, expected: unknown): string | undefined {
  const stack: [unknown, unknown, string][] = [[actual, expected, '$']];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const [a, b, path] = next;
    if (Object.is(a, b)) continue;
    if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) {
      return `${path}: ${shown(a)} is not ${shown(b)}`;
    }
    if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return `${path}: another prototype`;
    if (Array.isArray(a) !== Array.isArray(b)) return `${path}: array or not`;
    const keys = Object.getOwnPropertyNames(a);
    const wanted = Object.getOwnPropertyNames(b);
    if (keys.length !== wanted.length) return `${path}: ${keys.length} keys, not ${wanted.length}`;
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i] as string;
      if (key !== wanted[i]) return `${path}: key ${i} is ${shown(key)}, not ${shown(wanted[i])}`;
      const one = Object.getOwnPropertyDescriptor(a, key) as PropertyDescriptor;
      const other = Object.getOwnPropertyDescriptor(b, key) as PropertyDescriptor;
      if (
        one.writable !== other.writable ||
        one.enumerable !== other.enumerable ||
        one.configurable !== other.configurable
      ) {
        return `${path}.${key}: another kind of property`;
      }
      stack.push([one.value, other.value, path.length > 200 ? path : `${path}.${key}`]);
    }
  }
  return undefined;
}

export function assertSame(actual: unknown, expected: unknown, label: string): void {
  const found = difference(actual, expected);
  if (found !== undefined) assert.fail(`${label}: ${found}`);
}

export type Outcome = { value: unknown } | { error: unknown };

export function outcome(run: () => unknown): Outcome {
  try {
    return { value: run() };
  } catch (error) {
    return { error };
  }
}
