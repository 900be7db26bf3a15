// What the scripts ask of the machine: programs, a compiler that can do C++20, Node's headers.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readdirSync, statSync } from 'node:fs';
import { delimiter, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of package.json. */
export const root = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** Full path of a program on PATH, or undefined. A name with a slash is taken as it is. */
export function findProgram(name, env = process.env) {
  const paths = name.includes('/')
    ? [name]
    : (env.PATH ?? '').split(delimiter).map((folder) => join(folder, name));
  return paths.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return statSync(path).isFile();
    } catch {
      return false;
    }
  });
}

/** The first of the names that is on PATH. */
export function findAny(names, env = process.env) {
  for (const name of names) {
    const path = name && findProgram(name, env);
    if (path) return path;
  }
  return undefined;
}

/**
 * Why a compiler cannot build this project, or undefined when it can. It is tried, not asked for its version.
 * @param {string[]} command
 */
export function cxx20Problem([program, ...words]) {
  const source =
    '#include <coroutine>\n#include <atomic>\n#include <span>\nint main() { return std::span<int>().size(); }\n';
  const run = spawnSync(program, [...words, '-std=c++20', '-x', 'c++', '-fsyntax-only', '-'], {
    input: source,
    encoding: 'utf8',
  });
  if (run.status === 0) return undefined;
  const name = [program, ...words].join(' ');
  return run.error?.code === 'ENOENT' ? `${name} is not there` : `${name} does not compile C++20`;
}

/** The nodedir whose headers (uv.h among them) belong to the running Node, or undefined: then node-gyp downloads them. */
export function localNodeDir(execPath = process.execPath, env = process.env) {
  const prefix = resolve(dirname(execPath), '..');
  const candidates = [prefix, env.npm_config_nodedir];
  return candidates.find(
    (dir) => dir && ['node_api.h', 'uv.h'].every((name) => existsSync(join(dir, 'include', 'node', name))),
  );
}

/** Every file below `folder` whose name ends with `suffix`, sorted, relative to `base`. */
export function filesBelow(folder, suffix, base = root) {
  const absolute = join(base, folder);
  if (!existsSync(absolute)) return [];
  return readdirSync(absolute, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : filesBelow(path, suffix, base);
      return entry.name.endsWith(suffix) ? [path] : [];
    });
}

/** Runs a JavaScript program of node_modules (npx without its start-up and its config warnings). */
export function binOf(packageName, bin = packageName) {
  return join(root, 'node_modules', packageName, bin);
}
