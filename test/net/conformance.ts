// What tailrace/net does, on whatever backend is chosen: bytes in order, back-pressure, ends, errors, timeouts.

import * as assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import * as nodeNet from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { suite } from 'uvu';
import { type Connection, connect, listen, type TcpServer } from '../../lib/net';

const host = '127.0.0.1';

function portOf(server: TcpServer): number {
  const at = server.address();
  assert.ok('port' in at);
  return at.port;
}

/** Runs `use` with both ends of one connection. */
async function withPair(use: (client: Connection, server: Connection) => Promise<void>): Promise<void> {
  let accepted!: (connection: Connection) => void;
  const other = new Promise<Connection>((resolve) => {
    accepted = resolve;
  });
  const server = await listen({ host }, (connection) => accepted(connection));
  const client = await connect({ host, port: portOf(server) });
  try {
    await use(client, await other);
  } finally {
    client.destroy();
    await server.close();
  }
}

async function readAll(connection: Connection): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of connection) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function failure(promise: Promise<unknown>): Promise<Error & { code?: string }> {
  try {
    await promise;
  } catch (error) {
    return error as Error & { code?: string };
  }
  throw new assert.AssertionError({ message: 'was expected to reject' });
}

export function conformance(name: string) {
  const test = suite(`net on ${name}`);

  test('bytes arrive whole and in order, both ways at once', async () => {
    await withPair(async (client, server) => {
      const up = randomBytes(300_000);
      const down = randomBytes(200_000);
      const send = async (connection: Connection, bytes: Buffer, step: number): Promise<void> => {
        for (let at = 0; at < bytes.length; at += step) await connection.write(bytes.subarray(at, at + step));
        await connection.end();
      };
      const [gotUp, gotDown] = await Promise.all([
        readAll(server),
        readAll(client),
        send(client, up, 7_919),
        send(server, down, 65_537),
      ]);
      assert.ok(gotUp.equals(up));
      assert.ok(gotDown.equals(down));
      assert.equal(client.bytesWritten, up.length);
      assert.equal(client.bytesRead, down.length);
      await Promise.all([client.whenClosed, server.whenClosed]);
      assert.equal(client.closed, true);
    });
  });

  test('what read() gave stays as it was', async () => {
    await withPair(async (client, server) => {
      const kept: Buffer[] = [];
      for (let i = 0; i < 200; i++) {
        await client.write(Buffer.alloc(100, i));
        let size = 0;
        while (size < 100) {
          const chunk = await server.read();
          assert.ok(chunk);
          size += chunk.length;
          kept.push(chunk);
        }
      }
      const all = Buffer.concat(kept);
      for (let i = 0; i < 200; i++)
        assert.ok(all.subarray(i * 100, i * 100 + 100).every((byte) => byte === i));
    });
  });

  test('text, views and array buffers are written as bytes; nothing is nothing', async () => {
    await withPair(async (client, server) => {
      const floats = new Float64Array([1, 2]);
      await client.write('ä€');
      await client.write('');
      await client.write(new Uint8Array(0));
      await client.write(floats);
      await client.write(new Uint8Array([1, 2, 3]).buffer);
      await client.write(new DataView(new ArrayBuffer(4), 1, 2));
      await client.end('end');
      const expected = [
        Buffer.from('ä€'),
        Buffer.from(floats.buffer),
        Buffer.from([1, 2, 3, 0, 0]),
        Buffer.from('end'),
      ];
      assert.ok((await readAll(server)).equals(Buffer.concat(expected)));
      assert.equal((await failure(client.write(5 as never))).name, 'InvalidArgument');
    });
  });

  test('writes that were not awaited keep their order', async () => {
    await withPair(async (client, server) => {
      const texts = Array.from({ length: 500 }, (_, i) => `${i};`);
      const writes = texts.map((text) => client.write(text));
      const end = client.end();
      assert.equal((await readAll(server)).toString(), texts.join(''));
      await Promise.all([...writes, end]);
    });
  });

  test('reads under way are served in their order', async () => {
    await withPair(async (client, server) => {
      const order: number[] = [];
      const reads = [1, 2, 3].map(async (number) => {
        const chunk = await server.read();
        order.push(number);
        return chunk;
      });
      await client.write('a');
      assert.equal((await reads[0])?.toString(), 'a');
      await client.write('b');
      assert.equal((await reads[1])?.toString(), 'b');
      await client.end();
      assert.equal(await reads[2], null);
      assert.deepEqual(order, [1, 2, 3]);
    });
  });

  test('the end is null, again and again, and the other direction lives on', async () => {
    await withPair(async (client, server) => {
      await client.end('question');
      assert.equal((await readAll(server)).toString(), 'question');
      assert.equal(await server.read(), null);
      assert.equal(await server.read(), null);
      assert.equal(server.closed, false);
      await server.end('answer');
      assert.equal((await readAll(client)).toString(), 'answer');
      await client.end(); // a second end is the first one
      assert.equal((await failure(client.write('late'))).code, 'ERR_TAILRACE_CLOSED');
    });
  });

  test('a reader that waits holds the writer back', async () => {
    await withPair(async (client, server) => {
      const block = Buffer.alloc(1 << 20, 'x');
      const total = 64;
      let written = 0;
      const writing = (async () => {
        for (let i = 0; i < total; i++) {
          await client.write(block);
          written++;
        }
        await client.end();
      })();
      // One byte at the start shows that the connection works; then nobody reads. The system's buffers fill up.
      const first = await server.read();
      assert.ok(first);
      let before = -1;
      while (before !== written) {
        before = written;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      assert.ok(written < total, `${written} blocks of 1 MB were written and nobody had read them`);
      const rest = await readAll(server);
      await writing;
      assert.equal(first.length + rest.length, total * block.length);
    });
  });

  test('destroy() ends what is under way, here and there', async () => {
    await withPair(async (client, server) => {
      const reading = failure(client.read());
      client.destroy();
      assert.equal((await reading).code, 'ERR_TAILRACE_CLOSED');
      assert.equal((await failure(client.read())).code, 'ERR_TAILRACE_CLOSED');
      assert.equal((await failure(client.write('x'))).code, 'ERR_TAILRACE_CLOSED');
      assert.equal((await failure(client.end())).code, 'ERR_TAILRACE_CLOSED');
      client.destroy();
      await client.whenClosed;
      assert.equal(await server.read(), null);
    });
    await withPair(async (client) => {
      const why = new Error('because');
      const reading = failure(client.read());
      client.destroy(why);
      assert.equal(await reading, why);
      assert.equal(await failure(client.read()), why);
    });
  });

  test('a peer that breaks the connection is an error of the system, not an end', async () => {
    const server = nodeNet.createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => socket.resetAndDestroy());
    });
    await new Promise<void>((resolve) => server.listen(0, host, resolve));
    const { port } = server.address() as nodeNet.AddressInfo;
    const client = await connect({ host, port });
    await client.write('x');
    assert.equal((await failure(client.read())).code, 'ECONNRESET');
    await client.whenClosed;
    assert.equal((await failure(client.write('x'))).code, 'ECONNRESET');
    await new Promise((resolve) => server.close(resolve));
  });

  test('a write that the peer did not wait for rejects', async () => {
    await withPair(async (client, server) => {
      const writing = failure(client.write(Buffer.alloc(50_000_000)));
      await server.read();
      server.destroy();
      assert.match((await writing).code ?? '', /^(ECONNRESET|EPIPE)$/);
      await client.whenClosed;
    });
  });

  test('leaving a for await loop destroys the connection', async () => {
    await withPair(async (client, server) => {
      await client.write('x');
      for await (const chunk of server) {
        assert.equal(chunk.toString(), 'x');
        break;
      }
      await server.whenClosed;
      // The peer may see a reset or an end, depending on what was still unread.
      await client.read().catch(() => null);
    });
  });

  test('setTimeout: silence ends the connection, traffic does not', async () => {
    await withPair(async (client, server) => {
      server.setTimeout(500);
      for (let i = 0; i < 6; i++) {
        const read = server.read();
        await new Promise((resolve) => setTimeout(resolve, 110));
        await client.write('x');
        assert.ok(await read);
      }
      const error = await failure(server.read());
      assert.equal(error.code, 'ERR_TAILRACE_TIMEOUT');
      await server.whenClosed;
      assert.equal((await failure(server.write('x'))).code, 'ERR_TAILRACE_TIMEOUT');
    });
    await withPair(async (client, server) => {
      server.setTimeout(20).setTimeout(0);
      await new Promise((resolve) => setTimeout(resolve, 60));
      await client.end('still there');
      assert.equal((await readAll(server)).toString(), 'still there');
      for (const bad of [-1, 1.5, Number.NaN, 2 ** 31, '5']) {
        assert.throws(() => server.setTimeout(bad as number), { code: 'ERR_TAILRACE_INVALID_ARG' });
      }
    });
  });

  test('stream() is a Duplex for pipeline', async () => {
    const server = await listen({ host }, async (connection) => {
      const stream = connection.stream();
      assert.equal(connection.stream(), stream);
      await pipeline(stream, stream);
    });
    const client = await connect({ host, port: portOf(server) });
    const bytes = randomBytes(500_000);
    const stream = client.stream();
    stream.end(bytes);
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    assert.ok(Buffer.concat(chunks).equals(bytes));
    await client.whenClosed;
    await server.close();
  });

  test('a destroyed stream destroys its connection, and the other way round', async () => {
    await withPair(async (client, server) => {
      const stream = client.stream();
      const closed = new Promise((resolve) => stream.once('close', resolve));
      stream.destroy();
      await closed;
      assert.equal(client.closed, true);
      const other = server.stream();
      const failed = new Promise<Error>((resolve) => other.once('error', resolve));
      other.resume();
      server.destroy(new Error('because'));
      assert.equal((await failed).message, 'because');
    });
  });

  test('addresses on both ends', async () => {
    await withPair(async (client, server) => {
      assert.equal(client.remoteAddress, host);
      assert.equal(client.remoteFamily, 'IPv4');
      assert.equal(client.localPort, server.remotePort);
      assert.equal(client.remotePort, server.localPort);
      assert.equal(server.localAddress, host);
    });
  });

  test('a name is resolved', async () => {
    const server = await listen({ host: 'localhost' }, (connection) => connection.end('hi'));
    const client = await connect({ host: 'localhost', port: portOf(server) });
    assert.equal((await readAll(client)).toString(), 'hi');
    client.destroy();
    await server.close();
  });

  test('a Unix path', async () => {
    if (process.platform === 'win32') return;
    const path = join(tmpdir(), `tailrace-net-${process.pid}-${Date.now()}`);
    const server = await listen({ path }, async (connection) => {
      assert.equal(connection.remoteAddress, undefined);
      await connection.end(await connection.read().then((chunk) => chunk ?? ''));
    });
    assert.deepEqual(server.address(), { path });
    const client = await connect({ path });
    await client.end('over a path');
    assert.equal((await readAll(client)).toString(), 'over a path');
    await server.close();
    assert.match((await failure(connect({ path }))).code ?? '', /^(ENOENT|ECONNREFUSED)$/);
  });

  test('errors of the system keep their codes', async () => {
    const server = await listen({ host }, () => {});
    const port = portOf(server);
    assert.equal((await failure(listen({ host, port }, () => {}))).code, 'EADDRINUSE');
    await server.close();
    assert.equal((await failure(connect({ host, port }))).code, 'ECONNREFUSED');
    assert.equal((await failure(listen({ host: '192.0.2.1' }, () => {}))).code, 'EADDRNOTAVAIL');
    const again = await listen({ host, port }, () => {}); // free at once
    await again.close();
  });

  test('close() takes the open connections with it, unless told to keep them', async () => {
    const seen: Connection[] = [];
    const server = await listen({ host }, (connection) => {
      seen.push(connection);
    });
    const client = await connect({ host, port: portOf(server) });
    while (seen.length === 0) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(server.connections, 1);
    await server.close({ connections: 'keep' });
    assert.equal(server.closed, true);
    assert.equal((await failure(connect({ host, port: client.remotePort as number }))).code, 'ECONNREFUSED');
    await client.write('x');
    assert.equal((await seen[0]?.read())?.toString(), 'x');
    await server.close();
    assert.equal(seen[0]?.closed, true);
    assert.equal(server.connections, 0);
    await client.read().catch(() => null);
    client.destroy();
  });

  test('signals: before, while connecting or listening, and after', async () => {
    const reason = new Error('no longer wanted');
    const aborted = AbortSignal.abort(reason);
    assert.equal(await failure(connect({ host, port: 1, signal: aborted })), reason);
    assert.equal(await failure(listen({ host, signal: aborted }, () => {})), reason);
    const connecting = new AbortController();
    // A documentation address: nobody answers, unless a router says so at once.
    const attempt = failure(connect({ host: '192.0.2.1', port: 9, signal: connecting.signal }));
    connecting.abort(reason);
    assert.equal(await attempt, reason);
    const listening = new AbortController();
    const server = await listen({ host, signal: listening.signal }, () => {});
    const port = portOf(server);
    listening.abort();
    assert.equal(server.closed, true);
    await server.close();
    assert.equal((await failure(connect({ host, port }))).code, 'ECONNREFUSED');
  });

  test('a handler that fails loses its connection, and its error is not swallowed', async () => {
    for (const handler of [
      () => {
        throw new Error('thrown');
      },
      async () => {
        throw new Error('thrown');
      },
    ]) {
      const uncaught = new Promise<Error>((resolve) => process.once('uncaughtException', resolve));
      const server = await listen({ host }, handler);
      const client = await connect({ host, port: portOf(server) });
      assert.equal((await uncaught).message, 'thrown');
      await client.read().catch(() => null);
      client.destroy();
      await server.close();
    }
  });

  test('wrong options are named before anything starts', async () => {
    const wrong: [string, Promise<unknown>][] = [
      ['options', listen(null as never, () => {})],
      ['port', listen({ port: 65_536 }, () => {})],
      ['port', listen({ port: '80' as never }, () => {})],
      ['host', listen({ host: '' }, () => {})],
      ['path', listen({ path: 'x'.repeat(108) }, () => {})],
      ['backlog', listen({ backlog: 0 }, () => {})],
      ['reusePort', listen({ reusePort: 1 as never }, () => {})],
      ['signal', listen({ signal: {} as never }, () => {})],
      ['onConnection', listen({}, undefined as never)],
      ['port', connect({})],
      ['port', connect({ port: 0 })],
      ['host', connect({ port: 1, host: 'a\0b' })],
      ['options', connect(undefined as never)],
      ['nodelay', listen({ nodelay: true } as never, () => {})],
      ['timeout', connect({ port: 1, timeout: 5 } as never)],
    ];
    for (const [argument, promise] of wrong) {
      const error = await failure(promise);
      assert.ok(error instanceof TypeError);
      assert.equal(error.code, 'ERR_TAILRACE_INVALID_ARG');
      assert.equal((error as unknown as { argument: string }).argument, argument);
    }
  });

  test('many connections at once', async () => {
    const server = await listen({ host }, async (connection) => {
      for await (const chunk of connection) await connection.write(chunk);
      await connection.end();
    });
    const port = portOf(server);
    await Promise.all(
      Array.from({ length: 200 }, async (_, i) => {
        const client = await connect({ host, port });
        await client.write(`number ${i}`);
        await client.end();
        assert.equal((await readAll(client)).toString(), `number ${i}`);
      }),
    );
    await server.close();
    assert.equal(server.connections, 0);
  });

  return test;
}
