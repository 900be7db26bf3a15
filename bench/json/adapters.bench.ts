// Requests a second of an Express and of a fastify application that take a document of 12 KB by POST: our adapter against the
// parser they bring (Express: body-parser). Each server is a process of its own on one core, the load comes from this process on
// another: keep-alive connections that each send the next request when the last is answered. The servers take turns within each
// block; a second server with the parser the framework brings shows the noise (A/A).
//
//   npm run bench -- json/adapters

import { type ChildProcess, fork, spawnSync } from 'node:child_process';
import { connect, type Socket } from 'node:net';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { runtimeInfo } from '../../lib';
import { corpora } from '../support/corpora';
import { interval, median, shownRatio } from '../support/stats';

const kConnections = 32;
const kBlocks = 21;
const kBlockMs = 400;

interface Peer {
  child: ChildProcess;
  sockets: Socket[];
  answered: number;
  running: boolean;
}

const document = corpora().find(({ name }) => name.startsWith('doc12k'))?.bytes as Buffer;
const request = Buffer.concat([
  Buffer.from(
    `POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: ${document.length}\r\n\r\n`,
  ),
  document,
]);

const cores = availableParallelism();

/** Puts a process on one core, where the system can. */
function pin(pid: number, core: number): void {
  if (cores > 1) spawnSync('taskset', ['-cp', String(core), String(pid)], { stdio: 'ignore' });
}

function start(framework: string, whose: string): Promise<Peer> {
  const child = fork(join(__dirname, 'adapters-server.js'), [framework, whose], { execArgv: [] });
  pin(child.pid as number, 0);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`the server ended with ${code}`)));
    child.once('message', (port) => {
      const peer: Peer = { child, sockets: [], answered: 0, running: false };
      for (let i = 0; i < kConnections; i++) {
        const socket = connect(port as number, '127.0.0.1');
        socket.setNoDelay(true);
        // an answer is one packet here: a few hundred bytes
        socket.on('data', (data) => {
          if (!data.subarray(0, 15).equals(Buffer.from('HTTP/1.1 200 OK')))
            throw new Error(data.toString('latin1').slice(0, 300));
          peer.answered++;
          if (peer.running) socket.write(request);
        });
        peer.sockets.push(socket);
      }
      resolve(peer);
    });
  });
}

function usedUs({ child }: Peer): Promise<number> {
  return new Promise((resolve) => {
    child.once('message', (used) => resolve(used as number));
    child.send('used');
  });
}

const row = (...cells: string[]): void =>
  console.log(cells.map((cell, i) => cell.padEnd(i === 0 ? 10 : 20)).join(''));

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

interface Block {
  /** Requests a second. */
  rate: number;
  /** Time of the server's core for each. */
  us: number;
}

/** One of them alone. */
async function block(peer: Peer, ms: number): Promise<Block> {
  peer.answered = 0;
  const before = await usedUs(peer);
  peer.running = true;
  const from = performance.now();
  for (const socket of peer.sockets) socket.write(request);
  await wait(ms);
  const rate = (peer.answered * 1000) / (performance.now() - from);
  peer.running = false;
  await wait(30);
  return { rate, us: ((await usedUs(peer)) - before) / Math.max(1, peer.answered) };
}

async function compare(framework: string): Promise<void> {
  const peers = [
    await start(framework, 'ours'),
    await start(framework, 'theirs'),
    await start(framework, 'theirs'),
  ];
  for (const peer of peers) await block(peer, 1500);
  const samples: Block[][] = [[], [], []];
  for (let round = 0; round < kBlocks; round++) {
    for (let turn = 0; turn < 3; turn++) {
      const which = (round + turn) % 3;
      samples[which]?.push(await block(peers[which] as Peer, kBlockMs));
    }
  }
  const [ours, theirs, again] = samples as [Block[], Block[], Block[]];
  const ratio = (a: Block[], b: Block[], of: (block: Block) => number) => {
    const all = a.map((block, i) => of(block) / of(b[i] as Block));
    const [low, high] = interval(all);
    return shownRatio({ median: median(all), low, high });
  };
  const rate = ({ rate }: Block) => rate;
  const perUs = ({ us }: Block) => 1 / us;
  row(
    framework,
    ratio(ours, theirs, rate),
    ratio(again, theirs, rate),
    `${median(ours.map(rate)).toFixed(0)} / ${median(theirs.map(rate)).toFixed(0)}`,
    ratio(ours, theirs, perUs),
    ratio(again, theirs, perUs),
    `${median(ours.map(({ us }) => us)).toFixed(1)} / ${median(theirs.map(({ us }) => us)).toFixed(1)}`,
  );
  for (const { child, sockets } of peers) {
    for (const socket of sockets) socket.destroy();
    child.removeAllListeners('exit');
    child.kill();
  }
}

async function main(): Promise<void> {
  const { backend, isa, node } = runtimeInfo();
  console.log(
    `POST of ${document.length} bytes, ${kConnections} connections, Node ${node}, ${backend} backend (${isa}), ${cores} cores`,
  );
  console.log(`ours over theirs; medians of ${kBlocks} interleaved blocks with 95 % intervals\n`);
  pin(process.pid, 1);
  row('', 'requests/s', 'A/A', 'ours / theirs', 'requests/CPU time', 'A/A', 'µs: ours / theirs');
  for (const framework of ['express', 'fastify']) await compare(framework);
}
void main();
