// The type of the values that a schema allows, as far as types can say it: for schemas written `as const`, and for TypeBox's,
// which carry their type.

import type { Schema } from './keywords';

/** Schemas whose types are looked at. TypeBox 1 gives interfaces, which have no index signature, but a kind. */
export type Typed = Schema | { readonly '~kind': string };

/**
 * The type of what decoder(schema) gives. What is not understood is unknown; a $ref is followed inside the schema (to `#`, to
 * `#/$defs/name`, `#/definitions/name`, or to a name of TypeBox's).
 */
export type Infer<S> = Static<S, S>;

// TypeBox 0.34 keeps the type in `static`; TypeBox 1 marks what JSON Schema cannot say (`~unsafe`, `~optional`).
type Static<S, Root> = S extends { static: infer T; params: unknown }
  ? T
  : S extends { '~unsafe': infer T }
    ? T
    : S extends true
      ? unknown
      : S extends false
        ? never
        : S extends object
          ? Object_<S, Root>
          : unknown;

type Object_<S extends object, Root> = S extends { $ref: infer R extends string }
  ? Referred<R, S extends { $defs: unknown } ? S : Root>
  : S extends { const: infer T }
    ? Mutable<T>
    : S extends { enum: readonly (infer T)[] }
      ? Mutable<T>
      : S extends { anyOf: infer Parts extends readonly unknown[] }
        ? OfType<Omit<S, 'anyOf'>, Root> & Union<Parts, Root>
        : S extends { oneOf: infer Parts extends readonly unknown[] }
          ? OfType<Omit<S, 'oneOf'>, Root> & Union<Parts, Root>
          : S extends { allOf: infer Parts extends readonly unknown[] }
            ? Intersection<Parts, Root>
            : S extends { not: Record<string, never> }
              ? never
              : OfType<S, Root>;

type Mutable<T> = T extends object ? { -readonly [K in keyof T]: Mutable<T[K]> } : T;

type Union<Parts extends readonly unknown[], Root> = { [I in keyof Parts]: Static<Parts[I], Root> }[number];

type Intersection<Parts extends readonly unknown[], Root> = Parts extends readonly [
  infer First,
  ...infer Rest,
]
  ? Static<First, Root> & Intersection<Rest, Root>
  : unknown;

type Referred<R extends string, Root> = R extends '#'
  ? Static<Root, Root>
  : R extends `#/$defs/${infer Name}`
    ? Root extends { $defs: infer D }
      ? Name extends keyof D
        ? Static<D[Name], Root>
        : unknown
      : unknown
    : R extends `#/definitions/${infer Name}`
      ? Root extends { definitions: infer D }
        ? Name extends keyof D
          ? Static<D[Name], Root>
          : unknown
        : unknown
      : Root extends { $defs: infer D }
        ? R extends keyof D
          ? Static<D[R], Root>
          : unknown
        : unknown;

type OfType<S, Root> = S extends { type: infer T }
  ?
      | (T extends readonly (infer One)[] ? ByName<One, S, Root> : ByName<T, S, Root>)
      | (S extends { nullable: true } ? null : never)
  : S extends { properties: unknown }
    ? Members<S, Root>
    : S extends { patternProperties: infer P }
      ? Record<string, Static<P[keyof P], Root>>
      : unknown;

type ByName<T, S, Root> = T extends 'string'
  ? string
  : T extends 'number' | 'integer'
    ? number
    : T extends 'boolean'
      ? boolean
      : T extends 'null'
        ? null
        : T extends 'array'
          ? Elements<S, Root>
          : T extends 'object'
            ? Members<S, Root>
            : unknown;

type Elements<S, Root> = S extends { prefixItems: infer Parts extends readonly unknown[] }
  ? [...Tuple<Parts, Root, Least<S>>, ...Rest<S, 'items', Root>]
  : S extends { items: infer Parts extends readonly unknown[] }
    ? [...Tuple<Parts, Root, Least<S>>, ...Rest<S, 'additionalItems', Root>]
    : S extends { items: infer Item }
      ? Static<Item, Root>[]
      : unknown[];

type Least<S> = S extends { minItems: infer N extends number } ? N : 0;

/** Elements from minItems on may be missing. */
type Tuple<
  Parts extends readonly unknown[],
  Root,
  N extends number,
  Done extends unknown[] = [],
> = Parts extends readonly [infer First, ...infer More]
  ? Full<N, Done> extends true
    ? [Static<First, Root>?, ...Tuple<More, Root, N, [...Done, 0]>]
    : [Static<First, Root>, ...Tuple<More, Root, N, [...Done, 0]>]
  : [];
/** Whether as many as N have been counted. */
type Full<
  N extends number,
  Done extends unknown[],
  Counted extends unknown[] = [],
> = Counted['length'] extends N
  ? true
  : Done extends [unknown, ...infer More]
    ? Full<N, More, [...Counted, 0]>
    : false;

type Rest<S, Keyword extends string, Root> = S extends { [K in Keyword]: infer Item }
  ? Item extends false
    ? []
    : Static<Item, Root>[]
  : unknown[];

type Required_<S> = S extends { required: readonly (infer Name)[] } ? Name : never;

type Members<S, Root> = S extends { properties: infer P }
  ? Flat<
      {
        -readonly [K in keyof P as K extends Required_<S> ? K : never]: Static<P[K], Root>;
      } & {
        -readonly [K in keyof P as K extends Required_<S> ? never : K]?: Static<P[K], Root>;
      }
    >
  : S extends { patternProperties: infer P }
    ? Record<string, Static<P[keyof P], Root>>
    : S extends { additionalProperties: infer A }
      ? A extends false
        ? Record<string, never>
        : Record<string, Static<A, Root>>
      : Record<string, unknown>;

type Flat<T> = { [K in keyof T]: T[K] } & {};
