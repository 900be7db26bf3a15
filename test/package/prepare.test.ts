// What `npm ci` does in a checkout on a machine that cannot build: it succeeds and names in one line what is missing.

import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { root } from '../support/paths';

const test = suite('prepare');
const tools = ['python3', 'make', 'g++'];
let folder: string;
test.before(() => {
  folder = mkdtempSync(join(tmpdir(), 'tailrace-prepare-'));
});
test.after(() => rmSync(folder, { recursive: true }));

/** A folder that has these programs (they do nothing but succeed) and Node. */
function pathWith(name: string, programs: readonly string[], script = '#!/bin/sh\nexit 0\n'): string {
  const path = join(folder, name);
  mkdirSync(path);
  symlinkSync(process.execPath, join(path, 'node'));
  for (const program of programs) writeFileSync(join(path, program), script, { mode: 0o755 });
  return path;
}

const moduleUrl = pathToFileURL(join(root, 'scripts', 'support', 'native-build.mjs')).href;

/** missingForBuild() on a machine with this PATH. */
function missing(path: string, env: NodeJS.ProcessEnv = {}): string[] {
  const code = `import { missingForBuild } from ${JSON.stringify(moduleUrl)}; console.log(JSON.stringify(missingForBuild()));`;
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
    encoding: 'utf8',
    env: { PATH: path, HOME: folder, ...env },
  });
  assert.is(run.status, 0, run.stderr);
  return JSON.parse(run.stdout);
}

test('nothing there: all of it is named', () => {
  if (process.platform !== 'linux') return;
  assert.equal(missing(pathWith('none', [])), ['Python 3', 'make', 'a C++20 compiler']);
});

test('each tool is missed by its name', () => {
  if (process.platform !== 'linux') return;
  const names = ['Python 3', 'make', 'a C++20 compiler'];
  for (const [index, tool] of tools.entries()) {
    const path = pathWith(
      `without-${tool}`,
      tools.filter((other) => other !== tool),
    );
    assert.equal(missing(path), [names[index]]);
  }
});

test('a compiler that cannot do C++20 is as good as none', () => {
  if (process.platform !== 'linux') return;
  const path = pathWith('old', ['python3', 'make']);
  writeFileSync(join(path, 'g++'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
  assert.match(missing(path).join(), /C\+\+20 compiler.*does not compile C\+\+20/);
});

test('CXX is the compiler that is tried, with its launcher and its flags', () => {
  if (process.platform !== 'linux') return;
  const path = pathWith('launcher', tools);
  // As ccache does: without a compiler behind it, it compiles nothing.
  writeFileSync(join(path, 'launch'), '#!/bin/sh\ncase "$1" in g++) exit 0;; esac\nexit 1\n', {
    mode: 0o755,
  });
  assert.equal(missing(path, { CXX: 'launch g++ -O1' }), []);
  assert.match(
    missing(path, { CXX: 'launch' }).join(),
    /C\+\+20 compiler \(launch does not compile C\+\+20\)/,
  );
  assert.match(missing(path, { CXX: 'nowhere' }).join(), /C\+\+20 compiler \(nowhere is not there\)/);
  assert.equal(missing(path, { CXX: '' }), []);
});

test('headers beside the running Node come before any download', () => {
  const code = `import { localNodeDir } from ${JSON.stringify(
    pathToFileURL(join(root, 'scripts', 'support', 'tools.mjs')).href,
  )}; console.log(JSON.stringify([localNodeDir(process.argv[1], {}) ?? null, localNodeDir(process.argv[2], {}) ?? null]));`;
  const prefix = join(folder, 'prefix');
  mkdirSync(join(prefix, 'include', 'node'), { recursive: true });
  for (const name of ['node_api.h', 'uv.h']) writeFileSync(join(prefix, 'include', 'node', name), '');
  const run = spawnSync(
    process.execPath,
    ['--input-type=module', '-e', code, join(prefix, 'bin', 'node'), join(folder, 'other', 'bin', 'node')],
    { encoding: 'utf8' },
  );
  assert.equal(JSON.parse(run.stdout), [prefix, null]);
});

test('the set-up succeeds without tools, in one line', () => {
  if (process.platform !== 'linux') return;
  const run = spawnSync(process.execPath, [join(root, 'scripts', 'prepare.mjs')], {
    encoding: 'utf8',
    env: { PATH: pathWith('bare', []), HOME: folder, TAILRACE_PREPARE_TS: 'skip' },
  });
  assert.is(run.status, 0, run.stderr);
  assert.is(
    run.stdout,
    'tailrace: native core not built, missing: Python 3, make, a C++20 compiler; the JavaScript fallback is used\n',
  );
  assert.is(run.stderr, '');
});

test('required makes the same an error', () => {
  if (process.platform !== 'linux') return;
  const run = spawnSync(process.execPath, [join(root, 'scripts', 'prepare.mjs')], {
    encoding: 'utf8',
    env: {
      PATH: pathWith('bare2', []),
      HOME: folder,
      TAILRACE_PREPARE_TS: 'skip',
      TAILRACE_BUILD: 'required',
    },
  });
  assert.is(run.status, 1);
});

test.run();
