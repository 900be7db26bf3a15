// A part has one name everywhere, every source is in both builds, and files stay readable in one sitting.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { errorTable } from '../../lib/errors';
import { root } from '../support/paths';
import { filesBelow, foldersIn, textOf } from '../support/tree';

const test = suite('names');
const maxLines = 500;
/** Exported one by one, from lib/adapters. */
const adapters = ['express', 'fastify'];
/** Parts with a public face, as package.json exports them. */
const faces = Object.keys(JSON.parse(textOf('package.json')).exports)
  .filter((name) => name.startsWith('./') && name !== './package.json')
  .map((name) => name.slice(2))
  .filter((name) => !adapters.includes(name))
  .sort();
const nativeParts = ['base', 'memory', 'net', 'http', 'json', 'sched', 'server', 'rpc'];

const sourceList = (what: string) =>
  spawnSync(process.execPath, [join(root, 'native', 'sources.mjs'), what], { encoding: 'utf8' })
    .stdout.trim()
    .split('\n');

test('the source list has every C++ source once, and the core has no binding', () => {
  const all = filesBelow('native', ['.cc']);
  assert.equal(sourceList('addon').sort(), all);
  assert.equal(
    sourceList('core').sort(),
    all.filter((path) => !path.startsWith('native/binding/')),
  );
});

test('both builds read the source list', () => {
  for (const file of ['binding.gyp', 'CMakeLists.txt']) {
    const text = textOf(file).replace(/^\s*#.*$/gm, '');
    assert.match(text, 'native/sources.mjs', file);
    assert.not.match(text, /native\/\w+\/\w+\.cc/, `${file} names a source by itself`);
  }
});

test('every exported part is a folder of lib with an index', () => {
  for (const part of faces)
    assert.ok(existsSync(join(root, 'lib', part, 'index.ts')), `lib/${part}/index.ts`);
});

test('every folder of lib is an exported part or the backend', () => {
  const others = foldersIn('lib').filter((name) => !faces.includes(name) && name !== 'backend');
  for (const name of adapters) assert.ok(existsSync(join(root, 'lib', 'adapters', `${name}.ts`)), name);
  assert.equal(
    others.filter((name) => name !== 'adapters'),
    [],
  );
});

test('every native part has its README and tests', () => {
  for (const part of [...nativeParts, 'binding']) {
    assert.ok(existsSync(join(root, 'native', part, 'README.md')), `native/${part}/README.md`);
  }
  for (const part of nativeParts) assert.ok(existsSync(join(root, 'test', part)), `test/${part}`);
});

test('folders of test are parts', () => {
  const known = new Set([
    ...nativeParts,
    ...faces,
    'adapters',
    'binding',
    'backend',
    'support',
    'structure',
    'package',
    'cli',
  ]);
  assert.equal(
    foldersIn('test').filter((name) => !known.has(name)),
    [],
  );
});

test('file names: snake_case for C++, kebab-case for TypeScript', () => {
  const wrong = [
    ...filesBelow('native', ['.h', '.cc']).filter((path) => !/\/[a-z0-9_]+\.(h|cc)$/.test(path)),
    ...['lib', 'test', 'bench', 'examples']
      .filter((folder) => existsSync(join(root, folder)))
      .flatMap((folder) => filesBelow(folder, ['.ts']))
      .filter((path) => !/\/[a-z0-9-]+(\.[a-z]+)*\.ts$/.test(path)),
  ];
  assert.equal(wrong, []);
});

test(`no source is longer than ${maxLines} lines`, () => {
  const long = filesBelow('.', ['.ts', '.mjs', '.cjs', '.cc', '.h', '.inc'])
    .map((path) => ({ path, lines: textOf(path).split('\n').length - 1 }))
    .filter(({ lines }) => lines > maxLines);
  assert.equal(long, []);
});

test('each source opens with what it is for; a .cc may leave that to its header', () => {
  const wrong = [...filesBelow('native', ['.h', '.cc']), ...filesBelow('lib', ['.ts'])].filter(
    (path) =>
      !(path.endsWith('.cc') && existsSync(join(root, path.replace(/cc$/, 'h')))) &&
      !/^(#!.*\n)?(\/\/ \S|\/\*\*?)/.test(textOf(path)),
  );
  assert.equal(wrong, []);
});

test('every test file runs itself, and none runs only a part of itself', () => {
  const files = filesBelow('test', ['.test.ts']);
  assert.ok(files.length > 5);
  assert.equal(
    files.filter((path) => !/\.run\(\)/.test(textOf(path))),
    [],
  );
  assert.equal(
    files.filter((path) => /\b(test|suite|it|[a-z]\w*)\.only\(/.test(textOf(path))),
    [],
  );
});

test('no file names a place on somebody’s machine', () => {
  // Put together from halves, so that this file does not hold what it looks for.
  const places = ['wo rk', 'fa rm', 'ro ot', 'ho me/\\w+'].map((name) => name.replace(' ', ''));
  const pattern = new RegExp(`(^|[^\\w./-])/(${places.join('|')})/`);
  const files = filesBelow('.', [
    '.ts',
    '.mjs',
    '.cjs',
    '.cc',
    '.h',
    '.inc',
    '.md',
    '.json',
    '.gyp',
    '.txt',
    '.pml',
  ]);
  assert.equal(
    files.filter((path) => path !== 'package-lock.json' && pattern.test(textOf(path))),
    [],
  );
});

test('the table of errors is the same in the core and in lib', () => {
  const status = textOf('native/base/status.h');
  const body = /enum class Error[^{]*\{([\s\S]*?)count_/.exec(status)?.[1] ?? '';
  const names = [...body.matchAll(/^\s*([a-z_0-9]+)\s*(?:= 0)?,/gm)].map((match) => match[1] as string);
  const rows = [...textOf('native/base/errors.cc').matchAll(/\{"(ERR_TAILRACE_\w+)",\s*"([^"]*)"\}/g)];
  assert.is(rows.length, names.length);
  const core = Object.fromEntries(
    names.map((name, index) => [name, { code: rows[index]?.[1], text: rows[index]?.[2] }]),
  );
  assert.is(core.ok?.code, 'ERR_TAILRACE_OK');
  delete core.ok;
  assert.equal(core, errorTable);
});

test.run();
