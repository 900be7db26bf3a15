// @timeout 240
// What a user gets: the packed tarball in an empty folder, installed without scripts, on a machine without compiler, make or
// Python. There the native backend runs, by require and by import. TAILRACE_TARBALL names a tarball to test; without
// it what this checkout has built is packed.

import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { skipFile } from '../support/backends';
import { root } from '../support/paths';
import { textOf } from '../support/tree';

const addon = join(root, 'build', 'Release', 'tailrace.node');
const given = process.env.TAILRACE_TARBALL;
if (given === undefined && !existsSync(addon)) {
  if (process.env.TAILRACE_TEST_NATIVE === 'required') throw new Error('the addon was not built');
  skipFile('the addon was not built');
}

const test = suite('tarball');
const subpaths = Object.keys(JSON.parse(textOf('package.json')).exports).filter(
  (name) => name !== './package.json',
);

/** npm's program file, for running it without a shell and with a PATH of our own. */
function npmProgram(): string {
  const candidates = [
    process.env.npm_execpath,
    join(dirname(process.execPath), '..', 'lib', 'node_modules', 'npm', 'bin', 'npm-cli.js'),
    join('/usr', 'lib', 'node_modules', 'npm', 'bin', 'npm-cli.js'),
    join('/usr', 'local', 'lib', 'node_modules', 'npm', 'bin', 'npm-cli.js'),
    join('/usr', 'share', 'nodejs', 'npm', 'bin', 'npm-cli.js'),
  ];
  const found = candidates.find((path) => path?.endsWith('npm-cli.js') && existsSync(path));
  assert.ok(found, 'npm is not where it usually is');
  return found as string;
}

let folder: string;
let app: string;
let tarball: string;
let bare: NodeJS.ProcessEnv;

function run(args: string[], options: { cwd: string; env: NodeJS.ProcessEnv }): string {
  const result = spawnSync(process.execPath, args, { encoding: 'utf8', ...options });
  assert.is(result.status, 0, `${args.join(' ')}\n${result.stdout}${result.stderr}`);
  return result.stdout;
}

test.before(() => {
  folder = mkdtempSync(join(tmpdir(), 'tailrace-package-'));
  app = join(folder, 'app');
  const bin = join(folder, 'bin');
  for (const path of [app, bin]) mkdirSync(path);
  symlinkSync(process.execPath, join(bin, 'node'));
  bare = {
    PATH: bin,
    HOME: folder,
    npm_config_cache: join(folder, 'cache'),
    npm_config_update_notifier: 'false',
  };
  if (given !== undefined) {
    tarball = resolve(root, given);
  } else {
    const env = {
      ...process.env,
      TAILRACE_PACK_BUILT: '1',
      TAILRACE_BUILD: 'skip',
      TAILRACE_PREPARE_TS: 'skip',
    };
    run([npmProgram(), 'pack', '--silent', '--pack-destination', folder], { cwd: root, env });
    tarball = join(folder, readdirSync(folder).find((name) => name.endsWith('.tgz')) as string);
  }
  writeFileSync(join(app, 'package.json'), JSON.stringify({ name: 'app', version: '1.0.0', private: true }));
  const install = ['install', '--ignore-scripts', '--offline', '--no-audit', '--no-fund', tarball];
  run([npmProgram(), ...install], { cwd: app, env: bare });
});
test.after(() => rmSync(folder, { recursive: true }));

test('it needs no other package', () => {
  assert.equal(
    readdirSync(join(app, 'node_modules')).filter((name) => !name.startsWith('.')),
    ['tailrace'],
  );
});

test('it has what it should and nothing else', () => {
  const top = readdirSync(join(app, 'node_modules', 'tailrace')).sort();
  assert.equal(top, ['CHANGELOG.md', 'LICENSE', 'README.md', 'dist', 'package.json', 'prebuilds']);
  assert.equal(readdirSync(join(app, 'node_modules', 'tailrace', 'dist')), ['lib']);
});

test('by require it is native', () => {
  const info = JSON.parse(
    run(['-e', "console.log(JSON.stringify(require('tailrace').runtimeInfo()))"], { cwd: app, env: bare }),
  );
  assert.is(info.backend, 'native');
  assert.is(info.reason, undefined);
});

test('by named import it is native, and a part works', () => {
  const code = `
    import { runtimeInfo, json } from 'tailrace';
    import { parse } from 'tailrace/json';
    if (parse !== json.parse) throw new Error('two copies');
    console.log(JSON.stringify([runtimeInfo().backend, parse(Buffer.from('{"a":[1,"\\u00e9"]}'))]));`;
  const out = JSON.parse(run(['--input-type=module', '-e', code], { cwd: app, env: bare }));
  assert.equal(out, ['native', { a: [1, 'é'] }]);
});

test('every subpath can be required and imported', () => {
  const code = `
    for (const name of ${JSON.stringify(subpaths.map((path) => `tailrace${path.slice(1)}`))}) {
      const required = require(name);
      import(name).then((imported) => {
        for (const key of Object.keys(required)) {
          if (imported[key] !== required[key]) throw new Error(name + ' has no named export ' + key);
        }
      });
    }`;
  run(['-e', code], { cwd: app, env: bare });
});

test('without its binary it falls back, and says so', () => {
  const copy = join(folder, 'copy');
  cpSync(app, copy, { recursive: true });
  rmSync(join(copy, 'node_modules', 'tailrace', 'prebuilds'), { recursive: true });
  const code =
    "const t = require('tailrace'); console.log(JSON.stringify([t.runtimeInfo(), t.json.parse('[1]')]))";
  const [info, value] = JSON.parse(run(['-e', code], { cwd: copy, env: bare }));
  assert.is(info.backend, 'js');
  assert.match(info.reason, /no native binary/);
  assert.equal(value, [1]);
});

test('a user’s TypeScript compiles against it, without skipLibCheck and without esnext', () => {
  const types = join(app, 'node_modules', '@types');
  mkdirSync(types, { recursive: true });
  for (const name of ['node']) symlinkSync(join(root, 'node_modules', '@types', name), join(types, name));
  symlinkSync(join(root, 'node_modules', 'undici-types'), join(app, 'node_modules', 'undici-types'));
  const imports = subpaths.map((path, i) => `import * as part${i} from 'tailrace${path.slice(1)}';`);
  const uses = subpaths.map((_, i) => `void part${i};`);
  writeFileSync(join(app, 'user.mts'), [...imports, ...uses].join('\n'));
  writeFileSync(join(app, 'user.cts'), [...imports, ...uses].join('\n'));
  const flags = [
    '--noEmit',
    '--strict',
    '--module',
    'node16',
    '--target',
    'es2022',
    '--lib',
    'es2022',
    '--types',
    'node',
  ];
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  run([tsc, ...flags, 'user.mts', 'user.cts'], { cwd: app, env: process.env });

  // The DOM's types, which are there unless `lib` says otherwise, are not Node's.
  writeFileSync(
    join(app, 'web.mts'),
    `import { lines, read } from 'tailrace/json';
    await read(await fetch('http://127.0.0.1'));
    await read(new Blob(['1']).stream());
    lines(new Response('1').body!);`,
  );
  const web = ['--lib', 'es2022,dom', '--module', 'esnext', '--moduleResolution', 'bundler'];
  for (const last of [['--lib', 'es2022'], web])
    run([tsc, ...flags, ...last, 'web.mts'], { cwd: app, env: process.env });

  // TypeScript's old resolution reads no exports.
  const old = ['--module', 'commonjs', '--moduleResolution', 'node10'];
  run([tsc, ...flags, ...old, 'user.cts'], { cwd: app, env: process.env });
});

test('publint has nothing to say', () => {
  const program = join(root, 'node_modules', 'publint', 'src', 'cli.js');
  run([program, '--strict', join(app, 'node_modules', 'tailrace')], { cwd: app, env: process.env });
});

test('are the types wrong? no', () => {
  const program = join(root, 'node_modules', '@arethetypeswrong', 'cli', 'dist', 'index.js');
  run([program, tarball, '--no-emoji'], { cwd: root, env: process.env });
});

test('the shipped binary asks for no newer GLIBC than promised', () => {
  const { execPath } = process;
  const code = `
    import { glibcFloor, glibcLimit, glibcSymbols, olderOrEqual } from ${JSON.stringify(join(root, 'scripts', 'support', 'glibc.mjs'))};
    const path = process.argv[1];
    const floor = glibcFloor(path);
    if (floor === undefined) console.log('no objdump');
    else if (olderOrEqual(floor, glibcLimit)) console.log('ok ' + floor);
    else console.log(JSON.stringify(glibcSymbols(path).filter(({ version }) => !olderOrEqual(version, glibcLimit))));`;
  const binary = join(
    app,
    'node_modules',
    'tailrace',
    'prebuilds',
    `${process.platform}-${process.arch}`,
    'tailrace.node',
  );
  const out = spawnSync(execPath, ['--input-type=module', '-e', code, binary], { encoding: 'utf8' });
  assert.match(out.stdout, /^(ok 2\.\d+|no objdump)$/m, out.stdout + out.stderr);
});

test.run();
