// What every server backend must do against large, slow, vanishing and never-reading clients, and when it closes.

import { suite, type Test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Backend } from '../../lib/backend/contract';
import { whenAborted } from '../support/abort';
import { get, post, RawClient, requestOnce, until, within } from '../support/http-client';
import { makeWithServer } from './conformance';

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

export function conformanceLimits(name: string, backend: Backend): Test {
  const test = suite(`server limits ${name}`);
  const withServer = makeWithServer(backend);

  test('a header too large or with too many fields: 431 and close', async () => {
    await withServer(
      { limits: { headerBytes: 1024, headers: 10 }, routes: { 'GET /': () => 'ok' } },
      async (port) => {
        for (const more of [`X: ${'y'.repeat(2000)}\r\n`, 'A: b\r\n'.repeat(20)]) {
          const client = await RawClient.connect(port);
          const reply = await client.write(get('/', more)).response();
          assert.is(reply?.status, 431);
          await client.closed();
        }
        const fits = await requestOnce(port, get('/', `X: ${'y'.repeat(500)}\r\n`));
        assert.is(fits!.status, 200);
      },
    );
  });

  test('a request target too long: 414 and close, wherever the request stands', async () => {
    await withServer({ limits: { headerBytes: 1024 }, routes: { 'GET /': () => 'ok' } }, async (port) => {
      const long = get(`/${'u'.repeat(2000)}`);
      for (const text of [long, `\r\n${long}`, get('/') + long, get(`/${'u'.repeat(2000)}`, 'X: y\r\n')]) {
        const client = await RawClient.connect(port);
        client.write(text);
        if (text.startsWith('GET / ')) assert.is((await client.response())?.status, 200);
        const reply = await client.response();
        assert.is(reply?.status, 414, text.slice(0, 40));
        assert.is(reply?.reason, 'URI Too Long');
        assert.is(reply?.body, 'URI Too Long\n');
        assert.is(reply?.headers.connection, 'close');
        await client.closed();
      }
      // A target that fits, and fields behind it that do not.
      const client = await RawClient.connect(port);
      const reply = await client.write(get(`/${'u'.repeat(800)}`, `X: ${'y'.repeat(2000)}\r\n`)).response();
      assert.is(reply?.status, 431);
      assert.is(reply?.body, 'Request Header Fields Too Large\n');
      await client.closed();
    });
  });

  test('a body too large: 413 and close, by length, by chunks, and before 100 Continue', async () => {
    await withServer(
      { limits: { bodyBytes: 100 }, routes: { 'POST /': (request) => String(request.body.length) } },
      async (port) => {
        const chunk = `40\r\n${'x'.repeat(64)}\r\n`;
        const head = 'POST / HTTP/1.1\r\nHost: t\r\n';
        for (const text of [
          post('/', 'x'.repeat(101)),
          `${head}Content-Length: 99999999999\r\n\r\n`,
          `${head}Content-Length: 101\r\nExpect: 100-continue\r\n\r\n`,
          `${head}Transfer-Encoding: chunked\r\n\r\n${chunk}${chunk}`,
        ]) {
          const client = await RawClient.connect(port);
          const reply = await client.write(text).response();
          assert.is(reply?.status, 413, text.slice(0, 80));
          assert.is(reply?.reason, 'Content Too Large', 'as RFC 9110 has it');
          assert.is(reply?.body, 'Content Too Large\n');
          assert.is(reply?.headers['content-type'], 'text/plain; charset=utf-8');
          await client.closed();
        }
        assert.is((await requestOnce(port, post('/', 'x'.repeat(100))))!.body, '100');
      },
    );
  });

  test('a header that comes a byte at a time ends with 408, a body too; both counted', async () => {
    await withServer(
      { limits: { headerMs: 150, requestMs: 300 }, routes: { 'POST /': () => 'ok' } },
      async (port, server) => {
        const head = await RawClient.connect(port);
        const body = await RawClient.connect(port);
        body.write('POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 1000\r\n\r\n');
        const text = `GET / HTTP/1.1\r\nHost: ${'t'.repeat(100_000)}`;
        let at = 0;
        const feed = setInterval(() => {
          head.write(text[at++]!);
          body.write('x');
        }, 20);
        try {
          assert.is((await head.response())?.status, 408);
          await head.closed();
          assert.is((await body.response())?.status, 408);
          await body.closed();
        } finally {
          clearInterval(feed);
        }
        await until(
          () => server.stats().timeouts >= 2 && server.stats().connections === 0,
          'both are counted and gone',
        );
        assert.is((await requestOnce(port, post('/', '')))!.status, 200);
      },
    );
  });

  test('an idle connection is closed without a word, before and after a request', async () => {
    await withServer({ limits: { idleMs: 100 }, routes: { 'GET /': () => 'ok' } }, async (port) => {
      const fresh = await RawClient.connect(port);
      const used = await RawClient.connect(port);
      assert.is((await used.write(get('/')).response())!.status, 200);
      await fresh.closed();
      await used.closed();
      assert.is(fresh.buffered + used.buffered, '');
    });
  });

  test('a handler beyond its deadline: 503, its signal aborts, the connection lives', async () => {
    let reason: unknown;
    const routes = {
      'GET /slow': (_: unknown, context: { signal: AbortSignal; deadline: number }) =>
        new Promise<string>((resolve) => {
          assert.ok(context.deadline <= Date.now() + 100);
          whenAborted(context.signal, () => {
            reason = context.signal.reason;
            setTimeout(() => resolve('too late'), 20);
          });
        }),
      'GET /': () => 'ok',
    };
    await withServer({ limits: { requestMs: 100 }, routes }, async (port) => {
      const client = await RawClient.connect(port);
      assert.is((await client.write(get('/slow')).response())!.status, 503);
      await until(() => reason !== undefined, 'the signal aborts');
      assert.is((reason as Error).name, 'TimeoutError');
      assert.is((await client.write(get('/')).response())!.body, 'ok');
      client.destroy();
    });
  });

  test('a signal that is first looked at when its time is over has aborted already', async () => {
    let seen: AbortSignal | undefined;
    let over = () => {};
    const routes = {
      'GET /': async (_: unknown, context: { signal: AbortSignal }) => {
        await new Promise<void>((resolve) => {
          over = resolve;
        });
        seen = context.signal;
      },
      'GET /next': () => 'ok',
    };
    await withServer({ limits: { requestMs: 50 }, routes }, async (port) => {
      const client = await RawClient.connect(port);
      assert.is((await client.write(get('/')).response())!.status, 503);
      // Whatever was to be let go of has been by now.
      assert.is((await client.write(get('/next')).response())!.body, 'ok');
      over();
      await until(() => seen !== undefined, 'the handler goes on');
      assert.is(seen!.aborted, true);
      assert.is((seen!.reason as Error).name, 'TimeoutError');
      client.destroy();
    });
  });

  test('a client that vanishes aborts the signal; nothing stays', async () => {
    let aborted = 0;
    let started = 0;
    const routes = {
      'GET /': (_: unknown, context: { signal: AbortSignal }) =>
        new Promise<string>((resolve) => {
          started++;
          whenAborted(context.signal, () => {
            if ((context.signal.reason as Error).name === 'AbortError') aborted++;
            resolve('nobody reads this');
          });
        }),
    };
    await withServer({ routes }, async (port, server) => {
      const clients = await Promise.all(Array.from({ length: 5 }, () => RawClient.connect(port)));
      for (const client of clients) client.write(get('/'));
      await until(() => started === 5, 'all have started');
      for (const client of clients) client.destroy();
      await until(() => aborted === 5, 'all have aborted');
      await until(() => server.stats().inFlight === 0 && server.stats().connections === 0, 'nothing is left');
      const half = await RawClient.connect(port);
      half.write('POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\nabc');
      half.destroy();
      await until(() => server.stats().connections === 0, 'half a request is gone too');
    });
  });

  test('a client that never reads its replies is dropped and counted', async () => {
    const big = Buffer.alloc(512 * 1024, 0x61);
    await withServer(
      { limits: { writeMs: 200, idleMs: 60_000 }, routes: { 'GET /': () => big } },
      async (port, server) => {
        const client = await RawClient.connect(port);
        client.socket.pause();
        for (let i = 0; i < 64; i++) client.write(get('/'));
        await until(() => server.stats().timeouts > 0 && server.stats().connections === 0, 'it is dropped');
        client.destroy();
        assert.is((await requestOnce(port, get('/livez')))!.status, 200);
      },
    );
  });

  test('connections above the limit are closed at once, counted, and an event', async () => {
    await withServer(
      { limits: { connections: 2 }, routes: { 'GET /': () => 'ok' } },
      async (port, server) => {
        let refused = 0;
        server.on('refused', (count: number) => {
          refused += count;
        });
        const kept = [await RawClient.connect(port), await RawClient.connect(port)];
        for (const client of kept) assert.is((await client.write(get('/')).response())!.status, 200);
        const third = await RawClient.connect(port);
        await third.closed();
        assert.is(third.buffered, '');
        await until(() => refused === 1, 'the event has come');
        assert.is(server.stats().refused, 1);
        kept[0]!.destroy();
        await until(() => server.stats().connections === 1, 'a place is free');
        assert.is((await requestOnce(port, get('/')))!.status, 200);
        kept[1]!.destroy();
      },
    );
  });

  test('a full queue sheds with 503 and Retry-After; the rest is answered', async () => {
    let block = false;
    const routes = {
      'GET /': () => {
        if (block) {
          block = false;
          const end = Date.now() + 300;
          while (Date.now() < end);
        }
        return 'ok';
      },
    };
    await withServer({ limits: { queue: 4 }, routes }, async (port, server) => {
      const clients = await Promise.all(Array.from({ length: 30 }, () => RawClient.connect(port)));
      // One round first, so that every connection is accepted before they come together.
      for (const client of clients) assert.is((await client.write(get('/')).response())!.status, 200);
      block = true;
      for (const client of clients) client.write(get('/'));
      const replies = await Promise.all(clients.map((client) => client.response()));
      const shed = replies.filter((reply) => reply!.status === 503);
      assert.ok(shed.length > 0, 'some are shed');
      assert.ok(shed.every((reply) => reply!.headers['retry-after'] === '1'));
      assert.ok(replies.every((reply) => reply!.status === 503 || reply!.body === 'ok'));
      assert.is(server.stats().shed, shed.length);
      for (const client of clients) {
        assert.is((await client.write(get('/livez')).response())!.status, 200);
        client.destroy();
      }
    });
  });

  test('of pipelined requests as many bytes are under way as one may have, and one more request', async () => {
    let running = 0;
    let most = 0;
    const routes = {
      'POST /': async (request: { body: Buffer }) => {
        most = Math.max(most, ++running);
        await new Promise((resolve) => setImmediate(resolve));
        running--;
        return String(request.body.length);
      },
      'POST /now': (request: { body: Buffer }) => String(request.body.length),
    };
    await withServer({ routes, limits: { headerBytes: 1024, bodyBytes: 10_000 } }, async (port) => {
      const client = await RawClient.connect(port);
      const sizes = Array.from({ length: 60 }, (_, i) => (i % 20 === 19 ? 10 : 9_000 + i));
      const paths = sizes.map((_, i) => (i % 7 === 3 ? '/now' : '/'));
      client.write(sizes.map((size, i) => post(paths[i]!, 'x'.repeat(size))).join(''));
      for (const size of sizes) assert.is((await client.response())!.body, String(size));
      // Two large ones, and a small one that came between them.
      assert.ok(most === 2 || most === 3, `${most} at once`);
      client.destroy();
    });
  });

  test('close drains: what is under way is answered with Connection: close, idle connections end at once', async () => {
    let release: (() => void) | undefined;
    const routes = {
      'GET /wait': () =>
        new Promise<string>((resolve) => {
          release = () => resolve('done');
        }),
      'GET /': () => 'ok',
    };
    await withServer({ routes }, async (port, server) => {
      const idle = await RawClient.connect(port);
      await idle.write(get('/')).response();
      const busy = await RawClient.connect(port);
      busy.write(get('/wait'));
      await until(() => release !== undefined, 'the handler runs');
      const closing = server.close({ drainMs: 15_000 });
      await idle.closed();
      await sleep(20);
      release!();
      const reply = (await busy.response())!;
      assert.is(reply.body, 'done');
      assert.is(reply.headers.connection, 'close');
      await within(closing, 'close()');
      try {
        await RawClient.connect(port);
        assert.unreachable();
      } catch (error) {
        assert.is((error as { code?: string }).code, 'ECONNREFUSED');
      }
    });
  });

  test('close cuts what is left after drainMs, and aborts its signal', async () => {
    let reason: unknown;
    let started = false;
    const routes = {
      'GET /': (_: unknown, context: { signal: AbortSignal }) => {
        started = true;
        whenAborted(context.signal, () => {
          reason = context.signal.reason;
        });
        return new Promise<string>(() => {});
      },
    };
    await withServer({ routes }, async (port, server) => {
      const client = await RawClient.connect(port);
      client.write(get('/'));
      await until(() => started, 'the handler runs');
      await within(server.close({ drainMs: 50 }), 'close()');
      const { connections, inFlight } = server.stats();
      assert.equal({ connections, inFlight }, { connections: 0, inFlight: 0 });
      await client.closed();
      assert.is((reason as Error).name, 'AbortError');
    });
  });

  test('pipelined garbage after close does not stop the drain; an AbortSignal closes', async () => {
    const stop = new AbortController();
    await withServer({ signal: stop.signal, routes: { 'GET /': () => 'ok' } }, async (port, server) => {
      const client = await RawClient.connect(port);
      await client.write(get('/')).response();
      let closed = false;
      server.on('close', () => {
        closed = true;
      });
      client.write('GET / HT');
      stop.abort();
      await until(() => closed, 'it is closed');
      await client.closed();
    });
  });

  return test;
}
