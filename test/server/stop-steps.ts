// Stops a server at every step of its life, each in a child: it must end by itself, with code 0, without a word on stderr.

import { execFileSync, spawn } from 'node:child_process';
import { join } from 'node:path';
import { suite, type Test } from 'uvu';
import * as assert from 'uvu/assert';

const kChild = join(__dirname, 'fixtures', 'stop.js');
const kPatienceMs = 60_000;

function run(
  step: string,
  backend: string,
): Promise<{ code: number | null; signal: string | null; out: string; err: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [kChild, step, backend], {
      timeout: kPatienceMs,
      killSignal: 'SIGKILL',
    });
    let out = '';
    let err = '';
    child.stdout.on('data', (chunk) => {
      out += chunk;
    });
    child.stderr.on('data', (chunk) => {
      err += chunk;
    });
    child.on('close', (code, signal) => resolve({ code, signal, out, err }));
  });
}

export function stopSteps(backend: 'js' | 'native'): Test {
  const test = suite(`server stop ${backend}`);
  const steps = JSON.parse(
    execFileSync(process.execPath, [kChild, '--list', 'js'], { encoding: 'utf8' }),
  ) as string[];
  for (const step of [...steps, 'workers', 'terminated workers']) {
    test(step, async () => {
      const { code, signal, out, err } = await run(step, backend);
      assert.is(signal, null, 'it ended by itself');
      assert.is(err, '');
      assert.is(code, 0);
      assert.match(out, /done/);
    });
  }
  return test;
}
