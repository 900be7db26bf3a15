// json.parse of a Buffer, full values, against JSON.parse(buf.toString('utf8')): the backend in use first, then the fallback
// when that is another. TAILRACE_BACKEND chooses. One column is the noise: the peer against itself.
//
//   npm run bench -- json/parse

import { deepStrictEqual } from 'node:assert';
import { runtimeInfo } from '../../lib';
import { jsBackend, selection } from '../../lib/backend/select';
import * as json from '../../lib/json';
import { corpora } from '../support/corpora';
import { showComparison, showHead } from '../support/stats';

const { backend } = selection();
const { isa, node } = runtimeInfo();
const fallback = jsBackend().json;
console.log(
  `json.parse(Buffer) against JSON.parse(buf.toString('utf8')), Node ${node}, ${backend.name} backend (${isa})`,
);
console.log('ratio above 1: faster; medians of 21 interleaved blocks with 95 % intervals\n');
showHead();

for (const { name, bytes } of corpora()) {
  const peer = () => JSON.parse(bytes.toString('utf8'));
  deepStrictEqual(json.parse(bytes), peer());
  const size = bytes.length < 1024 ? '' : ` (${Math.round(bytes.length / 1024)} KB)`;
  showComparison(`${name}${size}`, () => json.parse(bytes), peer);
  if (backend.name === 'native') showComparison('  fallback', () => fallback.parse(bytes, undefined), peer);
}
