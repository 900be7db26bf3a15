// A lazy document: opened from a Buffer, five fields read, closed, against JSON.parse(buf.toString('utf8')) and the same five.
// The fields are the scalars at a tenth, three, five, seven tenths and 95 % of the document, whatever they are. Beside it
// what the check alone takes (json.validate). One column is the noise: the peer against itself.
//
//   npm run bench -- json/open

import { deepStrictEqual } from 'node:assert';
import { runtimeInfo } from '../../lib';
import * as json from '../../lib/json';
import { datasets, shownName } from '../support/datasets';
import { showComparison, showHead } from '../support/stats';

const { backend, isa, node } = runtimeInfo();
console.log(
  `json.open(Buffer), five get(), close() against JSON.parse(buf.toString('utf8')), Node ${node}, ${backend} backend (${isa})`,
);
console.log('ratio above 1: faster; medians of 21 interleaved blocks with 95 % intervals\n');
showHead();

/** The keys that lead to each scalar. */
function pathsOf(value: unknown, before: string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [before];
  return Object.entries(value).flatMap(([key, child]) => pathsOf(child, [...before, key]));
}

const pointerOf = (path: string[]) =>
  path.map((key) => `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');

for (const set of datasets()) {
  const { bytes } = set;
  const all = pathsOf(JSON.parse(bytes.toString('utf8')));
  const paths = [0.1, 0.3, 0.5, 0.7, 0.95].map((part) => all[Math.floor(part * all.length)] as string[]);
  const pointers = paths.map(pointerOf);
  // members as they would be written by hand
  const fields = paths.map((path) => `value${path.map((key) => `[${JSON.stringify(key)}]`).join('')}`);
  const read = new Function('value', `return [${fields.join(', ')}]`) as (value: unknown) => unknown[];
  const peer = () => read(JSON.parse(bytes.toString('utf8')));
  const lazy = () => {
    const document = json.open(bytes);
    const found = pointers.map((pointer) => document.get(pointer));
    document.close();
    return found;
  };
  deepStrictEqual(lazy(), peer());
  showComparison(shownName(set), lazy, peer);
  showComparison('  check', () => json.validate(bytes), peer);
}
