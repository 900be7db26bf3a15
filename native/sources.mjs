// The one source list of the native code: binding.gyp and CMakeLists.txt both read it, so a file exists in
// both builds or in neither. The parts stand in layer order; every *.cc of a part's folder belongs to it.
//
//   node native/sources.mjs core      the pure core, without Node (a library for C++ tests, fuzzers, benches)
//   node native/sources.mjs addon     core and binding: what becomes tailrace.node
//   node native/sources.mjs wraps     linker flags that keep the GLIBC floor (binding/glibc_floor.cc)
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const CORE_PARTS = ['base', 'memory', 'net', 'http', 'json', 'sched', 'server', 'rpc'];
export const BINDING_PARTS = ['binding'];

/** Functions of the C library that binding/glibc_floor.cc forwards to their old versions. */
export const WRAPPED = [
  'pthread_create',
  'pthread_detach',
  'pthread_join',
  'pthread_once',
  'pthread_key_create',
  '__pthread_key_create',
  'pthread_key_delete',
  'pthread_getspecific',
  'pthread_setspecific',
  'pthread_attr_setstacksize',
  'pthread_setname_np',
  'pthread_sigmask',
  'pow',
  'exp',
  'log',
  '__libc_single_threaded',
  '_dl_find_object',
  'arc4random',
];

const here = dirname(fileURLToPath(import.meta.url));

/** Source paths, relative to the repository, of the named parts. */
export function sources(parts) {
  return parts
    .filter((part) => existsSync(join(here, part)))
    .flatMap((part) =>
      readdirSync(join(here, part))
        .filter((name) => name.endsWith('.cc'))
        .sort()
        .map((name) => `native/${part}/${name}`),
    );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const lists = {
    core: () => sources(CORE_PARTS),
    addon: () => sources([...CORE_PARTS, ...BINDING_PARTS]),
    wraps: () => (process.platform === 'linux' ? WRAPPED.map((name) => `-Wl,--wrap=${name}`) : []),
  };
  console.log(lists[process.argv[2]]().join('\n'));
}
