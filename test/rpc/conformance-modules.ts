// Modules that hang or die while they are loaded or soon after, on every backend.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, type Test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Backend } from '../../lib/backend/contract';
import { serveRpcOn } from '../../lib/rpc/serve';
import { until, within } from '../support/http-client';
import { makeWithRpc, quiet } from './conformance';

const kHangs = 'await new Promise((resolve) => setTimeout(resolve, 0x7fffffff)); export default {};';
const kSpins =
  "import { isMainThread } from 'node:worker_threads'; if (!isMainThread) for (;;); export default {};";
/** Loads once. */
const kOnce = `
  import { writeFileSync } from 'node:fs';
  writeFileSync(new URL('once.txt', import.meta.url), '', { flag: 'wx' });
  export default { die: () => process.exit(4) };`;

export function conformanceModules(name: string, backend: Backend): Test {
  const test = suite(`rpc modules ${name}`);
  const withRpc = makeWithRpc(backend);
  let folder: string;
  test.before(() => {
    folder = mkdtempSync(join(tmpdir(), 'tailrace-modules-'));
  });
  test.after(() => rmSync(folder, { recursive: true }));

  function moduleOf(file: string, source: string): string {
    const path = join(folder, file);
    writeFileSync(path, source);
    return path;
  }

  test('an abort ends the wait for a module that is never loaded', async () => {
    const reason = new Error('mine');
    for (const [file, source, isolates] of [
      ['hangs.mjs', kHangs, 1],
      ['spins.mjs', kSpins, 2],
    ] as const) {
      const module = moduleOf(file, source);
      const stop = new AbortController();
      const serving = serveRpcOn(backend, { port: 0, log: quiet, module, isolates, signal: stop.signal });
      setTimeout(() => stop.abort(reason), 20);
      const outcome = await within(
        serving.catch((error) => error),
        'the abort',
      );
      assert.is(outcome, reason, file);
    }
    const aborted = AbortSignal.abort(reason);
    const module = moduleOf('throws.mjs', 'throw new Error("it was loaded");');
    for (const isolates of [undefined, 1]) {
      const serving = serveRpcOn(backend, { port: 0, log: quiet, module, isolates, signal: aborted });
      assert.is(await serving.catch((error) => error), reason);
    }
  });

  test('an isolate that cannot be started anew is tried in longer and longer pauses', async () => {
    const pauses: number[] = [];
    const error = (text: string) => {
      const told = /starts in (\d+) ms/.exec(text);
      if (told !== null) pauses.push(Number(told[1]));
    };
    const module = moduleOf('once.mjs', kOnce);
    await withRpc({ module, isolates: 1, log: { ...quiet, error } }, async (ask) => {
      assert.match(await ask('{"jsonrpc":"2.0","method":"die","id":1}'), /-32603/);
      await until(() => pauses.length >= 3, 'it has ended three times');
    });
    assert.equal(pauses.slice(0, 3), [100, 200, 400]);
  });

  return test;
}
