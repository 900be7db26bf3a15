// No memory for the segment that a large call needs: the call is answered as failed, the loop does not spin, nothing is
// thrown, and the server goes on.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { serve } from '../../lib/rpc';
import { onNative } from '../support/backends';
import { RawClient } from '../support/http-client';

onNative();

test('a call for which no segment can be had is answered as failed', async () => {
  const seen: number[] = [];
  const server = await serve({
    port: 0,
    methods: {
      size: ([text]: [string]) => {
        seen.push(text.length);
        return text.length;
      },
    },
  });
  const { ArrayBuffer: real } = globalThis;
  let refused = 0;
  try {
    const connection = await RawClient.connect(server.address().port);
    const call = async (id: number, chars: number): Promise<unknown> => {
      const body = JSON.stringify({ jsonrpc: '2.0', id, method: 'size', params: ['x'.repeat(chars)] });
      connection.write(`POST /rpc HTTP/1.1\r\nHost: t\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
      return JSON.parse((await connection.response())!.body);
    };
    assert.equal(await call(1, 10), { jsonrpc: '2.0', id: 1, result: 10 });
    globalThis.ArrayBuffer = new Proxy(real, {
      construct(target, args, newTarget) {
        if ((args[0] as number) > 100_000) {
          refused++;
          throw new RangeError('Array buffer allocation failed');
        }
        return Reflect.construct(target, args, newTarget) as object;
      },
    });
    const failed = (await call(2, 200_000)) as { id: number; error: { code: number } };
    assert.is(failed.id, 2);
    assert.is(failed.error.code, -32603);
    assert.is(refused, 1, 'tried once');
    assert.equal(await call(3, 20), { jsonrpc: '2.0', id: 3, result: 20 });
    globalThis.ArrayBuffer = real;
    assert.equal(await call(4, 200_000), { jsonrpc: '2.0', id: 4, result: 200_000 });
    assert.equal(seen, [10, 20, 200_000]);
    connection.destroy();
  } finally {
    globalThis.ArrayBuffer = real;
    await server.close({ drainMs: 100 });
  }
});

test.run();
