// The one source list of the native code: binding.gyp and CMakeLists.txt both read it, so a file exists in
// both builds or in neither. The parts stand in layer order; every *.cc of a part's folder belongs to it.
//
//   node native/sources.mjs core      the pure core, without Node (a library for C++ tests, fuzzers, benches)
//   node native/sources.mjs addon     core and binding: what becomes tailrace.node
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const CORE_PARTS = ['base', 'memory', 'net', 'http', 'json', 'sched', 'server', 'rpc'];
export const BINDING_PARTS = ['binding'];

const here = dirname(fileURLToPath(import.meta.url));

/** Source paths, relative to the repository, of the named parts. */
export function sources(parts) {
  return parts.filter((part) => existsSync(join(here, part))).flatMap((part) =>
    readdirSync(join(here, part))
      .filter((name) => name.endsWith('.cc'))
      .sort()
      .map((name) => `native/${part}/${name}`),
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const parts = process.argv[2] === 'core' ? CORE_PARTS : [...CORE_PARTS, ...BINDING_PARTS];
  console.log(sources(parts).join('\n'));
}
