// lines and its likes where many lines are read at once: the same values, errors and order as one by one, whatever stands
// among them; the iterator's calls; what a line costs that comes byte by byte.

import * as assert from 'node:assert';
import * as fc from 'fast-check';
import { suite, type Test } from 'uvu';
import type * as Json from '../../../lib/json';
import { assertSame } from '../same';

type Told = { line?: number; offset?: number; column?: number; message: string; name: string };

const schema = {
  type: 'object',
  properties: {
    id: { type: 'integer', minimum: 0 },
    s: { type: 'string' },
    n: { type: 'number' },
    list: { type: 'array', items: { type: ['string', 'number', 'null'] } },
  },
  required: ['id'],
} as const;

/** Lines of which some are no JSON, blank, of another type, refused, long, or with what a fast way leaves to a slow one. */
const line = fc.oneof(
  { weight: 8, arbitrary: fc.record({ id: fc.nat(), s: fc.string(), n: fc.double({ noNaN: true }) }) },
  {
    weight: 4,
    arbitrary: fc.record({ id: fc.nat(), list: fc.array(fc.oneof(fc.string(), fc.nat())), x: fc.json() }),
  },
  { weight: 2, arbitrary: fc.record({ id: fc.nat(), s: fc.string({ unit: 'grapheme', maxLength: 60 }) }) },
  { weight: 1, arbitrary: fc.constantFrom(null, 1, [], 'text', { id: -1 }, { id: 'x' }, { s: 'no id' }) },
);
const text = fc.oneof(
  { weight: 20, arbitrary: line.map((value) => JSON.stringify(value)) },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      '',
      ' \t',
      '{"id":1,"id":2}',
      '{"\\u0069d":3}',
      '{"id":1e400}',
      '{"id":1',
      '{"id":1}}',
      '1],[2',
      '{"id":4,"s":"\ud800"}',
      `{"id":5,"s":"${'x'.repeat(300)}"}`,
      '{"id":6} \r',
    ),
  },
);

export function linesSuite(name: string, json: typeof Json): Test {
  const test = suite(`${name}: lines`);

  /** What each line gives by itself, and what becomes of those at fault. */
  function expected(
    texts: readonly string[],
    read: (bytes: Buffer) => unknown,
    maxLine: number,
  ): { values: unknown[]; errors: Told[] } {
    const values: unknown[] = [];
    const errors: Told[] = [];
    let offset = 0;
    texts.forEach((one, i) => {
      const bytes = Buffer.from(one);
      const at = offset;
      offset += bytes.length + 1;
      if (bytes.length > maxLine) {
        errors.push({
          line: i + 1,
          name: 'LimitError',
          message: `Line ${i + 1} is longer than ${maxLine} bytes`,
        });
      } else if (/[^ \t\r]/.test(one)) {
        try {
          values.push(read(bytes));
        } catch (error) {
          const { offset: within, message, name: kind } = error as Told;
          if (within === undefined) errors.push({ line: i + 1, name: kind, message });
          else
            errors.push({
              line: i + 1,
              offset: at + within,
              column: within + 1,
              name: kind,
              message: message.replace(
                / at offset.*/,
                ` at offset ${at + within} (line ${i + 1} column ${within + 1})`,
              ),
            });
        }
      }
    });
    return { values, errors };
  }

  const told = (error: Error): Told => {
    const { line: at, offset, column, message, name: kind } = error as Told;
    return offset === undefined
      ? { line: at as number, name: kind, message }
      : { line: at as number, offset, column: column as number, name: kind, message };
  };

  test('many at once are as one by one: values, errors, lines, order', () => {
    const decoder = json.decoder(schema as never);
    fc.assert(
      fc.property(
        fc.array(text, { minLength: 30, maxLength: 150 }),
        fc.integer({ min: 1, max: 20000 }),
        (texts, size) => {
          const bytes = Buffer.from(texts.join('\n'));
          const chunks: Buffer[] = [];
          for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
          const maxLineBytes = 250;
          const ways: [string, Json.LinesOptions, (one: Buffer) => unknown, (got: unknown) => unknown][] = [
            ['value', {}, (one) => json.parse(one), (got) => got],
            ['decoder', { decoder }, (one) => decoder(one), (got) => got],
            [
              'document',
              { as: 'document' },
              (one) => json.parse(one),
              (got) => (got as Json.JsonDocument).root.toJS(),
            ],
          ];
          for (const [label, options, read, shown] of ways) {
            const want = expected(texts, read, maxLineBytes);
            for (const input of [bytes, chunks]) {
              const errors: Told[] = [];
              const values = [
                ...json.linesSync(input, {
                  ...options,
                  maxLineBytes,
                  onError: (error) => errors.push(told(error)),
                }),
              ].map(shown);
              assertSame(values, want.values, label);
              assert.deepStrictEqual(errors, want.errors, label);
            }
          }
        },
      ),
      { numRuns: Number(process.env.LINES_RUNS ?? 12) },
    );
  });

  test('a text with a decoder: offsets are those of the text', () => {
    const decoder = json.decoder(schema as never);
    const errors: Told[] = [];
    const values = [
      ...json.linesSync('{"id":1,"s":"é€"}\n{"é":1,x}\n{"id":"é"}\n{"id":2}', {
        decoder,
        onError: (error) => errors.push(told(error)),
      }),
    ];
    assertSame(values, [{ id: 1, s: 'é€' }, { id: 2 }], 'values');
    assert.deepStrictEqual(
      errors.map(({ line: at, offset }) => [at, offset]),
      [
        [2, 25],
        [3, undefined],
      ],
    );
  });

  test('a decoder of another make, and one whose parse was replaced, are asked line by line', () => {
    const seen: string[] = [];
    const parse = (bytes: Uint8Array) => {
      seen.push(Buffer.from(bytes).toString());
      return seen.length;
    };
    const input = Buffer.from('[1]\n'.repeat(1000));
    assertSame([...json.linesSync(input, { decoder: { parse } })].length, 1000, 'of another make');
    const changed = Object.assign(json.decoder({ type: 'array' }), { parse });
    assertSame([...json.linesSync(input, { decoder: changed as never })].length, 1000, 'replaced');
    assertSame(seen.length, 2000, 'asked');
  });

  test('checks of a decoder that read lines themselves', () => {
    let depth = 0;
    const inner = json.decoder({ type: 'object', properties: { a: { type: 'string' } } });
    const decoder = json.decoder(
      { type: 'object', properties: { a: { type: 'string', format: 'nested' }, b: { type: 'string' } } },
      {
        formats: {
          nested(value: string) {
            if (depth > 0) return true;
            depth++;
            const lines = Buffer.from(`{"a":"${value} inner"}\n`.repeat(200));
            for (const one of json.linesSync(lines, { decoder: inner }))
              assertSame(one, { a: `${value} inner` }, 'inner');
            for (const one of json.linesSync(lines)) assertSame(one, { a: `${value} inner` }, 'inner value');
            depth--;
            return true;
          },
        },
      },
    );
    const records = Array.from({ length: 100 }, (_, i) => ({ a: `record ${i}`, b: 'ë'.repeat(i) }));
    const input = Buffer.from(records.map((record) => `${JSON.stringify(record)}\n`).join(''));
    assertSame([...json.linesSync(input, { decoder })], records, 'outer');
  });

  test('a large input is read piece by piece', () => {
    const record = JSON.stringify({ id: 1, text: 'x'.repeat(1000) });
    const input = Buffer.from(`${record}\n`.repeat(2000));
    let last = 0;
    for (const options of [{}, { as: 'document' as const }, { decoder: json.decoder(schema as never) }]) {
      const sizes: number[] = [];
      for (const batch of json.linesSync(input, { ...options, batch: true }))
        sizes.push((batch as unknown[]).length);
      assert.ok(Math.max(...sizes) <= 256, `${Math.max(...sizes)}`);
      last = sizes.reduce((sum, size) => sum + size, 0);
      assert.strictEqual(last, 2000);
    }
  });

  test('a line that comes in chunks of a byte costs memory for its bytes only', () => {
    const size = 2_000_000;
    for (const one of [Buffer.from('x'), 'x'] as const) {
      const before = process.memoryUsage();
      let most = 0;
      function* source(): Generator<Buffer | string> {
        const text = typeof one === 'string';
        yield text ? '"' : Buffer.from('"');
        for (let i = 0; i < size; i++) {
          yield one;
          if (i % 250_000 === 0) {
            const now = process.memoryUsage();
            most = Math.max(most, now.heapUsed + now.external - before.heapUsed - before.external);
          }
        }
        yield text ? '"\n' : Buffer.from('"\n');
      }
      assertSame([...json.linesSync(source())], ['x'.repeat(size)], 'the line');
      assert.ok(most < 100e6, `${most}`);
    }
  });

  test('a null among many in a transform', async () => {
    const { pipeline } = require('node:stream/promises') as typeof import('node:stream/promises');
    const texts = Array.from({ length: 500 }, (_, i) => (i % 100 === 50 ? 'null' : `{"i":${i}}`));
    const lines: (number | undefined)[] = [];
    const taken: unknown[] = [];
    await pipeline(
      [Buffer.from(`\n${texts.join('\n')}`)],
      json.lines.transform({ onError: (error) => lines.push(error.line) }),
      async (items: AsyncIterable<unknown>) => {
        for await (const item of items) taken.push(item);
      },
    );
    assertSame(
      taken,
      texts.filter((one) => one !== 'null').map((one) => JSON.parse(one)),
      'values',
    );
    assert.deepStrictEqual(lines, [52, 152, 252, 352, 452]);
  });

  test('calls that do not wait for each other are answered in their order', async () => {
    async function* source(): AsyncGenerator<string> {
      yield '1\n2\n';
      await new Promise((resolve) => setImmediate(resolve));
      yield '3\nx\n4';
    }
    const iterator = json.lines(source());
    const answers = await Promise.allSettled(Array.from({ length: 6 }, () => iterator.next()));
    assert.deepStrictEqual(
      answers.map((answer) => (answer.status === 'fulfilled' ? answer.value : (answer.reason as Told).line)),
      [
        { done: false, value: 1 },
        { done: false, value: 2 },
        { done: false, value: 3 },
        4,
        { done: true, value: undefined },
        { done: true, value: undefined },
      ],
    );
    assert.strictEqual(iterator[Symbol.asyncIterator](), iterator);
  });

  test('a source whose iterator is not what it should be', async () => {
    const withNext = (next: () => unknown) =>
      ({ [Symbol.asyncIterator]: () => ({ next }) }) as AsyncIterable<string>;
    // no promise, but an answer
    const chunks = ['1\n2', '3\n'];
    const plain = json.lines(
      withNext(() => {
        const value = chunks.shift();
        return { done: value === undefined, value };
      }),
    );
    const read: unknown[] = [];
    for await (const value of plain) read.push(value);
    assert.deepStrictEqual(read, [1, 23]);
    // no answer, a promise of none, an error at once
    const mine = new Error('mine');
    for (const next of [
      () => undefined,
      async () => undefined,
      () => {
        throw mine;
      },
      () => Promise.reject(mine),
    ]) {
      const values = json.lines(withNext(next));
      const [first, second] = await Promise.allSettled([values.next(), values.next()]);
      assert.strictEqual(first.status, 'rejected');
      assert.ok(first.reason === mine || first.reason instanceof TypeError, String(first.reason));
      assert.deepStrictEqual(second, { status: 'fulfilled', value: { done: true, value: undefined } });
      assert.deepStrictEqual(await values.next(), { done: true, value: undefined });
    }
  });

  test('calls one at a time and several at once, mixed: each is answered once, and in order', async () => {
    async function* source(): AsyncGenerator<string> {
      for (let i = 0; i < 20; i++) {
        if (i % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
        yield `${i}\n`;
      }
    }
    const values = json.lines<number>(source());
    const answers: (number | undefined)[] = [];
    const ask = async () => void answers.push((await values.next()).value);
    for (let round = 0; answers.length < 25; round++)
      await Promise.all(Array.from({ length: 1 + (round % 4) }, ask));
    assert.deepStrictEqual(
      answers.slice(0, 20),
      Array.from({ length: 20 }, (_, i) => i),
    );
    assert.ok(answers.slice(20).every((answer) => answer === undefined));
  });

  test('an onError that asks for the next value itself: each is given once, and none is lost', async () => {
    const text = '1\n2\nbad\n3\n4\nbad\n5\n';
    const many = `${Array.from({ length: 700 }, (_, i) => i).join('\n')}\nbad\n${text}`;
    async function* pieces(whole: string): AsyncGenerator<Buffer> {
      for (let at = 0; at < whole.length; at += 5) yield Buffer.from(whole.slice(at, at + 5));
    }
    for (const whole of [text, many, `bad\n${text}`]) {
      for (const input of [whole, Buffer.from(whole), [whole], pieces(whole)]) {
        const asked: Promise<IteratorResult<unknown>>[] = [];
        const values: unknown[] = [];
        const iterator = json.lines(input as never, {
          onError: () => void asked.push(iterator.next(), iterator.next()),
        }) as AsyncIterableIterator<unknown>;
        for await (const value of iterator) values.push(value);
        for (const { done, value } of await Promise.all(asked)) if (done !== true) values.push(value);
        assert.deepStrictEqual(
          (values as number[]).sort((a, b) => a - b),
          (whole.match(/\d+/g) as string[]).map(Number).sort((a, b) => a - b),
        );
      }
    }
  });

  test('return() and throw() stop the source, also while a value is awaited', async () => {
    const { Readable } = require('node:stream') as typeof import('node:stream');
    const body = new Readable({ read() {} });
    const iterator = json.lines<number>(body);
    body.push('1\n');
    assert.deepStrictEqual(await iterator.next(), { done: false, value: 1 });
    const waiting = iterator.next();
    assert.deepStrictEqual(await iterator.return?.(7), { done: true, value: 7 });
    assert.deepStrictEqual(await waiting, { done: true, value: undefined });
    assert.strictEqual(body.destroyed, true);
    assert.deepStrictEqual(await iterator.next(), { done: true, value: undefined });
    let cleaned = false;
    async function* source(): AsyncGenerator<string> {
      try {
        yield '1\n2\n';
      } finally {
        await new Promise((resolve) => setTimeout(resolve, 5));
        cleaned = true;
      }
    }
    const other = json.lines(source());
    await other.next();
    const mine = new Error('mine');
    await assert.rejects(other.throw?.(mine) as Promise<unknown>, (error) => error === mine);
    assert.strictEqual(cleaned, true);
    assert.deepStrictEqual(await other.next(), { done: true, value: undefined });
    const unused = json.lines(source());
    assert.deepStrictEqual(await unused.return?.(), { done: true, value: undefined });
    assert.deepStrictEqual(await unused.next(), { done: true, value: undefined });
  });

  test('an abort between two values, and one before the first', async () => {
    const { Readable } = require('node:stream') as typeof import('node:stream');
    const control = new AbortController();
    const reason = new Error('enough');
    const body = Readable.from(['1\n2\n3\n']);
    const iterator = json.lines(body, { signal: control.signal });
    assert.deepStrictEqual(await iterator.next(), { done: false, value: 1 });
    control.abort(reason);
    await assert.rejects(iterator.next(), (error) => error === reason);
    assert.strictEqual(body.destroyed, true);
    assert.deepStrictEqual(await iterator.next(), { done: true, value: undefined });
    const late = Readable.from(['1\n']);
    await assert.rejects(json.lines(late, { signal: control.signal }).next(), (error) => error === reason);
    assert.strictEqual(late.destroyed, true);
    await assert.rejects(json.lines(3 as never).next(), { argument: 'input' });
  });

  return test;
}
