// Run by the hostile suite in a process that may not make code out of strings.

import * as assert from 'node:assert';
import * as json from '../../../lib/json';
import { assertSame } from '../same';
import { traps } from '../samples';

assert.throws(() => new Function('return 1'), EvalError);
const record = (i: number) =>
  `{"id":${i},"name":"n${i}","tags":["a","b"],"pos":{"x":${i / 3},"y":null},"__proto__":${i}}`;
for (let round = 0; round < 5; round++) {
  const text = `[${Array.from({ length: 2000 }, (_, i) => record(i)).join(',')}]`;
  assertSame(json.parse(Buffer.from(text)), JSON.parse(text), 'records');
  assertSame(json.open(Buffer.from(text)).get('/1999/pos'), JSON.parse(text)[1999].pos, 'a field');
}
for (const text of traps) {
  if (json.validate(text)) assertSame(json.parse(Buffer.from(text)), JSON.parse(text), text);
}
const encode = json.encoder<unknown>({ type: 'object', properties: { a: { type: 'string' } } });
for (let round = 0; round < 10; round++)
  assert.equal(encode({ a: `${round}` }).toString(), `{"a":"${round}"}`);
console.log('same');
