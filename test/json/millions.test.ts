// @timeout 240
// Documents in great number, made and mutated by a generator that is fast rather than clever: the core's parser must give V8's
// value or refuse what V8 refuses. Here some ten thousand; by hand as many as wanted:
//
//   TAILRACE_FUZZ_RUNS=10000000 TAILRACE_FUZZ_SEED=1 [TAILRACE_ISA=haswell] node dist/test/json/millions.test.js

import * as assert from 'node:assert';
import { suite } from 'uvu';
import { nativeBackend } from '../../lib/backend/select';
import { JsonSyntaxError } from '../../lib/errors';
import { everyTextIsOurs, hasNative, skipFile } from '../support/backends';
import { seeded } from '../support/seeded';
import { difference } from './same';
import { escapes, scraps } from './samples';

if (!hasNative()) skipFile('no native core: the fallback parses with JSON.parse');
everyTextIsOurs();

const runs = Number(process.env.TAILRACE_FUZZ_RUNS ?? 20_000);
const seed = Number(process.env.TAILRACE_FUZZ_SEED ?? Date.now() % 0x7fffffff);
const line = `TAILRACE_FUZZ_SEED=${seed} TAILRACE_FUZZ_RUNS=${runs} node dist/test/json/millions.test.js`;
console.log(`to repeat: ${line}`);

const { isa, json } = nativeBackend();
const random = seeded(seed);
const below = (n: number) => Math.floor(random() * n);
const pick = <T>(from: readonly T[]): T => from[below(from.length)] as T;

const keys =
  'id name value a b c type x y coordinates created_at text user_id lang é 0 1 10 4294967295 __proto__ constructor toString length'
    .split(' ')
    .map((key) => JSON.stringify(key))
    .concat('""', '"a b"', '"\\u0069d"', '"a\\"b"', '"日本"', `"${'k'.repeat(70)}"`);
/** Few enough that most come again, as records do; one is replaced now and then. */
const shapes = Array.from({ length: 60 }, () => shape());
function shape(): string[] {
  return Array.from({ length: below(9) }, () => pick(keys.slice(0, random() < 0.97 ? 20 : keys.length)));
}
const pieces = [...escapes, 'é', '€', '😀', '\u2028', '\x7f', '\ufeff'];
const words = 'lorem ipsum dolor sit amet, consectetur {} [] : , null true 12.5e3 // & < > '.split(' ');

function string(): string {
  const kind = below(8);
  if (kind === 0) return '""';
  if (kind === 1) return `"${'x'.repeat(below(200))}"`;
  let text = '';
  for (let n = below(kind === 2 ? 24 : 4); n >= 0; n--)
    text += below(6) === 0 && kind < 6 ? pick(pieces) : pick(words);
  return `"${text}"`;
}

function number(): string {
  switch (below(9)) {
    case 0:
      return String(below(10));
    case 1:
      return String(below(2 ** 31) - 2 ** 30);
    case 2:
      return `${below(1e9)}${below(1e9)}${below(2) === 0 ? '' : below(1e9)}`.replace(/^0+(?=.)/, '');
    case 3:
      return String((random() - 0.5) * 10 ** (below(40) - 20));
    case 4:
      return `${below(200) - 100}.${String(below(1e9)).padStart(1 + below(15), '0')}`;
    case 5:
      return `${below(1000)}${pick(['e', 'E'])}${pick(['', '+', '-'])}${below(330)}`;
    case 6:
      return `-${random()}`;
    case 7:
      return pick([
        '-0',
        '0',
        '0.0',
        '-0.0e1',
        '1e400',
        '5e-324',
        '2.2250738585072011e-308',
        '9007199254740993',
      ]);
    default:
      return String(below(100000));
  }
}

let gap = '';
const scalar = () =>
  below(8) === 0 ? pick(['true', 'false', 'null', '[]', '{}']) : below(2) === 0 ? string() : number();
function object(names: readonly string[], depth: number): string {
  return `{${gap}${names.map((key) => `${key}:${gap}${value(depth + 1)}`).join(`,${gap}`)}${gap}}`;
}
function value(depth: number): string {
  const kind = depth > 2 ? 9 : below(10);
  if (kind < 2) return object(pick(shapes), depth);
  if (kind === 2) {
    const names = pick(shapes);
    return `[${Array.from({ length: 1 + below(6) }, () => object(names, depth + 1)).join(`,${gap}`)}]`;
  }
  if (kind === 3) {
    const one = pick([number, () => String(below(1000)), scalar, () => `[${gap}${number()},${number()}]`]);
    return `[${gap}${Array.from({ length: below(12) }, one).join(`,${gap}`)}${gap}]`;
  }
  if (kind === 4 && below(50) === 0) return '['.repeat(250) + ']'.repeat(250);
  return scalar();
}

/** Long enough that it is not V8's for its size. */
function text(): string {
  if (below(40) === 0) shapes[below(shapes.length)] = shape();
  gap = below(4) === 0 ? pick([' ', '\n', '\n  ', '\r\n\t', ' '.repeat(below(80))]) : '';
  const values: string[] = [];
  for (let size = 0, least = 256 + below(below(16) === 0 ? 4000 : 200); size < least; ) {
    const next = value(0);
    values.push(next);
    size += next.length + 1;
  }
  return `${gap}[${values.join(`,${gap}`)}]${gap}`;
}

function mutated(bytes: Buffer): Buffer {
  for (let edits = 1 + below(3); edits > 0; edits--) {
    const at = below(bytes.length + 1);
    const put =
      below(3) === 0
        ? Buffer.from([below(256)])
        : below(2) === 0
          ? Buffer.from(pick(scraps))
          : bytes.subarray(at, at + below(20));
    bytes = Buffer.concat([
      bytes.subarray(0, at),
      put,
      bytes.subarray(below(4) === 0 ? below(bytes.length) : at + below(4)),
    ]);
  }
  return bytes;
}

function same(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return Object.is(a, b);
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
  const names = Object.keys(a);
  const others = Object.keys(b);
  if (names.length !== others.length) return false;
  for (let i = 0; i < names.length; i++) {
    const name = names[i] as string;
    if (
      name !== others[i] ||
      !same((a as Record<string, unknown>)[name], (b as Record<string, unknown>)[name])
    )
      return false;
  }
  return true;
}

function check(bytes: Buffer, index: number): boolean {
  let want: unknown;
  let good = true;
  try {
    want = JSON.parse(bytes.toString());
  } catch {
    good = false;
  }
  const told = () => `text ${index}: ${JSON.stringify(bytes.toString('latin1')).slice(0, 300)}\n${line}`;
  if (json.validate(bytes, undefined) !== good) assert.fail(`validate, ${told()}`);
  let got: unknown;
  try {
    got = json.parse(bytes, undefined);
  } catch (error) {
    if (good || !(error instanceof JsonSyntaxError)) assert.fail(`${error}, ${told()}`);
    return false;
  }
  if (!good) assert.fail(`accepted, ${told()}`);
  if (!same(got, want) || (index % 64 === 0 && difference(got, want) !== undefined))
    assert.fail(`${difference(got, want)}, ${told()}`);
  if (index % 8 === 0) {
    const opened = json.open(bytes, undefined);
    if (!same(opened.toJS(opened.root), want)) assert.fail(`open, ${told()}`);
  }
  return true;
}

const test = suite(`millions: native ${isa}`);
test(`${runs} texts`, () => {
  let taken = 0;
  let size = 0;
  for (let i = 0; i < runs; i++) {
    const bytes = Buffer.from(text());
    size += bytes.length;
    if (check(random() < 0.3 ? mutated(bytes) : bytes, i)) taken++;
    if (i % 1_000_000 === 999_999) console.log(`${i + 1} texts, ${taken} of them JSON`);
  }
  console.log(`${taken} of them JSON, ${Math.round(size / runs)} bytes each`);
  // both kinds were there
  assert.ok(taken > runs / 2 && taken < runs, `${taken} of ${runs} are JSON`);
});
test.run();
