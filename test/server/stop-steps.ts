// Stops a server at every step of its life, each in a child: it must end by itself, with code 0, without a word on stderr.

import { execFileSync, spawn } from 'node:child_process';
import { join } from 'node:path';
import { suite, type Test } from 'uvu';
import * as assert from 'uvu/assert';

const kChild = join(__dirname, 'fixtures', 'stop.js');
const kLoad = join(__dirname, 'fixtures', 'terminate-load.js');
const kPatienceMs = 120_000;

interface End {
  code: number | null;
  signal: string | null;
  out: string;
  err: string;
}

function endedWell({ code, signal, out, err }: End, again = ''): void {
  assert.is(err, '', again);
  assert.is(signal, null, `it ended by itself; ${again}`);
  assert.is(code, 0, again);
  assert.match(out, /done/, again);
}

function run(program: string, ...args: string[]): Promise<End> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [program, ...args], {
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
      endedWell(await run(kChild, step, backend));
    });
  }
  test('workers that serve isolates, terminated under load', async () => {
    const seed = process.env.SEED ?? String(Date.now() % 0x7fffffff);
    endedWell(await run(kLoad, backend, seed), `repeat with: node ${kLoad} ${backend} ${seed}`);
  });
  return test;
}
