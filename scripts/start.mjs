// npm start: runs the example server. PORT overrides 8080.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './support/tools.mjs';

const example = join(root, 'examples', 'server.mjs');
if (!existsSync(join(root, 'dist', 'lib', 'rpc', 'index.js'))) {
  console.error('tailrace: the package is not built; run `npm ci` first');
  process.exit(1);
}
const child = spawn(process.execPath, [example], { stdio: 'inherit' });
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => {
  process.exitCode = code ?? (signal === 'SIGINT' || signal === 'SIGTERM' ? 0 : 1);
});
