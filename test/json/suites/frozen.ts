// A program that froze the prototypes before it read anything, as hardened ones do. Run by prototypes.ts, in a process of its own.

import * as assert from 'node:assert';
import * as json from '../../../lib/json';
import { readings } from './prototypes';

const text = '{"toString":1,"constructor":[1,{"valueOf":null}],"hasOwnProperty":"x","n":2}';
const records = `[${`${text},`.repeat(50)}${text}]`;
Object.freeze(Object.prototype);
Object.freeze(Array.prototype);
for (const read of [
  ...Object.values(readings),
  (_json: unknown, input: string) => json.parse(Buffer.from(input)),
]) {
  for (const input of [text, records]) {
    const got = read(json, input);
    if (got !== true) assert.strictEqual(JSON.stringify(got), JSON.stringify(JSON.parse(input)));
  }
}
process.stdout.write('same\n');
