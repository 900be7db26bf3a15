// Documents that other threads open, and documents opened by other threads: handles that are old, forged or damaged, sharers that
// are gone, inputs that change meanwhile. And documents of any kind against JSON.parse.

import * as assert from 'node:assert';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import * as fc from 'fast-check';
import { suite, type Test } from 'uvu';
import type * as Json from '../../../lib/json';
import { assertSame } from '../same';

const kStale = { code: 'ERR_TAILRACE_STALE_HANDLE' };
const kJson = JSON.stringify(join(__dirname, '../../../lib/json'));

/** What became of it, as far as both ways of opening must agree. */
async function outcome(run: () => Json.JsonDocument | Promise<Json.JsonDocument>): Promise<unknown> {
  try {
    return { value: (await run()).root.toJS() };
  } catch (error) {
    const { code, offset, line, column, message } = error as Json.JsonSyntaxError;
    return { code, offset, line, column, message };
  }
}

export function sharedSuite(name: string, json: typeof Json): Test {
  const test = suite(`${name}: shared documents`);

  test('a handle may be opened by many, and no more once its document was closed', () => {
    const document = json.open('{"a":[1,"é",{"b":2}],"s":"x"}');
    const handle = document.share();
    assert.strictEqual(document.share().buffer, handle.buffer);
    const [first, second] = [json.openShared(handle), json.openShared(structuredClone(handle))];
    first.close();
    assert.throws(() => first.root, { code: 'ERR_TAILRACE_CLOSED' });
    assert.strictEqual(second.get('/a/2/b'), 2);
    document.close();
    assertSame(second.root.toJS(), { a: [1, 'é', { b: 2 }], s: 'x' }, 'kept');
    assert.throws(() => json.openShared(handle), kStale);
    const kept = json.open('[1]', { protoAction: 'remove', integers: 'bigint' }).share();
    assert.deepStrictEqual(json.openShared(kept).get('/0'), 1);
  });

  test('what is no handle is a named error', () => {
    const handle = json.open('[1]').share();
    for (const wrong of [undefined, null, 1, {}, 'x', { ...handle, kind: 'x' }, handle.buffer])
      assert.throws(() => json.openShared(wrong as never), { argument: 'handle' });
    for (const buffer of [
      undefined,
      {},
      new ArrayBuffer(400),
      new SharedArrayBuffer(4),
      new SharedArrayBuffer(400),
    ])
      assert.throws(() => json.openShared({ ...handle, buffer } as never), kStale);
    assert.throws(() => json.openShared({ ...handle, options: { maxDeep: 1 } } as never), {
      argument: 'maxDeep',
    });
  });

  test('a handle whose memory was written is refused, whichever word it was', () => {
    const { buffer, ...rest } = json.open('{"a":[1,"é",{"b":2}],"s":"x\\n"}').share();
    const words = new Uint32Array(buffer);
    let tried = 0;
    for (let i = 0; i < words.length - 1; i++) {
      for (const value of [0, 1, 0x7fff_ffff, 0xffff_ffff, 0x8000_0005]) {
        // the head's last word is nobody's
        if (words[i] === value || i === 9) continue;
        const other = new SharedArrayBuffer(buffer.byteLength);
        new Uint32Array(other).set(words);
        new Uint32Array(other)[i] = value;
        assert.throws(() => json.openShared({ ...rest, buffer: other }), kStale, `word ${i} as ${value}`);
        tried++;
      }
    }
    assert.ok(tried > 50);
    for (const bytes of [4, 36, buffer.byteLength - 4]) {
      const shorter = new SharedArrayBuffer(bytes);
      new Uint32Array(shorter).set(words.subarray(0, bytes / 4));
      assert.throws(() => json.openShared({ ...rest, buffer: shorter }), kStale, `${bytes} bytes`);
    }
  });

  test('the thread that shared it has ended', async () => {
    const worker = new Worker(
      `const json = require(${kJson});
       const list = Array.from({ length: 3000 }, (_, i) => ({ i, s: 'é' + i }));
       require('node:worker_threads').parentPort.postMessage(json.open(JSON.stringify({ list })).share());`,
      { eval: true },
    );
    const ended = once(worker, 'exit');
    const [handle] = await once(worker, 'message');
    await ended;
    const document = json.openShared(handle as Json.JsonHandle);
    assert.strictEqual(document.get('/list/2999/s'), 'é2999');
    assert.strictEqual(document.value('/list')?.length, 3000);
  });

  test('openAsync: the same values and the same errors as open', async () => {
    const texts = [
      '',
      ' ',
      '[1,\r\n 2,é]',
      '{"a":\n\n x}',
      '["\u0000"]',
      '[1]',
      '{"é":"€"}',
      '"\ud800"',
      '[[1]',
    ];
    for (const text of texts) {
      for (const input of [text, Buffer.from(text)]) {
        const want = await outcome(() => json.open(input));
        assert.deepStrictEqual(await outcome(() => json.openAsync(input)), want, text);
      }
    }
    const wide = `${' \n'.repeat(100_000)}[${'1,'.repeat(100_000)}`;
    for (const input of [`${wide}x]`, Buffer.from(`${wide}x]`), `${wide}1]`])
      assert.deepStrictEqual(
        await outcome(() => json.openAsync(input, { maxDepth: 1 })),
        await outcome(() => json.open(input, { maxDepth: 1 })),
      );
  });

  test('openAsync: an abort, an input that changes, a thread that ends meanwhile', async () => {
    const large = Buffer.from(`[${'1,'.repeat(1_000_000)}7]`);
    const control = new AbortController();
    const reason = new Error('enough');
    const aborted = json.openAsync(large, { signal: control.signal });
    control.abort(reason);
    await assert.rejects(aborted, (error) => error === reason);
    const opening = json.openAsync(large);
    large.fill(0);
    assert.strictEqual((await opening).get('/1000000'), 7);
    const worker = new Worker(
      `const json = require(${kJson});
       for (let i = 0; i < 4; i++) void json.openAsync('[' + '1,'.repeat(1e6) + '1]');
       require('node:worker_threads').parentPort.postMessage(1);
       setInterval(() => {}, 1000);`,
      { eval: true },
    );
    await once(worker, 'message');
    await worker.terminate();
    assert.strictEqual((await json.openAsync('[5]')).get('/0'), 5);
  });

  test('memory that is written while its document is open: any value or an error, at once', async () => {
    const worker = new Worker(
      `const json = require(${kJson});
       const { inspect } = require('node:util');
       let seed = 1;
       const random = () => ((seed = (seed * 1103515245 + 12345) & 0x7fffffff) >> 8);
       const value = { a: [1, 2, { b: 'x'.repeat(50) }], c: { d: { e: [1.5, [2, [3]]] } },
         z: Array.from({ length: 90 }, (_, i) => ({ i, v: i / 8 })) };
       for (let round = 0; round < 120; round++) {
         const options = round % 3 === 0 ? { integers: 'bigint' } : undefined;
         const own = json.open(JSON.stringify(value), options);
         const handle = own.share();
         const other = json.openShared(handle);
         const bytes = new Uint8Array(handle.buffer).subarray(40);
         if (round < 20) bytes.fill([0, 255, 0x22, 0x7b, 0x5b, 0x31, 0x2e, 0x80][round % 8], round & 8 ? 400 : 0);
         else for (let i = round % 4 ? 15 : bytes.length; i > 0; i--) bytes[random() % bytes.length] = random();
         for (const document of [own, other]) {
           const { root } = document;
           for (const use of [
             () => root.toJS(), () => [...root.keys()], () => root.get('z')?.toJS(), () => root.at(2)?.raw(),
             () => document.get('/a/2/b'), () => document.get('/c/d/e/1/1/0'), () => document.get('/z/70/v'),
             () => root.length, () => root.raw(), () => inspect(document), () => [...root.entries()].length,
           ]) {
             try { use(); } catch {}
           }
         }
         own.close();
       }
       require('node:worker_threads').parentPort.postMessage('done');`,
      { eval: true, resourceLimits: { maxOldGenerationSizeMb: 200 } },
    );
    const late = AbortSignal.timeout(20_000);
    const said = await once(worker, 'message', { signal: late }).catch(() => 'it did not come to an end');
    await worker.terminate();
    assert.deepStrictEqual(said, ['done']);
  });

  test('openAsync in a process that may load no addons and make no threads', () => {
    const script = `const json = require(${kJson});
      const text = JSON.stringify(['x'.repeat(300_000), 7]);
      (async () => {
        console.log((await json.openAsync(text)).get('/1'), (await json.openAsync(Buffer.from(text))).get('/1'));
        await json.openAsync(text + 'x').catch((error) => console.log(error.code, error.offset));
      })();`;
    const flags = process.allowedNodeEnvironmentFlags;
    const permission = flags.has('--permission') ? '--permission' : '--experimental-permission';
    const { TAILRACE_BACKEND: _, ...env } = process.env;
    const run = spawnSync(process.execPath, [permission, '--allow-fs-read=*', '-e', script], {
      encoding: 'utf8',
      env,
    });
    assert.strictEqual(run.stdout, '7 7\nERR_TAILRACE_JSON_SYNTAX 300006\n', run.stderr);
  });

  test('a document outlives the buffer it came from', () => {
    const input = new ArrayBuffer(8);
    new Uint8Array(input).set(Buffer.from('[1,2,3] '));
    const document = json.open(input);
    structuredClone(input, { transfer: [input] });
    assert.strictEqual(document.get('/2'), 3);
    assert.throws(() => json.open(input), { argument: 'input' });
    const shared = new SharedArrayBuffer(3);
    const view = new Uint8Array(shared);
    view.set(Buffer.from('[1]'));
    const copy = json.open(shared);
    view.fill(0);
    assert.strictEqual(copy.get('/0'), 1);
  });

  test('every pointer into any document, as in the value of JSON.parse', () => {
    const key = fc.oneof(
      fc.constantFrom('', '~', '/', '~1', 'a', '0', '01', '-', '__proto__', 'é', '\ud83d'),
      fc.string(),
    );
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { depthSize: 'small' },
        fc.constantFrom(null, true, 0, -0, 1e21, 'x'),
        fc.string({ unit: 'grapheme' }),
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        fc.array(tie('value')),
        fc.dictionary(key, tie('value')),
      ),
    }));
    fc.assert(
      fc.property(value, fc.array(key), fc.integer({ min: 0, max: 3 }), (made, strays, space) => {
        const text = JSON.stringify(made, undefined, space);
        const whole = JSON.parse(text);
        for (const document of [
          json.open(text),
          json.open(Buffer.from(text)),
          json.openShared(json.open(text).share()),
        ]) {
          const walk = (at: unknown, pointer: string, depth: number): void => {
            assertSame(document.get(pointer), at, pointer);
            const lazy = document.value(pointer) as Json.JsonValue;
            assertSame(lazy.toJS(), at, pointer);
            assertSame(JSON.parse(lazy.raw().toString()), at, `raw of ${pointer}`);
            if (typeof at !== 'object' || at === null || depth > 4) return;
            assertSame(
              [...lazy.keys()],
              Array.isArray(at) ? [...at.keys()] : Object.keys(at),
              `keys of ${pointer}`,
            );
            for (const [name, item] of Object.entries(at))
              walk(item, `${pointer}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`, depth + 1);
            for (const stray of strays) {
              const found = Object.hasOwn(at, stray) && !(Array.isArray(at) && stray === 'length');
              const to = `${pointer}/${stray.replaceAll('~', '~0').replaceAll('/', '~1')}`;
              if (!found) assertSame(document.get(to), undefined, to);
            }
          };
          walk(whole, '', 0);
          document.close();
        }
      }),
      { numRuns: Number(process.env.DOCUMENT_RUNS ?? 50) },
    );
  });

  return test;
}
