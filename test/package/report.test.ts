// The report of `npm run bench`: rows are found in what the benches print, and drawn.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { shownRatio } from '../../bench/support/stats';
import { root } from '../support/paths';

interface Row {
  label: string;
  under: boolean;
  ratio: number[];
  noise?: number[];
}
interface Report {
  rowsOf(output: string): Row[];
  plotOf(title: string, rows: Row[]): string;
  writeReport(folder: string, benches: { name: string; output: string }[]): string;
}
const loaded = import(pathToFileURL(join(root, 'scripts', 'support', 'report.mjs')).href) as Promise<Report>;

const output = `what is measured, Node 20

                    ratio               A/A                 ours
200 bytes, <a> & b  ${shownRatio({ median: 1.5, low: 1.25, high: 2 })}  ${shownRatio({ median: 1, low: 0.9, high: 1.1 })}  12 ns
  fallback          ${shownRatio({ median: 0.4, low: 0.3, high: 0.5 })} 30 ns
none of them: 1.2 of 3
`;

const test = suite('report of the benches');

test('rows are what has a ratio and its interval', async () => {
  assert.equal((await loaded).rowsOf(output), [
    { label: '200 bytes, <a> & b', under: false, ratio: [1.5, 1.25, 2], noise: [1, 0.9, 1.1] },
    { label: 'fallback', under: true, ratio: [0.4, 0.3, 0.5] },
  ]);
});

test('a plot has each row on one axis, better to the right', async () => {
  const { plotOf, rowsOf } = await loaded;
  const svg = plotOf('t', rowsOf(output));
  assert.ok(svg.includes('200 bytes, &lt;a&gt; &amp; b'));
  const dots = [...svg.matchAll(/<g class="(\w+)">.*?<circle cx="([\d.]+)"/g)].map(
    ([, kind, x]) => [kind, Number(x)] as const,
  );
  const one = Number(/class="one" x1="([\d.]+)"/.exec(svg)?.[1]);
  assert.equal(
    dots.map(([kind]) => kind),
    ['faster', 'slower'],
  );
  assert.ok((dots[0]?.[1] as number) > one && (dots[1]?.[1] as number) < one);
});

test('the report has the output and the plot of each bench', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tailrace-report-'));
  try {
    const path = (await loaded).writeReport(folder, [
      { name: 'bench/a/b.bench.ts', output },
      { name: 'bench/a/c.bench.ts', output: 'no row\n' },
    ]);
    const text = readFileSync(path, 'utf8');
    assert.ok(text.includes('![what is measured, Node 20](a-b-bench-ts.svg)'));
    assert.ok(text.includes(output.trim()) && text.includes('no row'));
    assert.not.ok(text.includes('c-bench-ts.svg'));
    assert.ok(readFileSync(join(folder, 'a-b-bench-ts.svg'), 'utf8').startsWith('<svg'));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.run();
