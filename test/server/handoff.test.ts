// While JavaScript is blocked, a native thread serves: probes and errors are answered, calls wait their turn and are
// answered in order afterwards. What is asserted is the order of events, never a time.

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { onNative } from '../support/backends';
import { RawClient, within } from '../support/http-client';

onNative();

const kBlockMs = 1500;
const kQueued = 20;
const probe = 'GET /livez HTTP/1.1\r\nHost: t\r\n\r\n';

function call(id: number, method: string, params: unknown): string {
  const body = JSON.stringify({ jsonrpc: '2.0', id, method, params });
  return `POST /rpc HTTP/1.1\r\nHost: t\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}

async function withBlocked(
  env: NodeJS.ProcessEnv,
  run: (port: number, child: ChildProcess) => Promise<void>,
): Promise<void> {
  const child = fork(join(__dirname, 'fixtures', 'blocked.js'), { env: { ...process.env, ...env } });
  try {
    const [port] = (await within(once(child, 'message'), 'the server')) as [number];
    await run(port, child);
  } finally {
    child.disconnect();
    await within(once(child, 'exit'), 'the server to end');
  }
}

const test = suite('server handoff');

for (const method of ['handler', 'timer', 'awaited']) {
  test(`blocked by ${method}: probes are answered meanwhile, the queue in order afterwards`, async () => {
    await withBlocked({}, async (port, child) => {
      const health = await RawClient.connect(port);
      assert.is((await health.write(probe).response())!.status, 200);
      const blocker = await RawClient.connect(port);
      const queue = await RawClient.connect(port);
      blocker.write(call(0, method, [kBlockMs]));
      // The timer's call returns at once, and blocks afterwards.
      if (method === 'timer') await blocker.response();
      await new Promise((resolve) => setTimeout(resolve, 100));
      let text = '';
      for (let id = 1; id <= kQueued; id++) text += call(id, 'add', [id, 1]);
      queue.write(text);
      for (let i = 0; i < 20; i++) {
        const reply = (await health.write(probe).response())!;
        assert.is(reply.status, 200);
        assert.is(reply.body, 'ok\n');
      }
      const broken = await RawClient.connect(port); // accepted meanwhile, and answered without JavaScript
      broken.write('POST /rpc HTTP/1.1\r\nHost: t\r\nContent-Length: 1\r\n\r\n{');
      assert.match((await broken.response())!.body, '-32700');
      const unknown = await RawClient.connect(port);
      assert.match((await unknown.write(call(9, 'nope', [])).response())!.body, '-32601');
      assert.is(queue.buffered, '', 'calls were answered while JavaScript was blocked?');
      for (let id = 1; id <= kQueued; id++) {
        const { result, id: got } = JSON.parse((await queue.response())!.body);
        assert.equal([got, result], [id, id + 1]);
      }
      child.send('stats');
      const [stats] = (await within(once(child, 'message'), 'statistics')) as [{ handoffs: number }];
      assert.ok(stats.handoffs >= 1, 'nobody took the P over');
      for (const client of [health, blocker, queue, broken, unknown]) client.destroy();
    });
  });
}

test('live turns 503 once JavaScript has been blocked for blockedMs, and 200 when it is back', async () => {
  await withBlocked({ BLOCKED_MS: '300' }, async (port) => {
    const health = await RawClient.connect(port);
    const blocker = await RawClient.connect(port);
    blocker.write(call(0, 'handler', [kBlockMs]));
    await new Promise((resolve) => setTimeout(resolve, 100));
    const seen: number[] = [];
    while (blocker.buffered === '') {
      seen.push((await health.write(probe).response())!.status);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await blocker.response();
    const changes = seen.filter((status, i) => status !== seen[i - 1]);
    // The last probes may be answered when JavaScript is back and its reply has not arrived here yet.
    if (changes.length === 3 && changes[2] === 200) changes.pop();
    assert.equal(changes, [200, 503]);
    assert.is((await health.write(probe).response())!.status, 200);
    health.destroy();
    blocker.destroy();
  });
});

test.run();
