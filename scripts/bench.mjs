// npm run bench [filter …]: compiles and runs every bench file, one after the other, each in a process of its own, so that
// none warms or fills the heap of the next. C++ benches run when cmake is installed. Figures of a machine that does
// anything else meanwhile mean nothing. What they print, with plots, is also written to bench-report/ (support/report.mjs).
import { spawn, spawnSync } from 'node:child_process';
import { join, relative } from 'node:path';
import { writeReport } from './support/report.mjs';
import { binOf, filesBelow, findProgram, root } from './support/tools.mjs';

const filters = process.argv.slice(2);
const wanted = (path) => filters.length === 0 || filters.some((filter) => path.includes(filter));
let failed = 0;
const done = [];

/** Shows and keeps what it prints. */
async function run(title, command, args, env = process.env) {
  console.log(`\n== ${title}`);
  const child = spawn(command, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output += text;
    process.stdout.write(text);
  });
  const end = await new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) => resolve(code === 0 ? undefined : (signal ?? `exit ${code}`)));
  });
  done.push({ name: title, output });
  if (end === undefined) return;
  console.log(`FAILED: ${title} (${end})`);
  failed++;
}

const tsc = spawnSync(process.execPath, [binOf('typescript', 'bin/tsc'), '-p', 'tsconfig.json'], {
  cwd: root,
  stdio: ['ignore', 'inherit', 'inherit'],
});
if (tsc.status !== 0) process.exit(1);

for (const path of filesBelow('bench', '.bench.ts').filter(wanted)) {
  await run(path, process.execPath, ['--expose-gc', join(root, 'dist', path.replace(/ts$/, 'js'))]);
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
    // the documents of the TypeScript benches, for those that read files
    const documents = join(folder, 'datasets');
    spawnSync(process.execPath, [join(root, 'dist', 'bench', 'support', 'datasets.js'), documents], quiet);
    const env = { ...process.env, TAILRACE_BENCH_FILES: documents };
    for (const [index, path] of cpp.entries()) await run(path, join(folder, targets[index]), [], env);
  }
} else if (cpp.length > 0) {
  console.log('\nC++ benches left out: cmake or ninja is not installed');
}

if (done.length === 0) {
  console.error(`no bench matches ${filters.join(' ')}`);
  failed++;
} else {
  console.log(`\nreport: ${relative(root, writeReport(join(root, 'bench-report'), done))}`);
}
process.exitCode = failed > 0 ? 1 : 0;
