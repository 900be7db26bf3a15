// @timeout 240
// @env TAILRACE_BACKEND=native|js
// Bytes that no string can hold: more than 512 MB. Everything that takes bytes must take them; what it cannot do is an error with
// a code. It wants 3 GB of memory, which takes the system seconds to give: so it runs where there is plenty, and the rarer ways
// only when TAILRACE_TEST_LARGE=1 asks for them (TAILRACE_TEST_LARGE=0: nothing of it).

import { constants } from 'node:buffer';
import { freemem } from 'node:os';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import * as json from '../../lib/json';
import { onFallback, onNative, skipFile } from '../support/backends';

const wanted = process.env.TAILRACE_TEST_LARGE;
if (wanted === '0') skipFile('optional: TAILRACE_TEST_LARGE=0');
if (wanted !== '1' && freemem() < 8e9)
  skipFile('optional: less than 8 GB of free memory; TAILRACE_TEST_LARGE=1 runs it all the same');
const backend = process.env.TAILRACE_BACKEND;
if (backend === 'js') onFallback();
else onNative();

const kLongest = constants.MAX_STRING_LENGTH;
const kNewline = 10;
const kComma = 44;

const record = Buffer.from(JSON.stringify({ id: 7, nämé: 'x'.repeat(1 << 20), list: [1, 2.5, true, null] }));
const stride = record.length + 1;
const count = Math.ceil((kLongest + 3) / stride);
/** An array of records, `separator` after each but the last. */
const text = Buffer.allocUnsafeSlow(1 + count * stride);
text[0] = 0x5b;
for (let i = 0; i < count; i++) record.copy(text, 1 + i * stride);
function separate(separator: number): void {
  for (let i = 1; i <= count; i++) text[i * stride] = separator;
  text[text.length - 1] = 0x5d;
}

interface Item {
  id: number;
  nämé: string;
  list: unknown[];
}
const isItem = (item: Item | undefined): boolean =>
  item?.id === 7 && item.nämé.length === 1 << 20 && item.list.length === 4 && item.list[1] === 2.5;

const test = suite(`JSON of more than 512 MB (${backend})`);
/** A test of what is rare. */
const rarely = (name: string, run: () => void | Promise<void>): void => {
  if (wanted === '1') test(name, run);
};
if (wanted !== '1')
  console.log(
    'left out: options, errors, minify, share, openAsync, a string too long (TAILRACE_TEST_LARGE=1)',
  );
test.before(() => {
  assert.ok(text.length > kLongest);
  separate(kComma);
});

test('parse: the values', () => {
  const items = json.parse<Item[]>(text);
  assert.is(items.length, count);
  assert.ok(items.every(isItem));
});

rarely('parse: options and errors as of any text', () => {
  const { list } = (json.parse<Item[]>(text, { integers: 'bigint', maxDepth: 3 }) as [Item])[0];
  assert.equal(list, [1, 2.5, true, null]);
  text[text.length - 1] = 0x7d;
  try {
    json.parse(text);
    assert.unreachable();
  } catch (error) {
    assert.instance(error, json.JsonSyntaxError);
    assert.is((error as json.JsonSyntaxError).offset, text.length - 1);
    assert.is((error as json.JsonSyntaxError).code, 'ERR_TAILRACE_JSON_SYNTAX');
  }
  assert.is(json.validate(text), false);
  text[text.length - 1] = 0x5d;
});

rarely('minify', () => {
  assert.ok(json.minify(text).equals(text));
});

test('validate; open: a lazy document', () => {
  assert.is(json.validate(text), true);
  const document = json.open(text);
  assert.is(document.root.length, count);
  assert.is(document.get(`/${count - 1}/list/1`), 2.5);
  assert.is(document.get(`/${count >> 1}/nope`), undefined);
  assert.ok(
    document
      .value(`/${count - 1}`)
      ?.raw()
      .equals(record),
  );
  assert.ok(isItem(document.get<Item>(`/${count - 1}`)));
  document.close();
});

rarely('share and openAsync', async () => {
  const document = await json.openAsync(text);
  assert.is(document.get(`/${count - 1}/list/1`), 2.5);
  const again = json.openShared(document.share());
  assert.is(again.get(`/${count - 1}/list/1`), 2.5);
  again.close();
  document.close();
});

rarely('a string that no string can hold is an error with a code; its document opens', () => {
  const all = Buffer.alloc(kLongest + 3, 'a');
  all[0] = all[all.length - 1] = 0x22;
  const hasCode = (error: unknown) => (error as { code?: string }).code === 'ERR_STRING_TOO_LONG';
  assert.throws(() => json.parse(all), hasCode);
  const document = json.open(all);
  assert.is(document.root.type, 'string');
  assert.throws(() => document.root.toJS(), hasCode);
  assert.is(document.root.raw().length, all.length);
  document.close();
});

test('lines: of one Buffer', async () => {
  separate(kNewline);
  const lines = text.subarray(1, text.length - 1);
  assert.ok(lines.length > kLongest);
  let seen = 0;
  for (const item of json.linesSync<Item>(lines)) if (isItem(item)) seen++;
  assert.is(seen, count);
  seen = 0;
  for await (const document of json.lines(lines, { as: 'document' }))
    if (document.get('/list/1') === 2.5) seen++;
  assert.is(seen, count);
  separate(kComma);
});

test.run();
