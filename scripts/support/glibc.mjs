// The oldest GLIBC a binary runs on: the newest symbol version it asks for.
import { spawnSync } from 'node:child_process';

/** What the package promises (README names it too); a build that needs more does not get packed. */
export const glibcLimit = '2.28';

/** Whether version a ('2.28') is not newer than b. */
export function olderOrEqual(a, b) {
  const [left, right] = [a, b].map((version) => version.split('.').map(Number));
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return true;
}

/** Undefined symbols of a binary with their GLIBC version: [{ symbol, version }]; undefined without objdump. */
export function glibcSymbols(path) {
  const run = spawnSync('objdump', ['-T', path], { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  if (run.status !== 0) return undefined;
  return [...run.stdout.matchAll(/\*UND\*.*\(?GLIBC_([0-9.]+)\)?\s+(\S+)$/gm)].map(([, version, symbol]) => ({
    symbol,
    version,
  }));
}

/** '2.28', or undefined when objdump is not installed. */
export function glibcFloor(path) {
  const symbols = glibcSymbols(path);
  if (symbols === undefined) return undefined;
  return symbols.reduce((floor, { version }) => (olderOrEqual(version, floor) ? floor : version), '2.0');
}
