// npm start: runs the example server. PORT overrides 8080.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './support/tools.mjs';

const example = join(root, 'dist', 'examples', 'server.js');
if (!existsSync(example)) {
  console.error('tailrace: the examples are not built; run `npm ci` first');
  process.exit(1);
}
const child = spawn(process.execPath, [example], { stdio: 'inherit' });
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => {
  process.exitCode = code ?? (signal === 'SIGINT' || signal === 'SIGTERM' ? 0 : 1);
});
