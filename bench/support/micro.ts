// Microbenchmarks by mitata: single operations in nanoseconds, first on the backend in use, then, in a process of its own,
// on the fallback. What is compared with a peer block by block is measured by stats.ts instead.

import { spawnSync } from 'node:child_process';
import { runtimeInfo } from '../../lib';

type Mitata = typeof import('mitata', { with: { 'resolution-mode': 'import' }});

/** `define` makes the benches, in groups if it likes, and returns how to take down what it set up. */
export async function micro(
  title: string,
  define: (mitata: Mitata) => Promise<() => Promise<unknown>>,
): Promise<void> {
  const mitata = await import('mitata');
  const { backend, node } = runtimeInfo();
  console.log(`${title}, Node ${node}, ${backend} backend`);
  const end = await define(mitata);
  await mitata.run({ throw: true, colors: process.stdout.isTTY === true });
  await end();
  if (backend === 'js') return;
  const again = { ...process.env, TAILRACE_BACKEND: 'js' };
  spawnSync(process.execPath, [...process.execArgv, process.argv[1] as string], {
    env: again,
    stdio: 'inherit',
  });
}
