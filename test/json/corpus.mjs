// Makes the fuzzer's first texts: node test/json/corpus.mjs <folder>. The first byte of each is the fuzz target's mode.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = process.argv[2];
if (!folder) {
  console.error('usage: node test/json/corpus.mjs <folder>');
  process.exit(1);
}
mkdirSync(folder, { recursive: true });

const record = { id: 1, name: 'näme', tags: ['a', 'bc'], at: { x: 1.5, y: -0.25e-3 }, ok: true, none: null };
const texts = [
  '',
  '0',
  '-0',
  '1e999',
  '"x"',
  '[]',
  '{}',
  '[1,2,3]',
  '[1,2.5,"x",123456789012]',
  '{"a":1,"a":2,"2":3,"1":4}',
  '{"__proto__":{"x":1},"constructor":{"prototype":{}}}',
  '["\\u0041\\ud83d\\ude00\\ud800","日本語","\\n\\t\\"\\\\\\/"]',
  '{"\\u0061":1,"a":2}',
  '[[[[[[[[1]]]]]]]]',
  '[1,]',
  '[01]',
  '{"a" 1}',
  '["\\x"]',
  '[tru]',
  '\ufeff[]',
  `["\\u0400","${'['.repeat(1200)}"]`,
  JSON.stringify(Array.from({ length: 20 }, (_, i) => ({ ...record, id: i }))),
  JSON.stringify(
    Array.from({ length: 20 }, (_, i) => ({ ...record, [`key${i}`]: i })),
    null,
    2,
  ),
  JSON.stringify(Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`k${i * 7}`, { v: i }]))),
  JSON.stringify(['\u65e5'.repeat(2) + '\u00e9'.repeat(23) + '\u65e5'.repeat(12)]),
  JSON.stringify({ text: 'x'.repeat(100), wide: '\u00e9'.repeat(70), cjk: '\u65e5'.repeat(70) }),
];
texts.forEach((text, i) => {
  for (const mode of [0, 1, 2, 3]) {
    writeFileSync(
      join(folder, `text${i}-${mode}`),
      Buffer.concat([Buffer.from([0x30 + mode]), Buffer.from(text)]),
    );
  }
});
writeFileSync(join(folder, 'bytes'), Buffer.from([0x30, 0x5b, 0x22, 0xff, 0xc3, 0x28, 0x22, 0x5d]));
