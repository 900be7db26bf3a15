// Calling what the user of a pool wrote. A hook may throw, and so may the `then` of what it gives, which may also settle twice:
// none of it must get between the steps of the pool and leave an item behind.

/** A hook has failed, at once. */
export class Failure {
  readonly error: unknown;
  constructor(error: unknown) {
    this.error = error;
  }
}

function isThenable<V>(value: V | PromiseLike<V>): value is PromiseLike<V> {
  return (
    typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
  );
}

/** Promise.resolve() gives a promise of the language's back as it is, also one with a `then` of its own. */
function promiseOf<V>(value: PromiseLike<V>): Promise<V> {
  const promise = Promise.resolve(value);
  return promise.then === Promise.prototype.then ? promise : new Promise((resolve) => resolve(promise));
}

/** Calls a hook and never throws. Whatever thenable it gives is a promise of the language's own then. */
export function call<A extends unknown[], V>(
  hook: (...args: A) => V | PromiseLike<V>,
  ...args: A
): V | Promise<V> | Failure {
  try {
    const value = hook(...args);
    return isThenable(value) ? promiseOf(value) : value;
  } catch (error) {
    return new Failure(error);
  }
}

/** An onError that throws is the program's failure as one in an event listener is, and not the pool's. */
export function tell(onError: (error: unknown) => void): (error: unknown) => void {
  return (error) => {
    try {
      onError(error);
    } catch (failure) {
      queueMicrotask(() => {
        throw failure;
      });
    }
  };
}
