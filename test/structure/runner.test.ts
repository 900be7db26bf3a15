// The test runner must not be green by accident. Each test lays one kind of broken test file into an empty folder
// and looks at what the runner says about it.

import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { root } from '../support/paths';

const test = suite('runner');
const uvu = `const { suite } = require(${JSON.stringify(require.resolve('uvu'))}); const test = suite('s');\n`;

function runner(files: Record<string, string>, options: { args?: string[]; env?: NodeJS.ProcessEnv } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'tailrace-runner-'));
  try {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), text);
    }
    const args = [join(root, 'scripts', 'test.mjs'), '--root', folder, ...(options.args ?? [])];
    const env = { ...process.env, TAILRACE_TEST_NATIVE: undefined, ...options.env };
    const run = spawnSync(process.execPath, args, { encoding: 'utf8', env });
    const last = run.stdout.trimEnd().split('\n').at(-1) ?? '';
    return { code: run.status, last, output: run.stdout + run.stderr };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const good = `${uvu}test('a', () => {}); test('b', async () => {}); test.run();`;

test('counts what passes', () => {
  const { code, last } = runner({ 'part/good.test.js': good, 'part/other.test.js': good });
  assert.is(last, '4 passed, 0 failed');
  assert.is(code, 0);
});

test('counts single skips without failing', () => {
  const { code, last } = runner({
    'a.test.js': `${uvu}test('a', () => {}); test.skip('b', () => {}); test.run();`,
  });
  assert.is(last, '1 passed, 0 failed, 1 skipped');
  assert.is(code, 0);
});

/** One file that must fail the run although a good one stands beside it. */
function fails(name: string, text: string, says: RegExp, args: string[] = []): void {
  test(name, () => {
    const { code, last, output } = runner({ 'bad.test.js': text, 'good.test.js': good }, { args });
    assert.match(last, /^[23] passed, 1 failed$/);
    assert.is(code, 1);
    assert.match(output, says);
  });
}

fails(
  'a failing test',
  `${uvu}test('a', () => { throw new Error('no'); }); test.run();`,
  /exited with code 1/,
);
fails(
  'a suite.before that throws',
  `${uvu}test.before(() => { throw new Error('no'); }); test('a', () => {}); test.run();`,
  /passed only 0 of 1/,
);
fails(
  'an asynchronous suite.before that rejects',
  `${uvu}test.before(async () => { throw new Error('no'); }); test('a', () => {}); test.run();`,
  /passed only 0 of 1/,
);
fails('a forgotten .run()', `${uvu}test('a', () => {});`, /ran no test/);
fails('an empty file', '', /ran no test/);
fails('a suite without tests', `${uvu}test.run();`, /has no test/);
fails('nothing but skipped tests', `${uvu}test.skip('a', () => {}); test.run();`, /nothing but skipped/);
fails(
  'an open handle',
  `// @timeout 2\n${uvu}test('a', () => {}); test.run(); setInterval(() => {}, 1000);`,
  /did not end within 2 s/,
);
fails(
  'an endless loop',
  `// @timeout 2\n${uvu}test('a', () => { for (;;); }); test.run();`,
  /did not end within 2 s/,
);
fails(
  'a test that never settles',
  `${uvu}test('a', () => new Promise(() => {})); test.run();`,
  /exited with code|passed only|ran no test/,
);
fails(
  'a crash',
  `${uvu}test('a', () => process.kill(process.pid, 'SIGSEGV')); test.run();`,
  /killed by SIGSEGV/,
);
fails(
  'an early process.exit(0)',
  `${uvu}test('a', () => process.exit(0)); test.run();`,
  /exited with code 1/,
);
fails(
  'an error thrown after the last test',
  `${uvu}test('a', () => {}); test.run(); process.on('beforeExit', () => { throw new Error('late'); });`,
  /exited with code/,
);
fails('a file that does not load', "require('./missing');", /exited with code 1/);
fails(
  'a rejection nobody handles',
  `${uvu}test('a', () => { setTimeout(() => Promise.reject(new Error('lost')), 50); }); test.run();`,
  /exited with code/,
);

test('no file at all', () => {
  const { code, last } = runner({});
  assert.is(last, '0 passed, 1 failed');
  assert.is(code, 1);
});

test('a filter that matches nothing', () => {
  const { code, output } = runner({ 'a.test.js': good }, { args: ['nothing-like-that'] });
  assert.is(code, 1);
  assert.match(output, /no test matches nothing-like-that/);
});

test('a filter can name one run of a file that has several; --without leaves some out', () => {
  const text = `// @env KIND=one|two\n${uvu}test('a', () => {}); test.run();`;
  const files = { 'part/several.test.js': text, 'part/good.test.js': good };
  assert.is(runner(files).last, '4 passed, 0 failed');
  assert.is(runner(files, { args: ['several KIND=two'] }).last, '1 passed, 0 failed');
  assert.is(
    runner(files, { args: ['--without', 'KIND=two', '--without', 'good'] }).last,
    '1 passed, 0 failed',
  );
  assert.is(runner(files, { args: ['--without', 'part/'] }).code, 1);
});

test('a filter leaves out the rest', () => {
  const { last } = runner(
    { 'json/a.test.js': good, 'net/b.test.js': 'throw new Error()' },
    { args: ['json'] },
  );
  assert.is(last, '2 passed, 0 failed');
});

const skipped = "console.log('@skip-file no binary'); process.exit(0);";

test('a file that skips itself is counted and its reason shown', () => {
  const { code, last, output } = runner({ 'a.test.js': skipped, 'good.test.js': good });
  assert.is(last, '2 passed, 0 failed, 1 skipped');
  assert.is(code, 0);
  assert.match(output, /skip {2}a {2}no binary/);
});

test('a file may not skip itself where native is required', () => {
  const env = { TAILRACE_TEST_NATIVE: 'required' };
  const { code, last } = runner({ 'a.test.js': skipped, 'good.test.js': good }, { env });
  assert.is(last, '2 passed, 1 failed');
  assert.is(code, 1);
});

test('a run of nothing but skipped files fails', () => {
  const { code } = runner({ 'a.test.js': skipped });
  assert.is(code, 1);
});

test('the mark does not hide a file that fails', () => {
  const { code } = runner({
    'a.test.js': "console.log('@skip-file x'); process.exit(3);",
    'good.test.js': good,
  });
  assert.is(code, 1);
});

test('@env runs a file once for each value', () => {
  const text = `// @env COLOUR=red|blue\n${uvu}test('a', () => { if (!process.env.COLOUR) throw 1; }); test.run();`;
  const { last, output } = runner({ 'a.test.js': text });
  assert.is(last, '2 passed, 0 failed');
  assert.match(output, /a COLOUR=red/);
  assert.match(output, /a COLOUR=blue/);
});

test.run();
