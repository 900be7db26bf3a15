// Builds the C++ tests of the core (CMakePresets.json has the presets) and lists their programs.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findAny, findProgram, root } from './tools.mjs';

const run = (command, args) =>
  spawnSync(command, args, { cwd: root, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });

/** Where a preset builds, and what runs its programs when this machine cannot. */
function placeOf(preset) {
  const { configurePresets } = JSON.parse(readFileSync(join(root, 'CMakePresets.json'), 'utf8'));
  const found = configurePresets.find(({ name }) => name === preset);
  return {
    folder: found.binaryDir.replace(/^\$\{sourceDir\}/, root),
    emulator: found.cacheVariables.CMAKE_CROSSCOMPILING_EMULATOR?.split(';') ?? [],
  };
}

/**
 * Builds a preset's tests whose names (part_name) are wanted.
 * @returns {{ programs: { name: string, command: string, args: string[] }[], skipped?: string, problem?: string, output?: string }}
 */
export function cppPrograms(wanted, preset = process.env.TAILRACE_CMAKE_PRESET ?? 'test') {
  const missing = ['cmake', 'ninja'].filter((name) => findProgram(name) === undefined);
  if (findAny([process.env.CXX, 'c++', 'g++', 'clang++']) === undefined) missing.push('a C++ compiler');
  if (!['/usr/include', '/usr/local/include'].some((dir) => existsSync(join(dir, 'doctest', 'doctest.h')))) {
    missing.push('doctest');
  }
  if (missing.length > 0) return { programs: [], skipped: `not installed: ${missing.join(', ')}` };
  const configure = run('cmake', ['--preset', preset]);
  if (configure.status !== 0)
    return { programs: [], problem: 'cmake failed', output: configure.stdout + configure.stderr };
  const { folder, emulator } = placeOf(preset);
  const listed = run('ctest', ['--test-dir', folder, '--show-only=json-v1']);
  const tests = JSON.parse(listed.stdout).tests.map(({ name }) => name);
  if (tests.length === 0) return { programs: [], skipped: 'there are none' };
  const chosen = tests.filter((name) => wanted(name) || wanted(`${name.replace('_', '/')}.test.cc`));
  if (chosen.length === 0) return { programs: [] };
  const build = run('cmake', ['--build', folder, '--target', ...chosen]);
  if (build.status !== 0)
    return { programs: [], problem: 'the C++ tests do not compile', output: build.stdout };
  const programs = chosen.map((name) => {
    const [command, ...args] = [...emulator, join(folder, name)];
    return { name: `cpp/${name}`, command, args };
  });
  return { programs };
}
