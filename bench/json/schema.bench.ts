// Decoders on the backend in use, over documents with derived schemas: all members of each, and a few. Peers: JSON.parse
// alone, and JSON.parse with ajv's check behind it, which does the same work as a decoder. TAILRACE_BACKEND chooses.
//
//   npm run bench -- json/schema

import { deepStrictEqual } from 'node:assert';
import Ajv from 'ajv';
import { runtimeInfo } from '../../lib';
import { selection } from '../../lib/backend/select';
import * as json from '../../lib/json';
import { corpora } from '../support/corpora';
import { type Derived, schemaOf } from '../support/schema-of';
import { compare, shownRatio, shownTime } from '../support/stats';

const { backend } = selection();
const { isa, node } = runtimeInfo();
console.log(`json.decoder(schema)(Buffer), Node ${node}, ${backend.name} backend (${isa})`);
console.log('ratio above 1: faster; medians of 21 interleaved blocks with 95 % intervals\n');
const row = (...cells: string[]) =>
  console.log(cells.map((cell, i) => (i === 0 ? cell.padEnd(34) : cell.padEnd(22))).join(''));
row('', 'ratio', 'A/A', 'ours', 'peer');

function show(label: string, ours: () => unknown, peer: () => unknown): void {
  const { ratio, noise, oursNs, peerNs } = compare(ours, peer);
  row(label, shownRatio(ratio), shownRatio(noise), shownTime(oursNs), shownTime(peerNs));
}

/** The first scalar members of the root, or of the elements of its first list of objects; at most `most`. */
function fewOf(schema: Derived, most: number): Derived {
  const properties = Object.entries((schema.properties ?? {}) as Record<string, Derived>);
  const scalars = properties
    .filter(([, { type }]) => type !== 'object' && type !== 'array' && type)
    .slice(0, most);
  if (scalars.length > 2) return { type: 'object', properties: Object.fromEntries(scalars) };
  for (const [name, of] of properties) {
    const items = of.items as Derived | undefined;
    if (items?.properties === undefined) continue;
    return { type: 'object', properties: { [name]: { type: 'array', items: fewOf(items, most) } } };
  }
  return schema.items === undefined
    ? { type: 'object', properties: Object.fromEntries(scalars) }
    : { type: 'array', items: fewOf(schema.items as Derived, most) };
}

for (const { name, bytes } of corpora()) {
  const value: unknown = JSON.parse(bytes.toString('utf8'));
  const schema = schemaOf(value);
  const decode = json.decoder(schema);
  deepStrictEqual(decode(bytes), value);
  const parse = () => JSON.parse(bytes.toString('utf8'));
  const check = new Ajv({ strict: false }).compile(schema);
  const size = bytes.length < 1024 ? '' : ` (${Math.round(bytes.length / 1024)} KB)`;
  show(`${name}${size}, all members`, () => decode(bytes), parse);
  show(
    '  against JSON.parse and ajv',
    () => decode(bytes),
    () => check(parse()),
  );
  const few = json.decoder(fewOf(schema, 8));
  few(bytes);
  show('  up to 8 members', () => few(bytes), parse);
}
