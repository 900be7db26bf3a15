// read, lines, linesSync, lines.transform: chunks cut anywhere, policies, limits, aborting.

import * as assert from 'node:assert';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ReadableStream } from 'node:stream/web';
import { suite, type Test } from 'uvu';
import type * as Json from '../../../lib/json';
import { assertSame } from '../same';

async function collect(iterable: AsyncIterable<unknown>): Promise<unknown[]> {
  const result: unknown[] = [];
  for await (const item of iterable) result.push(item);
  return result;
}

function cut(bytes: Buffer, size: number): Buffer[] {
  const result: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) result.push(bytes.subarray(at, at + size));
  return result;
}

async function* slowly<T>(items: readonly T[]): AsyncGenerator<T> {
  for (const item of items) {
    await new Promise((resolve) => setImmediate(resolve));
    yield item;
  }
}

/** Never gives anything; knows whether it was stopped. */
function silent(): { body: Readable; stream: ReadableStream; stopped: () => boolean } {
  let cancelled = false;
  const body = new Readable({ read() {} });
  const stream = new ReadableStream({
    cancel() {
      cancelled = true;
    },
  });
  return { body, stream, stopped: () => body.destroyed || cancelled };
}

export function streamsSuite(name: string, json: typeof Json): Test {
  const test = suite(`${name}: streams`);
  const value = { é: [1, '€', { x: '😀'.repeat(50) }], n: null };
  const whole = Buffer.from(JSON.stringify(value));
  const records = Array.from({ length: 50 }, (_, i) => ({ i, s: 'é€😀'.slice(0, i % 5), list: [i, null] }));
  const ndjson = Buffer.from(`${records.map((record) => JSON.stringify(record)).join('\n')}\n`);

  test('read: every kind of body, cut at every place', async () => {
    for (let size = 1; size < 40; size++) {
      assertSame(await json.read(Readable.from(cut(whole, size))), value, `Readable by ${size}`);
      assertSame(await json.read(slowly(cut(whole, size))), value, `async iterable by ${size}`);
      assertSame(await json.read(cut(whole, size)), value, `iterable by ${size}`);
      assertSame(await json.read(ReadableStream.from(cut(whole, size))), value, `web stream by ${size}`);
    }
    assertSame(await json.read(new Response(whole) as unknown as Json.ResponseLike), value, 'Response');
    assertSame(await json.read(['[1,', '"é', '€"]']), [1, 'é€'], 'strings');
    const encoded = Readable.from(cut(whole, 3), { objectMode: false });
    encoded.setEncoding('utf8');
    assertSame(await json.read(encoded), value, 'with an encoding');
  });

  test('read: strings by a decoder', async () => {
    const decoder = json.decoder({ type: 'object', properties: { a: { type: 'string' } } });
    await assert.rejects(json.read(['{"a":"€', '€"x}'], { decoder }), {
      code: 'ERR_TAILRACE_JSON_SYNTAX',
      offset: 9,
      column: 10,
    });
    assertSame(await json.read(['{"a":"\ud800', '"}'], { decoder }), { a: '\ud800' }, 'half of a pair');
    const other = { parse: (bytes: Uint8Array) => Buffer.from(bytes).toString('hex') };
    assertSame(await json.read(['"€', '"'], { decoder: other }), '22e282ac22', 'bytes for all others');
  });

  test('read: errors', async () => {
    await assert.rejects(json.read(['[1,', '2,x]']), { code: 'ERR_TAILRACE_JSON_SYNTAX', offset: 5 });
    await assert.rejects(json.read([]), { code: 'ERR_TAILRACE_JSON_SYNTAX', offset: 0 });
    await assert.rejects(json.read(new Response(null) as unknown as Json.ResponseLike), { offset: 0 });
    await assert.rejects(json.read([Buffer.from('[1]')], { maxDepth: 0 }), {
      code: 'ERR_TAILRACE_JSON_DEPTH',
    });
    await assert.rejects(json.read([Buffer.from([0x22, 0xff]), Buffer.from('"')], { utf8: 'error' }), {
      code: 'ERR_TAILRACE_JSON_UTF8',
      offset: 1,
    });
    await assert.rejects(json.read(['[1', Buffer.from(']')]), { argument: 'chunk' });
    await assert.rejects(json.read([3 as never]), { argument: 'chunk' });
    for (const body of [undefined, null, 3, {}, '[1]', Buffer.from('[1]')])
      await assert.rejects(json.read(body as never), { argument: 'body' });
    for (const limit of [0, -1, 1.5, '3', Number.NaN])
      await assert.rejects(json.read([], { limit: limit as number }), { argument: 'limit' });
    await assert.rejects(json.read([], { signal: {} as AbortSignal }), { argument: 'signal' });
    await assert.rejects(json.read([], { limits: 1 } as never), { argument: 'limits' });
    const mine = new Error('mine');
    await assert.rejects(
      json.read(
        new Readable({
          read() {
            this.destroy(mine);
          },
        }),
      ),
      (error) => error === mine,
    );
  });

  test('read: the limit stops the source', async () => {
    const body = Readable.from(cut(whole, 10));
    await assert.rejects(json.read(body, { limit: 25 }), { code: 'ERR_TAILRACE_LIMIT' });
    assert.strictEqual(body.destroyed, true);
    assertSame(await json.read(cut(whole, 10), { limit: whole.length }), value, 'exactly');
    let returned = false;
    const endless = {
      *[Symbol.iterator]() {
        try {
          for (;;) yield Buffer.alloc(1000, ' ');
        } finally {
          returned = true;
        }
      },
    };
    await assert.rejects(json.read(endless, { limit: 100_000 }), { code: 'ERR_TAILRACE_LIMIT' });
    assert.strictEqual(returned, true);
  });

  test('abort: before, while waiting, with the reason, and the source is stopped', async () => {
    const reason = new Error('enough');
    await assert.rejects(
      json.read(['1'], { signal: AbortSignal.abort(reason) }),
      (error) => error === reason,
    );
    for (const kind of ['body', 'stream'] as const) {
      for (const use of [
        (input: Json.JsonStream, signal: AbortSignal) => json.read(input, { signal }),
        (input: Json.JsonStream, signal: AbortSignal) => collect(json.lines(input, { signal })),
      ]) {
        const early = silent();
        await assert.rejects(use(early[kind], AbortSignal.abort(reason)), (error) => error === reason);
        assert.strictEqual(early.stopped(), true, `${kind} before`);
        const source = silent();
        const control = new AbortController();
        const promise = use(source[kind], control.signal);
        setImmediate(() => control.abort(reason));
        await assert.rejects(promise, (error) => error === reason);
        await new Promise((resolve) => setImmediate(resolve));
        assert.strictEqual(source.stopped(), true, kind);
      }
    }
  });

  test('lines: cut at every place, of every kind', async () => {
    for (let size = 1; size < 70; size += size < 12 ? 1 : 13) {
      assertSame(await collect(json.lines(Readable.from(cut(ndjson, size)))), records, `Readable by ${size}`);
      assertSame(
        await collect(json.lines(ReadableStream.from(cut(ndjson, size)))),
        records,
        `web by ${size}`,
      );
      assertSame([...json.linesSync(cut(ndjson, size))], records, `iterable by ${size}`);
      const text = ndjson.toString();
      const strings = Array.from({ length: Math.ceil(text.length / size) }, (_, i) =>
        text.slice(i * size, (i + 1) * size),
      );
      assertSame([...json.linesSync(strings)], records, `strings by ${size}`);
    }
    assertSame(await collect(json.lines(ndjson)), records, 'bytes');
    assertSame([...json.linesSync(ndjson)], records, 'bytes, sync');
    assertSame([...json.linesSync(ndjson.toString())], records, 'string');
    assertSame([...json.linesSync(ndjson.subarray(0, ndjson.length - 1))], records, 'no last newline');
    assertSame([...json.linesSync('1\r\n\r\n \t\n[2]\n\n"3"')], [1, [2], '3'], 'blank lines, CRLF');
    assertSame([...json.linesSync('')], [], 'nothing');
    assertSame([...json.linesSync('null\n0\nfalse\n""')], [null, 0, false, ''], 'falsy');
    assertSame([...json.linesSync('"\u2028"\n1')], ['\u2028', 1], 'only \\n ends a line');
  });

  test('lines: a chunk may be filled again once it was taken', async () => {
    async function* reused(): AsyncGenerator<Buffer> {
      const memory = Buffer.alloc(7);
      for (const piece of cut(ndjson, 7)) {
        piece.copy(memory);
        yield memory.subarray(0, piece.length);
      }
    }
    assertSame(await collect(json.lines(reused())), records, 'values');
    const documents = (await collect(json.lines(reused(), { as: 'document' }))) as Json.JsonDocument[];
    assertSame(
      documents.map((document) => document.root.toJS()),
      records,
      'documents',
    );
  });

  test('lines: batches', async () => {
    const batches = [...json.linesSync(cut(ndjson, 200), { batch: true })] as unknown[][];
    assert.ok(batches.length > 1 && batches.every((batch) => batch.length > 0));
    assertSame(batches.flat(), records, 'sync');
    assertSame((await collect(json.lines(cut(ndjson, 200), { batch: true }))).flat(), records, 'async');
  });

  test('lines: policies for bad lines', async () => {
    const bad = '{"a":1}\nno\n{"a":2}\n\n[1,\n{"a":3}';
    const good = [{ a: 1 }, { a: 2 }, { a: 3 }];
    for (const input of [bad, Buffer.from(bad), cut(Buffer.from(bad), 3)]) {
      assertSame([...json.linesSync(input, { onError: 'skip' })], good, 'skip');
      const seen: unknown[] = [];
      const onError = (error: Error) => {
        const { offset, line, column, message } = error as Json.JsonSyntaxError;
        seen.push([offset, line, column, message]);
      };
      assertSame(await collect(json.lines(input, { onError })), good, 'function');
      assert.deepStrictEqual(seen, [
        [9, 2, 2, "Unexpected 'o' in JSON at offset 9 (line 2 column 2)"],
        [23, 5, 4, 'Unexpected end of JSON input at offset 23 (line 5 column 4)'],
      ]);
      const taken: unknown[] = [];
      assert.throws(
        () => {
          for (const item of json.linesSync(input)) taken.push(item);
        },
        { code: 'ERR_TAILRACE_JSON_SYNTAX', line: 2, offset: 9 },
      );
      assertSame(taken, [{ a: 1 }], 'what stands before');
      const iterator = json.lines(input);
      assertSame((await iterator.next()).value, { a: 1 }, 'the first');
      await assert.rejects(iterator.next(), { line: 2 });
    }
    const mine = new Error('mine');
    assert.throws(
      () => [
        ...json.linesSync(bad, {
          onError() {
            throw mine;
          },
        }),
      ],
      (error) => error === mine,
    );
    assertSame([...json.linesSync('[[1]]\n[1]', { onError: 'skip', maxDepth: 1 })], [[1]], 'options');
    assertSame(
      [...json.linesSync('12345678901234567890', { integers: 'bigint' })],
      [12345678901234567890n],
      'bigint',
    );
  });

  test('lines: one that is too long is refused without being kept', () => {
    const input = Buffer.from(`1\n"${'x'.repeat(5000)}"\n2\n${'9'.repeat(100)}\n3`);
    for (const size of [1, 7, 64, 100_000]) {
      const lines: unknown[] = [];
      const onError = (error: Error) => lines.push(error.message);
      assertSame(
        [...json.linesSync(cut(input, size), { maxLineBytes: 50, onError })],
        [1, 2, 3],
        `by ${size}`,
      );
      assert.deepStrictEqual(lines, ['Line 2 is longer than 50 bytes', 'Line 4 is longer than 50 bytes']);
      assert.throws(() => [...json.linesSync(cut(input, size), { maxLineBytes: 50 })], {
        code: 'ERR_TAILRACE_LIMIT',
      });
    }
    const endless = {
      *[Symbol.iterator]() {
        for (;;) yield Buffer.alloc(1 << 16, '[');
      },
    };
    assert.throws(() => [...json.linesSync(endless)], { code: 'ERR_TAILRACE_LIMIT' });
  });

  test('lines: leaving early stops the source; the source is asked for no more than is taken', async () => {
    let asked = 0;
    let stopped = false;
    async function* source(): AsyncGenerator<string> {
      try {
        for (;;) yield `${asked++}\n`;
      } finally {
        stopped = true;
      }
    }
    const taken: unknown[] = [];
    for await (const item of json.lines(source())) {
      taken.push(item);
      if (taken.length === 3) break;
    }
    assertSame(taken, [0, 1, 2], 'taken');
    assert.strictEqual(stopped, true);
    assert.strictEqual(asked, 3);
  });

  test('a stream of the web is unlocked when it has ended, or is left', async () => {
    const web = () => ReadableStream.from([Buffer.from('1\n2\n'), Buffer.from('3\n')]);
    const whole = web();
    await collect(json.lines(whole));
    const left = web();
    for await (const _ of json.lines(left)) break;
    const read = ReadableStream.from([Buffer.from('[1]')]);
    await json.read(read);
    const limited = web();
    await assert.rejects(json.read(limited, { limit: 1 }), { code: 'ERR_TAILRACE_LIMIT' });
    const { stream: waiting } = silent();
    const controller = new AbortController();
    setImmediate(() => controller.abort(new Error('enough')));
    await assert.rejects(json.read(waiting, { signal: controller.signal }), /enough/);
    for (const stream of [whole, left, read, limited, waiting]) assert.strictEqual(stream.locked, false);
  });

  test('lines.transform of strings that are cut inside a character', async () => {
    const written = async (...chunks: [unknown, BufferEncoding?][]) => {
      const stream = json.lines.transform({ batch: true });
      for (const [chunk, encoding] of chunks) stream.write(chunk, encoding ?? 'utf8');
      stream.end();
      return ((await stream.toArray()) as unknown[][]).flat();
    };
    assert.deepStrictEqual(await written(['"\ud83d'], ['\ude00"\n"\ud83d\ude00\ud83d'], ['\ude00"']), [
      '😀',
      '😀😀',
    ]);
    assert.deepStrictEqual(await written(['"\ud83d'], ['\ud83d'], ['"']), ['\ufffd\ufffd']);
    assert.deepStrictEqual(await written(['"\ud83d'], [Buffer.from('x"')]), ['\ufffdx']);
    assert.deepStrictEqual(await written(['"\ud83d'], ['e922', 'hex']), ['\ufffd\ufffd']);
    await assert.rejects(written(['"a"\n"\ud83d']), { name: 'JsonSyntaxError', line: 2, offset: 8 });
  });

  test('lines.transform in a pipeline', async () => {
    const taken: unknown[] = [];
    const sink = async (items: AsyncIterable<unknown>) => {
      for await (const item of items) taken.push(item);
    };
    await pipeline(Readable.from(cut(ndjson, 33)), json.lines.transform(), sink);
    assertSame(taken, records, 'values');
    taken.length = 0;
    await pipeline(Readable.from(['1\nnull\n0\nx\n2']), json.lines.transform({ onError: 'skip' }), sink);
    assertSame(taken, [1, 0, 2], 'null and x are left out');
    taken.length = 0;
    await pipeline(Readable.from(['1\nnull\n2\n']), json.lines.transform({ batch: true }), sink);
    assertSame(taken.flat(), [1, null, 2], 'a batch carries null');
    await assert.rejects(pipeline(Readable.from(['1\n', '{\n']), json.lines.transform(), sink), {
      code: 'ERR_TAILRACE_JSON_SYNTAX',
      line: 2,
    });
    await assert.rejects(pipeline(Readable.from(['null\n']), json.lines.transform(), sink), TypeError);
    const control = new AbortController();
    const stuck = pipeline(silent().body, json.lines.transform({ signal: control.signal }), sink);
    setImmediate(() => control.abort());
    await assert.rejects(stuck, { name: 'AbortError' });
    const reason = new Error('enough');
    const late = new AbortController();
    const ended = pipeline(silent().body, json.lines.transform({ signal: late.signal }), sink);
    setImmediate(() => late.abort(reason));
    await assert.rejects(ended, (error) => error === reason);
    const never = json.lines.transform({ signal: AbortSignal.abort(reason) });
    await assert.rejects(pipeline(['1\n'], never, sink), (error) => error === reason);
    const without = json.lines.transform({ signal: AbortSignal.abort(null) });
    await assert.rejects(pipeline(['1\n'], without, sink), { name: 'AbortError' });
    taken.length = 0;
    await pipeline(['1\n2'], json.lines.transform({ signal: new AbortController().signal }), sink);
    assertSame(taken, [1, 2], 'no abort');
  });

  test('a source that cannot be stopped: what ended the reading is told', async () => {
    const reason = new Error('enough');
    for (const kind of [Symbol.iterator, Symbol.asyncIterator]) {
      const body = {
        [kind]: () => ({
          next: () => ({ done: false, value: '1\n' }),
          return() {
            throw new Error('it cannot');
          },
        }),
      } as unknown as Json.JsonStream;
      const signal = AbortSignal.abort(reason);
      await assert.rejects(json.read(body, { signal }), (error) => error === reason);
      await assert.rejects(collect(json.lines(body, { signal })), (error) => error === reason);
    }
  });

  test('wrong options', async () => {
    const wrong: [object, string][] = [
      [{ onError: 'ignore' }, 'onError'],
      [{ as: 'text' }, 'as'],
      [{ batch: 1 }, 'batch'],
      [{ maxLineBytes: 0 }, 'maxLineBytes'],
      [{ signal: 1 }, 'signal'],
      [{ utf8: 1 }, 'utf8'],
      [{ limit: 1 }, 'limit'],
    ];
    for (const [options, argument] of wrong) {
      for (const use of [
        () => json.linesSync('1', options),
        () => json.lines('1', options),
        () => json.lines.transform(options),
      ])
        assert.throws(use, { argument });
    }
    for (const none of [undefined, null as never]) {
      const stream = json.lines.transform(none);
      stream.end('1\n');
      assertSame(await collect(stream), [1], 'no options');
      assertSame([...json.linesSync('1', none)], [1], 'no options');
    }
    assert.throws(() => json.linesSync('1', { signal: new AbortController().signal }), {
      argument: 'signal',
    });
    assert.throws(() => json.linesSync(slowly(['1']) as never), { argument: 'input' });
    assert.throws(() => [...json.linesSync([1 as never])], { argument: 'chunk' });
    assert.throws(() => [...json.linesSync(['1', Buffer.from('2')])], { argument: 'chunk' });
  });

  test('options for parsing beside a decoder are refused: it would not know of them', async () => {
    const decoder = json.decoder({ type: 'object' });
    for (const rule of [
      { protoAction: 'error' },
      { constructorAction: 'remove' },
      { duplicateKeys: 'error' },
      { utf8: 'error' },
      { maxDepth: 9 },
      { integers: 'bigint' },
      { strings: 'flat' },
    ] as Json.ParseOptions[]) {
      const wrong = { code: 'ERR_TAILRACE_INVALID_ARG', argument: 'decoder' };
      const options = { decoder, ...rule };
      assert.throws(() => json.linesSync('{}', options), wrong);
      assert.throws(() => json.lines('{}', options), wrong);
      assert.throws(() => json.lines.transform(options), wrong);
      await assert.rejects(json.read(['{}'], options), wrong);
    }
    const plain = { decoder, utf8: 'replace', maxDepth: Infinity } as const;
    assertSame([...json.linesSync('{}', plain)], [{}], 'lines');
    assertSame(await json.read(['{}'], plain), {}, 'read');
  });

  return test;
}
