// Probes of /livez on the serving port while JavaScript is blocked for 3 s: by a handler, by a timer of the
// application, by what follows an await. Prints p50, p99 and the longest, in ms, for a kept connection and for a
// new one each time; and whether the calls that waited were answered in order. SECONDS=3 node …/blocked.bench.js

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { RawClient } from '../../test/support/http-client';

const kBlockMs = Number(process.env.SECONDS ?? 3) * 1000;
const kQueued = 20;

function call(id: number, method: string, params: unknown): string {
  const body = JSON.stringify({ jsonrpc: '2.0', id, method, params });
  return `POST /rpc HTTP/1.1\r\nHost: t\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function probes(port: number, fresh: boolean, end: number): Promise<number[]> {
  const times: number[] = [];
  let client = await RawClient.connect(port);
  while (performance.now() < end) {
    const start = performance.now();
    if (fresh) {
      client.destroy();
      client = await RawClient.connect(port);
    }
    const reply = await client.write('GET /livez HTTP/1.1\r\nHost: t\r\n\r\n').response();
    if (reply?.status !== 200) throw new Error(`a probe was answered ${reply?.status}`);
    times.push(performance.now() - start);
    await pause(20);
  }
  client.destroy();
  return times.sort((a, b) => a - b);
}

async function main(): Promise<void> {
  const child = fork(join(__dirname, '..', '..', 'test', 'server', 'fixtures', 'blocked.js'), {
    env: { ...process.env, TAILRACE_BACKEND: 'native' },
  });
  const [port] = (await once(child, 'message')) as [number];
  console.log('blocked by  connection  probes   p50 ms   p99 ms   max ms  queue in order');
  for (const method of ['handler', 'timer', 'awaited']) {
    for (const fresh of [false, true]) {
      const blocker = await RawClient.connect(port);
      const queue = await RawClient.connect(port);
      blocker.write(call(0, method, [kBlockMs]));
      if (method === 'timer') await blocker.response();
      await pause(50);
      let text = '';
      for (let id = 1; id <= kQueued; id++) text += call(id, 'add', [id, 1]);
      queue.write(text);
      const times = await probes(port, fresh, performance.now() + kBlockMs - 300);
      let inOrder = true;
      for (let id = 1; id <= kQueued; id++) {
        inOrder &&= JSON.parse((await queue.response())!.body).id === id;
      }
      const at = (q: number): string =>
        times[Math.min(times.length - 1, Math.floor(q * times.length))]!.toFixed(2);
      console.log(
        `${method.padEnd(11)} ${(fresh ? 'new' : 'kept').padEnd(10)} ${String(times.length).padStart(7)} ${at(0.5).padStart(8)} ${at(0.99).padStart(8)} ${at(1).padStart(8)}  ${inOrder ? 'yes' : 'NO'}`,
      );
      blocker.destroy();
      queue.destroy();
      await pause(200);
    }
  }
  child.disconnect();
}

void main();
