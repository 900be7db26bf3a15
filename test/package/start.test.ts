// `npm start`, as a newcomer runs it: it serves the examples, says on what and why, and a port in use is a clear error.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { hasNative } from '../support/backends';
import { root } from '../support/paths';

const test = suite('npm start');
const script = join(root, 'scripts', 'start.mjs');

/** Output up to the line with the curl command, which is the last but one. */
async function untilReady(child: ChildProcess): Promise<string> {
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) {
    lines.push(line);
    if (/^ *curl /.test(line)) break;
  }
  return lines.join('\n');
}

for (const backend of hasNative() ? ['native', 'js'] : ['js']) {
  test(`serves the examples (${backend})`, async () => {
    const env = { ...process.env, PORT: '0', TAILRACE_BACKEND: backend };
    const child = spawn(process.execPath, [script], { env, stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      const output = await untilReady(child);
      assert.match(output, backend === 'js' ? 'backend: js (TAILRACE_BACKEND=js)' : 'backend: native');
      const [, url, body] = /curl -s (\S+) -d '([^']+)'/.exec(output) ?? [];
      assert.ok(url !== undefined && body !== undefined, output);
      const reply = await fetch(url as string, { method: 'POST', body: body as string });
      assert.equal(await reply.json(), { jsonrpc: '2.0', id: 1, result: 5 });
      child.kill('SIGTERM');
      const [code] = await once(child, 'exit');
      assert.is(code, 0);
    } finally {
      child.kill('SIGKILL');
    }
  });
}

test('a port in use is a clear error', async () => {
  const blocker = createServer().listen(0, '127.0.0.1');
  await once(blocker, 'listening');
  const { port } = blocker.address() as { port: number };
  const env = { ...process.env, PORT: String(port) };
  const run = spawnSync(process.execPath, [script], { env, encoding: 'utf8', timeout: 20_000 });
  blocker.close();
  assert.is(run.status, 1);
  assert.match(run.stderr, new RegExp(`^Port ${port} .* is in use.*\\n$`));
});

test('a PORT that is none is a clear error', () => {
  const env = { ...process.env, PORT: 'eighty' };
  const run = spawnSync(process.execPath, [script], { env, encoding: 'utf8', timeout: 20_000 });
  assert.is(run.status, 1);
  assert.match(run.stderr, /^PORT must be/);
});

test.run();
