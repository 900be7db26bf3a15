// Equality of JSON values, for enum, const and uniqueItems. A value's key is equal to another's when the values are: so a
// list is searched for duplicates in the time it takes to read it, whatever is in it.

/** -0 equals 0; the order of keys does not matter; an infinite number (1e999) equals itself. */
export function keyOf(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value);
    case 'number':
      return value === 0 ? '0' : String(value);
    case 'object': {
      if (value === null) return 'null';
      if (Array.isArray(value)) return `[${value.map(keyOf).join(',')}]`;
      const names = Object.keys(value).sort();
      const members = names.map(
        (name) => `${JSON.stringify(name)}:${keyOf((value as Record<string, unknown>)[name])}`,
      );
      return `{${members.join(',')}}`;
    }
    default:
      return String(value);
  }
}

const isScalar = (value: unknown): boolean => typeof value !== 'object' || value === null;

/** A test for being equal to one of some values. */
export function oneOfValues(values: readonly unknown[]): (value: unknown) => boolean {
  // Set compares as ===, but for NaN, which no JSON text holds.
  const scalars = new Set(values.filter(isScalar));
  const keys = new Set(values.filter((value) => !isScalar(value)).map(keyOf));
  if (keys.size === 0) return (value) => scalars.has(value);
  return (value) => (isScalar(value) ? scalars.has(value) : keys.has(keyOf(value)));
}

/** Two equal elements: their indices, the higher first; of several pairs the one whose `by` index is highest. */
export function duplicates(
  items: readonly unknown[],
  by: 'higher' | 'lower',
  among: (value: unknown) => boolean,
): [number, number] | undefined {
  const seen = new Map<unknown, number>();
  let found: [number, number] | undefined;
  for (let i = 0; i < items.length; i++) {
    const value = items[i];
    if (!among(value)) continue;
    const key = isScalar(value) && typeof value !== 'string' ? value : keyOf(value);
    const before = seen.get(key);
    if (before !== undefined && (by === 'higher' || found === undefined || before > found[1])) {
      found = [i, before];
    }
    seen.set(key, i);
  }
  return found;
}
