// @env TAILRACE_BACKEND=auto|js
// What a kept string holds of its document: by `strings: 'flat'` itself and nothing else, whoever makes it.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import * as json from '../../lib/json';

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;

const test = suite('strings');
const schema = {
  type: 'array',
  items: { type: 'object', properties: { s: { type: 'string' } }, required: ['s'] },
} as const;
const kDocuments = 2000;

function document(n: number): Buffer {
  const rows = Array.from({ length: 200 }, (_, i) => ({ s: `text ${n} ${i} ${'x'.repeat(20)}` }));
  return Buffer.from(JSON.stringify(rows));
}

/** Bytes of the heap for each string that is kept of a document of 9 KB. */
function held(read: (text: Buffer) => { s: string }[]): number {
  for (let n = 0; n < 100; n++) read(document(n));
  const kept: string[] = new Array(kDocuments).fill('');
  gc();
  const before = process.memoryUsage().heapUsed;
  for (let n = 0; n < kDocuments; n++) kept[n] = read(document(n))[100]?.s as string;
  gc();
  const bytes = (process.memoryUsage().heapUsed - before) / kDocuments;
  assert.is(kept[7], `text 7 100 ${'x'.repeat(20)}`); // and is there until here
  return bytes;
}

test('flat: a string alone, by parse, a decoder and lines with a decoder', () => {
  const decode = json.decoder(schema, { strings: 'flat' });
  const line = (text: Buffer) => [...json.linesSync(text, { decoder: decode })][0] as { s: string }[];
  for (const [name, read] of Object.entries({
    parse: (text: Buffer) => json.parse<{ s: string }[]>(text, { strings: 'flat' }),
    decoder: decode,
    lines: line,
  }))
    assert.ok(held(read) < 500, name);
});

test.run();
