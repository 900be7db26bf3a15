// The loader and the choice of the backend: absent is quiet, broken is heard, native wanted and not there throws.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { candidates, type LoadResult, loadAddon } from '../../lib/backend/load';
import { checkIsa, select } from '../../lib/backend/select';
import { isTailraceError } from '../../lib/errors';
import { hasNative } from '../support/backends';

const test = suite('backend selection');
let folder: string;
test.before(() => {
  folder = mkdtempSync(join(tmpdir(), 'tailrace-load-'));
});
test.after(() => rmSync(folder, { recursive: true }));

const absent: LoadResult = { state: 'absent', reason: 'nothing there' };
const broken: LoadResult = {
  state: 'broken',
  reason: 'does not load: bad ELF; bad glibc',
  causes: [new Error('bad ELF'), new Error('bad glibc')],
};
const warnings: string[] = [];
const choose = (wanted: string | undefined, load: LoadResult) => {
  warnings.length = 0;
  return select(
    wanted,
    () => load,
    (message) => warnings.push(message),
  );
};

test('no file is absent, and says how to get one', () => {
  const result = loadAddon([join(folder, 'missing.node')]);
  assert.is(result.state, 'absent');
  if (result.state === 'absent') assert.match(result.reason, /no native binary/);
});

test('a file that is no shared object is broken, with the loader’s own words', () => {
  if (process.platform !== 'linux') return;
  const path = join(folder, 'text.node');
  writeFileSync(path, 'not a shared object, but long enough to be looked at by the loader'.repeat(8));
  const result = loadAddon([path, join(folder, 'missing.node')]);
  assert.is(result.state, 'broken');
  if (result.state === 'broken') {
    assert.is(result.causes.length, 1);
    assert.match(result.reason, /invalid ELF header|file too short/);
  }
});

test('every cause is kept', () => {
  if (process.platform !== 'linux') return;
  const paths = ['one.node', 'two.node'].map((name) => join(folder, name));
  for (const path of paths) writeFileSync(path, 'x'.repeat(200));
  const result = loadAddon(paths);
  assert.is(result.state, 'broken');
  if (result.state === 'broken') assert.is(result.causes.length, 2);
});

test('the checkout’s build comes before the shipped binary; TAILRACE_ADDON is alone', () => {
  const [first, second, ...rest] = candidates('/pkg', {});
  assert.is(first, '/pkg/build/Release/tailrace.node');
  assert.is(second, `/pkg/prebuilds/${process.platform}-${process.arch}/tailrace.node`);
  assert.is(rest.length, 0);
  assert.equal(candidates('/pkg', { TAILRACE_ADDON: '/x/y.node' }), ['/x/y.node']);
});

test('auto without a binary: the fallback, quietly, with the reason', () => {
  for (const wanted of [undefined, '', 'auto']) {
    const { backend, reason } = choose(wanted, absent);
    assert.is(backend.name, 'js');
    assert.is(reason, 'nothing there');
    assert.equal(warnings, []);
  }
});

test('auto with a broken binary: the fallback, and a warning with the loader’s message', () => {
  const { backend, reason } = choose('auto', broken);
  assert.is(backend.name, 'js');
  assert.is(reason, broken.reason);
  assert.is(warnings.length, 1);
  assert.match(warnings[0] ?? '', 'bad ELF; bad glibc');
});

test('native wanted and not there: an error with every cause', () => {
  try {
    choose('native', broken);
    assert.unreachable();
  } catch (error) {
    if (!isTailraceError(error)) throw error;
    assert.is(error.code, 'ERR_TAILRACE_NO_NATIVE');
    assert.match(error.message, 'bad ELF; bad glibc');
    assert.equal((error.cause as AggregateError).errors, broken.causes);
  }
  assert.throws(
    () => choose('native', absent),
    (error: unknown) => isTailraceError(error) && /nothing there/.test(error.message),
  );
});

test('js wanted: the loader is not even asked', () => {
  const load = (): LoadResult => {
    throw new Error('asked');
  };
  const { backend, reason } = select('js', load, () => {});
  assert.is(backend.name, 'js');
  assert.is(reason, 'TAILRACE_BACKEND=js');
});

test('another word is a TypeError that names the variable', () => {
  assert.throws(
    () => choose('quick', absent),
    (error: unknown) => error instanceof TypeError && /TAILRACE_BACKEND.*'quick'/.test(error.message),
  );
});

test('a kernel that there is not is a TypeError that names the variable', () => {
  assert.throws(
    () => checkIsa('avx9'),
    (error: unknown) => error instanceof TypeError && /TAILRACE_ISA.*'avx9'/.test(error.message),
  );
  for (const isa of [undefined, '', 'haswell', 'fallback', 'arm64']) checkIsa(isa);
});

test('the addon of this checkout is chosen when it is there', () => {
  if (!hasNative()) return assert.is(choose('auto', loadAddon()).backend.name, 'js');
  const { backend, reason } = choose('auto', loadAddon());
  assert.is(backend.name, 'native');
  assert.is(reason, undefined);
  assert.ok(['fallback', 'arm64', 'westmere', 'haswell', 'icelake'].includes(backend.isa));
});

test('a binary that is cut off is broken: it is not mapped', () => {
  const whole = loadAddon();
  if (whole.state !== 'loaded') return;
  const bytes = readFileSync(whole.path);
  for (const part of [0.1, 0.5, 0.999]) {
    const path = join(folder, `cut-${part}.node`);
    writeFileSync(path, bytes.subarray(0, Math.floor(bytes.length * part)));
    const result = loadAddon([path]);
    assert.is(result.state, 'broken');
    if (result.state === 'broken') assert.match(result.reason, /cut off/);
  }
});

test('a binary that loads and is another one is broken, and says what it lacks', () => {
  if (process.platform !== 'linux') return;
  const path = join(folder, 'other.js');
  writeFileSync(path, 'module.exports = { json: {}, server: {} };');
  const result = loadAddon([path]);
  assert.is(result.state, 'broken');
  if (result.state === 'broken')
    assert.match(result.reason, /not a binary of this version.*memory, net, sched/);
});

test('a folder in place of a binary is broken, not absent', () => {
  if (process.platform !== 'linux') return;
  const path = join(folder, 'folder.node');
  mkdirSync(path);
  assert.is(loadAddon([path]).state, 'broken');
});

test.run();
