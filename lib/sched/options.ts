// Checks that several files of this part share.

import { InvalidArgument } from '../errors';

export function integer(name: string, value: unknown, from: number, to: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < from || value > to) {
    throw new InvalidArgument(name, `an integer from ${from} to ${to}`, value);
  }
  return value;
}

export function optionalInteger(
  name: string,
  value: unknown,
  from: number,
  to: number,
  fallback: number,
): number {
  return value === undefined ? fallback : integer(name, value, from, to);
}

/** Longest delay that setTimeout takes. */
export const kMaxDelayMs = 2 ** 31 - 1;

export function duration(name: string, value: unknown): number {
  if (typeof value !== 'number' || !(value >= 0) || value > kMaxDelayMs) {
    throw new InvalidArgument(name, `milliseconds from 0 to ${kMaxDelayMs}`, value);
  }
  return value;
}

export function optionalSignal(name: string, value: unknown): AbortSignal | undefined {
  if (value === undefined) return undefined;
  if (!(value instanceof AbortSignal)) throw new InvalidArgument(name, 'an AbortSignal', value);
  return value;
}

export function fn(name: string, value: unknown): void {
  if (typeof value !== 'function') throw new InvalidArgument(name, 'a function', value);
}

export function optionalObject(name: string, value: unknown): void {
  if (value !== undefined && (typeof value !== 'object' || value === null)) {
    throw new InvalidArgument(name, 'an object', value);
  }
}
