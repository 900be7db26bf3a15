// What every server backend must do: routes, replies, statuses, connections. Timeouts, slow and vanishing clients, limits
// and drain are in conformance-limits.ts.

import { AsyncLocalStorage } from 'node:async_hooks';
import { suite, type Test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Backend } from '../../lib/backend/contract';
import type { ServeOptions } from '../../lib/server';
import { type Server, serveOn } from '../../lib/server/start';
import { whenAborted } from '../support/abort';
import { get, post, RawClient, requestOnce, until } from '../support/http-client';

export const quiet = { debug() {}, info() {}, warn() {}, error() {} };

export type WithServer = (
  options: Partial<ServeOptions>,
  body: (port: number, server: Server) => Promise<void>,
) => Promise<void>;

export function makeWithServer(backend: Backend): WithServer {
  return async (options, body) => {
    const server = await serveOn(backend, { port: 0, log: quiet, ...options });
    try {
      await body(server.address().port, server);
    } finally {
      await server.close({ drainMs: 0 });
    }
  };
}

export function conformance(name: string, backend: Backend): Test {
  const test = suite(`server ${name}`);
  const withServer = makeWithServer(backend);

  test('replies: text, bytes, JSON, reply objects, nothing', async () => {
    const routes = {
      'GET /text': () => 'käse',
      'GET /bytes': () => new Uint8Array([0x61, 0xff]),
      'GET /json': () => ({ a: [1, null] }),
      'GET /array': () => [1],
      'GET /null': () => null,
      'GET /number': async () => 7,
      'GET /nothing': () => undefined,
      'GET /status': () => ({ status: 201, headers: { 'X-A': '1', 'x-b': ['2', '3'] }, body: 'made' }),
      'GET /statusonly': () => ({ status: 404 }),
      'GET /bodyjson': () => ({ body: { status: 5 } }),
      'GET /lookslike': () => ({ status: 'ok' }),
      'GET /type': () => ({ headers: { 'content-type': 'text/css', 'content-length': '99' }, body: 'a{}' }),
    };
    await withServer({ routes }, async (port) => {
      const client = await RawClient.connect(port);
      const ask = async (path: string) => (await client.write(get(path)).response())!;
      let reply = await ask('/text');
      assert.is(reply.status, 200);
      assert.is(reply.version, 'HTTP/1.1');
      assert.is(reply.reason, 'OK');
      assert.is(reply.body, 'käse');
      assert.is(reply.headers['content-type'], 'text/plain; charset=utf-8');
      assert.is(reply.headers['content-length'], '5');
      assert.ok(!Number.isNaN(Date.parse(reply.headers.date!)), 'Date');
      reply = await ask('/bytes');
      assert.is(reply.headers['content-length'], '2');
      assert.is(reply.headers['content-type'], 'application/octet-stream');
      reply = await ask('/json');
      assert.is(reply.body, '{"a":[1,null]}');
      assert.is(reply.headers['content-type'], 'application/json');
      assert.is((await ask('/array')).body, '[1]');
      assert.is((await ask('/null')).body, 'null');
      assert.is((await ask('/number')).body, '7');
      reply = await ask('/nothing');
      assert.is(reply.status, 204);
      assert.is(reply.headers['content-length'], undefined);
      reply = await ask('/status');
      assert.is(reply.status, 201);
      assert.is(reply.headers['x-a'], '1');
      assert.is(reply.headers['x-b'], '2, 3');
      assert.is(reply.body, 'made');
      reply = await ask('/statusonly');
      assert.is(reply.status, 404);
      assert.is(reply.body, '');
      assert.is((await ask('/bodyjson')).body, '{"status":5}');
      assert.is((await ask('/lookslike')).body, '{"status":"ok"}');
      reply = await ask('/type');
      assert.is(reply.headers['content-type'], 'text/css');
      assert.is(reply.headers['content-length'], '3');
      client.destroy();
    });
  });

  test('request: method, path, params, query, headers, body, json, text', async () => {
    await withServer(
      {
        routes: {
          'POST /users/:id/:what': (request) => ({
            body: {
              method: request.method,
              path: request.path,
              params: request.params,
              query: [...request.query],
              agent: request.headers['user-agent'],
              twice: request.headers['x-two'],
              inherited: request.headers.toString === undefined,
              remote: request.remoteAddress,
              json: request.json(),
              text: request.text(),
              bytes: request.body.length,
            },
          }),
        },
      },
      async (port) => {
        const head = 'User-Agent: t\r\nX-Two: 1\r\nx-two: 2\r\n';
        const reply = await requestOnce(port, post('/users/a%20b/c%2Fd?x=1&x=2&y', '{"ä":[1]}', head));
        assert.equal(JSON.parse(reply!.body), {
          method: 'POST',
          path: '/users/a%20b/c%2Fd',
          params: { id: 'a b', what: 'c/d' },
          query: [
            ['x', '1'],
            ['x', '2'],
            ['y', ''],
          ],
          agent: 't',
          twice: '1, 2',
          inherited: true,
          remote: '127.0.0.1',
          json: { ä: [1] },
          text: '{"ä":[1]}',
          bytes: 10,
        });
      },
    );
  });

  test('routing: literals before parameters, 404, 405 with Allow, HEAD by GET, notFound, any method', async () => {
    const routes = {
      'GET /a/:x': (request: { params: Readonly<Record<string, string>> }) => `x=${request.params.x}`,
      'GET /a/b': () => 'literal',
      'GET /a/:x/c': () => 'deep',
      'POST /a/b': () => 'posted',
      'DELETE /only': () => 'gone',
      '* /any': (request: { method: string }) => request.method,
    };
    await withServer({ routes }, async (port) => {
      const client = await RawClient.connect(port);
      const ask = async (text: string, head = false) => (await client.write(text).response(head))!;
      assert.is((await ask(get('/a/b'))).body, 'literal');
      assert.is((await ask(get('/a/q'))).body, 'x=q');
      assert.is((await ask(get('/a/b/c'))).body, 'deep');
      assert.is((await ask(get('/a/'))).status, 404);
      assert.is((await ask(get('/a/b/'))).status, 404);
      assert.is((await ask(get('/A/b'))).status, 404);
      assert.is((await ask(get('/'))).status, 404);
      assert.is((await ask(post('/a/b', ''))).body, 'posted');
      const refused = await ask(get('/only'));
      assert.is(refused.status, 405);
      assert.is(refused.headers.allow, 'DELETE');
      const put = await ask('PUT /a/b HTTP/1.1\r\nHost: t\r\n\r\n');
      assert.is(put.status, 405);
      assert.equal(put.headers.allow!.split(', ').sort(), ['GET', 'HEAD', 'POST']);
      const head = await ask('HEAD /a/b HTTP/1.1\r\nHost: t\r\n\r\n', true);
      assert.is(head.status, 200);
      assert.is(head.headers['content-length'], '7');
      assert.is((await ask(get('/any'))).body, 'GET');
      assert.is((await ask('PATCH /any HTTP/1.1\r\nHost: t\r\n\r\n')).body, 'PATCH');
      assert.is((await ask('GET http://other:1/a/b?x HTTP/1.1\r\nHost: t\r\n\r\n')).body, 'literal');
      assert.is((await ask(get('/a/%ff'))).status, 400);
      assert.is((await ask(get('/a/b'))).body, 'literal', 'the connection lives on');
      client.destroy();
    });
    const notFound = (request: { path: string }) => ({ status: 404, body: `no ${request.path}` });
    await withServer({ routes: { 'GET /x': () => 'x' }, notFound }, async (port) => {
      const reply = await requestOnce(port, get('/y'));
      assert.is(reply!.status, 404);
      assert.is(reply!.body, 'no /y');
      assert.is((await requestOnce(port, post('/x', '')))!.status, 405);
    });
  });

  test('a handler that throws or rejects answers 500 for itself, without its message, and is logged', async () => {
    const logged: unknown[][] = [];
    const log = { ...quiet, error: (...args: unknown[]) => logged.push(args) };
    const routes = {
      'GET /throw': () => {
        throw new Error('secret 1');
      },
      'GET /reject': async () => {
        throw new Error('secret 2');
      },
      'GET /cycle': () => {
        const value: { self?: unknown } = {};
        value.self = value;
        return value;
      },
      'GET /header': () => ({ headers: { 'x-y': 'a\r\nSet-Cookie: b' }, body: '' }),
      'POST /json': (request: { json(): unknown }) => request.json(),
    };
    await withServer({ routes, log }, async (port) => {
      const client = await RawClient.connect(port);
      for (const path of ['/throw', '/reject', '/cycle', '/header']) {
        const reply = (await client.write(get(path)).response())!;
        assert.is(reply.status, 500, path);
        assert.not.match(reply.body, /secret/);
      }
      assert.is(logged.length, 4);
      assert.match(String((logged[0]![1] as Error).stack), /secret 1/);
      const bad = (await client.write(post('/json', '{"a":')).response())!;
      assert.is(bad.status, 400);
      const proto = (await client.write(post('/json', '{"__proto__":{"x":1}}')).response())!;
      assert.is(proto.status, 400);
      assert.is((await client.write(post('/json', '[2]')).response())!.body, '[2]');
      client.destroy();
    });
    const broken = () => {
      throw new Error('the log is full');
    };
    await withServer({ routes, log: { ...quiet, error: broken } }, async (port) => {
      for (const path of ['/throw', '/reject'])
        assert.is(
          (await requestOnce(port, get(path)))!.status,
          500,
          'a logger that throws costs its line only',
        );
    });
  });

  test('bodies: Content-Length and chunked, in any pieces; trailers; Expect: 100-continue', async () => {
    const routes = { 'POST /echo': (request: { body: Buffer }) => request.body };
    await withServer({ routes }, async (port) => {
      const chunked =
        'POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1;ext=1\r\n \r\nA\r\n0123456789\r\n0\r\nX-T: 1\r\n\r\n';
      const client = await RawClient.connect(port);
      for (const text of [chunked, post('/echo', 'hello 0123456789')]) {
        for (const step of [1, 3, 7, text.length]) {
          for (let at = 0; at < text.length; at += step) {
            client.write(text.slice(at, at + step));
            if (step < 4) await new Promise((resolve) => setImmediate(resolve));
          }
          assert.is((await client.response())!.body, 'hello 0123456789');
        }
      }
      client.write('POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n');
      assert.is((await client.response())!.status, 100);
      assert.is((await client.write('hi').response())!.body, 'hi');
      client.destroy();
      const other = await requestOnce(
        port,
        'POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\nExpect: wonders\r\n\r\n',
      );
      assert.is(other!.status, 417);
      const big = 'x'.repeat(300_000);
      assert.is((await requestOnce(port, post('/echo', big)))!.body, big);
    });
  });

  test('keep-alive and close, HTTP/1.0 and 1.1', async () => {
    await withServer({ routes: { 'GET /': () => 'ok' } }, async (port) => {
      const client = await RawClient.connect(port);
      for (let i = 0; i < 3; i++) assert.is((await client.write(get('/')).response())!.body, 'ok');
      const last = (await client.write(get('/', 'Connection: close\r\n')).response())!;
      assert.is(last.headers.connection, 'close');
      await client.closed();

      const old = await RawClient.connect(port);
      const reply = (await old.write('GET / HTTP/1.0\r\n\r\n').response())!;
      assert.is(reply.status, 200);
      await old.closed();

      const kept = await RawClient.connect(port);
      for (let i = 0; i < 2; i++) {
        const again = (await kept.write('GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n').response())!;
        assert.is(again.headers.connection?.toLowerCase(), 'keep-alive');
      }
      kept.destroy();
    });
  });

  test('pipelined requests are answered in order, sync and async handlers mixed', async () => {
    const routes = {
      'GET /s/:n': (request: { params: Readonly<Record<string, string>> }) => request.params.n,
      'GET /a/:n': async (request: { params: Readonly<Record<string, string>> }) => {
        await new Promise((resolve) => setTimeout(resolve, Number(request.params.n) % 7));
        return request.params.n;
      },
    };
    await withServer({ routes, limits: { pipeline: 8 } }, async (port) => {
      const client = await RawClient.connect(port);
      const order: string[] = [];
      let text = '';
      for (let i = 0; i < 200; i++) {
        order.push(String(i));
        text += get(`/${i % 3 === 0 ? 'a' : 's'}/${i}`);
      }
      client.write(text);
      for (const want of order) assert.is((await client.response())!.body, want);
      client.destroy();
    });
  });

  test('a peer that has ended its side gets its replies; its signals abort', async () => {
    let aborted = '';
    const routes = {
      'GET /a': (_: unknown, context: { signal: AbortSignal }) =>
        new Promise<string>((resolve) => {
          const done = (): void => {
            aborted = (context.signal.reason as Error).name;
            setTimeout(() => resolve('a'), 5);
          };
          whenAborted(context.signal, done);
        }),
      'GET /b': () => 'b',
    };
    await withServer({ routes }, async (port, server) => {
      const client = await RawClient.connect(port, { allowHalfOpen: true });
      client.write(get('/a') + get('/b'));
      client.socket.end();
      assert.is((await client.response())!.body, 'a');
      assert.is((await client.response())!.body, 'b');
      await client.closed();
      assert.is(aborted, 'AbortError');
      await until(() => server.stats().connections === 0, 'the connection is closed');
    });
  });

  test('malformed requests: 400 and close, the server lives', async () => {
    const cases: Array<[string, number[]]> = [
      ['hello\r\n\r\n', [400]],
      ['GET / HTTP/1.1\r\n\r\n', [400]], // no Host
      ['GET / HTTP/1.1\r\nHost: t\r\nHost: t\r\n\r\n', [400]],
      ['GET /\r\n\r\n', [400, 505]],
      ['GET / HTTP/1.1\r\nHost : t\r\n\r\n', [400]],
      ['GET / HTTP/1.1\r\nHost: t\r\n folded\r\n\r\n', [400]],
      ['GET / HTTP/1.1\r\nHost: t\r\nA\0B: 1\r\n\r\n', [400]],
      ['GET / HTTP/3.7\r\nHost: t\r\n\r\n', [400, 505]],
      ['POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab', [400]],
      ['POST / HTTP/1.1\r\nHost: t\r\nContent-Length: -1\r\n\r\n', [400]],
      ['POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 1x\r\n\r\na', [400]],
      [
        'POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
        [400],
      ],
      ['POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: gzip\r\n\r\n', [400, 501]],
      ['POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n', [400]],
      ['POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n', [400]],
    ];
    await withServer({ routes: { '* /': (request) => request.body } }, async (port, server) => {
      for (const [text, statuses] of cases) {
        const client = await RawClient.connect(port);
        const reply = await client.write(text).response();
        assert.ok(
          reply !== undefined && statuses.includes(reply.status),
          `${JSON.stringify(text)}: ${reply?.status}`,
        );
        assert.is(reply!.headers.connection, 'close', JSON.stringify(text));
        await client.closed();
        client.destroy();
      }
      assert.ok(server.stats().malformed >= cases.length);
      const mixed = await RawClient.connect(port);
      mixed.write(`${get('/')}${get('/')}nonsense\r\n\r\n`);
      assert.is((await mixed.response())!.status, 200);
      assert.is((await mixed.response())!.status, 200);
      assert.is((await mixed.response())!.status, 400, 'after the replies before it');
      await mixed.closed();
      assert.is((await requestOnce(port, get('/')))!.status, 200);
    });
  });

  test('health: live and ready, their own paths, off', async () => {
    await withServer({}, async (port) => {
      for (const path of ['/livez', '/readyz']) {
        const reply = (await requestOnce(port, get(path)))!;
        assert.is(reply.status, 200);
        assert.is(reply.body, 'ok\n');
      }
      const head = (await requestOnce(port, 'HEAD /livez HTTP/1.1\r\nHost: t\r\n\r\n', true))!;
      assert.is(head.status, 200);
      assert.is(head.headers['content-length'], '3');
      assert.is((await requestOnce(port, post('/livez', '')))!.status, 405);
    });
    await withServer({ health: { live: '/l', ready: '/r' } }, async (port) => {
      assert.is((await requestOnce(port, get('/l')))!.status, 200);
      assert.is((await requestOnce(port, get('/livez')))!.status, 404);
    });
    await withServer({ health: false }, async (port) => {
      assert.is((await requestOnce(port, get('/livez')))!.status, 404);
    });
  });

  test('each request has an async scope of its own', async () => {
    const storage = new AsyncLocalStorage<string>();
    const seen: Array<string | undefined> = [];
    const routes = {
      'GET /enter/:v': (request: { params: Readonly<Record<string, string>> }) => {
        seen.push(storage.getStore());
        storage.enterWith(request.params.v!);
        return storage.getStore()!;
      },
      'GET /later/:v': async (request: { params: Readonly<Record<string, string>> }) => {
        seen.push(storage.getStore());
        storage.enterWith(request.params.v!);
        await new Promise((resolve) => setTimeout(resolve, 2));
        return storage.getStore()!;
      },
    };
    await withServer({ routes }, async (port) => {
      const client = await RawClient.connect(port);
      let text = '';
      for (let i = 0; i < 20; i++) text += get(`/${i % 2 ? 'enter' : 'later'}/${i}`);
      client.write(text);
      for (let i = 0; i < 20; i++) assert.is((await client.response())!.body, String(i));
      assert.equal(seen, new Array(20).fill(undefined));
      client.destroy();
    });
  });

  test('stats count, events come, ref and unref return the server', async () => {
    const routes = { 'GET /': () => 'ok' };
    await withServer({ routes }, async (port, server) => {
      let listening = 0;
      server.on('listening', () => listening++);
      assert.is(server.ref(), server);
      assert.is(server.unref(), server);
      server.ref();
      const client = await RawClient.connect(port);
      for (let i = 0; i < 5; i++) await client.write(get('/')).response();
      const stats = server.stats();
      assert.is(stats.requests, 5);
      assert.is(stats.replies, 5);
      assert.is(stats.accepted, 1);
      assert.is(stats.connections, 1);
      assert.ok(stats.bytesIn > 100 && stats.bytesOut > 300);
      client.destroy();
      await until(() => server.stats().connections === 0, 'the connection is gone');
      await until(() => server.stats().inFlight === 0, 'nothing is under way');
      assert.is(listening, 1);
      assert.is(server.address().address, '127.0.0.1');
      assert.is(server.address().family, 'IPv4');
      let closed = 0;
      server.on('close', () => closed++);
      await server.close({ drainMs: 0 });
      await server.close({ drainMs: 0 });
      assert.is(closed, 1);
      assert.is(server.address().port, port, 'where it listened');
    });
  });

  test('a port in use rejects with EADDRINUSE', async () => {
    await withServer({}, async (port) => {
      try {
        await serveOn(backend, { port });
        assert.unreachable();
      } catch (error) {
        assert.is((error as { code?: string }).code, 'EADDRINUSE');
      }
    });
  });

  test('IPv6', async () => {
    await withServer(
      { host: '::1', routes: { 'GET /': (request) => request.remoteAddress } },
      async (_port, server) => {
        assert.is(server.address().family, 'IPv6');
        const reply = await fetch(`http://[::1]:${server.address().port}/`);
        assert.is(await reply.text(), '::1');
      },
    );
  });

  return test;
}
