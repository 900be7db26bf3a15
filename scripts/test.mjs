// The test runner. Compiles, then runs every test file in a process of its own, with a time limit, and believes only
// what it can count (see support/verdict.mjs). Its last line is `N passed, N failed`, with `, N skipped` when there are any.
//
//   node scripts/test.mjs [filter …] [--without TEXT …] [--no-build] [--no-cpp] [--only-cpp] [--jobs N] [--root DIR] [--verbose]
//
// filter: a part of a run's name ('json', 'server/native', 'json/native TAILRACE_ISA=haswell'); --without: of those that are
// left out. --root: run the test files below another folder (already
// compiled, *.test.js): for other Node versions and for the runner's own tests. Lines a test file may have near its top:
//   // @timeout 240                        seconds instead of 120
//   // @env TAILRACE_ISA=fallback|haswell  the file runs once for each value
// TAILRACE_TEST_NATIVE=required turns a skipped file into a failure.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { runChild } from './support/child.mjs';
import { cppPrograms } from './support/cpp.mjs';
import { binOf, filesBelow, root } from './support/tools.mjs';
import { doctestVerdict, uvuVerdict } from './support/verdict.mjs';

const defaultLimitSeconds = 120; // for what hangs: some machines are four times slower than others
const { values: options, positionals: filters } = parseArgs({
  allowPositionals: true,
  options: {
    'no-build': { type: 'boolean', default: false },
    'no-cpp': { type: 'boolean', default: false },
    'only-cpp': { type: 'boolean', default: false },
    jobs: {
      type: 'string',
      default: process.env.TAILRACE_TEST_JOBS ?? String(Math.min(2, availableParallelism())),
    },
    root: { type: 'string' },
    without: { type: 'string', multiple: true, default: [] },
    verbose: { type: 'boolean', default: false },
  },
});
const wanted = (name) =>
  (filters.length === 0 || filters.some((filter) => name.includes(filter))) &&
  !options.without.some((text) => name.includes(text));
const allowSkippedFiles = process.env.TAILRACE_TEST_NATIVE !== 'required';

/** Runs of one test file: its time limit and its environments, from the marks near its top. */
function runsOf(name, program, marksIn) {
  const head = readFileSync(marksIn, 'utf8').split('\n', 30).join('\n');
  const limitSeconds = Number(/^\/\/ @timeout (\d+)$/m.exec(head)?.[1] ?? defaultLimitSeconds);
  const env = /^\/\/ @env (\w+)=(\S+)$/m.exec(head);
  const variants = env === null ? [{}] : env[2].split('|').map((value) => ({ [env[1]]: value }));
  return variants.map((extra) => ({
    name: [name, ...Object.entries(extra).map(([key, value]) => `${key}=${value}`)].join(' '),
    command: process.execPath,
    args: [program],
    env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: undefined, ...extra },
    limitSeconds,
    verdict: uvuVerdict,
  }));
}

function scriptRuns() {
  if (options.root !== undefined) {
    const folder = resolve(options.root);
    return filesBelow('.', '.test.js', folder)
      .map((path) => path.slice(2))
      .flatMap((path) => runsOf(path.slice(0, -'.test.js'.length), join(folder, path), join(folder, path)));
  }
  // The list is made from the sources, so that what an old build left behind does not run.
  return filesBelow('test', '.test.ts').flatMap((path) =>
    runsOf(
      path.slice('test/'.length, -'.test.ts'.length),
      join(root, 'dist', path.replace(/ts$/, 'js')),
      join(root, path),
    ),
  );
}

function compile() {
  const run = spawnSync(process.execPath, [binOf('typescript', 'bin/tsc'), '-p', 'tsconfig.json'], {
    cwd: root,
    encoding: 'utf8',
  });
  if (run.status === 0) return true;
  console.log(`FAIL  tsc\n${run.stdout}${run.stderr}`);
  return false;
}

const total = { passed: 0, failed: 0, skipped: 0 };
const failures = [];

function report(run, result, verdict) {
  total.passed += verdict.passed;
  total.failed += verdict.failed;
  total.skipped += verdict.skipped;
  const counted = `${verdict.passed} passed${verdict.skipped > 0 ? `, ${verdict.skipped} skipped` : ''}`;
  const seconds = `${result.seconds.toFixed(1)} s`;
  if (verdict.failed > 0) {
    failures.push(`${run.name}: ${verdict.problem}`);
    console.log(
      `FAIL  ${run.name}  ${verdict.problem}  (${seconds})\n${result.output.replace(/^/gm, '      ')}`,
    );
  } else if (verdict.skipReason !== undefined) {
    console.log(`skip  ${run.name}  ${verdict.skipReason}`);
  } else {
    console.log(`ok    ${run.name}  ${counted}  (${seconds})`);
    if (options.verbose) console.log(result.output.replace(/^/gm, '      '));
  }
}

async function runAll(runs, jobs) {
  const queue = [...runs];
  const worker = async () => {
    for (let run = queue.shift(); run !== undefined; run = queue.shift()) {
      const result = await runChild(run.command, run.args, {
        env: run.env,
        cwd: root,
        limitSeconds: run.limitSeconds,
      });
      report(run, result, run.verdict(result, { limitSeconds: run.limitSeconds, allowSkippedFiles }));
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, jobs) }, worker));
}

const inCheckout = options.root === undefined;
if (inCheckout && !options['no-build'] && !options['only-cpp'] && !compile()) {
  total.failed++;
  failures.push('tsc: the sources do not compile');
}
const runs = options['only-cpp'] ? [] : scriptRuns().filter(({ name }) => wanted(name));
for (const run of runs) {
  if (!existsSync(run.args[0])) {
    console.log(`FAIL  ${run.name}  ${relative(root, run.args[0])} is missing`);
    total.failed++;
    failures.push(`${run.name}: not compiled`);
  }
}
await runAll(
  runs.filter((run) => existsSync(run.args[0])),
  Number(options.jobs),
);

if (inCheckout && !options['no-cpp']) {
  const cpp = cppPrograms(wanted);
  if (cpp.problem !== undefined) {
    total.failed++;
    failures.push(cpp.problem);
    console.log(`FAIL  C++ tests  ${cpp.problem}\n${cpp.output ?? ''}`);
  }
  if (cpp.skipped !== undefined) console.log(`skip  C++ tests  ${cpp.skipped}`);
  await runAll(
    cpp.programs.map((program) => ({
      ...program,
      limitSeconds: 240,
      env: process.env,
      verdict: doctestVerdict,
    })),
    Number(options.jobs),
  );
}

if (total.passed === 0 && total.failed === 0) {
  total.failed++;
  failures.push(filters.length > 0 ? `no test matches ${filters.join(' ')}` : 'no test has run');
}
if (failures.length > 0) console.log(`\nFailed:\n${failures.map((line) => `  ${line}`).join('\n')}`);
console.log(
  `\n${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ''}`,
);
process.exitCode = total.failed > 0 ? 1 : 0;
