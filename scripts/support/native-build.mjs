// Builds the addon with node-gyp, against the headers of the running Node before any download.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { binOf, cxx20Problem, findAny, localNodeDir, root } from './tools.mjs';

/** Where the headers of the running Node (uv.h among them) are: beside it, or in node-gyp's store. Or undefined. */
export function headersFolder(env = process.env) {
  const local = localNodeDir(process.execPath, env);
  const cache = env.npm_config_devdir ?? join(env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'node-gyp');
  const folders = [local ?? [], join(cache, process.versions.node)].flat();
  return folders
    .map((folder) => join(folder, 'include', 'node'))
    .find((folder) => existsSync(join(folder, 'uv.h')));
}

/**
 * The compiler that a build runs, in words: CXX, which may have a launcher before it ('ccache g++'), else what is there.
 * Undefined: none.
 */
function compilerCommand(env) {
  const words = (env.CXX ?? '').split(/\s+/).filter((word) => word !== '');
  if (words.length > 0) return words;
  const found = findAny(['g++', 'c++', 'clang++'], env);
  return found && [found];
}

function gyp(args, env) {
  return spawnSync(process.execPath, [binOf('node-gyp', 'bin/node-gyp.js'), ...args], {
    cwd: root,
    env,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
}

/**
 * What a build would miss, in words for a user; an empty list when it can be tried. Headers that are neither beside
 * the running Node nor in node-gyp's store are fetched here, as the last resort.
 */
export function missingForBuild(env = process.env) {
  if (process.platform !== 'linux') return [`a supported system (Linux; this is ${process.platform})`];
  const missing = [];
  if (findAny([env.PYTHON, env.npm_config_python, 'python3', 'python'], env) === undefined)
    missing.push('Python 3');
  if (findAny([env.MAKE, 'make', 'gmake'], env) === undefined) missing.push('make');
  const compiler = compilerCommand(env);
  const problem = compiler && cxx20Problem(compiler);
  if (compiler === undefined) missing.push('a C++20 compiler');
  else if (problem !== undefined) missing.push(`a C++20 compiler (${problem})`);
  if (!existsSync(join(root, 'node_modules', 'node-gyp')))
    missing.push('node-gyp (a development dependency)');
  // Only when all else is there: this may use the network.
  if (missing.length === 0 && headersFolder(env) === undefined) {
    if (gyp(['install'], env).status !== 0)
      missing.push("Node's headers (not beside node, and their download failed)");
  }
  return missing;
}

/** Builds (incrementally). @returns {{ ok: boolean, log: string }} */
export function buildAddon(env = process.env) {
  const nodeDir = localNodeDir(process.execPath, env);
  const args = ['configure', 'build', ...(nodeDir === undefined ? [] : [`--nodedir=${nodeDir}`])];
  const jobs = { JOBS: env.JOBS ?? 'max' };
  // make's own default is g++; where only another compiler is there, name it.
  const cxx = !env.CXX && findAny(['g++'], env) === undefined ? { CXX: compilerCommand(env)?.join(' ') } : {};
  const run = gyp(args, { ...env, ...jobs, ...cxx });
  return { ok: run.status === 0, log: `${run.stdout}${run.stderr}` };
}

/** The built addon. */
export const addonPath = join(root, 'build', 'Release', 'tailrace.node');

/** Whether this is a checkout (with sources and development dependencies) and not an installed package. */
export function isCheckout() {
  return existsSync(join(root, 'tsconfig.json')) && readdirSync(root).includes('native');
}
