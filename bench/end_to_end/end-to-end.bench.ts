// The server's table: native, fallback, node:http and the peers that are installed, saturated by load.cc from another core.
//
//   node dist/bench/end_to_end/end-to-end.bench.js [connections …]      default: 1000
//   SECONDS=5 SERVERS=native,node-http BODIES=small …                    fewer rows, longer ones
//
// CPU per request is the server process's user and system time from /proc, over the measured seconds; memory is RssAnon
// with every connection open and idle, before any request, over what it was without them, per connection. Needs Linux and a C++ compiler.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

const kRoot = resolve(__dirname, '..', '..', '..');
const kSeconds = Number(process.env.SECONDS ?? 3);
const kTicksPerSecond = 100;
const connectionsWanted = process.argv.slice(2).map(Number);
const counts = connectionsWanted.length > 0 ? connectionsWanted : [1000];

function installed(name: string): boolean {
  try {
    require.resolve(name);
    return true;
  } catch {
    return false;
  }
}

const servers = process.env.SERVERS?.split(',') ?? [
  'native',
  'fallback',
  'isolates',
  'isolates-js',
  'node-http',
  ...['fastify', 'jayson'].filter(installed),
];

/** Seconds of CPU a process has used. */
function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / kTicksPerSecond;
}

function anonBytes(pid: number): number {
  return Number(/^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1024;
}

const pinned = existsSync('/usr/bin/taskset');
function run(
  core: number,
  command: string,
  args: string[],
  env: NodeJS.ProcessEnv = process.env,
): ChildProcess {
  const stdio = ['ignore', 'pipe', 'inherit'] as ['ignore', 'pipe', 'inherit'];
  if (!pinned) return spawn(command, args, { env, stdio });
  return spawn('taskset', ['-c', String(core), command, ...args], { env, stdio });
}

async function lineWith(child: ChildProcess, pattern: RegExp): Promise<RegExpExecArray> {
  for await (const line of createInterface({ input: child.stdout! })) {
    const found = pattern.exec(line);
    if (found !== null) return found;
  }
  throw new Error(`the process ended without ${pattern}`);
}

interface Row {
  requests: number;
  seconds: number;
  p50_us: number;
  p99_us: number;
  errors: number;
  cpu: number;
  bytes: number;
}

async function measure(load: string, name: string, connections: number, body: string): Promise<Row> {
  const server = run(0, process.execPath, [join(__dirname, 'server.js')], {
    ...process.env,
    SERVER: name,
    PORT: '0',
  });
  try {
    const port = (await lineWith(server, /^port (\d+)$/))[1]!;
    const pid = server.pid!; // taskset executes the server in its own place
    const before = anonBytes(pid);
    const client = run(1, load, [port, String(connections), String(kSeconds), body]);
    let cpu = 0;
    let bytes = 0;
    let result: Omit<Row, 'cpu' | 'bytes'> | undefined;
    for await (const line of createInterface({ input: client.stdout! })) {
      if (line === 'open') {
        await sleep(500);
        bytes = (anonBytes(pid) - before) / connections;
      } else if (line === 'begin') {
        cpu = -cpuSeconds(pid);
      } else if (line.startsWith('{')) {
        cpu += cpuSeconds(pid);
        result = JSON.parse(line);
      }
    }
    if (result === undefined) throw new Error(`no figures of ${name}`);
    return { ...result, cpu: (cpu / result.requests) * 1e6, bytes };
  } finally {
    server.kill('SIGKILL');
    await once(server, 'exit');
  }
}

async function main(): Promise<void> {
  if (process.platform !== 'linux') {
    console.log('left out: the load generator is for Linux');
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), 'tailrace-bench-'));
  try {
    const load = join(folder, 'load');
    const source = join(kRoot, 'bench', 'end_to_end', 'load.cc');
    try {
      execFileSync(process.env.CXX ?? 'c++', ['-O2', '-std=c++20', '-o', load, source], { stdio: 'inherit' });
    } catch {
      console.log('left out: no C++ compiler for the load generator');
      return;
    }
    const bodies: Record<string, string> = {
      small: '{"jsonrpc":"2.0","id":1,"method":"add","params":[2,3]}',
      doc12k: execFileSync(process.execPath, [join(kRoot, 'examples', 'document.mjs')], {
        encoding: 'utf8',
      }).replace('"report"', '"pick"'),
    };
    const wanted = process.env.BODIES?.split(',') ?? Object.keys(bodies);
    console.log(
      `${kSeconds} s a row, closed loop, ${pinned ? 'server on core 0, load on core 1' : 'not pinned'}, Node ${process.version}`,
    );
    console.log(
      'body    connections  server        requests/s  CPU µs/request  against node:http  p50 ms  p99 ms  errors  RssAnon B/connection',
    );
    for (const kind of wanted) {
      const file = join(folder, kind);
      writeFileSync(file, bodies[kind]!);
      for (const connections of counts) {
        const rows = new Map<string, Row>();
        for (const name of servers) {
          try {
            rows.set(name, await measure(load, name, connections, file));
          } catch (error) {
            console.log(`${kind} ${connections} ${name}: ${(error as Error).message}`);
          }
        }
        const base = rows.get('node-http');
        for (const [name, row] of rows) {
          const cells = [
            kind.padEnd(7),
            String(connections).padStart(11),
            ` ${name.padEnd(11)}`,
            Math.round(row.requests / row.seconds)
              .toString()
              .padStart(12),
            row.cpu.toFixed(1).padStart(14),
            (base === undefined ? '' : `${(row.cpu / base.cpu).toFixed(2)}×`).padStart(17),
            (row.p50_us / 1000).toFixed(1).padStart(6),
            (row.p99_us / 1000).toFixed(1).padStart(6),
            String(row.errors).padStart(6),
            Math.round(row.bytes).toString().padStart(20),
          ];
          console.log(cells.join(' '));
        }
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

main();
