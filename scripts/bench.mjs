// npm run bench [filter …]: compiles and runs every bench file, one after the other, each in a process of its own, so that
// none warms or fills the heap of the next. C++ benches run when cmake is installed. Figures of a machine that does
// anything else meanwhile mean nothing.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { binOf, filesBelow, findProgram, root } from './support/tools.mjs';

const filters = process.argv.slice(2);
const wanted = (path) => filters.length === 0 || filters.some((filter) => path.includes(filter));
let failed = 0;
let ran = 0;

function run(title, command, args) {
  console.log(`\n== ${title}`);
  ran++;
  const { status, signal } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  if (status === 0) return true;
  console.log(`FAILED: ${title} (${signal ?? `exit ${status}`})`);
  failed++;
  return false;
}

const tsc = spawnSync(process.execPath, [binOf('typescript', 'bin/tsc'), '-p', 'tsconfig.json'], {
  cwd: root,
  stdio: ['ignore', 'inherit', 'inherit'],
});
if (tsc.status !== 0) process.exit(1);

for (const path of filesBelow('bench', '.bench.ts').filter(wanted)) {
  run(path, process.execPath, ['--expose-gc', join(root, 'dist', path.replace(/ts$/, 'js'))]);
}

const cpp = filesBelow('bench', '.bench.cc').filter(wanted);
if (cpp.length > 0 && findProgram('cmake') !== undefined && findProgram('ninja') !== undefined) {
  const folder = join(root, 'build-cmake-bench');
  // As CMakeLists.txt names them: bench/memory/cache.bench.cc is bench_memory_cache_bench.
  const targets = cpp.map((path) => path.replace(/\.cc$/, '').replaceAll(/[/.]/g, '_'));
  const quiet = { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] };
  spawnSync('cmake', ['--preset', 'bench'], quiet);
  const build = spawnSync('cmake', ['--build', folder, '--target', ...targets], {
    cwd: root,
    encoding: 'utf8',
  });
  if (build.status !== 0) {
    console.log(build.stdout);
    failed++;
  } else {
    for (const [index, path] of cpp.entries()) run(path, join(folder, targets[index]), []);
  }
} else if (cpp.length > 0) {
  console.log('\nC++ benches left out: cmake or ninja is not installed');
}

if (ran === 0) {
  console.error(`no bench matches ${filters.join(' ')}`);
  failed++;
}
process.exitCode = failed > 0 ? 1 : 0;
