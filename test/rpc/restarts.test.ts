// An isolate that died is replaced, also when its replacement never loads the module.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { BackendCall } from '../../lib/backend/contract';
import { jsBackend } from '../../lib/backend/select';
import { RawJson } from '../../lib/backend/shared';
import { IsolatePool } from '../../lib/rpc/isolates';
import { within } from '../support/http-client';

const test = suite('rpc restarts');

test('a replacement that hangs while it loads the module is replaced in its turn', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tailrace-restarts-'));
  const loads = join(folder, 'loads');
  writeFileSync(loads, '');
  writeFileSync(
    join(folder, 'methods.mjs'),
    `import { appendFileSync, readFileSync } from 'node:fs';
     const file = new URL('loads', import.meta.url);
     appendFileSync(file, '.');
     const load = readFileSync(file, 'utf8').length;
     if (load === 2) await new Promise((resolve) => setInterval(() => {}, 1000));
     export default { which: () => load, die: () => process.exit(3) };`,
  );
  const said: string[] = [];
  const say = (...args: unknown[]): void => {
    said.push(String(args[0]));
  };
  const log = { debug: say, info: say, warn: say, error: say };
  const url = pathToFileURL(join(folder, 'methods.mjs')).href;
  const options = { url, exposeErrors: false, queue: 10, isolates: 1, log, loadMs: 1000 };
  const pool = await IsolatePool.create(options, { ...jsBackend().server, share: undefined }, undefined);
  const call: BackendCall = {
    id: 1,
    deadline: Date.now() + 60_000,
    signal: () => new AbortController().signal,
    rawHeaders: () => [],
    remoteAddress: () => '127.0.0.1',
  };
  const ask = async (name: string): Promise<unknown> => {
    const method = pool.methods.find((each) => each.name === name)!;
    const answer = await within(Promise.resolve(method.invoke(undefined, call)), `the answer of ${name}`);
    return answer instanceof RawJson ? JSON.parse(answer.text) : answer;
  };
  try {
    assert.is(await ask('which'), 1);
    const died = await ask('die').catch((error: { code: string }) => error.code);
    assert.is(died, 'ERR_TAILRACE_ISOLATE_EXIT');
    // It waits for the third: the second has been given up. (On a busy machine the third may have been too.)
    const answered = (await ask('which')) as number;
    assert.ok(answered >= 3);
    assert.is(readFileSync(loads, 'utf8').length, answered);
    assert.ok(
      said.some((text) => text.includes('has not loaded the module in 1000 ms')),
      said.join('\n'),
    );
  } finally {
    await pool.close();
    rmSync(folder, { recursive: true });
  }
});

test.run();
