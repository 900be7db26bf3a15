// npm run lint: Biome over TypeScript, JavaScript and JSON, clang-format over C++. --fix (npm run format) rewrites.
// Without clang-format only its half is left out, with a line that says so; LINT=required makes that an error.
import { spawnSync } from 'node:child_process';
import { binOf, filesBelow, findProgram, root } from './support/tools.mjs';

const fix = process.argv.includes('--fix');
let failed = false;

function run(command, args) {
  const { status } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  if (status !== 0) failed = true;
}

const biome = ['check', '--error-on-warnings', ...(fix ? ['--write'] : []), '.'];
run(process.execPath, [binOf('@biomejs/biome', 'bin/biome'), ...biome]);

const sources = ['native', 'test', 'bench'].flatMap((folder) =>
  ['.h', '.cc', '.inc'].flatMap((suffix) => filesBelow(folder, suffix)),
);
if (findProgram('clang-format') !== undefined) {
  run('clang-format', [...(fix ? ['-i'] : ['--dry-run', '-Werror']), ...sources]);
} else {
  console.log('clang-format is not installed: C++ was not looked at');
  if (process.env.LINT === 'required') failed = true;
}
process.exitCode = failed ? 1 : 0;
