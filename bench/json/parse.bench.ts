// json.parse of a Buffer, full values, against JSON.parse(buf.toString('utf8')): the backend in use first, then the fallback
// when that is another; then ours against the other parsers one may have in its place: secure-json-parse, and npm's simdjson when
// it is installed (it compiles itself, so it is no dependency of ours: npm install --no-save simdjson). TAILRACE_BACKEND
// chooses. One column is the noise: the peer against itself. Servers with these parsers: adapters.bench.ts.
//
//   npm run bench -- json/parse

import { deepStrictEqual } from 'node:assert';
import secure from 'secure-json-parse';
import { runtimeInfo } from '../../lib';
import { jsBackend, selection } from '../../lib/backend/select';
import * as json from '../../lib/json';
import { datasets, shownName } from '../support/datasets';
import { showComparison, showHead } from '../support/stats';

const { backend } = selection();
const { isa, node } = runtimeInfo();
const fallback = jsBackend().json;

function optional(name: string): { parse(text: string): unknown } | undefined {
  try {
    return require(name);
  } catch {
    return undefined;
  }
}
const simdjson = optional('simdjson');

console.log(
  `json.parse(Buffer) against JSON.parse(buf.toString('utf8')), Node ${node}, ${backend.name} backend (${isa})`,
);
console.log('ratio above 1: faster; medians of 21 interleaved blocks with 95 % intervals');
if (simdjson === undefined) console.log('simdjson is not installed: npm install --no-save simdjson');
console.log();
showHead();

for (const set of datasets()) {
  const { bytes } = set;
  const ours = () => json.parse(bytes);
  const peer = () => JSON.parse(bytes.toString('utf8'));
  deepStrictEqual(ours(), peer());
  showComparison(shownName(set), ours, peer);
  if (backend.name === 'native') showComparison('  fallback', () => fallback.parse(bytes, undefined), peer);
  showComparison('  to secure-json-parse', ours, () => secure.parse(bytes));
  if (simdjson !== undefined)
    showComparison('  to simdjson', ours, () => simdjson.parse(bytes.toString('utf8')));
}
