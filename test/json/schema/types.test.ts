// The types of decoders: what the compiler makes of schemas written as const, of TypeBox's and of zod's. The compiler is the
// test, when this file is compiled; what runs here only says that it was.

import { Type as Type34 } from '@sinclair/typebox';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { z } from 'zod';
import * as json from '../../../lib/json';

const test = suite('json schema types');

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
/** Does not compile unless its argument is the type `true`. */
function holds<T extends true>(): T {
  return true as T;
}

type Made<D> = D extends (input: json.JsonInput) => infer T ? T : never;

test('scalars, enums and constants', () => {
  const text = json.decoder({ type: 'string' });
  const count = json.decoder({ type: 'integer', minimum: 0 });
  const either = json.decoder({ type: ['string', 'null'] });
  const some = json.decoder({ enum: ['a', 1, null] });
  const only = json.decoder({ const: 'x' });
  const any = json.decoder(true);
  const nothing = json.decoder(false);
  holds<Same<Made<typeof text>, string>>();
  holds<Same<Made<typeof count>, number>>();
  holds<Same<Made<typeof either>, string | null>>();
  holds<Same<Made<typeof some>, 'a' | 1 | null>>();
  holds<Same<Made<typeof only>, 'x'>>();
  holds<Same<Made<typeof any>, unknown>>();
  holds<Same<Made<typeof nothing>, never>>();
  assert.ok(holds<Same<typeof text.parse, (input: json.JsonInput) => string>>());
});

test('objects: required members are there, others may not be', () => {
  const decode = json.decoder({
    type: 'object',
    properties: {
      id: { type: 'integer' },
      tags: { type: 'array', items: { type: 'string' } },
      inner: { type: 'object', properties: { a: { type: 'boolean' } }, required: ['a'] },
    },
    required: ['id', 'inner'],
  });
  interface Wanted {
    id: number;
    tags?: string[];
    inner: { a: boolean };
  }
  const made = decode('{"id":1,"inner":{"a":true}}');
  const wanted: Wanted = made;
  const back: typeof made = wanted;
  assert.equal(back, { id: 1, inner: { a: true } });
  // @ts-expect-error a member that may be missing
  assert.throws(() => made.tags.length);
  // @ts-expect-error a member that is not declared
  assert.is(made.nothing, undefined);
});

test('maps, tuples, unions and references', () => {
  const map = json.decoder({ type: 'object', additionalProperties: { type: 'number' } });
  const tuple = json.decoder({
    type: 'array',
    prefixItems: [{ type: 'string' }, { type: 'number' }],
    items: false,
    minItems: 2,
  });
  const union = json.decoder({ anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'null' } }] });
  const both = json.decoder({
    allOf: [
      { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] },
      { type: 'object', properties: { b: { type: 'number' } }, required: ['b'] },
    ],
  });
  const tree = json.decoder({
    $defs: {
      node: {
        type: 'object',
        properties: { v: { type: 'number' }, next: { $ref: '#/$defs/node' } },
        required: ['v'],
      },
    },
    $ref: '#/$defs/node',
  });
  holds<Same<Made<typeof map>, Record<string, number>>>();
  holds<Same<Made<typeof tuple>, [string, number]>>();
  holds<Same<Made<typeof union>, string | null[]>>();
  const made = both('{"a":"x","b":1}');
  const a: string = made.a;
  const b: number = made.b;
  assert.equal([a, b], ['x', 1]);
  const deep: number | undefined = tree('{"v":1,"next":{"v":2}}').next?.next?.v;
  assert.is(deep, undefined);
});

test('TypeBox 0.34 and 1', async () => {
  const schema34 = Type34.Object({
    a: Type34.String(),
    b: Type34.Optional(Type34.Array(Type34.Union([Type34.Number(), Type34.Null()]))),
  });
  const decode34 = json.decoder(schema34);
  holds<Same<Made<typeof decode34>, { b?: (number | null)[] | undefined; a: string }>>();
  const { Type } = await import('typebox');
  const decode = json.decoder(Type.Object({ a: Type.String(), b: Type.Optional(Type.Array(Type.Number())) }));
  const made = decode('{"a":"x","b":[1]}');
  const a: string = made.a;
  const b: number[] | undefined = made.b;
  assert.equal([a, b], ['x', [1]]);
  assert.equal(decode34('{"a":"x","b":[1,null]}'), { a: 'x', b: [1, null] });
});

test('zod: the type is named, since JSON Schema as zod gives it has none', async () => {
  const { z: zod } = await import('zod');
  const type = zod.object({ a: zod.string() });
  const decode = json.decoder<z.infer<typeof type>>(zod.toJSONSchema(type));
  holds<Same<Made<typeof decode>, { a: string }>>();
  assert.equal(decode('{"a":"x"}'), { a: 'x' });
});

test('encoders take what decoders give', () => {
  const encode = json.encoder({
    type: 'object',
    properties: { a: { type: 'number' } },
    required: ['a'],
  });
  assert.is(encode({ a: 1 }).toString(), '{"a":1}');
  // @ts-expect-error not what the schema says
  assert.throws(() => encode({ a: 'x' }));
});

test.run();
