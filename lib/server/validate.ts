// Checks of options, shared by server and rpc. Each throws InvalidArgument (a TypeError) that names the option as its
// user wrote it, and is called before anything starts.

import { InvalidArgument } from '../errors';

export { onlyKnown } from '../errors';

type Named = Record<string, unknown>;

export function record(value: unknown, name: string): Named {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new InvalidArgument(name, 'an object', value);
  }
  return value as Named;
}

export function integer(value: unknown, name: string, min: number, max: number, byDefault?: number): number {
  if (value === undefined && byDefault !== undefined) return byDefault;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
    throw new InvalidArgument(name, `an integer from ${min} to ${max}`, value);
  }
  return value;
}

export function text(value: unknown, name: string, byDefault?: string): string {
  if (value === undefined && byDefault !== undefined) return byDefault;
  if (typeof value !== 'string' || value === '') throw new InvalidArgument(name, 'a non-empty string', value);
  return value;
}

export function flag(value: unknown, name: string, byDefault: boolean): boolean {
  if (value === undefined) return byDefault;
  if (typeof value !== 'boolean') throw new InvalidArgument(name, 'a boolean', value);
  return value;
}

export function optionalFunction<T>(value: T | undefined, name: string): T | undefined {
  if (value !== undefined && typeof value !== 'function')
    throw new InvalidArgument(name, 'a function', value);
  return value;
}

export function optionalSignal(value: unknown, name: string): AbortSignal | undefined {
  if (value === undefined) return undefined;
  if (!(value instanceof AbortSignal)) throw new InvalidArgument(name, 'an AbortSignal', value);
  return value;
}

/** A literal path: '/', or segments without query, fragment, parameters, spaces. */
export function path(value: unknown, name: string, byDefault?: string): string {
  const given = text(value, name, byDefault);
  if (!/^\/[^\s?#*]*$/.test(given) || given.includes('/:')) {
    throw new InvalidArgument(name, "a path like '/name' without query or parameters", value);
  }
  return given;
}

/** Rejects with the signal's reason when it aborts first; what is under way is the caller's to end. */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
