// Requiring the package is cheap: no part, no addon, no thread; a process that only used it ends by itself.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { hasNative } from '../support/backends';
import { root } from '../support/paths';

const test = suite('startup');
const entry = JSON.stringify(join(root, 'dist', 'lib', 'index.js'));

function inChild(code: string, env: NodeJS.ProcessEnv = {}): unknown {
  const run = spawnSync(process.execPath, ['-e', code], {
    encoding: 'utf8',
    timeout: 20_000,
    env: { ...process.env, TAILRACE_BACKEND: undefined, ...env },
  });
  assert.is(run.status, 0, run.stderr);
  return JSON.parse(run.stdout);
}

const threads = `require('node:fs').readdirSync('/proc/self/task').length`;

test('requiring the root loads no part and no addon', () => {
  const loaded = inChild(
    `require(${entry}); console.log(JSON.stringify(Object.keys(require.cache).map((path) => path.split('/dist/lib/')[1] ?? path)))`,
  ) as string[];
  assert.ok(loaded.includes('index.js'));
  const parts = loaded.filter((path) => !/^(index|errors|backend\/lazy)\.js$/.test(path));
  assert.equal(parts, []);
});

test('the first parse loads what it runs, and no backend', () => {
  const loaded = inChild(
    `require(${entry}).json.parse(Buffer.from('{"a":[1,2]}')); console.log(JSON.stringify(Object.keys(require.cache).map((path) => path.split('/dist/lib/')[1] ?? path)))`,
  ) as string[];
  const kept = [
    'backend/json/source.js',
    'backend/lazy.js',
    'errors.js',
    'index.js',
    'json/index.js',
    'json/parse.js',
  ];
  assert.equal(loaded.sort(), kept);
});

test('requiring and parsing once starts no thread', () => {
  if (process.platform !== 'linux') return;
  for (const backend of hasNative() ? ['native', 'js'] : ['js']) {
    const [before, after] = inChild(
      `const before = ${threads}; require(${entry}).json.parse(Buffer.from('{"a":[1,2]}')); console.log(JSON.stringify([before, ${threads}]))`,
      { TAILRACE_BACKEND: backend },
    ) as [number, number];
    assert.is(after, before, backend);
  }
});

test('runtimeInfo says what runs', () => {
  const info = inChild(`console.log(JSON.stringify(require(${entry}).runtimeInfo()))`, {
    TAILRACE_BACKEND: 'js',
  }) as Record<string, unknown>;
  assert.is(info.backend, 'js');
  assert.is(info.reason, 'TAILRACE_BACKEND=js');
  assert.is(info.isa, 'js');
  assert.match(String(info.version), /^\d+\.\d+\.\d+/);
  assert.is(info.node, process.versions.node);
  assert.ok(Number.isInteger(info.procs) && (info.procs as number) >= 1);
  assert.equal(info.supports, { handoff: false, nativeNet: false });
});

test('every part is there under its name, whole', () => {
  const differences = inChild(`
    const root = require(${entry});
    const exports = require(${JSON.stringify(join(root, 'package.json'))}).exports;
    const wrong = [];
    for (const name of Object.keys(exports)) {
      const part = name.slice(2);
      if (name === '.' || part === 'package.json' || exports[name].default.includes('/adapters/')) continue;
      const own = require(require('node:path').join(${JSON.stringify(root)}, exports[name].default));
      const lazy = root[part];
      if (lazy === undefined) { wrong.push(part); continue; }
      for (const key of new Set([...Object.keys(own), ...Object.keys(lazy)])) {
        if (own[key] !== lazy[key]) wrong.push(part + '.' + key);
      }
    }
    console.log(JSON.stringify(wrong));
  `);
  assert.equal(differences, []);
});

test.run();
