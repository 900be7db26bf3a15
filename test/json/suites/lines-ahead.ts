// Chunks of many pieces, which the core decodes ahead on free Ps: the same values, errors and order whatever the number of Ps, and
// what stands in the chunk when a line is read, whatever became of the chunk since it was handed over.

import * as assert from 'node:assert';
import { suite, type Test } from 'uvu';
import type * as Json from '../../../lib/json';
import * as sched from '../../../lib/sched';
import { seeded } from '../../support/seeded';

interface Row {
  id: number;
  s: string;
  n: number;
  list: (string | number)[];
}

const schema = {
  type: 'object',
  properties: {
    id: { type: 'integer', minimum: 0 },
    s: { type: 'string' },
    n: { type: 'number' },
    list: { type: 'array', items: { type: ['string', 'number'] } },
  },
  required: ['id'],
} as const;

const seed = Number(process.env.TAILRACE_TEST_SEED ?? Date.now() % 0x7fffffff);

/** A megabyte or so of lines; every `bad`th is at fault. */
function chunkOf(
  random: () => number,
  bad: number,
): { bytes: Buffer; rows: Row[]; faults: number[]; texts: string[] } {
  const rows: Row[] = [];
  const faults: number[] = [];
  const texts: string[] = [];
  for (let size = 0, line = 1; size < 1.2e6; line++) {
    let text: string;
    if (bad > 0 && Math.floor(random() * bad) === 0) {
      text = ['{"id":-1}', '{"id":1', '[1],[2]', '{"id":"x"}'][Math.floor(random() * 4)] as string;
      faults.push(line);
    } else if (random() < 0.01) {
      text = ' \t';
    } else {
      const row: Row = {
        id: line,
        s: (random() < 0.1 ? '日本€' : 'plain text').repeat(1 + random() * 20),
        n: random() < 0.5 ? Math.floor(random() * 1e6) : random(),
        list: Array.from({ length: random() * 30 }, (_, i) => (random() < 0.3 ? `item ${i}` : i / 8)),
      };
      rows.push(row);
      text = JSON.stringify({ ...row, more: { skipped: [row.id, row.s] } });
    }
    texts.push(text);
    size += text.length + 1;
  }
  return { bytes: Buffer.from(`${texts.join('\n')}\n`), rows, faults, texts };
}

export function linesAheadSuite(name: string, json: typeof Json): Test {
  const test = suite(`${name}: lines ahead`);
  const repeat = `TAILRACE_TEST_SEED=${seed}`;
  const decoder = json.decoder(schema as never);
  const before = sched.procs();
  let turn = 0;
  // A core that found no P free asks again when there are others.
  test.before.each(() => {
    sched.procs(4 + (turn++ % 2));
  });
  test.after(() => {
    sched.procs(before);
  });

  for (const procs of [1, 2, 4]) {
    for (const bad of [0, 2000, 40]) {
      test(`${procs} Ps, ${bad === 0 ? 'no line' : `one line of ${bad}`} at fault`, () => {
        sched.procs(procs);
        const { bytes, rows, faults } = chunkOf(seeded(seed + bad), bad);
        for (let round = 0; round < 3; round++) {
          const seen: number[] = [];
          const onError = (error: Json.LineError) => seen.push(error.line as number);
          assert.deepStrictEqual([...json.linesSync<Row>(bytes, { decoder, onError })], rows, repeat);
          assert.deepStrictEqual(seen, faults, repeat);
        }
      });
    }
  }

  for (const procs of [1, 4]) {
    test(`${procs} Ps, plain values, some lines no JSON`, () => {
      sched.procs(procs);
      const { bytes, texts } = chunkOf(seeded(seed + 6), 60);
      const want: unknown[] = [];
      const wrong: number[] = [];
      texts.forEach((text, i) => {
        if (text.trim() === '') return;
        try {
          want.push(JSON.parse(text));
        } catch {
          wrong.push(i + 1);
        }
      });
      for (let round = 0; round < 2; round++) {
        const seen: number[] = [];
        const onError = (error: Json.LineError) => seen.push(error.line as number);
        assert.deepStrictEqual([...json.linesSync(bytes, { onError })], want, repeat);
        assert.deepStrictEqual(seen, wrong, repeat);
      }
    });
  }

  test('what stands in the chunk when it is read counts, not what stood there', () => {
    const { bytes, rows } = chunkOf(seeded(seed + 1), 0);
    for (let round = 0; round < 10; round++) {
      const chunk = Buffer.from(bytes);
      let changed = 0;
      const got: Row[] = [];
      for (const batch of json.linesSync<Row>(chunk, { decoder, batch: true })) {
        got.push(...batch);
        if (changed > 0) continue;
        // no line becomes longer or shorter, and of what the decoder reads only `s` changes
        const last = chunk.indexOf(`{"id":${(batch[batch.length - 1] as Row).id},`);
        for (let i = chunk.indexOf('\n', last); i < chunk.length; i++) if (chunk[i] === 0x70) chunk[i] = 0x50;
        changed = got.length;
      }
      const want = rows.map((row, i) => (i < changed ? row : { ...row, s: row.s.replaceAll('p', 'P') }));
      assert.ok(changed > 0 && changed < rows.length, repeat);
      assert.deepStrictEqual(got, want, repeat);
    }
  });

  test('two readers in turn, two decoders, and readers that are left', () => {
    const a = chunkOf(seeded(seed + 3), 0);
    const b = chunkOf(seeded(seed + 4), 500);
    const ids = json.decoder({
      type: 'object',
      properties: { id: { type: 'integer', minimum: 0 } },
      required: ['id'],
    } as never);
    const readers = [
      {
        values: json.linesSync(a.bytes, { decoder, batch: true }),
        want: a.rows as unknown[],
        got: [] as unknown[],
      },
      {
        values: json.linesSync(b.bytes, { decoder, batch: true, onError: 'skip' }),
        want: b.rows,
        got: [] as unknown[],
      },
      {
        values: json.linesSync(a.bytes, { decoder: ids as never, batch: true }),
        want: a.rows.map(({ id }) => ({ id })),
        got: [] as unknown[],
      },
    ];
    for (let open = readers.length; open > 0; ) {
      open = 0;
      for (const { values, got } of readers) {
        const next = values.next();
        if (next.done === true) continue;
        open++;
        got.push(...(next.value as unknown[]));
        for (const _ of json.linesSync(b.bytes, { decoder, batch: true, onError: 'skip' })) break;
      }
    }
    for (const { want, got } of readers) assert.deepStrictEqual(got, want, repeat);
  });

  test('a chunk that is detached while it is read is an error, not the end', () => {
    const { bytes, rows } = chunkOf(seeded(seed + 5), 0);
    const own = new Uint8Array(bytes);
    const got: Row[] = [];
    assert.throws(
      () => {
        for (const batch of json.linesSync<Row>(own, { decoder, batch: true })) {
          got.push(...batch);
          if (own.length > 0) structuredClone(own.buffer, { transfer: [own.buffer] });
        }
      },
      { code: 'ERR_TAILRACE_INVALID_ARG', message: /chunk/ },
    );
    assert.deepStrictEqual(got, rows.slice(0, got.length), repeat);
  });

  return test;
}
