// Getters that load a module at first use and then turn into plain properties, so that what is used often
// costs no more than a property of an ordinary object.

/** An object whose properties are made at first use, each once. */
export function lazyObject<T extends object>(makers: { readonly [K in keyof T]: () => T[K] }): T {
  const result = {} as T;
  for (const key of Object.keys(makers) as (keyof T)[]) {
    Object.defineProperty(result, key, {
      configurable: true,
      enumerable: true,
      get: () => {
        const value = makers[key]();
        Object.defineProperty(result, key, { value, enumerable: true, configurable: true, writable: false });
        return value;
      },
    });
  }
  return result;
}

/**
 * Stands for a module until one of its exports is looked at; from then on it has them all as plain properties.
 * `names` lists the exports (the type makes the compiler complain about one that is missing).
 */
export function lazyModule<T extends object>(load: () => T, names: { readonly [K in keyof T]: true }): T {
  const result = {} as T;
  const fill = (): void => {
    const loaded = load();
    for (const key of Object.keys(names) as (keyof T)[]) {
      Object.defineProperty(result, key, {
        value: loaded[key],
        enumerable: true,
        configurable: true,
        writable: false,
      });
    }
  };
  for (const key of Object.keys(names) as (keyof T)[]) {
    Object.defineProperty(result, key, {
      configurable: true,
      enumerable: true,
      get: () => {
        fill();
        return result[key];
      },
    });
  }
  return result;
}

/** A function whose module is loaded at the first call. */
// biome-ignore lint/suspicious/noExplicitAny: any function; its own type goes through unchanged
export function lazyFunction<F extends (...args: any[]) => unknown>(load: () => F): F {
  let loaded: F | undefined;
  return ((...args: unknown[]) => {
    loaded ??= load();
    return loaded(...args);
  }) as F;
}
