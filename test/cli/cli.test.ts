// The command, as a user types it.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { hasNative } from '../support/backends';
import { root } from '../support/paths';

const test = suite('command');
const program = join(root, 'dist', 'lib', 'cli.js');
let folder: string;
let methods: string;
test.before(() => {
  folder = mkdtempSync(join(tmpdir(), 'tailrace-cli-'));
  methods = join(folder, 'methods.mjs');
  writeFileSync(methods, 'export default { add: ([a, b]) => a + b };');
});
test.after(() => rmSync(folder, { recursive: true }));

const run = (args: string[], env: NodeJS.ProcessEnv = {}) =>
  spawnSync(process.execPath, [program, ...args], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
    timeout: 20_000,
  });

test('doctor names backend, reason and limits', () => {
  const js = run(['doctor'], { TAILRACE_BACKEND: 'js' });
  assert.is(js.status, 0, js.stderr);
  assert.match(js.stdout, /^backend +js \(TAILRACE_BACKEND=js\)$/m);
  assert.match(js.stdout, new RegExp(`^node +${process.versions.node}$`, 'm'));
  if (!hasNative()) return;
  const native = run(['doctor'], { TAILRACE_BACKEND: 'native' });
  assert.match(native.stdout, /^backend +native$/m);
  assert.match(native.stdout, /^kernel +(icelake|haswell|westmere|arm64|fallback)$/m);
});

test('a wrong command line says how it goes, with exit code 2', () => {
  for (const args of [
    [],
    ['fly'],
    ['serve'],
    ['serve', 'a', 'b'],
    ['serve', 'a', '--port', 'x'],
    ['serve', '--no'],
  ]) {
    const { status, stderr, stdout } = run(args);
    assert.is(status, 2, args.join(' '));
    assert.match(stderr, 'usage:');
    assert.is(stdout, '');
  }
});

test('a module that is not there is an error', () => {
  const { status, stderr } = run(['serve', join(folder, 'missing.mjs'), '--port', '0']);
  assert.is(status, 1);
  assert.match(stderr, 'missing.mjs');
});

test('a port in use is said in one clear line', async () => {
  const blocker = createServer().listen(0, '127.0.0.1');
  await once(blocker, 'listening');
  const { port } = blocker.address() as { port: number };
  const { status, stderr } = run(['serve', methods, '--port', String(port)]);
  blocker.close();
  assert.is(status, 1);
  assert.match(stderr, /^tailrace: the port is in use \(.*EADDRINUSE.*\)\n$/);
});

async function serves(extra: string[], env: NodeJS.ProcessEnv): Promise<void> {
  const args = [program, 'serve', methods, '--port', '0', ...extra];
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  });
  try {
    const lines = createInterface({ input: child.stdout });
    const [line] = (await once(lines, 'line')) as [string];
    const url = /http:\S+/.exec(line)?.[0] ?? '';
    const reply = await fetch(url, {
      method: 'POST',
      body: '{"jsonrpc":"2.0","method":"add","params":[2,3],"id":1}',
    });
    assert.equal(await reply.json(), { jsonrpc: '2.0', id: 1, result: 5 });
    child.kill('SIGTERM');
    const [code] = await once(child, 'exit');
    assert.is(code, 0);
  } finally {
    child.kill('SIGKILL');
  }
}

for (const backend of hasNative() ? ['native', 'js'] : ['js']) {
  test(`serves a module until SIGTERM (${backend})`, () => serves([], { TAILRACE_BACKEND: backend }));
  test(`serves a module in isolates (${backend})`, () =>
    serves(['--isolates', '2'], { TAILRACE_BACKEND: backend }));
}

test.run();
