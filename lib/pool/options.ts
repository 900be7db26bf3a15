// The options of a pool: their meaning, defaults and checks.

import { InvalidArgument, onlyKnown } from '../errors';
import { tell } from './hooks';

export interface PoolOptions<T> {
  /** Makes an item. Must not give one that the pool has already. */
  create: () => T | PromiseLike<T>;
  /** Ends an item. Called exactly once for each that create gave, whatever became of it. */
  destroy?: ((item: T) => unknown) | undefined;
  /** Makes an item fit for its next user, when it comes back. A failure destroys it. */
  reset?: ((item: T) => unknown) | undefined;
  /** Asked before an item is handed out again; false or a failure destroys it and the next one is tried. */
  validate?: ((item: T) => boolean | PromiseLike<boolean>) | undefined;
  /** Items kept even when nobody needs them; made at once. Default 0. */
  min?: number | undefined;
  /** Most items at any time, those under construction included. */
  max: number;
  /** Most calls of acquire() that may wait; more reject with QueueFullError. Default: no limit. */
  maxWaiters?: number | undefined;
  /** An item is destroyed when it comes back from its maxUses-th user. Default: no limit. */
  maxUses?: number | undefined;
  /** An item older than this is not handed out any more. Default: no limit. */
  maxLifetimeMs?: number | undefined;
  /** An item unused for this long is destroyed, down to min. Default: never. */
  idleMs?: number | undefined;
  /** acquire() rejects with TimeoutError after this. Default: never. */
  acquireTimeoutMs?: number | undefined;
  /**
   * Hears what nobody else would: a destroy or reset that failed, an item for min that could not be made.
   * Default: a process warning.
   */
  onError?: ((error: unknown) => void) | undefined;
}

/** The options with every default filled in. */
export interface PoolSettings<T> {
  readonly create: () => T | PromiseLike<T>;
  readonly destroy: ((item: T) => unknown) | undefined;
  readonly reset: ((item: T) => unknown) | undefined;
  readonly validate: ((item: T) => boolean | PromiseLike<boolean>) | undefined;
  readonly min: number;
  readonly max: number;
  readonly maxWaiters: number;
  readonly maxUses: number;
  readonly maxLifetimeMs: number;
  readonly idleMs: number;
  readonly acquireTimeoutMs: number;
  /** Never throws. */
  readonly onError: (error: unknown) => void;
}

const kNames = [
  'create', 'destroy', 'reset', 'validate', 'min', 'max', 'maxWaiters', 'maxUses', 'maxLifetimeMs', 'idleMs',
  'acquireTimeoutMs', 'onError',
] as const; // biome-ignore format: a table

function count(name: string, value: unknown, least: number, otherwise: number): number {
  if (value === undefined) return otherwise;
  if (value === Infinity) return Infinity;
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < least) {
    throw new InvalidArgument(name, `an integer from ${least} or Infinity`, value);
  }
  return value;
}

/** A duration in milliseconds; Infinity when absent. */
export function milliseconds(name: string, value: unknown, otherwise: number): number {
  if (value === undefined) return otherwise;
  if (typeof value !== 'number' || !(value >= 0)) {
    throw new InvalidArgument(name, 'a number of milliseconds from 0', value);
  }
  return value;
}

function optionalFunction<F>(name: string, value: F | undefined): F | undefined {
  if (value !== undefined && typeof value !== 'function') {
    throw new InvalidArgument(name, 'a function', value);
  }
  return value;
}

function warn(error: unknown): void {
  process.emitWarning(
    `tailrace pool: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
  );
}

/** Checks and completes the options; throws InvalidArgument with the option's name. */
export function poolSettings<T>(options: PoolOptions<T>): PoolSettings<T> {
  if (typeof options !== 'object' || options === null) {
    throw new InvalidArgument('options', 'an object', options);
  }
  onlyKnown(options, kNames);
  if (typeof options.create !== 'function') throw new InvalidArgument('create', 'a function', options.create);
  const max = count('max', options.max, 1, Number.NaN);
  if (Number.isNaN(max)) throw new InvalidArgument('max', 'an integer from 1 or Infinity', options.max);
  const min = count('min', options.min, 0, 0);
  if (min > max || min === Infinity)
    throw new InvalidArgument('min', `an integer from 0 to max (${max})`, min);
  return {
    create: options.create,
    destroy: optionalFunction('destroy', options.destroy),
    reset: optionalFunction('reset', options.reset),
    validate: optionalFunction('validate', options.validate),
    min,
    max,
    maxWaiters: count('maxWaiters', options.maxWaiters, 0, Infinity),
    maxUses: count('maxUses', options.maxUses, 1, Infinity),
    maxLifetimeMs: milliseconds('maxLifetimeMs', options.maxLifetimeMs, Infinity),
    idleMs: milliseconds('idleMs', options.idleMs, Infinity),
    acquireTimeoutMs: milliseconds('acquireTimeoutMs', options.acquireTimeoutMs, Infinity),
    onError: tell(optionalFunction('onError', options.onError) ?? warn),
  };
}
