// A schema of a document, derived from the document: every object with the members it has, those required that all its like
// have, every list with the schema of all its elements. What a program that knows its data would have written.

export type Derived = Record<string, unknown>;

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

function typeOf(value: Json): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return typeof value;
}

function ofObjects(objects: { [name: string]: Json }[]): Derived {
  const values = new Map<string, Json[]>();
  for (const object of objects) {
    for (const name of Object.keys(object)) {
      const list = values.get(name) ?? [];
      list.push(object[name] as Json);
      values.set(name, list);
    }
  }
  const required = [...values].filter(([, list]) => list.length === objects.length).map(([name]) => name);
  const properties = Object.fromEntries([...values].map(([name, list]) => [name, ofAll(list)]));
  return { type: 'object', properties, required };
}

function ofType(type: string, values: Json[]): Derived {
  if (type === 'object') return ofObjects(values as { [name: string]: Json }[]);
  if (type === 'array') return { type, items: ofAll((values as Json[][]).flat()) };
  if (type === 'number') return { type: values.every(Number.isInteger) ? 'integer' : 'number' };
  return { type };
}

function ofAll(values: Json[]): Derived {
  const types = [...new Set(values.map(typeOf))];
  const parts = types.map((type) =>
    ofType(
      type,
      values.filter((value) => typeOf(value) === type),
    ),
  );
  if (parts.length === 0) return {};
  return parts.length === 1 ? (parts[0] as Derived) : { anyOf: parts };
}

export function schemaOf(value: unknown): Derived {
  return ofAll([value as Json]);
}
