// What a test program's end means. uvu and doctest can both exit 0 without having run anything (a forgotten .run(), a
// suite.before that throws, an empty filter), so the exit code alone is never believed.

/** A file says that it cannot run here (see test/support/backends.ts) by this line and an exit before any test. */
const skipMark = /^@skip-file (.+)$/m;
const uvuSummary = /^ {2}Total: +(\d+)\n {2}Passed: +(\d+)\n {2}Skipped: +(\d+)$/gm;
const doctestSummary =
  /^\[doctest\] test cases: +(\d+) \| +(\d+) passed \| +(\d+) failed(?: \| +(\d+) skipped)?/gm;

const failedBy = (problem, passed = 0, total = 0) => ({
  passed,
  failed: Math.max(1, total - passed),
  skipped: 0,
  problem,
});

/** Problems every kind of program can have. */
function endProblem(run, limitSeconds) {
  if (run.timedOut) return `did not end within ${limitSeconds} s`;
  if (run.signal !== null) return `was killed by ${run.signal}`;
  if (run.code === null) return 'could not be started';
  if (run.code !== 0) return `exited with code ${run.code}`;
  return undefined;
}

/**
 * @returns {{ passed: number, failed: number, skipped: number, problem?: string, skipReason?: string }}
 *   failed is 0 exactly when everything that was there has passed.
 */
export function uvuVerdict(run, { limitSeconds, allowSkippedFiles = true }) {
  const summaries = [...run.output.matchAll(uvuSummary)];
  const [total, passed, skipped] = (summaries.at(-1) ?? []).slice(1).map(Number);
  const problem = endProblem(run, limitSeconds);
  if (problem !== undefined) return failedBy(problem, passed, total);
  const skip = skipMark.exec(run.output);
  if (skip !== null && summaries.length === 0) {
    // What is optional everywhere (another program that is not installed) may always be skipped.
    if (!allowSkippedFiles && !skip[1].startsWith('optional: '))
      return failedBy(`was skipped (${skip[1]}), which is not allowed in this run`);
    return { passed: 0, failed: 0, skipped: 1, skipReason: skip[1] };
  }
  if (summaries.length === 0) return failedBy('ran no test (is .run() missing?)');
  if (summaries.length > 1) return failedBy('printed more than one summary', passed, total);
  if (total === 0) return failedBy(skipped === 0 ? 'has no test' : 'has nothing but skipped tests');
  if (passed !== total) return failedBy(`passed only ${passed} of ${total}`, passed, total);
  return { passed, failed: 0, skipped };
}

/** The same for a doctest program. */
export function doctestVerdict(run, { limitSeconds }) {
  const summaries = [...run.output.matchAll(doctestSummary)];
  const [total, passed] = (summaries.at(-1) ?? []).slice(1).map(Number);
  const problem = endProblem(run, limitSeconds);
  if (problem !== undefined) return failedBy(problem, passed, total);
  if (summaries.length !== 1) return failedBy('ran no test');
  if (total === 0) return failedBy('has no test');
  if (passed !== total) return failedBy(`passed only ${passed} of ${total}`, passed, total);
  return { passed, failed: 0, skipped: 0 };
}
