// encode(value) against Buffer.from(JSON.stringify(value)), and encoders against that and against fast-json-stringify with
// Buffer.from, over documents with derived schemas, on the backend in use; then encode alone on what no JSON.parse made.
// TAILRACE_BACKEND chooses.
//
//   npm run bench -- json/encode

import { deepStrictEqual } from 'node:assert';
import fastJsonStringify from 'fast-json-stringify';
import { runtimeInfo } from '../../lib';
import { selection } from '../../lib/backend/select';
import * as json from '../../lib/json';
import { corpora } from '../support/corpora';
import { schemaOf } from '../support/schema-of';
import { compare, seeded, shownRatio, shownTime } from '../support/stats';

const { backend } = selection();
const { isa, node } = runtimeInfo();
console.log(
  `json.encode(value) and json.encoder(schema)(value), Node ${node}, ${backend.name} backend (${isa})`,
);
console.log('ratio above 1: faster; medians of 21 interleaved blocks with 95 % intervals\n');
const row = (...cells: string[]) =>
  console.log(cells.map((cell, i) => (i === 0 ? cell.padEnd(54) : cell.padEnd(22))).join(''));
row('', 'ratio', 'A/A', 'ours', 'peer');

function show(label: string, ours: () => unknown, peer: () => unknown): void {
  const { ratio, noise, oursNs, peerNs } = compare(ours, peer);
  row(label, shownRatio(ratio), shownRatio(noise), shownTime(oursNs), shownTime(peerNs));
}

for (const { name, bytes } of corpora()) {
  const value: unknown = JSON.parse(bytes.toString('utf8'));
  const schema = schemaOf(value);
  const encode = json.encoder<unknown>(schema);
  const stringify = () => Buffer.from(JSON.stringify(value));
  deepStrictEqual(encode(value), stringify());
  deepStrictEqual(json.encode(value), stringify());
  const peer = fastJsonStringify(schema);
  const size = bytes.length < 1024 ? '' : ` (${Math.round(bytes.length / 1024)} KB)`;
  show(`${name}${size}: encode`, () => json.encode(value), stringify);
  show('  encoder', () => encode(value), stringify);
  show(
    '  encoder, fast-json-stringify',
    () => encode(value),
    () => Buffer.from(peer(value)),
  );
}

/** The same with other numbers: V8 remembers the texts of those it wrote lately, and a value that is written over and over has them all. */
function another(value: unknown, random: () => number): unknown {
  if (typeof value === 'number')
    return Number.isInteger(value) ? Math.floor(value * random()) : value * random();
  if (Array.isArray(value)) return value.map((item) => another(item, random));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, another(item, random)]));
}

for (const { name, bytes } of corpora().filter(({ bytes }) => bytes.length < 2000)) {
  const value: unknown = JSON.parse(bytes.toString('utf8'));
  const schema = schemaOf(value);
  const encode = json.encoder<unknown>(schema);
  const peer = fastJsonStringify(schema);
  const random = seeded(1);
  const values = Array.from({ length: 4000 }, () => another(value, random));
  let mine = 0;
  let theirs = 0;
  show(
    `4000 like ${name}: encoder, fast-json-stringify`,
    () => encode(values[mine++ % values.length]),
    () => Buffer.from(peer(values[theirs++ % values.length])),
  );
}

class Point {
  constructor(
    readonly x: number,
    readonly label: string,
  ) {}
}
const list = (make: (i: number) => unknown) => Array.from({ length: 200 }, (_, i) => make(i));
const others: Record<string, unknown> = {
  '200 instances of a class': list((i) => new Point(i, `point ${i}`)),
  '200 records with a Date': list((i) => ({ id: i, name: `name ${i}`, at: new Date(1.6e12 + i) })),
  '200 records and a Date': { list: list((i) => ({ id: i, tags: ['a', 'b', 'c'] })), at: new Date(1.6e12) },
  '200 short strings': list((i) => `text ${i}`),
  '200 short strings with escapes': list((i) => ({ text: `a line\n"quoted" ${i}` })),
  '200 records of doubles': list((i) => ({ x: i * 1.1, y: i / 3 })),
  'a map of 200 numbers': Object.fromEntries(list((i) => [`key ${i * 7919}`, i]) as [string, number][]),
};
for (const [label, value] of Object.entries(others)) {
  const stringify = () => Buffer.from(JSON.stringify(value));
  deepStrictEqual(json.encode(value), stringify());
  show(`${label}: encode`, () => json.encode(value), stringify);
}
