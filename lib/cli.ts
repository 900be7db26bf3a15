#!/usr/bin/env node
// The command `tailrace`: serve runs a module of JSON-RPC methods, doctor says what this machine gives and what to do.

import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { loadAddon } from './backend/load';
import { runtimeInfo } from './index';

const usage = `usage:
  tailrace serve <module> [--port N] [--host H] [--path /rpc] [--isolates N] [--expose-errors]
      serves the methods that are the module's default export; --isolates runs it in N isolates
  tailrace doctor
      backend, reason, CPU, limits, and what to do
`;

/** A wrong command line: the text, without a stack, and exit code 2. */
class UsageError extends Error {}

/** A first line of a file of /proc or /sys, or undefined where there is none. */
function firstLine(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').split('\n')[0]?.trim();
  } catch {
    return undefined;
  }
}

/** Soft limit of open files, from /proc; undefined elsewhere. Infinity when there is none. */
function openFilesLimit(): number | undefined {
  try {
    const match = /^Max open files\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'));
    if (match === null) return undefined;
    return match[1] === 'unlimited' ? Number.POSITIVE_INFINITY : Number(match[1]);
  } catch {
    return undefined;
  }
}

function doctor(): number {
  const info = runtimeInfo();
  const advice: string[] = [];
  const row = (name: string, value: string | number): void => console.log(`${name.padEnd(12)}${value}`);
  row('tailrace', info.version);
  row('node', info.node);
  row('platform', `${process.platform}-${process.arch}`);
  row('backend', info.reason === undefined ? info.backend : `${info.backend} (${info.reason})`);
  row('kernel', info.isa);
  row('cpu', `${cpus()[0]?.model ?? 'unknown'}, ${availableParallelism()} usable`);
  row('memory', `${Math.round(totalmem() / 2 ** 20)} MB`);

  const load = loadAddon();
  if (load.state === 'broken') {
    for (const cause of load.causes) row('cause', cause.message);
    advice.push(
      'The native binary is there and does not load: reinstall, or build it (npm run build:native).',
    );
  } else if (load.state === 'absent') {
    advice.push(
      'No native binary for this system: everything works on the JavaScript fallback, more slowly.',
    );
  } else if (info.backend === 'js') {
    advice.push('The native binary loads; TAILRACE_BACKEND=js keeps it from being used.');
  }
  const files = openFilesLimit();
  if (files !== undefined) {
    row('open files', files);
    if (files < 20_000)
      advice.push(`At most ${files} open files: raise it (ulimit -n) for more connections.`);
  }
  const backlog = firstLine('/proc/sys/net/core/somaxconn');
  if (backlog !== undefined) {
    row('backlog', backlog);
    if (Number(backlog) < 1024)
      advice.push(`net.core.somaxconn is ${backlog}: bursts of connections overflow it.`);
  }
  console.log(advice.length === 0 ? '\nNothing to do.' : `\n${advice.join('\n')}`);
  return load.state === 'broken' ? 1 : 0;
}

function whole(text: string | undefined, name: string, least: number, most: number): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text !== '' && Number.isInteger(value) && value >= least && value <= most) return value;
  throw new UsageError(`${name} must be an integer from ${least} to ${most}, not '${text}'`);
}

async function serve(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      port: { type: 'string' },
      host: { type: 'string' },
      path: { type: 'string' },
      isolates: { type: 'string' },
      'expose-errors': { type: 'boolean' },
    },
  });
  const [module, ...rest] = positionals;
  if (module === undefined || rest.length > 0) throw new UsageError('serve takes one module');
  const isolates = whole(values.isolates, '--isolates', 1, 1024);
  const port = whole(values.port, '--port', 0, 65_535) ?? 8080;
  if (!existsSync(module)) {
    console.error(`tailrace: there is no file ${module}`);
    return 1;
  }
  const { serve: serveRpc } = require('./rpc') as typeof import('./rpc');
  const server = await serveRpc({
    module: resolve(module),
    port,
    ...(values.host === undefined ? {} : { host: values.host }),
    ...(values.path === undefined ? {} : { path: values.path }),
    ...(isolates === undefined ? {} : { isolates }),
    exposeErrors: values['expose-errors'] ?? false,
  });
  const { address, port: bound, family } = server.address();
  const { backend, reason } = runtimeInfo();
  const host = family === 'IPv6' ? `[${address}]` : address;
  console.log(`serving ${module} on http://${host}:${bound}${values.path ?? '/rpc'}`);
  console.log(reason === undefined ? `backend ${backend}` : `backend ${backend}: ${reason}`);
  const stop = (): void => {
    server.close({ drainMs: 5_000 }).then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  return 0;
}

async function main(args: string[]): Promise<number> {
  const [command, ...rest] = args;
  switch (command) {
    case 'serve':
      return serve(rest);
    case 'doctor':
      return doctor();
    case '--version':
      console.log(runtimeInfo().version);
      return 0;
    case '--help':
    case 'help':
      console.log(usage);
      return 0;
    default:
      throw new UsageError(command === undefined ? 'a command is missing' : `unknown command '${command}'`);
  }
}

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error: NodeJS.ErrnoException) => {
    const wrongUse = error instanceof UsageError || error.code?.startsWith('ERR_PARSE_ARGS') === true;
    if (wrongUse) console.error(`tailrace: ${error.message}\n\n${usage}`);
    else if (error.code === 'EADDRINUSE') console.error(`tailrace: the port is in use (${error.message})`);
    else console.error(error);
    process.exitCode = wrongUse ? 2 : 1;
  },
);
