// encode(value) against Buffer.from(JSON.stringify(value)), and encoders against that and against fast-json-stringify with
// Buffer.from, over documents with derived schemas, on the backend in use. TAILRACE_BACKEND chooses.
//
//   npm run bench -- json/encode

import { deepStrictEqual } from 'node:assert';
import fastJsonStringify from 'fast-json-stringify';
import { runtimeInfo } from '../../lib';
import { selection } from '../../lib/backend/select';
import * as json from '../../lib/json';
import { corpora } from '../support/corpora';
import { schemaOf } from '../support/schema-of';
import { compare, shownRatio, shownTime } from '../support/stats';

const { backend } = selection();
const { isa, node } = runtimeInfo();
console.log(
  `json.encode(value) and json.encoder(schema)(value), Node ${node}, ${backend.name} backend (${isa})`,
);
console.log('ratio above 1: faster; medians of 21 interleaved blocks with 95 % intervals\n');
const row = (...cells: string[]) =>
  console.log(cells.map((cell, i) => (i === 0 ? cell.padEnd(34) : cell.padEnd(22))).join(''));
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
