// Runs one test program in a process group of its own: with a time limit, all output kept, and nothing of the group
// left behind when it is over.
import { spawn } from 'node:child_process';
import { performance } from 'node:perf_hooks';

const maxOutput = 4 * 1024 * 1024;

/**
 * @returns {Promise<{ output: string, code: number | null, signal: string | null, timedOut: boolean, seconds: number }>}
 *   `output` is stdout and stderr as they came; `code` is null after a signal or when the program could not start.
 */
export function runChild(command, args, { env = process.env, cwd, limitSeconds }) {
  return new Promise((done) => {
    const begin = performance.now();
    const child = spawn(command, args, { env, cwd, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    const chunks = [];
    let size = 0;
    let timedOut = false;
    let failure = '';
    const keep = (chunk) => {
      if (size < maxOutput) chunks.push(chunk);
      size += chunk.length;
    };
    const killGroup = () => {
      try {
        process.kill(-child.pid, 'SIGKILL');
      } catch {
        // The group is gone: nothing was left.
      }
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    const timer = setTimeout(() => {
      timedOut = true;
      killGroup();
    }, limitSeconds * 1000);
    child.on('error', (error) => {
      failure = `cannot start ${command}: ${error.message}\n`;
    });
    // A grandchild may hold the pipes open: the group goes as soon as the program itself has ended.
    child.on('exit', () => setTimeout(killGroup, 50));
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      const cut = size > maxOutput ? `\n[output cut: ${size} bytes]\n` : '';
      done({
        output: failure + Buffer.concat(chunks).toString('utf8') + cut,
        code: failure === '' ? code : null,
        signal,
        timedOut,
        seconds: (performance.now() - begin) / 1000,
      });
    });
  });
}
