// Whether two schemas say the same: builders copy a schema wherever it is used, and a copy has its $id too.

import { isDeepStrictEqual } from 'node:util';
import { isRecord } from './keywords';

/** Keywords whose names are members' or schemas', not keywords. */
const kNamed = new Set(['properties', 'patternProperties', 'dependentSchemas', '$defs', 'definitions']);
/** Keywords whose arguments hold schemas. */
const kOfSchemas = new Set([
  ...kNamed,
  ...['items', 'prefixItems', 'additionalItems', 'contains', 'additionalProperties', 'propertyNames'],
  ...['unevaluatedProperties', 'not', 'anyOf', 'oneOf', 'allOf', 'if', 'then', 'else'],
]);

type Pairs = Map<object, Set<object>>;

/** `named`: its names are any, those of a schema are keywords. */
function same(a: unknown, b: unknown, named: boolean, open: Pairs): boolean {
  if (Object.is(a, b)) return true;
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((item, i) => same(item, b[i], false, open));
  if (!isRecord(a) || !isRecord(b) || Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
  const others = open.get(a) ?? new Set();
  // in a circle: whoever compares them already will say
  if (others.has(b)) return true;
  open.set(a, others.add(b));
  // Symbols and `~` names are a builder's notes: by such a one an optional copy is told from the schema itself.
  const namesOf = (part: Record<string, unknown>) =>
    Object.keys(part).filter((name) => named || (part[name] !== undefined && !name.startsWith('~')));
  const names = namesOf(a);
  if (names.length !== namesOf(b).length) return false;
  return names.every((name) => {
    if (!Object.hasOwn(b, name)) return false;
    if (named) return same(a[name], b[name], false, open);
    if (kOfSchemas.has(name)) return same(a[name], b[name], kNamed.has(name), open);
    return isDeepStrictEqual(a[name], b[name]);
  });
}

export const isSameSchema = (a: unknown, b: unknown): boolean => same(a, b, false, new Map());
